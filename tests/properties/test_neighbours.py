"""What nearest neighbours tell of a set: how hard it is, and whether it may be mirrored; and the recipe that follows."""

import pytest
import torch

from lamina.core.data import Data
from lamina.core.spec import Classes, Image, Spec
from lamina.data.arrays import ArraySplit
from lamina.tasks import neighbours
from lamina.tasks.recipes import pictures


def bars(count: int, noise: float, mirrorable: bool, side: int = 20) -> ArraySplit:
    """Noise with a bright bar: in the upper or lower half (a mirror changes nothing), or in the left or right half."""
    random = torch.Generator().manual_seed(0)
    y = torch.arange(count) % 2
    x = noise * torch.randn(count, side, side, generator=random)
    for n in (0, 1):
        half = x[y == n].clone()
        half[:, n * side // 2 : (n + 1) * side // 2] += 60
        x[y == n] = half if mirrorable else half.transpose(1, 2)
    return ArraySplit((x + 100).clamp(0, 255).byte()[:, None], y)


def data(split: ArraySplit) -> Data:
    side = split.x.shape[-1]
    spec = Spec(input=Image(channels=1, height=side, width=side), target=Classes(names=("a", "b")))
    return Data("bars", spec, split, split, split)


@pytest.mark.parametrize("mirrorable", [True, False])
def test_clear_pictures_are_known_and_the_mirror_tells_left_from_right(mirrorable: bool) -> None:
    found = neighbours.ask(bars(600, 5, mirrorable))
    assert found.right == 1
    assert found.mirrored == (1 if mirrorable else 0)


def test_noise_is_known_by_chance() -> None:
    random = torch.Generator().manual_seed(1)
    x = torch.randint(0, 256, (3000, 1, 20, 20), generator=random).byte()
    found = neighbours.ask(ArraySplit(x, torch.arange(3000) % 2))
    assert 0.4 < found.right < 0.6
    assert 0.4 < found.mirrored < 0.6


def test_one_picture_has_no_neighbour() -> None:
    assert neighbours.ask(bars(1, 5, True)).right == 0


def test_what_is_asked_is_a_function_of_the_data_alone() -> None:
    split = bars(600, 60, True)
    assert neighbours.ask(split) == neighbours.ask(split)


@pytest.mark.parametrize("mirrorable", [True, False])
def test_the_recipe_follows(mirrorable: bool) -> None:
    easy, hard = (pictures(data(bars(600, noise, mirrorable)), "good") for noise in (5, 400))
    assert easy.model == "cnn"
    assert hard.model == "airbench"
    small = pictures(data(bars(600, 400, mirrorable, side=8)), "good")
    assert small.model == "cnn", "of pictures of eight pixels little is left to learn from"


@pytest.mark.parametrize("mirrorable", [True, False])
def test_pictures_are_mirrored_where_their_neighbours_know_them_in_the_mirror(mirrorable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamina.tasks.recipes.EASY", 1.0)
    words = pictures(data(bars(600, 5, mirrorable)), "good").words
    assert words["flip"] == words["mirror"] == mirrorable
