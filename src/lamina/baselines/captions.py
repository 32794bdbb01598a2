"""What captions without a network would score: the most frequent one, and what was said of the most similar picture (Devlin et al. 2015,
Exploring nearest neighbor approaches for image captioning, by small copies of the pictures in place of a network's features)."""

from collections import Counter
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

from lamina.core.data import Data
from lamina.core.task import Evaluation
from lamina.data.caption_split import CaptionSplit

SIDE, MOST = 16, 20_000  # pixels of the small copies; training pictures that are compared
AT_ONCE = 500


def of_captions(data: Data, judge: Callable[[Sequence[str], CaptionSplit], Evaluation]) -> dict[str, Evaluation]:
    """Figures on the test split of `most frequent` and `nearest picture`."""
    train, test = data.train, data.test
    assert isinstance(train, CaptionSplit) and isinstance(test, CaptionSplit), "pictures with captions"
    rows, texts = train.photos()
    asked, _ = test.photos()
    usual = Counter(text for each in texts for text in each).most_common(1)[0][0]
    known, new = small(train.pictures, rows[:MOST]), small(test.pictures, asked)
    nearest = torch.cat([(part @ known.T).argmax(1) for part in new.split(AT_ONCE)])
    return {"most frequent": judge([usual] * len(asked), test),
            "nearest picture": judge([texts[i][0] for i in nearest.tolist()], test)}


def small(pictures: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """(M, D) unit vectors of the small copies of pictures (N, C, H, W) at `rows`, without their mean."""
    found = [F.adaptive_avg_pool2d(pictures[part].float(), SIDE).flatten(1) for part in rows.split(AT_ONCE)]
    x = torch.cat(found)
    return F.normalize(x - x.mean(1, keepdim=True), dim=1)
