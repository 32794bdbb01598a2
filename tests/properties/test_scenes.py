"""Boxes and masks follow the picture that they are drawn in, whatever is drawn for it: checked on painted rectangles."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.core.batch import Batch
from lamina.core.spec import IGNORED
from lamina.data.scenes import LEAST_SEEN, MOSAIC_UNTIL, Scenes, moved

STILL: dict[str, Any] = {"flip": False, "zoom": 1.0, "zoom_out": 1.0, "stretch": 0.0, "colour": 0.0, "mosaic": 0.0}
HEIGHT, WIDTH = 60, 84
few = settings(max_examples=25)
WAYS = {
    "flip": {"flip": True}, "zoom": {"zoom": 0.4}, "zoom out": {"zoom_out": 2.5}, "stretch": {"stretch": 0.6},
    "all": {"flip": True, "zoom": 0.4, "zoom_out": 2.0, "stretch": 0.4}, "mosaic": {"mosaic": 1.0},
    "mosaic and zoom": {"mosaic": 0.5, "zoom": 0.5, "flip": True},
}  # fmt: skip


def painted(count: int, seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> Batch:
    """Dark pictures with one bright rectangle each, its box, and the mask 1 on it and 0 elsewhere."""
    random = torch.Generator().manual_seed(seed)
    x, y = torch.zeros(count, 1, height, width, dtype=torch.uint8), torch.zeros(count, height, width, dtype=torch.uint8)
    boxes = []
    for i in range(count):
        wide, high = (int(torch.randint(12, side // 2, (1,), generator=random)) for side in (width, height))
        left, top = (int(torch.randint(0, n, (1,), generator=random)) for n in (width - wide, height - high))
        x[i, :, top : top + high, left : left + wide] = 255
        y[i, top : top + high, left : left + wide] = 1
        boxes.append([left, top, left + wide, top + high])
    return Batch(x=x, y=y, boxes=torch.tensor(boxes).float(), box_image=torch.arange(count), box_class=torch.arange(count) % 3,
                 box_weight=torch.ones(count), scale=torch.full((count,), 2.0))


def changed(batch: Batch, key: tuple[int, int] = (0, 1), progress: float = 0.0, **words: Any) -> Batch:
    copy = Batch(**{name: value.clone() for name, value in batch.items()})
    moved(copy, Scenes(**(STILL | words)), key, progress)
    return copy


def around(bright: torch.Tensor) -> torch.Tensor:
    """The box (4,) around what is true in (H, W)."""
    ys, xs = bright.nonzero(as_tuple=True)
    return torch.stack([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]).float()


@pytest.mark.parametrize("way", [way for way in WAYS if "mosaic" not in way])
@given(seed=st.integers(0, 10_000))
@few
def test_a_box_lies_around_its_rectangle_to_within_a_pixel(way: str, seed: int) -> None:
    after = changed(painted(4, seed), (seed, 1), **WAYS[way])
    assert after["boxes"].shape[1] == 4
    for box, image in zip(after["boxes"], after["box_image"].tolist(), strict=True):
        torch.testing.assert_close(box, around(after["x"][image, 0] > 127.5), atol=1.01, rtol=0)


@pytest.mark.parametrize("way", WAYS)
@given(seed=st.integers(0, 10_000))
@few
def test_a_mask_lies_on_its_rectangle(way: str, seed: int) -> None:
    """Away from edges, where a bilinear pixel is neither bright nor dark, mask and picture say the same."""
    after = changed(painted(4, seed), (seed, 1), **WAYS[way])
    sure = ((after["x"][:, 0] < 25) | (after["x"][:, 0] > 230)) & (after["y"] != IGNORED)
    assert sure.float().mean() > 0.5 or "zoom_out" in WAYS[way]
    wrong = (after["y"][sure] == 1) != (after["x"][:, 0][sure] > 230)
    assert wrong.float().mean() <= (0.005 if "mosaic" in way else 0), "halved, a mask's edge is the picture's to within half a pixel"


@pytest.mark.parametrize("way", ["mosaic", "mosaic and zoom"])
@given(seed=st.integers(0, 10_000))
@few
def test_of_a_mosaic_every_box_is_bright_inside(way: str, seed: int) -> None:
    after = changed(painted(5, seed), (seed, 1), **WAYS[way])
    assert (after["box_image"].diff() >= 0).all()
    for (x0, y0, x1, y1), image in zip(after["boxes"].round().int().tolist(), after["box_image"].tolist(), strict=True):
        inner = after["x"][image, 0, y0 + 2 : y1 - 2, x0 + 2 : x1 - 2]
        assert inner.numel() == 0 or (inner > 200).float().mean() > 0.98


def test_a_mosaic_shows_four_pictures() -> None:
    batch = painted(6)
    after = changed(batch, mosaic=1.0)
    assert (after["box_image"].bincount(minlength=6) == 4).all()
    torch.testing.assert_close(after["boxes"][0::4], batch["boxes"] / 2)
    assert torch.equal(changed(batch, progress=MOSAIC_UNTIL, mosaic=1.0)["x"], batch["x"]), "at the end pictures are whole"


def test_a_mosaic_of_odd_sides() -> None:
    after = changed(painted(3, height=41, width=37), mosaic=1.0)
    assert after["x"].shape == (3, 1, 41, 37)
    assert after["y"].shape == (3, 41, 37)
    assert (after["boxes"][:, 2] <= 37).all()
    assert (after["boxes"][:, 3] <= 41).all()


def test_mirrored_twice_is_itself() -> None:
    batch = painted(16)
    once = changed(batch, flip=True)
    assert not torch.equal(once["x"], batch["x"])
    twice = changed(once, flip=True)
    for name in batch:
        assert torch.equal(twice[name], batch[name]), name


def test_nothing_asked_for_nothing_changed() -> None:
    batch = painted(8)
    after = changed(batch)
    assert all(torch.equal(after[name], batch[name]) for name in batch)


@given(seed=st.integers(0, 10_000))
@few
def test_nobody_owns_only_what_is_beyond_the_picture(seed: int) -> None:
    batch = painted(4, seed)
    inside = changed(batch, (seed, 1), flip=True, zoom=0.3, stretch=0.5)
    assert not (inside["y"] == IGNORED).any()
    batch["x"][:] = 255
    out = changed(batch, (seed, 1), zoom=0.99, zoom_out=2.0)
    nobody = out["y"] == IGNORED
    rows, columns = nobody.all(2), nobody.all(1)
    assert torch.equal(nobody, rows[:, :, None] | columns[:, None]), "a frame around the picture"


@given(seed=st.integers(0, 10_000))
@few
def test_boxes_of_which_too_little_is_seen_are_dropped(seed: int) -> None:
    batch = painted(6, seed)
    after = changed(batch, (seed, 1), zoom=0.2)
    seen = [(after["x"][image, 0] > 127.5).sum().item() for image in range(6)]
    kept = set(after["box_image"].tolist())
    full = ((batch["boxes"][:, 2:] - batch["boxes"][:, :2]).prod(1)).tolist()
    magnified = (2 / after["scale"]).square().tolist()  # the scale falls as the picture is enlarged
    for image in range(6):
        share = seen[image] / (full[image] * magnified[image])
        assert image not in kept or share > LEAST_SEEN - 0.08
        assert image in kept or share < 0.75 + 0.08, "a box whose middle is outside is at most three quarters inside"
    assert (after["boxes"][:, 2:] > after["boxes"][:, :2]).all()


def test_draws_are_keyed_and_differ_between_pictures() -> None:
    batch = Batch(x=painted(1)["x"].expand(6, -1, -1, -1).clone())
    one, again, other = (changed(batch, key, zoom=0.5)["x"] for key in ((0, 1), (0, 1), (0, 2)))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert len({picture.numpy().tobytes() for picture in one}) == 6


def test_a_batch_without_a_box() -> None:
    batch = painted(4)
    for name in ("boxes", "box_image", "box_class", "box_weight"):
        batch[name] = batch[name][:0]
    after = changed(batch, flip=True, zoom=0.5, mosaic=0.5, colour=0.2)
    assert after["boxes"].shape == (0, 4)


def test_colour_moves_nothing() -> None:
    batch = painted(4)
    after = changed(batch, colour=0.4)
    assert not torch.equal(after["x"], batch["x"].float())
    assert torch.equal(after["boxes"], batch["boxes"])
    assert torch.equal(after["y"], batch["y"])
