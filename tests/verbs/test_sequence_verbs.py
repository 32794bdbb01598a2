"""Every verb on tiny runs of texts: translate, tag, embed, write; from the command line and from Python."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

import lamina as lm
from lamina.commands import main
from lamina.core.speaker import Writer
from lamina.nn.recurrent import Recurrent
from lamina.oversight.forgetting import gradients_through_time, shares_back

SMALL = ["threads=1", "precision=f32"]
TASKS = ("translate", "tag", "embed", "write")


def lamina(*words: str | Path, given: bytes = b"") -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], input=given)


def one_object(*words: str | Path) -> dict[str, Any]:
    result = lamina(*words, "--json")
    assert result.exit_code == 0, (result.output, result.exc_info)
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1], parse_constant=pytest.fail)
    return found


def refused(result: Result, *said: str) -> None:
    assert result.exit_code == 2, (result.output, result.exc_info)
    assert result.stderr.startswith("lamina: expected ")
    for word in said:
        assert word in result.stderr


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, chance = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    nouns, verbs = ["Hund", "Haus", "Mann", "Frau"], ["sieht", "hat"]
    others = {"Hund": "dog", "Haus": "house", "Mann": "man", "Frau": "woman", "sieht": "sees", "hat": "has", "der": "the"}
    rows = [["der", nouns[chance.integers(4)], verbs[chance.integers(2)], nouns[chance.integers(4)], str(i)] for i in range(160)]
    pairs = "".join(f"{' '.join(row)}\t{' '.join(others.get(w, w) for w in row)} .\n" for row in rows)
    labels = {"der": "DET", "sieht": "VERB", "hat": "VERB"}
    tagged = "".join("".join(f"{w}\t{labels.get(w, 'NUM' if w.isdigit() else 'NOUN')}\n" for w in row) + "\n" for row in rows)
    text = "\n".join(" ".join(row[:4]) for row in rows * 8)
    contents = {"translate": ("pairs.tsv", pairs), "tag": ("words.conll", tagged), "embed": ("text.txt", text), "write": ("book.txt", text)}
    found = {}
    for task, (name, content) in contents.items():
        found[task] = folder / name
        found[task].write_text(content)
    return found


WORDS: dict[str, list[str]] = {
    "translate": ["hidden=24", "embedding=24", "epochs=20", "batch=16", "learning_rate=0.01", "header=false"],
    "tag": ["hidden=12", "embedding=12", "epochs=15", "learning_rate=0.02"],
    "embed": ["size=8", "epochs=3", "least=2"],
    "write": ["--task", "write", "hidden=24", "embedding=12", "epochs=6", "batch=8", "stretch=32"],
}


@pytest.fixture(scope="module")
def runs(files: dict[str, Path]) -> dict[str, Path]:
    found = {}
    for task in TASKS:
        found[task] = files[task].parent / f"run-{task}"
        result = lamina("train", files[task], *WORDS[task], *SMALL, "--out", found[task])
        assert result.exit_code == 0, (result.output, result.exc_info)
    return found


@pytest.mark.parametrize("task", TASKS)
def test_the_task_is_worked_out_and_the_run_is_whole(task: str, runs: dict[str, Path]) -> None:
    result = json.loads((runs[task] / "result.json").read_text())
    assert result["task"] == task
    assert result["baselines"]
    assert (runs[task] / "report.html").stat().st_size > 1000
    assert (runs[task] / "curves.svg").is_file()


@pytest.mark.parametrize(("task", "figure"), [("translate", "bleu"), ("tag", "accuracy"), ("embed", "loss"), ("write", "loss")])
def test_evaluate_tells_the_figures(task: str, figure: str, runs: dict[str, Path]) -> None:
    found = one_object("evaluate", runs[task])
    told = json.loads((runs[task] / "result.json").read_text())
    assert found["metrics"][figure] == pytest.approx(told["test"][figure], rel=1e-6, nan_ok=False)


@pytest.mark.parametrize("task", TASKS)
def test_look_says_what_can_be_asked_and_trains_nothing(task: str, files: dict[str, Path], tmp_path: Path) -> None:
    found = one_object("look", files[task], "--out", tmp_path)
    assert any(question["task"] == task for question in found["questions"])
    assert found["questions"][0]["trivial"]
    assert (tmp_path / "look.html").is_file()


def test_look_finds_pairs_that_do_not_align(tmp_path: Path) -> None:
    """Lines of one side shifted for a stretch, in a text where each word has its partner; without the shift none is found."""
    chance = np.random.default_rng(0)
    names = ["".join(chance.choice(list("abcdefgh"), 4)) for _ in range(150)]
    rows = [[names[i] for i in chance.integers(0, len(names), 8)] for _ in range(400)]
    said = [[word.upper() for word in row] for row in rows]
    for shifted in (True, False):
        moved = [*said[:200], *(said[201:221] if shifted else said[200:220]), *([said[200]] if shifted else [said[220]]), *said[221:]]
        path = tmp_path / f"p{shifted}.tsv"
        path.write_text("".join(f"{' '.join(a)} !\t{' '.join(b)} ?\n" for a, b in zip(rows, moved, strict=True)))
        problems = {one["name"] for one in one_object("look", path, "header=false", "--out", tmp_path / "look")["problems"]}
        assert ("pairs that do not align" in problems) == shifted


def test_a_translation_is_said_and_where_it_looked(runs: dict[str, Path], tmp_path: Path) -> None:
    found = one_object("predict", runs["translate"], "der Hund sieht Haus 3", "beam=2", "--out", tmp_path)["predictions"][0]
    attention = torch.tensor(found["attention"])
    assert attention.shape == (len(found["said"]), len(found["heard"]))
    torch.testing.assert_close(attention.sum(1), torch.ones(len(attention)), rtol=0, atol=1e-3)
    assert "".join(found["heard"]).strip() == "der Hund sieht Haus 3"
    assert Path(found["drawn"]).read_text().startswith("<svg")


def test_knobs_after_predict_change_the_answer_and_wrong_ones_are_refused(runs: dict[str, Path]) -> None:
    once, again = (one_object("predict", runs["write"], "der ", "length=40", "seed=1")["predictions"][0]["text"] for _ in range(2))
    other = one_object("predict", runs["write"], "der ", "length=40", "seed=2")["predictions"][0]["text"]
    assert once == again != other
    assert len(once) == 40
    greedy = [one_object("predict", runs["write"], "der ", "length=40", "temperature=0", f"seed={s}") for s in (1, 2)]
    assert greedy[0] == greedy[1]
    refused(lamina("predict", runs["write"], "der ", "temperature=-1"), "`write.temperature`", "`-1`")
    refused(lamina("predict", runs["translate"], "der Hund", "beam=0"), "`translate.beam`")


def test_a_text_may_have_an_equals_sign(runs: dict[str, Path]) -> None:
    found = one_object("predict", runs["write"], "a=b", "length=3")["predictions"]
    assert len(found) == 1
    assert found[0]["input"] == "a=b"


def test_a_prompt_in_a_script_never_seen_is_told(runs: dict[str, Path]) -> None:
    found = one_object("predict", runs["write"], "Привет", "length=5")["predictions"][0]
    assert found["unknown"] == sorted(set("Привет"))
    assert one_object("predict", runs["translate"], "日本語 🙂")["predictions"][0]["text"] is not None


def test_words_are_asked_with_plus_and_minus(runs: dict[str, Path]) -> None:
    found = one_object("predict", runs["embed"], "hund - mann + frau", "nearest=2")["predictions"][0]["nearest"]
    assert len(found) == 2
    assert not {one["word"] for one in found} & {"hund", "mann", "frau"}
    refused(lamina("predict", runs["embed"], "hundd"), "`hundd`", "Did you mean", "`hund`")
    refused(lamina("predict", runs["embed"], " "), "king - man + woman")


def test_vectors_are_those_that_gensim_reads(runs: dict[str, Path]) -> None:
    models = pytest.importorskip("gensim.models")
    load = models.KeyedVectors.load_word2vec_format
    text, binary = load(str(runs["embed"] / "vectors.txt")), load(str(runs["embed"] / "vectors.bin"), binary=True)
    mine = lm.load_run(runs["embed"])._learned
    assert mine is not None
    words, vectors = mine.spec.input.words, mine.predictor.model.inputs.detach().numpy()
    assert text.index_to_key == binary.index_to_key == list(words)
    np.testing.assert_allclose(binary.vectors, vectors, rtol=0, atol=0)
    np.testing.assert_allclose(text.vectors, vectors, rtol=1e-4, atol=1e-6)
    assert (runs["embed"] / "map.svg").read_text().count("<text") == len(words)


def test_questions_about_words_are_asked_by_evaluate(runs: dict[str, Path], tmp_path: Path) -> None:
    analogies, pairs = tmp_path / "a.txt", tmp_path / "p.tsv"
    analogies.write_text(": people\n" + "Hund Haus Mann Frau\nhund haus nobody frau\n" * 3)
    words = ["hund", "haus", "mann", "frau", "der", "sieht", "hat"]
    rows = [f"{a}\t{b}\t{i + 0.5}\n" for i, (a, b) in enumerate(itertools.pairwise(words))]
    pairs.write_text("one\ttwo\tscore\n" + "".join(rows * 2))
    found = one_object("evaluate", runs["embed"], analogies)["metrics"]
    assert found["asked"] == 3
    assert found["questions"] == 6
    assert -1 <= one_object("evaluate", runs["embed"], pairs)["metrics"]["p (rho)"] <= 1


def test_tags_are_told_for_the_words_as_they_were_written(runs: dict[str, Path]) -> None:
    found = one_object("predict", runs["tag"], "der Elefant sieht Haus 999")["predictions"][0]["words"]
    assert [one["word"] for one in found] == ["der", "Elefant", "sieht", "Haus", "999"]
    assert [found[i]["label"] for i in (0, 2, 3)] == ["DET", "VERB", "NOUN"]


def test_two_runs_are_compared_text_by_text(files: dict[str, Path], runs: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert lamina("train", files["translate"], *WORDS["translate"], *SMALL, "attention=none", "epochs=1", "--out", other).exit_code == 0
    result = lamina("compare", runs["translate"], other)
    assert result.exit_code == 0, result.output
    assert "chrF" in result.output


def test_from_python(files: dict[str, Path]) -> None:
    data = lm.load("dates")
    model = lm.Model("seq2seq", hidden=16, embedding=8)
    model.fit(data, quiet=True, epochs=0.1, threads=1, precision="f32")
    assert 0 <= model.evaluate(data.test)["exact"] <= 1
    assert len(model.predict(["3rd of May 1979", "1.2.2003"])) == 2


def test_what_a_simple_recurrence_forgets_an_lstm_keeps() -> None:
    """The gradient that comes back over 40 places, against that of the last: less than a hundredth of the LSTM's."""
    torch.manual_seed(0)
    kept = {}
    for kind in ("rnn", "lstm"):
        back = gradients_through_time(Recurrent(kind, 1, 16), torch.randn(16, 50, 1))
        assert back.shape == (50,)
        kept[kind] = (back[-41] / back[-1]).item()
    assert kept["rnn"] < kept["lstm"] / 100


@pytest.mark.parametrize("task", ["tag", "write", "embed"])
def test_a_recurrent_run_shows_what_it_forgets(task: str, runs: dict[str, Path]) -> None:
    """Runs of recurrent networks draw how much of the gradient comes back; word vectors have none."""
    assert (runs[task] / "memory.svg").is_file() == (task != "embed")


def test_memory_is_none_where_the_last_place_alone_is_seen() -> None:
    """The negative control: a layer that only sees its last place keeps nothing of the others."""
    back = shares_back(lambda x: x * 2, torch.randn(4, 6, 3))
    assert back == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_a_writer_is_one() -> None:
    assert not isinstance(torch.nn.Linear(1, 1), Writer)


PLANNED = [*((task, "") for task in TASKS), *((task, "transformer") for task in TASKS if task != "embed")]  # word vectors have one model


@pytest.mark.parametrize(("task", "model"), PLANNED)
def test_dry_shows_the_plan_and_the_layers(task: str, model: str, files: dict[str, Path]) -> None:
    words = WORDS[task] if not model else [word for word in WORDS[task] if not word.startswith(("hidden", "embedding"))]
    result = lamina("train", files[task], *words, *SMALL, *(("--model", model) if model else ()), "--dry")
    assert result.exit_code == 0, (result.output, result.exc_info)
    assert "total" in result.output
