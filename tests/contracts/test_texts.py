"""Texts: what words are, splits that leak nothing, padding that never counts, files that lie, and the way from a folder to an answer."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import lamina as lm
from lamina.commands import main
from lamina.core import rng
from lamina.core.data import Data
from lamina.core.errors import DataError, UsageError
from lamina.core.events import Event
from lamina.core.predictor import Predictor
from lamina.core.run import Run
from lamina.core.spec import Classes, Numbers, Spec, Text
from lamina.data import texts
from lamina.data.readers import reader_of
from lamina.data.readers.texts import TextReader
from lamina.data.text_files import decoded
from lamina.data.texts import Config, Labelled, data_of, rows_of
from lamina.data.words import UNKNOWN, words_of
from lamina.methods.supervised import Config as SupervisedConfig
from lamina.methods.supervised import Supervised
from lamina.models.bag import LOUDNESS, Bag
from lamina.models.bag import Config as BagConfig
from lamina.verbs.data import load_data
from lamina.verbs.predict import predict
from lamina.verbs.request import Request
from lamina.verbs.train import Watcher, resume, train

GOOD, BAD = ("fine", "lovely", "moving", "funny"), ("dull", "awful", "boring", "stale")
TWO = Classes(names=("bad", "good"))


def sentences(count: int) -> tuple[list[str], list[str]]:
    """Sentences that a word gives away, half of each class, each different."""
    random = np.random.default_rng(0)
    found, labels = [], []
    for i in range(count):
        word = (GOOD if i % 2 else BAD)[random.integers(4)]
        found.append(f"the {word} film number {i} with {random.choice(['actors', 'music', 'a story'])}")
        labels.append("good" if i % 2 else "bad")
    return found, labels


def made(count: int = 200, **knobs: object) -> Data:
    found, labels = sentences(count)
    y = torch.tensor([TWO.names.index(label) for label in labels])
    return data_of("made", Labelled(found, y, [f"row {i}" for i in range(count)]), TWO, Config(**knobs), 0)


def write_csv(path: Path, found: list[str], labels: list[str]) -> Path:
    path.write_text("review,label\n" + "".join(f'"{text}",{label}\n' for text, label in zip(found, labels, strict=True)))
    return path


def write_folders(path: Path, parts: tuple[str, ...] = ("",), count: int = 60) -> Path:
    found, labels = sentences(count)
    for i, (text, label) in enumerate(zip(found, labels, strict=True)):
        folder = path / parts[i // 2 % len(parts)] / label
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i}.txt").write_text(text)
    return path


# -- words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "words"), [
    ("It wo n't, don't!", ["it", "wo", "n't", "don't", "!"]),
    ("Don’t pay 3.50", ["don't", "pay", "3.50"]),
    ("हिन्दी में", ["हिन्दी", "में"]),
    ("电影很好", ["电", "影", "很", "好"]),
    ("cafe\u0301 Größe", ["café", "größe"]),
    ("Привет, мир", ["привет", "мир"]),
    ("😀 … —", ["😀"]),
])  # fmt: skip
def test_words_of_any_script(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text(alphabet=st.characters(max_codepoint=126, min_codepoint=32)))
def test_the_fast_way_for_ascii_finds_the_same_words(text: str) -> None:
    """A character that is not ASCII, set apart, sends the same text the other way."""
    assert [*words_of(text), "ж"] == words_of(text + " ж")


# -- splits ------------------------------------------------------------------------------------------


def test_only_the_training_texts_make_the_vocabulary() -> None:
    data = made(least=1)
    numbers = {word for word in data.spec.input.words if word.isdecimal()}
    held = {word for split in (data.valid, data.test) for text in split.texts for word in words_of(text) if word.isdecimal()}
    assert len(numbers) == len(data.train)  # each sentence has a number of its own
    assert held
    assert not numbers & held
    assert (data.test.batch(torch.arange(len(data.test)))["x"] == UNKNOWN).any(1).all()


def test_rows_come_back_as_their_words() -> None:
    data = made()
    words = ("", "?", *data.spec.input.words)
    x = data.train.batch(torch.arange(len(data.train)))["x"]
    for row, text in zip(x, data.train.texts, strict=True):
        assert all(words[i] in (word, "?") for i, word in zip(row[row > 0].tolist(), words_of(text), strict=True))


def test_the_order_holds_every_row_once_and_is_seeded() -> None:
    data = made(300)
    order = data.train.order(1, 2)
    assert sorted(order.tolist()) == list(range(len(data.train)))
    assert torch.equal(order, data.train.order(1, 2))
    assert not torch.equal(order, data.train.order(1, 3))


def test_batches_are_of_about_one_length() -> None:
    random = np.random.default_rng(0)
    found = [" ".join(["word"] * n) + f" {i}" for i, n in enumerate(random.integers(1, 400, 2000).tolist())]
    split = rows_of(Spec(input=Text(words=("word",), length=500), target=TWO), found, torch.zeros(2000, dtype=torch.int64))

    def filled(order: torch.Tensor) -> float:
        parts = [split.batch(part)["x"] for part in order.split(64)]
        return sum(int((x > 0).sum()) for x in parts) / sum(x.numel() for x in parts)

    assert filled(split.order(0, 0)) > 0.9
    assert filled(torch.arange(2000)) < 0.6  # negative control


def test_equal_texts_stay_on_one_side() -> None:
    found, labels = sentences(100)
    y = torch.tensor([TWO.names.index(label) for label in labels]).repeat(2)
    shouted = [text.upper() + "." for text in found]
    data = data_of("twice", Labelled(found + shouted, y, [str(i % 100) for i in range(200)]), TWO, Config(), 0)
    sides = [set(split.where) for split in (data.train, data.valid, data.test)]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 100
    assert any("100 texts are there again" in line for line in data.meaning)


def test_groups_and_equal_texts_hold_together_in_turn() -> None:
    found = ["a b", "a b", "c d", "e f", "g h"]
    words = texts.read(found, 10)
    kin = texts.together(words, ["x", "y", "y", "z", None])
    assert kin[0] == kin[1] == kin[2]
    assert len({kin[0], kin[3], kin[4]}) == 3


def test_a_leak_that_the_files_have_is_said() -> None:
    found, labels = sentences(40)
    y = torch.tensor([TWO.names.index(label) for label in labels])
    parts = np.array(["train"] * 40 + ["test"] * 4)
    data = data_of("leak", Labelled(found + found[:4], torch.cat([y, y[:4]]), [str(i) for i in range(44)], parts), TWO, Config(), 0)
    assert len(data.test) == 4
    assert any("4 of the held-out texts are in the training part" in line for line in data.meaning)


# -- the bag -----------------------------------------------------------------------------------------


def bag(**knobs: object) -> tuple[Predictor, Spec]:
    spec = Spec(input=Text(words=("a", "b", "c", "d"), length=20), target=TWO)
    rng.reseed(0, 0, "weights")
    net = Bag(spec, BagConfig(buckets=64, **knobs))
    torch.nn.init.normal_(net.table.weight)
    return Predictor(net, torch.device("cpu")), spec


@given(st.lists(st.lists(st.integers(1, 5), max_size=8), min_size=1, max_size=5), st.integers(0, 6))
def test_padding_never_counts(rows: list[list[int]], more: int) -> None:
    predictor, _ = bag()
    width = max(map(len, rows)) + 1
    x = torch.tensor([row + [0] * (width - len(row)) for row in rows], dtype=torch.int32)
    wide = torch.cat([x, torch.zeros(len(rows), more, dtype=torch.int32)], 1)
    torch.testing.assert_close(predictor(wide), predictor(x))
    alone = torch.cat([predictor(torch.tensor([row or [0]], dtype=torch.int32)) for row in rows])
    torch.testing.assert_close(alone, predictor(x))


def test_pairs_tell_orders_apart_and_words_alone_do_not() -> None:
    x = torch.tensor([[2, 3, 4], [4, 3, 2]], dtype=torch.int32)
    with_pairs, _ = bag()
    assert not torch.allclose(with_pairs(x)[0], with_pairs(x)[1])
    words = Bag(Spec(input=Text(words=("a", "b", "c"), length=3), target=TWO), BagConfig(buckets=0))
    torch.testing.assert_close(words.eval()(x)[0], words(x)[1])


def prepared(found: list[str], y: torch.Tensor, spec: Spec, **knobs: object) -> Bag:
    method = Supervised(spec, SupervisedConfig(batch=2), rows_of(spec, found, y))
    model = method.wrap(Bag(spec, BagConfig(**knobs)), spec)
    method.prepare(model)
    return model.net


def test_what_a_word_weighs_by_hand() -> None:
    """Rarity and log-count ratio of each word: texts of a class that hold it and one more, over their sum."""
    spec = Spec(input=Text(words=("a", "b", "c"), length=3), target=TWO)
    net = prepared(["a", "a a", "b", "a b", "c"], torch.tensor([0, 0, 1, 1, 1]), spec, buckets=0, ratio=1)
    counts = torch.tensor([3.0, 2])  # texts with `a` and `b`; `c` is in one alone
    torch.testing.assert_close(net.rarity, torch.cat([torch.zeros(2), 1 + (6 / (1 + counts)).log(), torch.zeros(1)]))
    held = torch.tensor([[1.0, 1], [1, 1], [3, 2], [1, 3], [1, 2]])  # fill, unknown, a, b, c
    torch.testing.assert_close(net.pull, ((held[:, 1] / 9).log() - (held[:, 0] / 7).log()).abs())


def test_its_features_are_those_of_scikit_learn() -> None:
    """With words alone and every class alike, a text is its TF-IDF vector, `LOUDNESS` long."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    found = [text.split(" number ")[0] + text[-8:] for text in sentences(40)[0]]  # no word is unknown
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2, token_pattern=r"\S+")
    wanted = torch.from_numpy(vectorizer.fit_transform(found).toarray())
    spec = Spec(input=Text(words=tuple(vectorizer.get_feature_names_out()), length=20), target=TWO)
    net = prepared(found, torch.arange(40) % 2, spec, buckets=0, ratio=0)
    seen = torch.randn(wanted.shape[1], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        net.table.weight[2:, 0] = seen
    x = rows_of(spec, found, torch.zeros(40)).batch(torch.arange(40))["x"]
    torch.testing.assert_close(net(x)[:, 0], LOUDNESS * wanted.float() @ seen)


def test_pieces_are_shared_by_words_that_are_alike() -> None:
    spec = Spec(input=Text(words=("wonder", "wonderful", "dull"), length=3), target=TWO)
    net = Bag(spec, BagConfig(piece=5, buckets=1 << 16))
    one, other, third = (set(net.features(torch.tensor([[word]]))[1].tolist()) for word in (2, 3, 4))
    assert len(one & other) == len({"<wond", "wonde", "onder"})
    assert not one & third


def test_mixing_texts_is_refused() -> None:
    data = made()
    with pytest.raises(UsageError, match="mixup"):
        Supervised(data.spec, SupervisedConfig(mixup=0.2), data.train)


# -- files -------------------------------------------------------------------------------------------


def test_a_table_of_reviews_is_texts_and_one_of_numbers_is_not(tmp_path: Path) -> None:
    reviews = write_csv(tmp_path / "reviews.csv", *sentences(60))
    rows = "".join(f"a small house near the old town {i},{i % 5},{i * 3}\n" for i in range(60))
    (tmp_path / "houses.csv").write_text(f"note,rooms,price\n{rows}")
    assert reader_of(reviews) is TextReader
    assert reader_of(tmp_path / "houses.csv") is not TextReader


def test_a_table_becomes_parts_that_are_said(tmp_path: Path) -> None:
    data = load_data(str(write_csv(tmp_path / "reviews.csv", *sentences(100))), {}, 0)
    assert data.spec.target == TWO
    assert data.spec.input.column == "review"
    assert (data.account.used, data.account.refused) == (100, ())
    assert any("`review`: the texts" in line for line in data.meaning)
    assert any("`label`: what is to be predicted" in line for line in data.meaning)
    assert data.train.where[0].startswith("reviews.csv:")


def test_train_dev_and_test_tables_are_taken_as_named(tmp_path: Path) -> None:
    found, labels = sentences(100)
    for part, rows in {"train": range(60), "dev": range(60, 80), "test": range(80, 100)}.items():
        (tmp_path / f"{part}.tsv").write_text("".join(f"{found[i]}\t{labels[i]}\n" for i in rows))
    data = load_data(str(tmp_path), {}, 0)
    assert [len(split) for split in (data.train, data.valid, data.test)] == [60, 20, 20]
    assert data.test.texts == tuple(found[80:])


def test_the_only_held_out_table_is_the_test(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", *(one[:80] for one in sentences(100)))
    write_csv(tmp_path / "dev.csv", *(one[80:] for one in sentences(100)))
    data = load_data(str(tmp_path), {}, 0)
    assert len(data.test) == 20
    assert len(data.train) + len(data.valid) == 80


def test_rows_without_text_or_answer_are_counted_and_past_the_limit_refused(tmp_path: Path) -> None:
    found, labels = sentences(100)
    found[3], labels[5], found[7] = "", "", "..."
    path = write_csv(tmp_path / "reviews.csv", found, labels)
    data = load_data(str(path), {}, 0)
    assert data.account.used == 97
    assert {refusal.where for refusal in data.account.refused} == {f"reviews.csv:{line}" for line in (5, 7, 9)}
    with pytest.raises(DataError, match="refused"):
        load_data(str(path), {"allow_refused": 0.01}, 0)


def test_numbers_are_predicted_from_texts(tmp_path: Path) -> None:
    found, _ = sentences(100)
    path = tmp_path / "stars.csv"
    path.write_text("text,stars\n" + "".join(f"{text},{i * 0.37:.2f}\n" for i, text in enumerate(found)))
    data = load_data(str(path), {}, 0)
    assert isinstance(data.spec.target, Numbers)
    assert data.train.batch(torch.arange(2))["y"].shape == (2, 1)


def test_folders_are_classes_and_parts(tmp_path: Path) -> None:
    data = load_data(str(write_folders(tmp_path / "mail", ("train", "test"))), {}, 0)
    assert data.spec.target == TWO
    assert len(data.test) == 30
    assert all(name.startswith("test/") for name in data.test.where)


def test_files_that_are_no_texts_are_refused_and_counted(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "mail")
    (folder / "good" / "empty.txt").write_text("")
    (folder / "good" / "binary.txt").write_bytes(bytes(range(256)) * 4)
    (folder / "good" / "half.txt").write_bytes(b"\xff\xfea")
    (folder / "good" / "latin.txt").write_bytes("schön und gut".encode("latin-1"))
    (tmp_path / "secret.txt").write_text("outside of the folder")
    (folder / "good" / "link.txt").symlink_to(tmp_path / "secret.txt")
    data = load_data(str(folder), {"allow_refused": 0.2}, 0)
    assert {refusal.where for refusal in data.account.refused} == {f"good/{name}.txt" for name in ("empty", "binary", "half", "link")}
    assert any("cp1252" in line for line in data.meaning)
    assert not any("outside" in text for split in (data.train, data.valid, data.test) for text in split.texts)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_encodings(encoding: str) -> None:
    assert decoded("Grüße an alle".encode(encoding))[0] == "Grüße an alle"


def test_html_is_taken_out_and_said(tmp_path: Path) -> None:
    found, labels = sentences(60)
    data = load_data(str(write_csv(tmp_path / "r.csv", [text.replace(" film", "<br />film") for text in found], labels)), {}, 0)
    assert "br" not in data.spec.input.words
    assert "film" in data.spec.input.words
    assert any("HTML tags in 60 texts" in line for line in data.meaning)


@pytest.mark.parametrize("names", [("good",), ()])
def test_less_than_two_classes_are_no_question(tmp_path: Path, names: tuple[str, ...]) -> None:
    (tmp_path / "notes.txt").write_text("a note")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("one text")
    with pytest.raises(DataError, match="at least two classes"):
        load_data(str(tmp_path), {}, 0)


# -- from texts to answers ---------------------------------------------------------------------------


def test_trained_on_a_table_it_answers_words_files_and_tables(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "reviews.csv", *sentences(200))
    outcome = train(Request(str(path), words={"buckets": 1024, "threads": 1}, out=tmp_path / "run"))
    assert outcome.test.metrics["accuracy"] == 1
    assert list(outcome.baselines) == ["most frequent", "naive Bayes", "TF-IDF + logistic regression"]
    (tmp_path / "note.txt").write_text("a lovely and funny film")
    (tmp_path / "new.csv").write_text("id,review\n1,awful music\n2,fine actors\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.txt").write_text("stale and dull")
    words = ["an awful film", str(tmp_path / "note.txt"), str(tmp_path / "new.csv"), str(tmp_path / "more")]
    answers = predict(tmp_path / "run", words)
    assert [one.prediction.label for one in answers] == ["bad", "good", "bad", "good", "bad"]
    with pytest.raises(DataError, match="a word in it"):
        predict(tmp_path / "run", ["..."])


def test_strings_from_python() -> None:
    found, labels = sentences(200)
    model = lm.Model("bag", buckets=1024).fit(found, labels, quiet=True)
    assert model.predict("a lovely film").label == "good"
    assert [one.label for one in model.predict(["dull music", "moving music"])] == ["bad", "good"]
    assert model.predict_proba(found[:3]).shape == (3, 2)
    assert model.evaluate(found, labels)["accuracy"] == 1


def test_weights_of_texts_are_refused_and_not_dropped() -> None:
    found, labels = sentences(60)
    with pytest.raises(UsageError, match="sample_weight"):
        lm.Model("bag").fit(found, labels, sample_weight=np.ones(60), quiet=True)


def test_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    path = str(write_csv(tmp_path / "r.csv", *sentences(120)))
    knobs = {"buckets": 256, "threads": 1, "epochs": 4, "patience": 0, "log_every": 1}
    train(Request(path, words=knobs, out=tmp_path / "whole"))
    judged: list[Event] = []

    def stop(event: Event) -> None:
        if event.kind == "valid":
            judged.append(event)
        if len(judged) > 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Request(path, words=knobs, out=tmp_path / "halted"), Watcher(event=stop))
    assert Run.open(tmp_path / "halted").pointer("last") is not None
    resume(tmp_path / "halted")
    told = [[(e.step, e.kind, e.values) for e in Run(tmp_path / name).told()] for name in ("whole", "halted")]
    assert told[0] == told[1]


@pytest.mark.parametrize(("make", "said"), [
    (lambda f: f.mkdir(), "none of them"),
    (lambda f: write_folders(f.parent / "one").joinpath("good").rename(f), "at least two classes"),
    (lambda f: [(f / k).mkdir(parents=True) or (f / k / "a.txt").write_bytes(bytes(range(256))) for k in "ab"], "a.txt"),
    (lambda f: [(f / k).mkdir(parents=True) or (f / k / "a.txt").write_text("") for k in "ab"], "a.txt"),
    (lambda f: [(f / k).mkdir(parents=True) or (f / k / "a.txt").write_text("one text") for k in "ab"], "rows"),
    (lambda f: f.write_text("a lonely text of a few words"), "2 different words"),
], ids=["nothing", "one class", "bytes", "empty files", "two texts", "one file"])  # fmt: skip
@pytest.mark.parametrize("verb", ["train", "look"])
def test_what_cannot_be_learned_from_is_said_in_one_line(make: Callable[[Path], object], said: str, verb: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt" if said == "2 different words" else tmp_path / "mine"
    make(path)
    found = CliRunner().invoke(main, [verb, str(path)])
    assert found.exit_code == 2, found.output
    assert said in found.stderr
    assert found.stderr.splitlines()[-1].startswith("lamina: expected ")


def test_reasons_and_other_texts_by_the_command_line(tmp_path: Path) -> None:
    path, run = write_csv(tmp_path / "r.csv", *sentences(120)), str(tmp_path / "run")
    for words in (["train", str(path), "--out", run, "buckets=256", "threads=1"], ["predict", run, "an awful film", "--why"],
                  ["evaluate", run, str(write_csv(tmp_path / "other.csv", *sentences(40)))]):  # fmt: skip
        found = CliRunner().invoke(main, words)
        assert found.exit_code == 0, found.output
    assert "accuracy" in found.output


@pytest.mark.slow
def test_sst2_is_read_as_it_is_meant(shared_data: Path) -> None:
    data = load_data(str(shared_data / "sst2"), {}, 0)
    assert [len(split) for split in (data.train, data.valid, data.test)] == [6920, 872, 1821]
    assert data.spec.target == Classes(names=("0", "1"))
