"""What every augmentation promises: keyed draws, levels kept in range, and by itself what its paper says of it."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.errors import UsageError
from lamina.core.spec import Classes, Image, Spec, Vector
from lamina.data import augment, rand_augment
from lamina.data.arrays import ArraySplit
from lamina.methods.augmenting import GROWN, Augmenting, varied
from lamina.methods.supervised import Config, Supervised

SIZES = [(1, 8, 8), (3, 9, 14), (1, 20, 11)]
each_size = pytest.mark.parametrize("size", SIZES, ids=str)
KINDS: dict[str, Callable[[torch.Tensor, torch.Generator], torch.Tensor]] = {
    "crop": lambda x, random: augment.crop(x, 0.3, random),
    "erase": lambda x, random: augment.erase(x, 0.4, random),
    "colour": lambda x, random: augment.colour(x, 0.4, random),
    "rand_augment": lambda x, random: rand_augment.rand_augment(x, 0.6, random),
}
each_kind = pytest.mark.parametrize("kind", KINDS)
each_operation = pytest.mark.parametrize("operation", rand_augment.OPERATIONS, ids=lambda f: f.__name__)


def key(seed: int = 0) -> torch.Generator:
    return rng.generator(seed, 1, "augment")


def noise(size: tuple[int, ...], count: int = 16) -> torch.Tensor:
    return torch.randint(0, 256, (count, *size), generator=torch.Generator().manual_seed(0)).byte()


@each_size
@each_kind
def test_draws_are_keyed_and_levels_stay_in_range(kind: str, size: tuple[int, ...]) -> None:
    x = noise(size)
    kept = x.clone()
    one, again, other = (KINDS[kind](x, key(seed)) for seed in (0, 0, 1))
    assert one.shape == x.shape
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(x, kept), "the stored pictures are left alone"
    assert one.min() >= 0
    assert one.max() <= 255.01


@each_kind
def test_pictures_are_changed_one_by_one(kind: str) -> None:
    """What becomes of a picture does not depend on the others of its batch."""
    x = noise((3, 9, 14))
    among_others = x.clone()
    among_others[1:] = 255 - x[1:]
    one, other = (KINDS[kind](batch, key()) for batch in (x, among_others))
    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])


@each_size
def test_the_whole_window_is_the_picture(size: tuple[int, ...]) -> None:
    x = noise(size)
    matrix = torch.eye(2).expand(len(x), 2, 2)
    torch.testing.assert_close(augment.sample(x, matrix), x.float(), atol=1e-2, rtol=0)
    cropped = augment.crop(x, 0.2, key())
    assert (cropped - x).abs().mean() > 5, "negative control"


def test_a_crop_magnifies() -> None:
    """On a ramp from left to right, a window of the share w of the side has a slope of w times that of the ramp."""
    ramp = torch.arange(64.0).expand(200, 1, 64, 64)
    cropped = augment.crop(ramp, 0.25, key())
    slopes = (cropped[:, 0, 32, 33] - cropped[:, 0, 32, 32]).double()
    assert slopes.min() >= 0.25**0.5 * 0.75**0.5 - 1e-3
    assert slopes.max() <= 1 + 1e-3
    assert slopes.std() > 0.1


@given(st.floats(0.05, 0.9), st.integers(0, 1000))
def test_what_is_erased_is_no_more_than_asked_for_and_the_rest_is_untouched(share: float, seed: int) -> None:
    x = noise((3, 32, 32), 8)
    y = augment.erase(x, share, key(seed))
    changed = (x != y).any(1)
    border = 2 * 3 * (2 * share) ** 0.5 / 32  # a rectangle may cut a row and a column of pixels more
    assert changed.float().mean((1, 2)).max() <= share + border
    mean = x.float().mean((2, 3), keepdim=True).byte()
    hidden = changed[:, None].expand_as(x)
    assert torch.equal(y[hidden], mean.expand_as(x)[hidden])


def test_rectangles_have_the_area_that_was_asked_for() -> None:
    """Seen where none is cut off by the border; the others cover less."""
    shares = torch.full((4000,), 0.1)
    found = augment.rectangle(torch.zeros(4000, 1, 50, 50), shares, key())
    areas = found.float().mean((1, 2))
    inner = ~(found[:, 0].any(1) | found[:, -1].any(1) | found[:, :, 0].any(1) | found[:, :, -1].any(1))
    assert inner.float().mean() > 0.3
    assert (areas[inner] - 0.1).abs().max() < 0.02
    assert areas[~inner].mean() < 0.09


def test_colour_of_grey_pictures_keeps_their_order_of_levels() -> None:
    x = torch.linspace(60, 120, 64).view(1, 1, 8, 8).expand(50, 1, 8, 8)
    y = augment.colour(x, 0.4, key()).flatten(1)
    assert (y.diff(dim=1) > 0).all()
    assert y.mean(1).std() > 5
    torch.testing.assert_close(augment.colour(x, 0.0, key()), x)


def test_a_grey_photo_in_three_channels_has_no_saturation_to_change() -> None:
    x = noise((1, 8, 8)).expand(16, 3, 8, 8)
    y = augment.colour(x, 0.5, key())
    torch.testing.assert_close(y[:, 0], y[:, 2], atol=1e-3, rtol=0)


@each_operation
def test_an_operation_of_no_strength_changes_nothing(operation: rand_augment.Operation) -> None:
    x = noise((3, 12, 12)).float()
    y = operation(x, torch.zeros(len(x)))
    if operation is rand_augment.autocontrast:  # which knows no strength
        assert torch.equal(y.amin((2, 3)), torch.zeros(16, 3))
        assert torch.equal(y.amax((2, 3)), torch.full((16, 3), 255.0))
    else:
        torch.testing.assert_close(y, x, atol=0.02, rtol=0)


@each_operation
def test_an_operation_of_full_strength_changes_pictures_but_the_identity(operation: rand_augment.Operation) -> None:
    x = 40 + noise((3, 12, 12)).float() / 2
    y = operation(x, torch.ones(len(x)))
    assert ((y - x).abs().mean() > 1) == (operation is not rand_augment.identity)


def test_posterize_and_solarize_at_their_ends() -> None:
    x = torch.arange(256.0).view(1, 1, 16, 16)
    assert len(rand_augment.posterize(x, torch.ones(1)).unique()) == rand_augment.FEWEST_LEVELS
    torch.testing.assert_close(rand_augment.solarize(x, torch.ones(1))[0, 0, 1:], 255 - x[0, 0, 1:])


def test_a_quarter_turn_is_torchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rand_augment, "MOST_TURN", torch.pi / 2)
    x = noise((1, 16, 16)).float()
    y = rand_augment.turn(x, torch.ones(len(x)))
    assert any(torch.allclose(y, x.rot90(k, (2, 3)), atol=0.05) for k in (1, 3))


def mixed(**words: float) -> tuple[Batch, Batch]:
    """A batch before and after it is varied: each picture plain, of a level of its own."""
    levels = torch.arange(64, dtype=torch.uint8) * 4
    batch = Batch(x=levels.view(-1, 1, 1, 1).expand(-1, 1, 20, 20).contiguous(), y=torch.arange(64))
    before = Batch(**{k: v.clone() for k, v in batch.items()})
    varied(batch, Augmenting(**words), Spec(input=Image(channels=1, height=20, width=20), target=Classes(names=("a", "b"))), (0, 1), 1.0)
    return before, batch


@pytest.mark.parametrize("way", ["mixup", "cutmix"])
def test_the_mean_level_of_a_mixed_picture_is_that_of_its_targets(way: str) -> None:
    """`lam` is exactly the share of the first picture that is seen: the targets are mixed as the pictures are."""
    before, after = mixed(**{way: 1.0})
    level = before["x"][:, 0, 0, 0].float()
    expected = after["lam"] * level + (1 - after["lam"]) * level[after["partner"]]
    torch.testing.assert_close(after["x"].float().mean((1, 2, 3)), expected, atol=1e-2, rtol=0)
    assert after["lam"].std() > 0.1
    assert 0 <= after["lam"].min() <= after["lam"].max() <= 1
    assert (after["x"].float().std((1, 2, 3)) > 1).any() == (way == "cutmix"), "only cutmix leaves both pictures side by side"


def test_mixing_in_two_ways_is_refused() -> None:
    spec = Spec(input=Image(channels=1, height=20, width=20), target=Classes(names=("a", "b")))
    split = ArraySplit(noise((1, 20, 20)), torch.arange(16) % 2)
    with pytest.raises(UsageError, match="one way of mixing"):
        Supervised(spec, Config(mixup=0.2, cutmix=1.0), split)


def test_rows_of_numbers_are_mixed_and_nothing_else() -> None:
    batch = Batch(x=torch.randn(8, 3), y=torch.arange(8))
    before = batch["x"].clone()
    spec = Spec(input=Vector(size=3), target=Classes(names=("a", "b")))
    varied(batch, Augmenting(shift=2, flip=True, cutmix=1.0, smallest=0.5), spec, (0, 1), 0.0)
    assert torch.equal(batch["x"], before)
    varied(batch, Augmenting(mixup=0.4), spec, (0, 1), 0.0)
    assert not torch.equal(batch["x"], before)


def shown(progress: float, side: int = 32) -> tuple[int, ...]:
    batch = Batch(x=noise((3, side, side), 4), y=torch.arange(4))
    spec = Spec(input=Image(channels=3, height=side, width=side), target=Classes(names=("a", "b")))
    varied(batch, Augmenting(smallest=0.5), spec, (0, 1), progress)
    return tuple(batch["x"].shape[2:])


def test_pictures_grow_to_their_full_size_and_stay() -> None:
    sides = [shown(p)[0] for p in torch.linspace(0, 1, 41).tolist()]
    assert sides[0] == 16
    assert sides == sorted(sides)
    assert all(side % 2 == 0 for side in sides)
    assert shown(GROWN) == shown(1.0) == (32, 32)
    assert shown(0.0, side=8) == (8, 8), "small pictures stay"


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    """Whatever a method did before, as after a resume, the same step shows the same pictures."""
    words = {"cutmix": 1.0, "shift": 1, "rotate": 10, "flip": True, "crop": 0.6, "colour": 0.2, "randaugment": 0.3, "erase": 0.2}
    spec = Spec(input=Image(channels=1, height=24, width=24), target=Classes(names=("a", "b")))
    split = ArraySplit(noise((1, 24, 24), 40), torch.arange(40) % 2)
    first, second = (Supervised(spec, Config(batch=8, smallest=0.7, **words), split) for _ in range(2))
    learner: Any = SimpleNamespace(seed=3, steps=20)
    shown = {step: first.next_batch(learner, step) for step in (1, 2, 9, 10)}
    for step in (10, 1, 9):
        again = second.next_batch(learner, step)
        assert set(again) == {"x", "y", "lam", "partner"}
        assert all(torch.equal(again[key], shown[step][key]) for key in again)
    assert not torch.equal(shown[1]["x"], shown[2]["x"])
    learner.seed = 4
    assert not torch.equal(second.next_batch(learner, 1)["lam"], shown[1]["lam"])
