"""Boxes and masks from the command line: look, train, evaluate, predict a photo, a folder and a video, compare, report."""

import json
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lamina.data.film import Writer

COLOURS = {"red": (220, 40, 40), "blue": (40, 60, 220)}
SIDE = 64


def scene(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int, int, int, int]]]:
    """A grey photo with one or two coloured squares: pixels, mask, and (class, x0, y0, x1, y1) of each."""
    photo = random.integers(90, 130, (SIDE, SIDE, 3)).astype(np.uint8)
    mask, boxes = np.zeros((SIDE, SIDE), np.uint8), []
    for k in random.permutation(2)[: random.integers(1, 3)]:
        side, (x, y) = int(random.integers(16, 28)), random.integers(0, SIDE - 28, 2).tolist()
        x = x // 2 + (SIDE // 2 if k else 0) - (28 if k else 0) * (x // 2 + SIDE // 2 + side > SIDE)
        photo[y : y + side, x : x + side] = list(COLOURS.values())[k]
        mask[y : y + side, x : x + side] = k + 1
        boxes.append((int(k), x, y, x + side, y + side))
    return photo, mask, boxes


def yolo(folder: Path, count: int) -> Path:
    random = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    (folder / "classes.txt").write_text("\n".join(COLOURS) + "\n")
    for n in range(count):
        photo, _, boxes = scene(random)
        Image.fromarray(photo).save(folder / f"images/{n:03}.png")
        lines = [f"{k} {(x0 + x1) / 2 / SIDE} {(y0 + y1) / 2 / SIDE} {(x1 - x0) / SIDE} {(y1 - y0) / SIDE}" for k, x0, y0, x1, y1 in boxes]
        (folder / f"labels/{n:03}.txt").write_text("\n".join(lines) + "\n")
    return folder


def painted(folder: Path, count: int) -> Path:
    random = np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for n in range(count):
        photo, mask, _ = scene(random)
        Image.fromarray(photo).save(folder / f"images/{n:03}.png")
        Image.fromarray(mask).save(folder / f"masks/{n:03}.png")
    return folder


def lamina(*words: str | Path, fails: bool = False) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-m", "lamina.cli", *map(str, words)], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert fails == (done.returncode != 0), done.stderr
    return done


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data of both kinds, a run of each from scratch, and a short film of scenes."""
    place = tmp_path_factory.mktemp("scenes")
    small = ["--from", "none", "loop.threads=1", "epochs=2", "batch=8", "--json"]
    lamina("train", yolo(place / "boxes", 40), *small, "--out", place / "found")
    lamina("train", painted(place / "masks", 40), "--model", "unet", "depth=2", *small, "--out", place / "painted")
    random = np.random.default_rng(1)
    with Writer(place / "drive.mp4", Fraction(5)) as film:
        for _ in range(6):
            film.add(scene(random)[0])
    return place


def result(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_figures_are_in_json(place: Path) -> None:
    figures = result(lamina("evaluate", place / "found", "--json"))["metrics"]
    assert isinstance(figures, dict)
    assert {"AP", "AP50", "f1"} <= set(figures)
    figures = result(lamina("evaluate", place / "painted", "--json"))["metrics"]
    assert isinstance(figures, dict)
    assert 0 <= figures["mean_iou"] <= 1


@pytest.mark.parametrize(("run", "data"), [("found", "boxes"), ("painted", "masks")])
def test_a_folder_is_answered_and_drawn(place: Path, tmp_path: Path, run: str, data: str) -> None:
    told = result(lamina("predict", place / run, place / data / "images", "--json", "--out", tmp_path / "drawn"))["predictions"]
    assert isinstance(told, list)
    assert len(told) == 40
    with Image.open(told[0]["drawn"]) as drawn:
        assert drawn.size == (SIDE, SIDE)
    if run == "painted":
        with Image.open(told[0]["mask"]) as mask:
            assert set(np.unique(np.asarray(mask))) <= {0, 1, 2}
    else:
        assert all({"category", "bbox", "score"} <= set(one) for row in told for one in row["objects"])


@pytest.mark.parametrize(("run", "kind"), [("found", "objects"), ("painted", "regions")])
def test_what_speaks_for_an_answer_is_told_and_drawn(place: Path, tmp_path: Path, run: str, kind: str) -> None:
    photo = place / "boxes/images/000.png"
    (told,) = result(lamina("predict", place / run, photo, "--why", "--json", "--out", tmp_path))["predictions"]  # type: ignore[misc]
    assert all({"category", "score", "inside"} <= set(one) for one in told["why"][kind])
    assert Path(told["why"]["drawn"]).is_file()
    if told["why"][kind]:
        assert Path(told["why"]["map"]).is_file()
    printed = lamina("predict", place / run, photo, "--why", "--out", tmp_path).stdout
    assert "speaks for it" in printed or "nothing to explain" in printed


@pytest.mark.parametrize("run", ["found", "painted"])
def test_a_film_is_answered_frame_by_frame(place: Path, tmp_path: Path, run: str) -> None:
    (told,) = result(lamina("predict", place / run, place / "drive.mp4", "--json", "--out", tmp_path))["predictions"]  # type: ignore[misc]
    assert told["frames"] == 6
    assert told["broken"] == 0
    assert len(Path(told["lines"]).read_text().splitlines()) == 6
    assert Path(told["video"]).stat().st_size > 0


def test_a_run_is_judged_on_other_data_and_beside_itself(place: Path, tmp_path: Path) -> None:
    assert "AP50" in lamina("evaluate", place / "found", place / "boxes").stdout
    shutil.copytree(place / "found", tmp_path / "again")
    assert "does as well as" in lamina("compare", place / "found", tmp_path / "again").stdout


@pytest.mark.parametrize(("run", "words"), [("found", "Kinds of errors"), ("painted", "What is taken for what")])
def test_the_report_shows_the_worst(place: Path, run: str, words: str) -> None:
    lamina("report", place / run)
    page = (place / run / "report.html").read_text()
    assert "Worst photos" in page
    assert words in page
    assert "data:image/" in page


def test_wrong_words_are_refused(place: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"no film")
    assert "bad.mp4" in lamina("predict", place / "found", tmp_path / "bad.mp4", fails=True).stderr
    assert "gone.jpg" in lamina("predict", place / "found", "gone.jpg", fails=True).stderr
    assert "boxes" in lamina("train", place / "boxes", "--task", "segment", fails=True).stderr
    assert "--why" in lamina("predict", place / "found", place / "drive.mp4", "--why", fails=True).stderr
    assert "--smooth" in lamina("predict", place / "painted", place / "drive.mp4", "--smooth", "2", fails=True).stderr
