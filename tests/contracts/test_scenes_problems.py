"""Each problem of boxes and masks is planted in clean data and found; the clean data raise no alarm; and `look` shows them all."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image as pil

from lamina.commands import main
from lamina.core.batch import Batch
from lamina.core.data import Data
from lamina.core.drawn import colours_of
from lamina.core.spec import IGNORED, Boxes, Image, Mask, Spec
from lamina.data.box_split import BoxSplit, Objects
from lamina.data.mask_split import MaskSplit
from lamina.oversight.framing import questions
from lamina.oversight.problems import Problem, problems
from lamina.oversight.rows import Rows
from lamina.oversight.scenes_problems import CROWDED
from lamina.oversight.scenes_shown import marked

SIDE, COUNT = 96, 60
Box = tuple[float, float, float, float]


def pictures(count: int = COUNT) -> torch.Tensor:
    """Smooth random colours, of middling light: no two are alike."""
    rough = torch.randint(50, 200, (count, 3, 7, 7), generator=torch.Generator().manual_seed(0)).float()
    return torch.nn.functional.interpolate(rough, (SIDE, SIDE), mode="bicubic").clamp(0, 255).byte()


def boxes() -> list[list[tuple[int, Box]]]:
    """Two boxes of each of two classes in every picture, apart from each other."""
    random, quarters = np.random.default_rng(0), np.array([[0, 0], [48, 0], [0, 48], [48, 48]])
    found = []
    for _ in range(COUNT):
        starts = quarters + random.integers(2, 12, (4, 2))
        found.append([(k % 2, (float(x), float(y), float(x) + 20 + 5 * k, float(y) + 24)) for k, (x, y) in enumerate(starts)])
    return found


def of_boxes(told: list[list[tuple[int, Box]]], x: torch.Tensor | None = None) -> Data:
    """Forty to train, ten to validate, ten to test."""
    count = torch.tensor([len(one) for one in told])
    flat = [pair for one in told for pair in one]
    objects = Objects(
        torch.tensor([box for _, box in flat]).view(-1, 4), torch.tensor([k for k, _ in flat], dtype=torch.int64), torch.ones(len(flat)),
        count.cumsum(0) - count, count, torch.ones(len(told)),
    )  # fmt: skip
    names = [f"{i}.png" for i in range(len(told))]
    y = torch.zeros(len(told), dtype=torch.int64)
    split = BoxSplit(pictures() if x is None else x, torch.arange(len(told)), objects, y, names)
    parts = [split.part(torch.arange(a, b)) for a, b in ((0, 40), (40, 50), (50, len(told)))]
    return Data("planted", Spec(input=Image(channels=3, height=SIDE, width=SIDE, fit="pad"), target=Boxes(names=("cat", "dog"))), *parts)


def masks() -> torch.Tensor:
    y = torch.zeros(COUNT, SIDE, SIDE, dtype=torch.uint8)
    for i in range(COUNT):
        y[i, 10 + i % 20 : 60, 20:70] = 1
        y[i, 70:90, 10 + i % 30 : 80] = 2
    return y


def of_masks(y: torch.Tensor) -> Data:
    split = MaskSplit(pictures(), y, torch.arange(COUNT)[:, None].expand(-1, 2), torch.zeros(COUNT, dtype=torch.int64),
                      [f"{i}.png" for i in range(COUNT)])
    parts = [split.part(torch.arange(a, b)) for a, b in ((0, 40), (40, 50), (50, COUNT))]
    target = Mask(names=("ground", "car", "tree"), colours=((0, 0, 0), (255, 0, 0), (0, 255, 0)))
    return Data("planted", Spec(input=Image(channels=3, height=SIDE, width=SIDE), target=target), *parts)


def one(data: Data, name: str) -> Problem:
    found = problems(Rows(data))
    these = [problem for problem in found if name in problem.name]
    assert len(these) == 1, [problem.name for problem in found]
    assert these[0].means
    assert these[0].do
    return these[0]


def test_clean_scenes_are_quiet() -> None:
    assert problems(Rows(of_boxes(boxes()))) == []
    assert problems(Rows(of_masks(masks()))) == []


def with_box(box: Box, every: int = 1, again: int = 1) -> Data:
    told = boxes()
    for i in range(0, COUNT, every):
        told[i] = told[i] + [(0, box)] * again
    return of_boxes(told)


def crowd() -> list[tuple[int, Box]]:
    return [(k % 2, (k % 10 * 9.0, k // 10 * 8.0, k % 10 * 9.0 + 9, k // 10 * 8.0 + 8)) for k in range(CROWDED + 4)]


@pytest.mark.parametrize(("name", "data", "severity", "count"), [
    ("pictures without a box", of_boxes([one if i % 10 else [] for i, one in enumerate(boxes())]), "note", 6),
    ("pictures without a box", of_boxes([one if i % 3 == 0 else [] for i, one in enumerate(boxes())]), "worth", 40),
    ("boxes too small to be found", with_box((40, 40, 46, 45)), "worth", COUNT),
    ("boxes too small to be found", with_box((40, 40, 46, 45), 20), "note", 3),
    ("boxes far longer than broad", with_box((2, 44, 90, 52), 20), "note", 3),
    ("boxes drawn twice", with_box((40, 40, 60, 60), 30, 2), "note", 2),
    ("pictures with very many boxes", of_boxes([crowd() if i == 3 else one for i, one in enumerate(boxes())]), "note", 1),
    ("classes with few examples", of_boxes([[(int(i == 4 and k == 0), box) for k, (_, box) in enumerate(one)]
                                            for i, one in enumerate(boxes())]), "serious", 1),
    ("classes of very different size", of_boxes([[(int(i % 4 == 0 and k == 0), box) for k, (_, box) in enumerate(one)]
                                                 for i, one in enumerate(boxes())]), "worth", 1),
    ("classes without a box in `test`", of_boxes([[(k if i < 50 else 0, box) for k, box in one] for i, one in enumerate(boxes())]),
     "worth", 1),
])  # fmt: skip
def test_planted_in_boxes(name: str, data: Data, severity: str, count: int) -> None:
    found = one(data, name)
    assert (found.severity, found.count) == (severity, count)


def test_a_size_is_proposed_at_which_small_boxes_are_found() -> None:
    assert "`size=160`" in one(with_box((40, 40, 45, 45)), "too small").do, "5 pixels of 96 are 8 of 154"


def test_the_same_picture_in_training_and_in_the_test() -> None:
    x = pictures()
    x[55] = x[5]
    found = one(of_boxes(boxes(), x), "identical photos in training and in the test")
    assert found.severity == "serious"
    assert "5.png (2 cat, 2 dog)" in found.where[0]


def painted(**changes: Any) -> Data:
    y = masks()
    y[changes.get("those", slice(None))] = changes["to"](y[changes.get("those", slice(None))])
    return of_masks(y)


def speck(y: torch.Tensor) -> torch.Tensor:
    """The second class is a few pixels only."""
    y = torch.where(y == 2, 0, y)
    y[:, 5:7, 5:7] = 2
    return y


@pytest.mark.parametrize(("name", "data", "severity", "count"), [
    ("classes that are hardly there", painted(to=speck), "worth", 1),
    ("masks of one class only", painted(to=lambda y: y * 0, those=slice(0, 3)), "note", 3),
    ("masks that say little", painted(to=lambda y: torch.where(y == 0, IGNORED, y)), "worth", COUNT),
    ("masks with unknown values", painted(to=lambda y: torch.where(y == 2, 7, y), those=slice(0, 2)), "serious", 2),
    ("classes without a pixel in `train`", painted(to=lambda y: torch.where(y == 2, 0, y), those=slice(0, 40)), "serious", 1),
    ("classes without a pixel in `test`", painted(to=lambda y: torch.where(y == 2, 0, y), those=slice(50, 60)), "worth", 1),
    ("classes with few examples", painted(to=lambda y: torch.where(y == 2, 0, y), those=slice(5, 40)), "worth", 1),
])  # fmt: skip
def test_planted_in_masks(name: str, data: Data, severity: str, count: int) -> None:
    found = one(data, name)
    assert (found.severity, found.count) == (severity, count)


def test_questions_tell_what_a_trivial_model_scores() -> None:
    told = of_boxes([[(0, box) for _, box in one[:3]] + [(1, one[3][1])] for one in boxes()])
    first = questions(Rows(told), told, "my boxes/")[0]
    assert (first.task, first.command) == ("detect", "lamina train 'my boxes/'")
    assert "4 boxes a picture" in first.trivial
    assert "`cat`: 75.0%" in first.trivial
    y = masks()
    y[:, 0] = IGNORED
    painted = of_masks(y)
    first = questions(Rows(painted), painted, "masks/")[0]
    assert (first.task, first.figure) == ("segment", "accuracy")
    assert first.value == pytest.approx((y == 0).float().mean().item() / (y != IGNORED).float().mean().item(), abs=1e-4)
    assert "always `ground`" in first.trivial


def test_frames_and_colours_are_drawn_where_they_belong() -> None:
    target = Boxes(names=("cat", "dog"))
    batch = Batch(x=torch.full((1, 1, 40, 60), 100).byte(), boxes=torch.tensor([[10.0, 5, 30, 25]]), box_image=torch.tensor([0]),
                  box_class=torch.tensor([1]), box_weight=torch.ones(1), scale=torch.ones(1))
    drawn = marked(batch, target)
    scale = drawn.shape[2] / 60
    framed = (drawn == torch.tensor(colours_of(target)[1]).view(3, 1, 1)).all(0)
    ys, xs = framed.nonzero(as_tuple=True)
    assert [int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1] == [round(v * scale) for v in (10, 5, 30, 25)]
    assert (drawn[:, round(15 * scale), round(20 * scale)] == 100).all(), "empty inside"
    spec = Mask(names=("a", "b"), colours=((255, 0, 0), (0, 0, 255)))
    y = torch.zeros(1, 40, 60, dtype=torch.uint8)
    y[:, :, 30:] = 1
    coloured = marked(Batch(x=batch["x"], y=y), spec)
    assert coloured[0, 0, 0] > coloured[2, 0, 0]
    assert coloured[0, 0, 59] < coloured[2, 0, 59]


def photo(seed: int) -> pil.Image:
    rough = np.random.default_rng(seed).integers(50, 200, (7, 7, 3), np.uint8)
    return pil.fromarray(rough).resize((80, 64), pil.Resampling.BICUBIC)


def test_look_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "cache"))
    for folder in ("b", "m/images", "m/masks"):
        (tmp_path / folder).mkdir(parents=True)
    rows = ["file,xmin,ymin,xmax,ymax,class"]
    for i in range(20):
        photo(i).save(tmp_path / f"b/{i}.png")
        photo(i).save(tmp_path / f"m/images/{i}.png")
        rows.append(f"{i}.png,{5 + i},5,{40 + i},40,<b>cat</b>" if i else "0.png,9,9,9,9,dog")
        rows.append(f"{i}.png,{5 + i},45,{40 + i},60,dog")
        mask = np.zeros((64, 80), np.uint8)
        mask[10 + i : 50, 20:60] = 1
        pil.fromarray(mask).save(tmp_path / f"m/masks/{i}.png")
    (tmp_path / "b/boxes.csv").write_text("\n".join(rows))
    wanted = {"b": ("photos with boxes", "What is where in a picture?", "boxes.csv, rows of `0.png`, box 1", "a box without a size"),
              "m": ("photos with masks", "Which class is each pixel?", "class 0 (")}  # fmt: skip
    for folder, words in wanted.items():
        done = CliRunner().invoke(main, ["look", str(tmp_path / folder), "--out", str(tmp_path / f"page {folder}")])
        assert done.exit_code == 0, done.output
        assert all(word in done.output for word in words), done.output
        page = (tmp_path / f"page {folder}" / "look.html").read_text()
        assert "<b>cat</b>" not in page
        shown = [pil.open(io.BytesIO(base64.b64decode(found))) for found in re.findall(r"data:image/\w+;base64,([^\"]+)", page)]
        assert len(shown) >= 10
        done = CliRunner().invoke(main, ["look", str(tmp_path / folder), "--json", "--out", str(tmp_path / "json")])
        assert json.loads(done.stdout.splitlines()[-1])["questions"][0]["task"] == ("detect" if folder == "b" else "segment")


@pytest.mark.slow
@pytest.mark.parametrize(("file", "said"), [("bccd/bccd.zip", "13.4 boxes a picture"), ("camvid/camvid_240x180.zip", "pixels right")])
def test_look_at_real_archives(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, said: str) -> None:
    if not (shared_data / file).is_file():
        pytest.skip(f"needs shared/data/{file}")
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "cache"))
    done = CliRunner().invoke(main, ["look", str(shared_data / file), "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert said in done.output
