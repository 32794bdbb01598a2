"""Pictures and what is said of them: every form of such data, what is refused, the cut, the model, and the verbs on a tiny run."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image as pil

from lamina.commands import main
from lamina.core import rng
from lamina.core.config import config_of
from lamina.core.data import Data
from lamina.core.errors import DataError, UsageError
from lamina.core.spec import END, FILL, Image, Spec, Tokens
from lamina.data.caption_split import CaptionSplit
from lamina.data.catalog import digit_captions
from lamina.data.readers import reader_of
from lamina.methods.teacher_forcing import shifted
from lamina.metrics.cider import cider
from lamina.metrics.translation import figures
from lamina.models import MODELS
from lamina.verbs.data import load_data

SIDE, COUNT = 32, 40
INKS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 220), "white": (240, 240, 240)}


def lamina(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def said_of(place: int) -> tuple[str, str]:
    names = list(INKS)
    return names[place % 4], f"a {names[place % 4]} square on {'the left' if place // 4 % 2 else 'the right'}"


def drawn(folder: Path, count: int = COUNT) -> Path:
    """Squares of four colours on the left or the right of noise."""
    chance = np.random.default_rng(0)
    for place in range(count):
        pixels = chance.integers(0, 90, (SIDE, SIDE, 3)).astype(np.uint8)
        left = int(chance.integers(2, 6)) if place // 4 % 2 else int(chance.integers(18, 22))
        top = int(chance.integers(2, 20))
        pixels[top : top + 9, left : left + 9] = INKS[said_of(place)[0]]
        file = folder / f"{place:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        pil.fromarray(pixels).save(file)
    return folder


def texts_of(data: Data) -> list[str]:
    return sorted(text for split in (data.train, data.valid, data.test) for text in split.said.texts)  # type: ignore[attr-defined]


def load(folder: Path, **words: Any) -> Data:
    return load_data(str(folder), words, 0)


def table(folder: Path) -> None:
    rows = [f'{i:03}.png,"{said_of(i)[1]}"' for i in range(COUNT)]
    (folder / "captions.csv").write_text("file,caption\n" + "\n".join(rows))


def flickr(folder: Path) -> None:
    (folder / "Flickr8k.token.txt").write_text("".join(f"{i:03}.png#0\t{said_of(i)[1]}\n" for i in range(COUNT)))


def lines(folder: Path) -> None:
    rows = [json.dumps({"file_name": f"{i:03}.png", "text": said_of(i)[1]}) for i in range(COUNT)]
    (folder / "metadata.jsonl").write_text("\n".join(rows))


def coco(folder: Path) -> None:
    images = [{"id": 7 + i, "file_name": f"{i:03}.png"} for i in range(COUNT)]
    told = [{"image_id": 7 + i, "id": i, "caption": said_of(i)[1]} for i in range(COUNT)]
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": told}))


def karpathy(folder: Path) -> None:
    images = [{"filename": f"{i:03}.png", "split": ("train", "train", "restval", "val", "test")[i % 5],
               "sentences": [{"raw": said_of(i)[1]}]} for i in range(COUNT)]  # fmt: skip
    (folder / "captions_all.json").write_text(json.dumps({"images": images}))


def beside(folder: Path) -> None:
    for i in range(COUNT):
        (folder / f"{i:03}.txt").write_text(said_of(i)[1] + "\n")


# -- files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [table, flickr, lines, coco, karpathy, beside], ids=lambda form: form.__name__)
def test_every_form_is_recognised_and_tells_the_same(form: Any, tmp_path: Path) -> None:
    form(drawn(tmp_path / "photos"))
    assert reader_of(tmp_path / "photos").__name__ == "CaptionReader"
    data = load(tmp_path / "photos")
    assert texts_of(data) == sorted(said_of(i)[1] for i in range(COUNT))
    for split in (data.train, data.valid, data.test):
        assert isinstance(split, CaptionSplit)
        for row, name, text in zip(split.rows.tolist(), split.where, split.said.texts, strict=True):
            assert text == said_of(int(Path(name).stem))[1]
            ink = np.array(INKS[said_of(int(Path(name).stem))[0]])
            assert (split.pictures[row].permute(1, 2, 0).numpy() == ink).all(-1).any(), "the picture that the caption is of"


def test_another_file_beside_the_texts_of_photos_is_none_of_theirs(tmp_path: Path) -> None:
    beside(drawn(tmp_path / "photos"))
    plain = texts_of(load(tmp_path / "photos"))
    (tmp_path / "photos" / "README.txt").write_text("Photos, made by us.\n")
    (tmp_path / "photos" / "settings.json").write_text("{}")
    assert texts_of(load(tmp_path / "photos")) == plain


def test_parts_that_the_files_name_are_kept(tmp_path: Path) -> None:
    karpathy(drawn(tmp_path / "photos"))
    data = load(tmp_path / "photos")
    assert [len(split) for split in (data.train, data.valid, data.test)] == [24, 8, 8]
    assert {int(Path(name).stem) % 5 for name in data.test.where} == {4}  # type: ignore[attr-defined]


def test_photos_with_labels_or_none_are_no_captions(tmp_path: Path) -> None:
    drawn(tmp_path / "classes" / "a", 4), drawn(tmp_path / "classes" / "b", 4)
    assert reader_of(tmp_path / "classes").__name__ == "PhotoReader"
    folder = drawn(tmp_path / "labelled", 4)
    (folder / "labels.csv").write_text("file,label\n" + "".join(f"{i:03}.png,{'xy'[i % 2]}\n" for i in range(4)))
    assert reader_of(folder).__name__ == "PhotoReader"


def test_what_cannot_be_used_is_refused_with_its_place(tmp_path: Path) -> None:
    folder = drawn(tmp_path / "photos")
    rows = [f"{i:03}.png,{said_of(i)[1]}" for i in range(COUNT)]
    rows[3], rows[5] = "missing.png,a ghost", "005.png,   "
    (folder / "captions.csv").write_text("file,caption\n" + "\n".join(rows))
    (folder / "007.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="photo that is not there"):
        load(folder)
    data = load(folder, allow_refused=0.5)
    reasons = {refusal.where: refusal.reason for refusal in data.account.refused}
    assert reasons["captions.csv, line 5"] == "a caption of a photo that is not there"
    assert reasons["captions.csv, line 7"] == "an empty caption"
    assert any(where == "007.png" for where in reasons)
    assert len(texts_of(data)) == COUNT - 3 == data.account.used


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02\xff" * 50, b"only one column\nand more\n"])
def test_a_file_of_captions_that_is_none_is_a_clear_error(content: bytes, tmp_path: Path) -> None:
    folder = drawn(tmp_path / "photos", 6)
    (folder / "captions.csv").write_bytes(content)
    with pytest.raises((DataError, UsageError)):
        load_data(str(folder), {}, 0, "caption")


@pytest.mark.parametrize("content", ['{"images": []', '{"images": [{}], "annotations": [{"x": 1}]}', "[1, 2]", '{"a": 1}'])
def test_json_of_another_kind_is_a_clear_error(content: str, tmp_path: Path) -> None:
    folder = drawn(tmp_path / "photos", 6)
    (folder / "captions.json").write_text(content)
    with pytest.raises(DataError, match="captions"):
        load(folder)


def test_all_captions_of_a_photo_and_of_its_copies_stay_on_one_side(tmp_path: Path) -> None:
    folder = drawn(tmp_path / "photos")
    for i in range(0, COUNT, 4):
        (folder / f"copy{i}.png").write_bytes((folder / f"{i:03}.png").read_bytes())
    rows = [f"{name},{words} {n}" for n in range(3) for name, words in [
        *((f"{i:03}.png", said_of(i)[1]) for i in range(COUNT)), *((f"copy{i}.png", "a copy") for i in range(0, COUNT, 4))]]
    (folder / "captions.csv").write_text("file,caption\n" + "\n".join(rows))
    data = load(folder)
    parts = [{Path(name).stem.removeprefix("copy").zfill(3) for name in split.where} for split in (data.train, data.valid, data.test)]  # type: ignore[attr-defined]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    photos, texts = data.train.photos()  # type: ignore[attr-defined]
    assert len(photos) == len(set(photos.tolist())) and all(len(each) == 3 for each in texts)


def test_a_batch_is_the_picture_and_its_caption_with_an_end(tmp_path: Path) -> None:
    table(drawn(tmp_path / "photos"))
    train = load(tmp_path / "photos").train
    batch = train.batch(torch.arange(4))
    assert batch["x"].shape == (4, 3, SIDE, SIDE) and batch["x"].dtype == torch.uint8
    assert ((batch["y"] == END).sum(1) == 1).all()
    assert sorted(train.order(0, 1).tolist()) == list(range(len(train)))
    assert not torch.equal(train.order(0, 1), train.order(0, 2))


def test_digits_in_words_are_as_their_sheet_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MNIST, whose place scikit-learn's digits take."""
    monkeypatch.setattr(digit_captions, "SIZES", {"train": 60, "valid": 20, "test": 30})

    def nothing(*words: Any) -> Any:
        raise DataError("a network", "none", "")

    monkeypatch.setattr("lamina.data.catalog.mnist.mnist", nothing)
    data, again = (digit_captions.digit_captions(digit_captions.Config(), seed) for seed in (0, 1))
    assert [len(split) for split in (data.train, data.valid, data.test)] == [60, 20, 30]
    assert data.train.pictures.shape == (110, 3, 64, 64)  # type: ignore[attr-defined]
    assert torch.equal(data.train.pictures, again.train.pictures)  # type: ignore[attr-defined]
    words = {word for text in texts_of(data) for word in text.split()}
    assert words <= {"a", "an", "small", "above", "left", "of", *digit_captions.WORDS}
    assert any(" above " in text for text in texts_of(data)) and any(" left of " in text for text in texts_of(data))


# -- the model ---------------------------------------------------------------------------------------

TOKENS = Tokens(unit="word", names=("<fill>", "<unknown>", "<begin>", "<end>", *"abcde"), length=9)
SPEC = Spec(input=Image(channels=3, height=SIDE, width=SIDE), target=TOKENS)
Y = torch.tensor([[5, 6, 7, END], [8, END, FILL, FILL], [4, 7, END, FILL]], dtype=torch.int32)


def captioner(**words: Any) -> Any:
    rng.reseed(0, 0, "weights")
    make = MODELS["captioner"]
    return make(SPEC, config_of(make)(hidden=8, embedding=8, **words)).eval()


@pytest.mark.parametrize("attention", ["luong", "bahdanau", "none"])
def test_what_is_said_step_by_step_is_what_is_learned_at_once(attention: str) -> None:
    model, x, said = captioner(attention=attention), torch.randn(3, 3, SIDE, SIDE), shifted(Y)
    with torch.no_grad():
        whole = model(x, said)
        memory, state = model.hear(x)
        for t in range(said.shape[1]):
            logits, state = model.decode_step(memory, state, said[:, t])
            held = Y[:, t] != FILL
            torch.testing.assert_close(logits[held], whole[held, t], rtol=1e-4, atol=1e-5)
    if attention != "none":
        torch.testing.assert_close(state["attention"].sum(1), torch.ones(3))


def test_each_part_learns_unless_the_backbone_is_still() -> None:
    for still in (False, True):
        model = captioner(still=still).train()
        model(torch.randn(3, 3, SIDE, SIDE), shifted(Y)).square().sum().backward()
        learned = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
        assert ("pyramid" in learned) != still
        assert learned >= {"place", "decoder"}
        assert model.pyramid.training != still


def test_where_it_looks_follows_the_picture() -> None:
    """Places lie row by row from the top: what is put into one corner of a picture changes the places there, and none far from it."""
    spec = Spec(input=Image(channels=3, height=128, width=128), target=TOKENS)
    model = MODELS["captioner"](spec, config_of(MODELS["captioner"])(hidden=8, embedding=8)).eval()
    x = torch.zeros(1, 3, 128, 128)
    marked = x.clone()
    marked[:, :, 104:, :24] = 3.0
    with torch.no_grad():
        change = (model.hear(marked)[0]["places"] - model.hear(x)[0]["places"]).abs().sum(-1).view(16, 16)
    assert change[12:, :4].max() > 0
    assert change[:8].max() == 0
    assert change[:, 8:].max() == 0


@pytest.mark.parametrize("given", [TOKENS, Image(channels=1, height=4, width=4)])
def test_other_data_are_refused(given: Any) -> None:
    with pytest.raises(UsageError):
        MODELS["captioner"](Spec(input=given, target=TOKENS), config_of(MODELS["captioner"])())


# -- figures -----------------------------------------------------------------------------------------


def plain_cider(said: str, wanted: list[str], all_wanted: list[list[str]]) -> float:
    """CIDEr-D as the paper writes it down, one sum after another."""

    def runs(text: str, n: int) -> Counter[tuple[str, ...]]:
        words = text.split()
        return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))

    total = 0.0
    for one in wanted:
        for n in (1, 2, 3, 4):
            idf = {}
            for run in {*runs(said, n), *runs(one, n)}:
                idf[run] = math.log(len(all_wanted) / max(1, sum(any(run in runs(text, n) for text in texts) for texts in all_wanted)))
            g_said = {run: count * idf[run] for run, count in runs(said, n).items()}
            g_one = {run: count * idf[run] for run, count in runs(one, n).items()}
            size = math.sqrt(sum(v * v for v in g_said.values())) * math.sqrt(sum(v * v for v in g_one.values()))
            dot = sum(min(g_said[run], g_one[run]) * g_one[run] for run in g_said if run in g_one)
            length = len(said.split()) - len(one.split())
            total += 10 / 4 / len(wanted) * math.exp(-length * length / 72) * (dot / size if size else 0.0)
    return total


def test_cider_is_the_papers() -> None:
    wanted = [["a red bus stops here", "the red bus"], ["two dogs run on grass", "dogs run"], ["a man rides a bike"], ["a red bike"]]
    said = ["a red red bus stops", "dogs run on", "a man rides a bike", "the blue car"]
    found = cider(said, wanted)
    assert found == pytest.approx([plain_cider(a, b, wanted) for a, b in zip(said, wanted, strict=True)])
    assert found[2] == pytest.approx(10.0)
    assert found[3] == 0.0


def test_any_of_the_captions_is_right() -> None:
    found = figures(["a red bus stops here now", "x"], [["no words of it", "a red bus stops here now"], ["y"]])
    assert found.metrics["exact"] == 0.5
    assert found.scores.tolist() == pytest.approx([1.0, 0.0])


# -- the verbs ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captions")
    table(drawn(folder / "photos"))
    words = ["epochs=60", "batch=8", "hidden=32", "embedding=32", "dropout=0", "learning_rate=0.005", "threads=1", "precision=f32"]
    result = lamina("train", folder / "photos", *words, "--out", folder / "run")
    assert result.exit_code == 0, (result.output, result.exc_info)
    return folder / "run"


def test_a_tiny_run_says_what_is_in_the_pictures(run: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    assert result["task"] == "caption"
    assert set(result["baselines"]) == {"most frequent", "nearest picture"}
    assert result["test"]["exact"] > result["baselines"]["most frequent"]["metrics"]["exact"]
    assert (run / "report.html").stat().st_size > 1000
    assert (run / "caption-0.jpg").is_file()


def test_a_photo_is_captioned_and_where_it_looked_is_drawn(run: Path, tmp_path: Path) -> None:
    photo = run.parent / "photos" / "000.png"
    result = lamina("predict", run, photo, "beam=2", "--out", tmp_path, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])["predictions"][0]
    assert found["text"] and len(found["looked"]) == len(found["text"].split())
    assert all(0 <= one["x"] <= 1 and 0 <= one["y"] <= 1 for one in found["looked"])
    with pil.open(found["drawn"]) as picture:
        assert picture.width >= 160


def test_evaluate_judges_other_photos_too(run: Path) -> None:
    own, other = (lamina("evaluate", run, *more, "--json") for more in ((), (run.parent / "photos",)))
    told = json.loads((run / "result.json").read_text())["test"]
    assert json.loads(own.stdout.splitlines()[-1])["metrics"]["cider"] == pytest.approx(told["cider"])
    assert json.loads(other.stdout.splitlines()[-1])["rows"] == COUNT


def test_look_tells_what_can_be_asked(run: Path, tmp_path: Path) -> None:
    result = lamina("look", run.parent / "photos", "--out", tmp_path, "--json")
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["kind"] == "pictures with captions"
    assert found["questions"][0]["task"] == "caption"
    assert {one["name"] for one in found["problems"]} >= {"few pictures"}
    assert "a red square" in (tmp_path / "look.html").read_text()


@pytest.mark.parametrize(("words", "said"), [(["nothing.png"], "not"), ([""], "empty"), (["000.png", "--why"], "where they looked")])
def test_bad_input_is_refused(words: list[str], said: str, run: Path) -> None:
    result = lamina("predict", run, *words)
    assert result.exit_code == 2, result.output
    assert said in result.stderr


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = lamina("train", tmp_path / "nothing", "--task", "caption")
    assert result.exit_code == 2
    assert "is not" in result.stderr
