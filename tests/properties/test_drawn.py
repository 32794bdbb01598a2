"""Answers drawn over photos: boxes lie where they should, colours mix, answers come back to the photo's own pixels."""

from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lamina.core import spec
from lamina.core.drawn import colours, with_boxes, with_mask
from lamina.core.predictions import Found, Objects, Regions
from lamina.data.fit import Fit, fitted, placement
from lamina.data.inputs import read_photo

FITS = st.sampled_from(["crop", "squash", "pad"])


@given(FITS, st.integers(40, 200), st.integers(40, 200), st.integers(32, 96), st.integers(32, 96))
def test_a_painted_box_is_found_where_the_placement_says(fit: Fit, height: int, width: int, high: int, wide: int) -> None:
    box = torch.tensor([[0.35 * width, 0.4 * height, 0.65 * width, 0.7 * height]]).round()
    x0, y0, x1, y1 = box[0].int().tolist()
    photo = torch.zeros(1, height, width, dtype=torch.uint8)
    photo[:, y0:y1, x0:x1] = 255
    place = placement((height, width), high, wide, fit)
    seen = fitted(photo, high, wide, fit)[0]
    ys, xs = (seen > 127).nonzero(as_tuple=True)
    expected = place.placed(box)[0].clamp(min=0)
    if len(xs):
        painted = torch.tensor([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]).float()
        assert (painted - expected.minimum(torch.tensor([wide, high, wide, high]))).abs().max() <= 1.5
    torch.testing.assert_close(place.back(place.placed(box)), box, atol=1e-3, rtol=0)


def test_a_box_is_drawn_on_its_border_only() -> None:
    drawn = with_boxes(np.zeros((100, 100, 3), np.uint8), [(20, 30, 60, 70)], [""], [(255, 0, 0)])
    assert (drawn[30, 20:60] == (255, 0, 0)).all()
    assert (drawn[69, 20:60] == (255, 0, 0)).all()
    assert (drawn[40:60, 30:50] == 0).all()
    assert (drawn[:, 60:] == 0).all()
    assert (drawn[70:] == 0).all()


def test_words_over_many_boxes_give_way() -> None:
    """Those of few boxes are all drawn, those of many only where they are not much broader than their box."""
    blank, small, large = np.zeros((400, 400, 3), np.uint8), (100, 100, 110, 110), (200, 200, 390, 390)

    def inked(boxes: list[tuple[int, ...]], words: bool) -> int:
        drawn = with_boxes(blank, boxes, ["a long word" if words else ""] * len(boxes), [(255, 0, 0)] * len(boxes))
        return int((drawn[80:120, 80:300] > 0).sum())

    assert inked([small], True) > inked([small], False)
    assert inked([small] * 30, True) == inked([small] * 30, False)
    assert (with_boxes(blank, [large] * 30, ["a"] * 30, [(255, 0, 0)] * 30)[180:199, 200:390] > 0).any()


def test_a_mask_colours_its_pixels_and_leaves_the_ignored() -> None:
    mask = np.array([[0, 1], [255, 1]], np.uint8)
    drawn = with_mask(np.full((2, 2, 3), 100, np.uint8), mask, [(200, 0, 0), (0, 0, 200)], share=0.5)
    assert drawn.tolist() == [[[150, 50, 50], [50, 50, 150]], [[100, 100, 100], [50, 50, 150]]]


def test_colours_differ() -> None:
    made = np.array(colours(24), int)
    apart = np.abs(made[:, None] - made[None]).sum(-1)
    assert apart[~np.eye(24, dtype=bool)].min() > 20


def test_answers_as_json_and_files(tmp_path: Path) -> None:
    photo = np.zeros((20, 40, 3), np.uint8)
    answer = Objects((Found("cat", 1, 0.9, (4.0, 2.0, 14.0, 12.0)), Found("cat", 1, 0.8, (20.0, 2.0, 30.0, 12.0))), ("dog", "cat"), photo)
    assert answer.to_json()["objects"][0] == {"category": "cat", "category_id": 1, "score": 0.9, "bbox": [4.0, 2.0, 10.0, 10.0]}
    assert str(answer) == "2 cat"
    answer.save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as drawn:
        assert drawn.size == (40, 20)
    classes = np.zeros((20, 40), np.uint8)
    classes[:5] = 2
    regions = Regions(classes, ("ground", "sky", "road"), photo)
    assert regions.to_json()["shares"] == {"ground": 0.75, "road": 0.25}
    regions.save_mask(tmp_path / "m.png")
    with Image.open(tmp_path / "m.png") as mask:
        np.testing.assert_array_equal(np.asarray(mask), classes)


@given(FITS.filter(lambda fit: fit != "crop"), st.integers(30, 120), st.integers(30, 120))
def test_what_is_said_of_places_comes_back_to_the_photo(fit: Fit, height: int, width: int) -> None:
    """A photo dark on the left: an answer that follows the picture does so at the photo's own size."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, width // 2 :] = 255
    photo = read_photo(spec.Image(channels=3, height=48, width=64, fit=fit), pixels)
    right = photo.x[:1].float() / 255
    said = photo.unplaced(torch.cat([1 - right, right])).argmax(0).numpy()
    assert said.shape == (height, width)
    wrong = said != (pixels[..., 0] > 0)
    assert wrong.mean() <= 3.0 * max(1, width / 48) / width
