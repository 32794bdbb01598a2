"""Learning from pictures without answers too: what an average of the weights is sure of is taught as if somebody had drawn it.

Lee 2013, Pseudo-label. The teacher is an average of the student's own weights (Tarvainen & Valpola 2017, Mean teacher), it
sees a picture as it is, and the student the same view in other colours and with a window of another picture laid into it, answers
and all (Sohn et al. 2020, FixMatch; French et al. 2020, on masks). Pixels of which the teacher is less sure than
`threshold` teach nothing; they count in the mean all the same, so that little is learned while little is known.

What is labelled is learned from as by `segmentation`.

    U  pictures without answers in a step    K  classes
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.data import Split
from lamina.core.errors import UsageError
from lamina.core.method import Learning, Pace
from lamina.core.spec import IGNORED, Spec
from lamina.data import augment
from lamina.data.scenes import moved
from lamina.methods import fine_tuning, segmentation
from lamina.methods.epochs import Epochs


class Config(segmentation.Config):
    """What is believed of the teacher, and how much it counts."""

    threshold: float = knob(0.9, "least probability of an answer of the teacher's that is taught", low=0, high=1, search="linear")
    others: float = knob(1.0, "weight of pictures without answers beside those with; 0 learns from the labelled alone", low=0, search="log")
    ramp: float = knob(0.3, "share of the training over which that weight rises from 0", low=0, high=1, search="linear")
    strong: float = knob(0.5, "share by which the student's colours are changed", low=0, high=0.95, search="linear")
    mixed: float = knob(0.5, "largest share of a picture that is a window of another one", low=0, high=1, search="linear")


class PseudoLabel:
    """Batches of labelled pictures, and as many without answers."""

    defaults: ClassVar[Mapping[str, Any]] = {**segmentation.Segmentation.defaults, "ema": 0.99}
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: Split) -> None:
        words = {name: getattr(config, name) for name in segmentation.Config.model_fields}
        self.labelled = segmentation.Segmentation(spec, segmentation.Config(**words), split)
        self.config, self._others, self._step = config, Epochs(split, config.batch), 0

    def beside(self, unlabelled: Split | None) -> None:
        """Learn from these pictures too."""
        if unlabelled is None or not len(unlabelled):
            raise UsageError("pictures without answers for `pseudo_label`", "none",
                             "Put photos into a folder `unlabelled` beside the others, or leave --method out.")
        self._others = Epochs(unlabelled, self.config.batch)

    wrap = staticmethod(segmentation.Segmentation.wrap)

    def prepare(self, model: nn.Module) -> None:
        """Learn the scale of the pictures from the labelled ones."""
        self.labelled.prepare(model)

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        return self.labelled.rates(model)

    def pace(self) -> Pace:
        """By the labelled pictures, of which there are few."""
        return self.labelled.pace()

    def next_batch(self, learner: Learning, step: int) -> Batch:
        self._step = step  # of the batch that was fetched last
        batch = self.labelled.next_batch(learner, step)
        if not self.config.others:
            return batch
        others = Batch(x=self._others.rows(learner.seed, step)["x"])
        plain = self.config.model_copy(update={"colour": 0.0})
        moved(others, plain, (learner.seed, step), step / learner.steps, "others", self.labelled.tile)
        batch["other"] = others["x"].float()
        return batch

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        model: Any = learner.model
        fine_tuning.hold(model, self.config)
        with learner.autocast():
            output = model.scaled(batch["x"])
        main = self.labelled.taught.whole_loss(learner, output, batch)
        if "other" not in batch:
            learner.step(main)
            return {"loss": main.detach()}
        y, sure = self._taught(learner, batch["other"])
        fine_tuning.hold(model, self.config)  # the teacher may be the student itself, which was put into evaluation
        x, y = self._harder(learner, batch["other"], y)
        with learner.autocast():
            output = model.scaled(x)
        said = output[0] if isinstance(output, tuple) else output  # what auxiliary heads say of it is not asked
        other = F.cross_entropy(said.float(), y.long(), ignore_index=IGNORED, reduction="sum") / y.numel()
        learner.step(main + self._weight(learner) * other)
        return {"loss": main.detach(), "other_loss": other.detach(), "sure": sure}

    def _taught(self, learner: Learning, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the teacher says of pictures (U, C, H, W): classes (U, H, W) bytes, IGNORED where it is not sure; the share where it is."""
        probability, classes = learner.predictor()(x).softmax(1).max(1)
        sure = probability >= self.config.threshold
        y = classes.byte().masked_fill(~sure, IGNORED)
        return y.clone(), sure.float().mean().clone()  # what was inferred cannot be learned from, its copy can

    def _harder(self, learner: Learning, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The same pictures in other colours, each with a window of the next."""
        random = rng.generator(learner.seed, self._step, "harder")
        if self.config.mixed:
            window = augment.rectangle(x, self.config.mixed * torch.rand(len(x), generator=random), random)
            x, y = torch.where(window[:, None], x.roll(1, 0), x), torch.where(window, y.roll(1, 0), y)
        return (augment.colour(x, self.config.strong, random) if self.config.strong else x), y

    def _weight(self, learner: Learning) -> float:
        done = self._step / learner.steps
        return self.config.others * min(1.0, done / self.config.ramp if self.config.ramp else 1.0)

    def counters(self, step: int) -> dict[str, float]:
        return self.labelled.counters(step)

    def state(self) -> dict[str, Any]:
        return self.labelled.state()  # the order and every draw are functions of (seed, step)

    def load_state(self, state: dict[str, Any]) -> None:
        self.labelled.load_state(state)
        self._others.forget()
