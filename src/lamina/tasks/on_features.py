"""The linear rival of photos: logistic regression on what a published network sees (Donahue et al. 2014, DeCAF)."""

import torch
from torch.nn.functional import cross_entropy

from lamina.baselines.rivals import Judge, judged
from lamina.core.backbone import State, features
from lamina.core.data import Data, batches
from lamina.core.device import pick
from lamina.core.errors import DataError
from lamina.core.predictor import Predictor
from lamina.core.spec import Classes
from lamina.core.task import Evaluation
from lamina.methods import linear_head
from lamina.models.efficientnet_lite import Config, EfficientNetLite0
from lamina.models.published import published
from lamina.models.weights import put
from lamina.nn.scaled import Scaled
from lamina.tasks.recipes import are_photos

NAME, PULL = "linear on features", 0.05
MOST_PHOTOS = 5000  # to train on; the rest would take longer than the network
AT_ONCE = 32


def linear_on_features(data: Data, judge: Judge) -> dict[str, Evaluation]:
    """Its figures on the test split; nothing for what are no photos in classes, and where no published weights can be had."""
    if not are_photos(data.spec) or not isinstance(data.spec.target, Classes) or len(data.train) > MOST_PHOTOS:
        return {}
    try:
        weights = published("efficientnet_lite0")
    except DataError:
        return {}
    assert weights is not None, "the package archive has them"
    return judged({NAME: lambda: _fitted(data, weights)}, judge, data.test)


def _fitted(data: Data, weights: State) -> Predictor:
    net = EfficientNetLite0(data.spec, Config())
    model = Scaled(net, data.spec).eval()
    put(model, weights, keep_head=False)
    with torch.no_grad():
        seen = [(features(net, model.laid_out(batch["x"])), batch["y"]) for batch in batches(data.train, AT_ONCE)]
    x, y = (torch.cat(column) for column in zip(*seen, strict=True))
    linear_head.fit(net.classifier, x, lambda output: cross_entropy(output, y), PULL)
    return Predictor(model, pick("cpu"))
