"""evaluate on other data, compare, report, and predict's doubts and reasons: from the command line on tiny runs."""

import json
import re
import shlex
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image as pil

import lamina as lm
from lamina.commands import main
from lamina.verbs.ask import request_of
from lamina.verbs.setup import prepare

PHONE = 400  # pixels across
PATIENCE = 300  # seconds for a browser on a busy machine
SAME_KNOBS = ("configs", "task", "model", "method", "seed", "quality", "seconds", "until", "data")


def lamina(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def one_object(*words: str | Path) -> dict[str, Any]:
    result = lamina(*words, "--json")
    assert result.exit_code == 0, (result.output, result.exc_info)
    found: dict[str, Any] = json.loads(result.stdout, parse_constant=pytest.fail)
    return found


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of small colour pictures that are easy to tell apart, 40 each, and two that are labelled wrongly."""
    folder, random = tmp_path_factory.mktemp("data") / "shapes", np.random.default_rng(0)
    for name, colour in (("red", (200, 60, 50)), ("blue", (60, 70, 200))):
        (folder / name).mkdir(parents=True)
        for i in range(40):
            other = (60, 70, 200) if name == "red" and i < 3 else colour
            pixels = np.clip(np.array(other) + random.normal(0, 25, (24, 24, 3)), 0, 255).astype(np.uint8)
            pil.fromarray(pixels).save(folder / name / f"{i} & <b>.png")
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> dict[str, Path]:
    trainings = {
        "digits": ["digits", "quality=fast", "epochs=3"],
        "other": ["digits", "--model", "mlp", "epochs=1", "patience=0"],
        "numbers": ["diabetes", "epochs=2", "patience=0"],
        "photos": [photos, "--model", "cnn", "size=24", "epochs=3"],
    }
    found = {}
    for name, words in trainings.items():
        found[name] = tmp_path_factory.mktemp(name) / "run"
        one_object("train", *words, "threads=1", "--out", found[name])
    return found


Runs = dict[str, Path]


# -- what train leaves ----------------------------------------------------------------------------


def test_the_result_has_the_verdict_and_what_it_is_made_of(runs: Runs) -> None:
    result = json.loads((runs["digits"] / "result.json").read_text())
    assert set(result["baselines"]) >= {"most frequent", "linear"}
    for rival in result["baselines"].values():
        assert rival["seconds"] > 0
        low, high = rival["intervals"]["accuracy"]
        assert low <= rival["metrics"]["accuracy"] <= high
    told = result["verdict"]
    best = max(rival["metrics"]["accuracy"] for rival in result["baselines"].values())
    assert told["difference"]["value"] == pytest.approx(result["test"]["accuracy"] - best)
    assert f"{told['parameters']:,} parameters" in told["sentence"]
    numbers = json.loads((runs["numbers"] / "result.json").read_text())
    assert numbers["calibration"] is None
    low, high = numbers["test_intervals"]["rmse"]
    assert low < numbers["test"]["rmse"] < high


def test_the_verdict_is_shown_and_in_the_object(runs: Runs) -> None:
    words = ["train", "iris", "epochs=2", "patience=0", "threads=1", "--out", runs["digits"].parent / "shown"]
    shown = lamina(*words)
    assert "verdict    The network is " in shown.stdout
    assert "validation rows are too few" in shown.stdout
    assert json.loads((words[-1] / "result.json").read_text())["verdict"]["sentence"] in shown.stdout


def test_a_run_is_repeated_by_the_command_that_it_tells(runs: Runs) -> None:
    from lamina.oversight.repeat import command
    from lamina.verbs.train import described

    for name in ("digits", "other", "numbers"):
        config = json.loads((runs[name] / "config.json").read_text())
        context = main.commands["train"].make_context("train", shlex.split(command(config))[2:])
        given = context.params
        request = request_of(given["data"], given["words"], given)
        again = json.loads(json.dumps(described(request, prepare(request))))
        assert {k: again[k] for k in SAME_KNOBS} == {k: config[k] for k in SAME_KNOBS}


# -- evaluate on other data -----------------------------------------------------------------------


def test_other_photos_are_judged_without_a_look_at_the_test(runs: Runs, photos: Path, tmp_path: Path) -> None:
    before = json.loads((runs["photos"] / "result.json").read_text())["test_looks"]
    found = one_object("evaluate", runs["photos"], photos)
    assert found["rows"] == 80
    low, high = found["intervals"]["accuracy"]
    assert low <= found["metrics"]["accuracy"] <= high
    assert "test_looks" not in found
    assert json.loads((runs["photos"] / "result.json").read_text())["test_looks"] == before
    assert "other rows" in lamina("evaluate", runs["photos"], photos).stdout
    missing = lamina("evaluate", runs["photos"], tmp_path / "nothing")
    assert missing.exit_code == 2
    assert "Traceback" not in missing.output


# -- compare --------------------------------------------------------------------------------------


def test_runs_of_one_test_are_compared_row_by_row(runs: Runs, tmp_path: Path) -> None:
    before = [json.loads((runs[n] / "result.json").read_text()) for n in ("digits", "other")]
    found = one_object("compare", runs["digits"], runs["other"])
    assert [run["metrics"] for run in found["runs"]] == [result["test"] for result in before]
    assert [run["looks"] for run in found["runs"]] == [result["test_looks"] + 1 for result in before]
    (between,) = found["differences"]
    accuracies = {str(runs[n]): result["test"]["accuracy"] for n, result in zip(("digits", "other"), before, strict=True)}
    assert between["value"] == pytest.approx(accuracies[between["best"]] - accuracies[between["other"]])
    assert between["low"] <= between["value"] <= between["high"]
    assert f"{100 * between['value']:.1f} points" in found["sentences"][0]
    assert "more than noise" in found["sentences"][0] if between["low"] > 0 else "within noise" in found["sentences"][0]
    shutil.copytree(runs["digits"], tmp_path / "copy")
    same = one_object("compare", runs["digits"], tmp_path / "copy")
    assert same["differences"][0]["value"] == 0
    assert "within noise" in same["sentences"][0]


def test_runs_of_other_tests_are_not(runs: Runs) -> None:
    found = one_object("compare", runs["digits"], runs["photos"])
    assert found["differences"] == found["sentences"] == []
    assert "not tested on the same rows" in found["warning"]
    for words in ([runs["digits"], runs["numbers"]], [runs["digits"]], [runs["digits"], runs["digits"]]):
        refused = lamina("compare", *words)
        assert refused.exit_code == 2
        assert "expected" in refused.output


# -- predict: doubts and reasons ------------------------------------------------------------------


def test_noise_is_marked_and_validation_pictures_rarely(runs: Runs, photos: Path, tmp_path: Path) -> None:
    model = lm.load("digits")
    random = np.random.default_rng(0)
    files: dict[str, list[Path]] = {"noise": [], "real": []}
    for i in range(30):
        for kind, pixels in (("noise", random.integers(0, 256, (8, 8), np.uint8)), ("real", model.test.x[i, 0].numpy())):
            files[kind].append(tmp_path / f"{kind}{i}.png")
            pil.fromarray(pixels).save(files[kind][-1])
    found = {kind: one_object("predict", runs["digits"], *some)["predictions"] for kind, some in files.items()}
    marked = {kind: [bool(answer["unlike"]) for answer in answers] for kind, answers in found.items()}
    assert sum(marked["noise"]) >= 20
    assert sum(marked["real"]) <= 3


def test_a_number_outside_the_training_rows_is_named(runs: Runs) -> None:
    inside, outside = ["0.01"] * 10, ["0.01"] * 9 + ["99"]
    found = one_object("predict", runs["numbers"], ",".join(inside), ",".join(outside))["predictions"]
    assert found[0]["unlike"] == ""
    assert "s6" in found[1]["unlike"]
    assert "age" not in found[1]["unlike"]


def test_unsure_answers_are_marked(runs: Runs, tmp_path: Path) -> None:
    result = json.loads((runs["digits"] / "result.json").read_text())
    found = one_object("predict", runs["digits"], *_digits(tmp_path, 60))["predictions"]
    line = result["calibration"]["trust"]["threshold"]
    assert [p["sure"] for p in found] == [p["probability"] >= line for p in found]
    assert not all(p["sure"] for p in found)
    assert "not sure" in lamina("predict", runs["digits"], *_digits(tmp_path, 60)).stdout


def _digits(folder: Path, count: int) -> list[Path]:
    pictures = lm.load("digits").test.x[:count, 0].numpy()
    files = [folder / f"digit{i}.png" for i in range(count)]
    for file, pixels in zip(files, pictures, strict=True):
        pil.fromarray(pixels).save(file)
    return files


def test_why_of_a_picture_and_of_a_row(runs: Runs, photos: Path, tmp_path: Path) -> None:
    (found,) = one_object("predict", runs["photos"], photos / "blue" / "7 & <b>.png", "--why", "--out", tmp_path / "why")["predictions"]
    near = found["why"]["nearest"]
    assert len(near) == 5
    assert {n["label"] for n in near} <= {"red", "blue"}
    assert all((photos / n["where"]).exists() for n in near)
    with pil.open(found["why"]["nearest_picture"]) as strip:
        assert strip.width == 5 * strip.height
    (row,) = one_object("predict", runs["numbers"], ",".join(["0.01"] * 10), "--why")["predictions"]
    assert len(row["why"]["columns"]) == 10
    weights = [abs(one["weight"]) for one in row["why"]["columns"]]
    assert weights == sorted(weights, reverse=True)
    assert "columns that it leans on" in lamina("predict", runs["numbers"], ",".join(["0.01"] * 10), "--why").stdout


# -- the page -------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The links and the places of a page, and whatever it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.tags.append(tag)
        self.links |= {str(found["href"])} if "href" in found else set()
        self.places |= {str(found["id"])} if "id" in found else set()
        self.fetched += [str(found["src"])] if not str(found.get("src", "data:")).startswith("data:") else []


@pytest.mark.parametrize("name", ["digits", "numbers", "photos"])
def test_the_page_is_whole_and_fetches_nothing(runs: Runs, name: str) -> None:
    text = (runs[name] / "report.html").read_text()
    page, result = Page(text), json.loads((runs[name] / "result.json").read_text())
    assert page.fetched == []
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(link[1:] in page.places for link in page.links if link.startswith("#"))
    assert result["verdict"]["sentence"] in re.sub(r"&lt;", "<", text)
    for heading in ("Figures", "How it learned", "The data", "What the machine did", "How to repeat it"):
        assert f"<h2>{heading}</h2>" in text
    assert ("How sure it may be" in text) == (name != "numbers")
    assert "<b>.png" not in text, "names of files are escaped"
    if name == "digits":
        counts = {f"#said-{i}-{j}" for i, row in enumerate(result["test_details"]["confusion"]) for j, n in enumerate(row) if n}
        assert page.links == counts, "each count that is not zero leads to its rows"


def test_report_writes_it_again_and_says_so_without_the_data(runs: Runs, photos: Path, tmp_path: Path) -> None:
    page = runs["digits"] / "report.html"
    page.unlink()
    assert one_object("report", runs["digits"]) == {"report": str(page)}
    assert "Worst errors" in page.read_text()
    copy = tmp_path / "moved"
    shutil.copytree(runs["photos"], copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"data": str(tmp_path / "gone")}))
    assert lamina("report", copy).exit_code == 0
    assert "not shown here" in (copy / "report.html").read_text()
    (copy / "result.json").unlink()
    assert lamina("report", copy).exit_code == 2


def _browser() -> str:
    return next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), "")


@pytest.mark.skipif(not _browser(), reason="no Chromium to look with: install `chromium`")
def test_a_browser_shows_it_on_a_phone(runs: Runs, tmp_path: Path) -> None:
    """A copy with a script that measures it in a frame as wide as a phone: nothing sticks out, and the picture is not blank."""
    page = tmp_path / "page.html"
    page.write_text((runs["photos"] / "report.html").read_text())
    frame = tmp_path / "frame.html"
    measure = "const d = f.contentDocument.documentElement; document.title = d.scrollWidth + ' of ' + d.clientWidth"
    frame.write_text(f'<!doctype html><iframe id="f" src="page.html" width="{PHONE}" height="900" onload="{measure}"></iframe>')
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'chrome'}"]
    words = [_browser(), *flags, "--dump-dom", frame.as_uri()]
    dumped = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=True)
    measured = re.search(r"<title>(\d+) of (\d+)</title>", dumped.stdout)
    assert measured is not None, dumped.stdout[:300]
    assert int(measured[2]) > 350
    assert int(measured[1]) <= int(measured[2]), "the page scrolls sideways on a phone"
    shot = tmp_path / "shot.png"
    subprocess.run([_browser(), *flags, "--hide-scrollbars", f"--screenshot={shot}", "--window-size=1200,2000", page.as_uri()],
                   capture_output=True, timeout=PATIENCE, check=True)
    with pil.open(shot) as seen:
        assert len(seen.convert("RGB").quantize(64).getcolors() or []) > 20, "a blank page has one colour"
