"""What speaks for an object or a region, of detectors and networks made by hand, of which it is known where they look."""

import math

import pytest
import torch
from torch import nn

from lamina.core.errors import UsageError
from lamina.core.predictor import Predictor, Trust
from lamina.core.spec import Boxes, Image, Mask, Spec
from lamina.nn.tiles import Tiles
from lamina.oversight.hidden_places import of_objects, of_regions
from lamina.oversight.why import of_scene

SIDE = 112
OWN, ELSEWHERE = (16, 24, 40, 56), (72, 64, 104, 96)  # x0, y0, x1, y1


def photo() -> torch.Tensor:
    """White boxes on black: an object, and something else."""
    x = torch.zeros(3, SIDE, SIDE, dtype=torch.uint8)
    for x0, y0, x1, y1 in (OWN, ELSEWHERE):
        x[:, y0:y1, x0:x1] = 250
    return x


class LooksAt(nn.Module):
    """Says that an object lies in OWN, as sure as another place is bright."""

    def __init__(self, box: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.box = box
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x0, y0, x1, y1 = self.box
        answers = torch.zeros(len(x), 3, 6)
        answers[:, 0] = torch.tensor([*OWN, 0, 1])
        answers[:, 0, 4] = x[:, 0, y0:y1, x0:x1].float().mean((1, 2)) / 256
        return answers


def asked(net: nn.Module) -> Predictor:
    return Predictor(net.eval(), torch.device("cpu"), trust=Trust(threshold=0.3))


@pytest.mark.parametrize(("box", "inside"), [(OWN, True), (ELSEWHERE, False)])
def test_what_speaks_for_an_object_is_where_the_detector_looks(box: tuple[int, int, int, int], inside: bool) -> None:
    (found,) = of_objects(asked(LooksAt(box)), photo())
    assert (found.place, found.score) == (1, pytest.approx(250 / 256))
    assert found.own.nonzero().amin(0).tolist() == [OWN[1], OWN[0]]
    assert int(found.own.sum()) == (OWN[2] - OWN[0]) * (OWN[3] - OWN[1])
    row, column = divmod(int(found.lost.argmax()), SIDE)
    assert box[0] - 8 <= column < box[2] + 8
    assert box[1] - 8 <= row < box[3] + 8
    assert found.inside > 0.9 if inside else found.inside < 0.1


def test_an_answer_that_no_place_changes_says_so() -> None:
    class Blind(LooksAt):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            answers = super().forward(x)
            answers[:, 0, 4] = 0.7
            return answers

    (found,) = of_objects(asked(Blind(OWN)), photo())
    assert math.isnan(found.inside)
    why = of_scene(asked(Blind(OWN)), SPEC, photo())
    assert why.facts == {"objects": [{"category": "cell", "score": 0.7, "inside": None}]}
    assert "no single place" in why.lines[0]
    assert not why.pictures


def test_answers_below_the_threshold_are_not_explained() -> None:
    assert of_objects(asked(LooksAt(OWN)), torch.zeros(3, SIDE, SIDE, dtype=torch.uint8)) == []


SPEC = Spec(input=Image(channels=3, height=SIDE, width=SIDE), target=Boxes(names=("none", "cell")))


def test_words_facts_and_pictures_of_boxes() -> None:
    good, gamed = (of_scene(asked(LooksAt(box)), SPEC, photo()) for box in (OWN, ELSEWHERE))
    assert good.lines[0].startswith("cell 0.98: ")
    assert "elsewhere" not in good.lines[0]
    assert "elsewhere: look at the map" in gamed.lines[0]
    assert gamed.facts["objects"][0]["inside"] < 0.1
    shown = gamed.pictures["map"].pixels
    assert shown.shape == (2 * SIDE, 2 * SIDE, 3)
    middle = [2 * (ELSEWHERE[0] + ELSEWHERE[2]) // 2, (ELSEWHERE[1] + ELSEWHERE[3]) // 2 * 2]
    red, _, blue = shown[middle[1], middle[0] // 1].astype(int)
    assert red > blue + 50, "it glows where the detector looks"


class Painter(nn.Module):
    """Says class 1 where a pixel is bright; with `by`, in OWN, as far as that other place is bright."""

    def __init__(self, by: tuple[int, int, int, int] | None = None) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bright = x[:, :1].float() / 125 - 1
        if self.by is not None:
            x0, y0, x1, y1 = self.by
            there = bright[:, :, y0:y1, x0:x1].mean((2, 3), keepdim=True)
            bright = torch.full_like(bright, -1.0)
            bright[:, :, OWN[1] : OWN[3], OWN[0] : OWN[2]] = there
        return torch.cat([-bright, bright], 1)


def test_what_speaks_for_a_region() -> None:
    own, other = (of_regions(asked(Painter(by)), photo()) for by in (None, ELSEWHERE))
    assert [one.place for one in own] == [0, 1], "the largest first"
    assert own[1].inside > 0.9
    assert other[1].inside < 0.2
    lost = other[1].lost
    x0, y0, x1, y1 = ELSEWHERE
    assert lost[y0:y1, x0:x1].mean() > 5 * lost[OWN[1] : OWN[3], OWN[0] : OWN[2]].mean()
    spec = Spec(input=SPEC.input, target=Mask(names=("ground", "bright")))
    why = of_scene(asked(Painter()), spec, photo())
    assert [one["category"] for one in why.facts["regions"]] == ["ground", "bright"]
    assert why.pictures["map"].pixels.shape == (2 * SIDE, 4 * SIDE, 3)


def test_a_photo_that_is_seen_by_tiles_is_refused_in_words() -> None:
    net = LooksAt(OWN)
    net.tiles = Tiles(64)  # type: ignore[assignment]
    with pytest.raises(UsageError, match="tiles of 64 pixels"):
        of_scene(asked(net), SPEC, photo())
