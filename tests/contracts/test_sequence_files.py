"""Texts, pairs and tags as people have them: what is read, what is refused with its place, and that nothing is lost without a word."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lamina.core.data import Data
from lamina.core.errors import DataError, UsageError
from lamina.core.spec import END, FILL, IGNORED, UNKNOWN
from lamina.data import pairs, phrases, word_corpus
from lamina.data.catalog import dates
from lamina.data.corpus_files import Corpus, corpus_at
from lamina.data.pair_files import sides_of
from lamina.data.readers import corpus as corpus_reader
from lamina.data.tokens import Tokenizer, learn
from lamina.data.word_ids import read as read_words
from lamina.verbs.data import load_data
from lamina.verbs.request import Request
from lamina.verbs.setup import prepare

TEXTS = ["the cat sat on the mat", "a dog sat on a log", "schöne Grüße aus Köln", "日本語のテキスト", "emoji 🙂 too"]


def load(path: Path, task: str = "", **words: Any) -> Data:
    return load_data(str(path), words, 0, task)


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def aligned(count: int = 60) -> list[tuple[str, str]]:
    chance = np.random.default_rng(0)
    words = [("ein", "a"), ("Hund", "dog"), ("Haus", "house"), ("rot", "red"), ("sieht", "sees"), ("das", "the")]
    rows = [chance.integers(0, len(words), 7) for _ in range(count)]
    return [(" ".join(words[i][0] for i in row) + f" {n}", " ".join(words[i][1] for i in row) + f" {n}") for n, row in enumerate(rows)]


# -- tokens ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["bpe", "unigram"])
@given(text=st.text(max_size=60))
def test_any_text_is_cut_into_known_tokens_and_comes_back(unit: str, text: str) -> None:
    made = _learned(unit)
    ids = made.encode([text])[0]
    assert UNKNOWN not in ids
    plain = text.encode("utf-8", errors="replace").decode()
    import unicodedata

    assert made.decode(ids.tolist()).strip(" ") == unicodedata.normalize("NFC", plain).strip(" ")


_MADE: dict[str, Tokenizer] = {}


def _learned(unit: Any) -> Tokenizer:
    if unit not in _MADE:
        _MADE[unit] = Tokenizer(learn(TEXTS * 4, unit, 400, 100))
    return _MADE[unit]


@given(text=st.text(alphabet="".join(sorted(set("".join(TEXTS)))), max_size=60))
def test_characters_come_back(text: str) -> None:
    made = _learned("character")
    ids = made.encode([text])[0]
    assert len(ids) == len(text)
    assert made.decode(ids.tolist()) == text


@pytest.mark.parametrize("unit", ["character", "word", "bpe", "unigram"])
def test_a_strange_script_is_no_error_and_an_end_ends(unit: str) -> None:
    made = _learned(unit)
    for text in ("Привет", "שלום עולם", "\ud83d", "", "x" * 1_000_000):
        made.decode(made.encode([text])[0].tolist())
    some = made.encode(["the cat"])[0].tolist()
    assert made.decode([*some, END, *some]) == made.decode(some)


# -- pairs -------------------------------------------------------------------------------------------


def test_two_columns_and_two_files_are_the_same_pairs(tmp_path: Path) -> None:
    rows = aligned()
    table = write(tmp_path / "pairs.tsv", "".join(f"{a}\t{b}\n" for a, b in rows))
    folder = tmp_path / "files"
    folder.mkdir()
    write(folder / "train.de", "\n".join(a for a, _ in rows) + "\n")
    with gzip.open(folder / "train.en.gz", "wt") as file:
        file.write("\n".join(b for _, b in rows) + "\n")
    one, two = load(table, header=False), load(folder)
    assert sorted(one.train.heard.texts + one.valid.heard.texts + one.test.heard.texts) == sorted(a for a, _ in rows)
    assert one.train.heard.texts == two.train.heard.texts
    assert one.test.said.texts == two.test.said.texts
    turned = load(folder, source="en")
    assert sorted(turned.train.said.texts + turned.valid.said.texts + turned.test.said.texts) == sorted(a for a, _ in rows)
    assert load(tmp_path / "files" / "train").train.heard.texts == two.train.heard.texts  # what two names have in common


def test_a_batch_is_what_was_written(tmp_path: Path) -> None:
    data = load(write(tmp_path / "p.tsv", "".join(f"{a}\t{b}\n" for a, b in aligned())), header=False)
    batch = data.train.batch(torch.tensor([3, 0, 7]))
    made = Tokenizer(data.spec.target)
    for row, i in zip(batch["y"], (3, 0, 7), strict=True):
        assert made.decode(row.tolist()) == data.train.said.texts[i]
        assert (row == END).sum() == 1
        assert set(row[row.tolist().index(END) + 1 :].tolist()) <= {FILL}
    assert sorted(data.train.order(0, 0).tolist()) == list(range(len(data.train)))


def test_pairs_that_teach_nothing_are_listed_with_their_place(tmp_path: Path) -> None:
    rows = aligned(100)
    rows[10] = ("Hallo Welt dort", "")
    rows[20] = ("ganz genau das gleiche", "ganz genau das gleiche")
    rows[30] = ("kurz", "a very long answer that has nothing to do with so short a word, not at all")
    data = load(write(tmp_path / "p.tsv", "".join(f"{a}\t{b}\n" for a, b in rows)), header=False)
    refused = {one.reason: one.where for one in data.account.refused}
    assert data.account.used == 97
    assert refused["one side is empty"].endswith("11")
    assert refused["one side is a copy of the other"].endswith("21")
    assert refused["one side is far too long for the other"].endswith("31")


def test_a_row_of_three_columns_in_a_long_table_is_told_by_its_line(tmp_path: Path) -> None:
    rows = [f"{a}\t{b}" for a, b in aligned(6000)]
    rows[5016] += "\tone too many"
    path = write(tmp_path / "p.tsv", "\n".join(rows) + "\n")
    try:
        data = load(path, task="translate", header=False)
    except DataError as error:
        assert "5017" in str(error).replace(",", "")  # noqa: PT017
    else:
        assert any("5017" in one.where.replace(",", "") for one in data.account.refused)


def test_files_of_different_lengths_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "train.de", "eins\nzwei\n")
    write(tmp_path / "train.en", "one\n")
    with pytest.raises(DataError, match=r"2 in `train.de` and 1 in `train.en`"):
        load(tmp_path)


def test_equal_inputs_stay_on_one_side_and_leaks_are_counted(tmp_path: Path) -> None:
    rows = aligned(40)
    twice = [(a, b + " again") for a, b in rows]
    data = load(write(tmp_path / "p.tsv", "".join(f"{a}\t{b}\n" for a, b in rows + twice)), header=False)
    train = set(data.train.heard.texts)
    assert train.isdisjoint(data.test.heard.texts)
    assert train.isdisjoint(data.valid.heard.texts)
    folder = tmp_path / "parts"
    folder.mkdir()
    for part, some in (("train", rows), ("test", rows[:5])):
        for side, language in enumerate(("de", "en")):
            write(folder / f"{part}.{language}", "\n".join(row[side] for row in some) + "\n")
    assert any(line.startswith("5 of the held-out inputs") for line in load(folder).meaning)


def test_the_tokens_are_those_of_the_training_pairs(tmp_path: Path) -> None:
    heard, said = [*("a" * i + " b" for i in range(5, 10)), "zzz"], [*["ccc"] * 5, "yyy"]
    found = pairs.Pairs(heard, said, [str(i) for i in range(6)], np.array(["train"] * 5 + ["test"]))
    spec = pairs.data_of("p", found, pairs.Config(unit="character"), 0).spec
    assert "z" not in spec.input.names
    assert "y" not in spec.target.names


def test_aligned_files_are_found_and_others_are_not(tmp_path: Path) -> None:
    for name in ("train.de", "train.en", "val.de.gz", "val.en.gz", "test_2016_flickr.de", "test_2016_flickr.en", "README.md"):
        write(tmp_path / name, "x\n")
    assert {language: sorted(files) for language, files in sides_of(tmp_path).items()} == {
        "de": ["test", "train", "valid"], "en": ["test", "train", "valid"]}  # fmt: skip
    (tmp_path / "val.en.gz").unlink()
    assert sides_of(tmp_path) == {}


def test_dates_are_right_by_construction() -> None:
    """Read back by the standard library, in the ways of writing that it knows."""
    import datetime

    data = dates.dates(dates.Config(), 0)
    parts = [set(split.said.texts) for split in (data.train, data.valid, data.test)]
    assert [len(part) for part in parts] == [10_000, 1_000, 1_000]
    assert not parts[0] & parts[1] and not parts[0] & parts[2]
    known = 0
    for heard, said in zip(data.test.heard.texts, data.test.said.texts, strict=True):
        for way in ("%d %B %Y", "%B %d, %Y", "%d.%m.%Y", "%Y/%m/%d", "%A, %d %B %Y", "%d-%b-%Y"):
            try:
                moment = datetime.datetime.strptime(heard, way)
            except ValueError:
                continue
            assert moment.date().isoformat() == said
            known += 1
    assert known > 250


# -- long texts --------------------------------------------------------------------------------------


def test_words_are_numbered_as_a_plain_program_would() -> None:
    text = "The cat, the DOG; the cat's\n\n\nÜber über 42 cats\n" * 3
    found = read_words([text[:20], text[20:]] if text[19] in " \n" else [text])
    names = [found.names[i] if i >= 0 else "|" for i in np.concatenate(found.ids)]
    plain = ["the", "cat", "the", "dog", "the", "cat", "s", "|", "über", "über", "cats", "|"] * 3
    assert names == plain
    assert dict(zip(found.names, found.counts.tolist(), strict=True))["the"] == 9


def test_the_table_of_words_grows(monkeypatch: Any) -> None:
    from lamina.data import word_ids

    monkeypatch.setattr(word_ids, "FIRST_SLOTS", 16)
    words = ["".join(chr(97 + (i // 26**k) % 26) for k in range(4)) for i in range(5000)]
    found = read_words([" ".join(words) + "\n", " ".join(words)])
    assert found.names == words
    assert set(found.counts.tolist()) == {2}


def test_rare_words_are_left_out_and_the_most_frequent_come_first() -> None:
    text = "a a a a b b b c c d\n" * 4 + "e\n"
    data = word_corpus.data_of("t", lambda: iter([text]), word_corpus.Config(least=5), "", len(text))
    assert data.spec.input.words == ("a", "b", "c")
    assert data.spec.target.counts == (16, 12, 8)


def test_words_that_belong_together_become_one() -> None:
    chance = np.random.default_rng(0)
    ids, names = list[int](), ["new", "york", *(f"w{i}" for i in range(2000))]
    for _ in range(6000):
        ids += [0, 1] if chance.random() < 0.01 else [int(chance.integers(2, 2002))]
        ids += [-1] if chance.random() < 0.1 else []
    counts = np.bincount([i for i in ids if i >= 0], minlength=2002)
    new, joined, many = phrases.joined(np.array(ids, np.int32), names, counts, 5)
    assert joined[2002:] == ["new_york"]
    assert many[2002] == counts[0]
    assert many[0] == many[1] == 0
    text = " ".join(joined[i] if i >= 0 else "|" for i in new).replace("new_york", "new york")
    assert text == " ".join(names[i] if i >= 0 else "|" for i in ids)


def test_a_text_larger_than_memory_is_read_in_parts(tmp_path: Path, monkeypatch: Any) -> None:
    """The same words and the same numbers, whether they are held in memory or in a mapped file."""
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "cache"))
    chance = np.random.default_rng(0)
    text = "\n".join(" ".join(f"w{'abcdefgh'[i]}" for i in chance.integers(0, 8, 30)) for _ in range(200))
    held = word_corpus.data_of("t", lambda: iter([text]), word_corpus.Config(least=1), "", len(text))
    whole = Corpus([write(tmp_path / "t.txt", text)])
    monkeypatch.setattr(word_corpus, "IN_MEMORY", 1600)
    mapped = word_corpus.data_of("t", whole.chunks, word_corpus.Config(least=1), "", len(text))
    assert isinstance(mapped.train.ids.base if mapped.train.ids.base is not None else mapped.train.ids, np.memmap)
    assert np.array_equal(mapped.train.ids, held.train.ids)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_a_text_is_decoded_whatever_its_encoding(tmp_path: Path, encoding: str) -> None:
    text = "schöne Grüße, " * 20_000
    found = "".join(corpus_at(write(tmp_path / "t.txt", text.encode(encoding))).chunks())
    assert found == text


def test_mixed_encodings_are_told(tmp_path: Path, monkeypatch: Any) -> None:
    told = list[str]()
    monkeypatch.setattr(corpus_reader, "say", told.append)
    path = write(tmp_path / "t.txt", ("Grüße aus Köln\n" * 6000).encode() + "Grüße aus Köln\n".encode("latin-1") * 20)
    load(path, task="write")
    assert len(told) == 1
    assert told[0].startswith("60 characters could not be decoded")  # three in each of the last 20 lines


@pytest.mark.parametrize(("content", "task", "says"), [
    (bytes(range(256)) * 50, "write", "plain text"), (b"", "write", "plain text"), (b"", "embed", "plain text"),
    (b"one line\n", "write", "100 characters"), (b"word word word word word word\n" * 5, "embed", "different words"),
    (b"1 2 3 4\n" * 50, "embed", "words"), (b"a b c\n", "translate", "two columns"),
    (b"word\n" * 40, "tag", "labels"), (b"", "tag", "plain text"),
])  # fmt: skip
def test_texts_that_nothing_can_be_learned_from_are_refused(tmp_path: Path, content: bytes, task: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        load(write(tmp_path / ("t.tsv" if task in ("translate", "tag") else "t.txt"), content), task=task)


def test_a_prompt_is_not_cut_short_and_too_long_a_text_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"{a}\t{b}\n" for a, b in aligned())
    ready = prepare(Request(str(write(tmp_path / "p.tsv", rows)), words={"header": False, "hidden": 8, "embedding": 8, "length": 40}))
    with pytest.raises(DataError, match="at most 40 tokens"):
        ready.task.predict(ready.learner.predictor(), ready.data.spec, ["Hund " * 400])
    with pytest.raises(DataError, match="not empty"):
        ready.task.predict(ready.learner.predictor(), ready.data.spec, [" "])


# -- tags --------------------------------------------------------------------------------------------

CONLL = "".join("The\tDET\nold\tADJ\ndog\tNOUN\nbarks\tVERB\n\n" + f"{name}\tNOUN\nsleeps\tVERB\n\n" for name in "abcdefghij")


@pytest.mark.parametrize("ending", [".conll", ".tsv"])
def test_a_word_a_line_and_a_text_a_line_are_the_same(tmp_path: Path, ending: str) -> None:
    texts = [[row.split("\t") for row in text.split("\n")] for text in CONLL.strip().split("\n\n")]
    lines = "".join(" ".join(w for w, _ in text) + "\t" + " ".join(t for _, t in text) + "\n" for text in texts)
    one = load(write(tmp_path / f"a{ending}", CONLL), task="tag")
    two = load(write(tmp_path / "b.tsv", lines), task="tag")
    assert one.spec == two.spec
    assert one.account.used == two.account.used == 20
    batch = one.train.batch(torch.arange(len(one.train)))
    for words, labels, text in zip(batch["x"], batch["y"], one.train.words.texts, strict=True):
        held = labels != IGNORED
        assert held.sum() == len(text.split()) == (words != FILL).sum()


def test_a_text_with_a_label_too_few_is_refused_by_its_line(tmp_path: Path) -> None:
    data = load(write(tmp_path / "t.tsv", "".join(f"a b{i}\tX Y\n" for i in range(30)) + "a b\tX\n"), task="tag", allow_refused=0.1)
    assert [one.where for one in data.account.refused] == ["t.tsv line 31"]
