"""What networks that find objects have in common: the data that they take, and the knobs that say which boxes become answers."""

from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Image, Spec
from lamina.models.tiled import Tiled
from lamina.nn.answers import Selection


class Finding(Tiled):
    """The knobs of every network that finds objects: which of what it sees it answers."""

    score: float = knob(0.02, "least score of an answer; the task asks for more before it shows one", low=0, high=1)
    overlap: float = knob(0.5, "IoU from which on the worse of two answers of one class is dropped", low=0, high=1, search="linear")
    most: int = knob(100, "answers a picture, at most", low=1, high=10_000)

    @property
    def selection(self) -> Selection:
        """The same, for nn/answers.py."""
        return Selection(self.score, self.overlap, self.most)


def pictures_with_boxes(spec: Spec, name: str) -> Image:
    """The spec's pictures, for a network that answers boxes; UsageError where the data are none or ask for something else."""
    if not isinstance(spec.input, Image) or spec.target.kind != "boxes":
        raise UsageError(f"pictures and boxes for `{name}`", f"`{spec.input.kind}` and `{spec.target.kind}`",
                         "Give photos with boxes, or choose another model: `lamina list models`.")
    return spec.input
