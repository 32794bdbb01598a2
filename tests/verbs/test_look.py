"""look: from the command line and from Python; the page is whole, stands alone and holds no part of a file's name as code."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image as pil

import lamina
from lamina.commands import main
from lamina.oversight import page
from lamina.verbs.look import keep

ALONE = {"meta", "img", "br", "rect", "hr"}
HOUSES = 120


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


class _Tags(HTMLParser):
    """Opens and closes every element, and notes what it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.open += [] if tag in ALONE else [tag]
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_endtag(self, tag: str) -> None:
        assert tag in ALONE or self.open.pop() == tag


def well_formed(file: Path) -> _Tags:
    text = file.read_text(encoding="utf-8")
    tags = _Tags()
    tags.feed(text)
    assert tags.open == []
    assert all(address.startswith("data:image/") for address in tags.fetched)
    assert "http" not in re.sub(r"data:image/[^\"]*", "", text)
    assert "script" not in tags.seen
    return tags


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with an identifier, a constant, a leak, gaps, and a name that would break a careless page."""
    random = np.random.default_rng(0)
    lines = ["id,area,<b>town</b>,tax,country,price"]
    for i, area in enumerate(random.uniform(40, 200, HOUSES)):
        price = 2500 * area + random.normal(0, 20_000)
        cell = "" if i % 4 == 0 else f"{area:.1f}"
        lines.append(f"{i + 1},{cell},{random.choice(['Ulm', 'Bonn'])},{price * 0.035:.2f},DE,{price:.0f}")
    file = tmp_path_factory.mktemp("look") / "my houses.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_table(houses: Path, tmp_path: Path) -> None:
    done = run("look", houses, "--json", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert set(told) == {"data", "kind", "sheet", "meaning", "rows", "questions", "problems", "account", "label_errors", "cost",
                         "seconds", "page"}  # fmt: skip
    assert told["kind"] == "a table"
    assert sum(told["rows"].values()) == HOUSES
    first, second = told["questions"][:2]
    assert first["command"] == f"lamina train '{houses}' --target price"
    assert second["command"] == f"{first['command']} question=ordered_classes"
    assert (first["figure"], second["figure"]) == ("rmse", "accuracy")
    assert not {"id", "country"} & {question["target"] for question in told["questions"]}
    problems = {problem["name"]: problem for problem in told["problems"]}
    assert problems["`tax` gives the answer away"]["severity"] == "serious"
    assert problems["missing values"]["where"] == ["area: 25.0%"]
    assert problems["columns that number or name the rows"]["where"] == ["id"]
    assert problems["columns that say nothing"]["where"] == ["country"]
    well_formed(tmp_path / "look.html")
    assert "<b>town</b>" not in (tmp_path / "look.html").read_text()


def test_only_the_target_that_is_asked_for(houses: Path) -> None:
    found = lamina.look(houses, target="tax")
    assert {question.target for question in found.questions} == {"tax"}
    assert "`price` gives the answer away" in [problem.name for problem in found.problems]
    assert f"lamina train '{houses}' --target tax" in str(found)
    assert found.to_json()["questions"][0]["target"] == "tax"


def test_photos(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(12):
            coarse = pil.fromarray(random.integers(30, 220, (6, 6, 3), dtype=np.uint8))
            coarse.resize((96, 80), pil.Resampling.BICUBIC).save(tmp_path / "photos" / name / f"{i}.png")
    (tmp_path / "photos" / "cat" / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    pil.new("RGB", (96, 80), (120, 120, 120)).save(tmp_path / "photos" / "dog" / "empty.png")
    done = run("look", tmp_path / "photos", "--out", tmp_path / "page")
    assert done.exit_code == 0, done.output
    for said in ("photos that show nothing, 1", "dog/empty.png", "broken.jpg", f"lamina train {tmp_path / 'photos'} --task generate"):
        assert said in done.output
    tags = well_formed(tmp_path / "page" / "look.html")
    assert len(tags.fetched) >= 9  # eight examples and the empty photo


def test_a_run_has_doubtful_labels(tmp_path: Path) -> None:
    assert run("train", "iris", "threads=1", "epochs=2", "patience=0", "--out", tmp_path / "run").exit_code == 0
    done = run("look", tmp_path / "run", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert "gradient boosting" in told["cost"]
    for doubt in told["label_errors"]:
        assert doubt["label"] != doubt["suggested"]
        assert 0 <= doubt["probability_of_label"] <= 1
        assert not doubt["where"].startswith("test"), "the test stays sealed"
    assert told["page"] == str(tmp_path / "run" / "look.html")
    well_formed(tmp_path / "run" / "look.html")


def test_an_environment(tmp_path: Path) -> None:
    pytest.importorskip("gymnasium")
    found = lamina.look("CartPole-v1")
    assert [question.task for question in found.questions] == ["play"]
    assert 15 < (found.questions[0].value or 0) < 30  # random play of CartPole returns about 22
    well_formed(keep(found, tmp_path))


BAD = {
    "one class": "x,label\n" + "".join(f"{i * 1.5},same\n" for i in range(30)),
    "no rows": "a,b\n",
    "no answers": "x,target\n" + "".join(f"{i * 1.5},\n" for i in range(30)),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_tables_are_refused(case: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(BAD[case])
    refused(run("look", file, "--out", tmp_path, *(["--target", "label"] if case == "one class" else [])))
    assert not (tmp_path / "look.html").exists()


@pytest.mark.parametrize("words", [["no_such_thing"], ["iris", "depth=3"], ["iris", "--target", "species"]])
def test_wrong_words_are_refused(words: list[str]) -> None:
    refused(run("look", *words))


def test_a_folder_without_photos_and_one_class_only(tmp_path: Path) -> None:
    refused(run("look", tmp_path))
    (tmp_path / "cat").mkdir()
    for i in range(4):
        pil.new("RGB", (40, 40), (10 * i, 0, 0)).save(tmp_path / "cat" / f"{i}.png")
    refused(run("look", tmp_path))


def refused(done: Result) -> None:
    assert done.exit_code == 2, done.output
    assert done.stderr.splitlines()[-1].startswith("lamina: expected ")
    assert "; came " in done.stderr


def test_pieces_of_a_page_are_escaped() -> None:
    shown = page.figure("data:image/png;base64,", '"><b>')
    made = page.page("<x>", page.table(("a<b",), [("<script>",)]), page.bars([("<i>", 1.0, "<u>")]), shown)
    assert not re.search(r"<(x|script|i|u|b)>", made)
