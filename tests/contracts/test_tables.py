"""A person's own tables: what is read and how it is understood, what is refused and where, splits that do not leak, single rows."""

import gzip
import io
import json
import lzma
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina as lm
from lamina.commands import main
from lamina.core.data import Data
from lamina.core.errors import DataError, UsageError
from lamina.core.spec import Classes, Column, Numbers, Spec, Table
from lamina.data import csv_text
from lamina.data.arrays import ArraySplit
from lamina.data.columns import encoded, learned, meaning
from lamina.data.inputs import read_all
from lamina.data.readers import reader_of
from lamina.data.readers.table import Config, TableReader
from lamina.data.table_files import open_sheet

QUICK = {"epochs": 2, "threads": 1, "patience": 0, "members": 2, "hidden": "8"}


def houses(rows: int = 60, seed: int = 0) -> pl.DataFrame:
    """A table of every kind of column, with gaps; `price` follows from rooms, town and day."""
    random = np.random.default_rng(seed)
    rooms, town = random.integers(1, 7, rows), random.choice(["Oslo", "Rome", "Bath"], rows)
    days = random.integers(10_000, 19_000, rows)
    price = 50.0 * rooms + 100 * (town == "Oslo") + days / 100 + random.normal(0, 1, rows)
    return pl.DataFrame({
        "id": np.arange(rows), "rooms": rooms, "town": [None if i % 11 == 0 else t for i, t in enumerate(town)],
        "sold": pl.Series(days.tolist()).cast(pl.Int32).cast(pl.Date), "size": random.normal(100, 20, rows).round(3).tolist(),
        "country": ["here"] * rows, "price": price.round(2).tolist(),
    })  # fmt: skip


def write(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(path: Path, seed: int = 0, **knobs: Any) -> Data:
    return TableReader(path, Config(**knobs)).data(seed)


def splits(data: Data) -> dict[str, ArraySplit]:
    found = {"train": data.train, "valid": data.valid, "test": data.test}
    assert all(isinstance(split, ArraySplit) for split in found.values())
    return found  # type: ignore[return-value]


def by_place(data: Data) -> tuple[list[str], torch.Tensor, torch.Tensor]:
    """Every row of the splits, in the order of its line."""
    parts = list(splits(data).values())
    where = [place for part in parts for place in part.where]
    order = sorted(range(len(where)), key=lambda i: int(where[i].rpartition(":")[2]))
    x, y = torch.cat([part.x for part in parts]), torch.cat([part.y for part in parts])
    return [where[i] for i in order], x[order], y[order]


def said(data: Data, *words: str) -> None:
    text = "\n".join(data.meaning)
    for word in words:
        assert word in text


def simple(rows: int = 40, separator: str = ",", decimal: str = ".") -> str:
    lines = [separator.join(["a", "b", "y"])]
    lines += [separator.join([f"{i}{decimal}5", f"w{i % 3}", "yes" if i % 2 else "no"]) for i in range(rows)]
    return "\n".join(lines) + "\n"


# -- what a column is taken to mean -----------------------------------------------------------------


def test_every_column_is_understood_and_said(tmp_path: Path) -> None:
    houses(200).write_csv(tmp_path / "houses.csv")
    data = read(tmp_path / "houses.csv")
    assert isinstance(data.spec.input, Table)
    kinds = [(c.name, c.kind, c.part) for c in data.spec.input.columns]
    assert kinds == [("rooms", "number", ""), ("town", "category", ""), ("sold", "date", ""), ("sold", "number", "day of year"),
                     ("sold", "number", "weekday"), ("size", "number", "")]  # fmt: skip
    assert data.spec.target == Numbers(names=("price",))
    assert data.spec.input.columns[1].categories == ("Bath", "Oslo", "Rome")
    said(data, "`price`: what is to be predicted, a number", "by its name", "`id`: different in every row, an identifier: left out",
         "`rooms`: 6 different whole numbers, taken as a number", "`town`: 3 words, a category; 19 missing", "`sold`: dates",
         "`country`: `here` in every row: left out")  # fmt: skip
    assert len(data.fingerprint) == 64


def test_cells_arrive_as_they_were_written(tmp_path: Path) -> None:
    frame = houses(120)
    frame.write_csv(tmp_path / "houses.csv")
    data = read(tmp_path / "houses.csv")
    where, x, y = by_place(data)
    assert where == [f"houses.csv:{line}" for line in range(2, 122)]
    assert torch.equal(y[:, 0], torch.tensor(frame["price"].to_list()))
    assert torch.equal(x[:, 0], torch.tensor(frame["rooms"].to_list()).float())
    places = {None: 0.0, "Bath": 1.0, "Oslo": 2.0, "Rome": 3.0}
    assert x[:, 1].tolist() == [places[town] for town in frame["town"]]
    assert x[:, 2].tolist() == frame["sold"].cast(pl.Int32).to_list()
    assert x[:, 3].tolist() == frame["sold"].dt.ordinal_day().to_list()
    assert x[:, 4].tolist() == frame["sold"].dt.weekday().to_list()


MEANINGS: dict[str, tuple[list[str | None], str, str]] = {
    "few whole numbers": (["4", "6", "8"] * 10, "number", "3 different whole numbers"),
    "floats": ([f"{i / 7:.3f}" for i in range(30)], "number", "numbers from"),
    "decimal commas": ([f"{i},5" for i in range(30)], "number", "decimal commas"),
    "exponents": ([f"{i}e-3" for i in range(30)], "number", "numbers from"),
    "a few strange cells": ([*(str(i * 3 % 88) for i in range(29)), "x"], "number", "1 not of that kind, as `x`"),
    "words": (["red", "blue"] * 15, "category", "2 words, a category"),
    "flags": (["true", "false"] * 15, "category", "2 words"),
    "days": ([f"2020-01-{d:02}" for d in range(1, 31)], "date", "dates"),
    "German days": ([f"{d}.01.2020" for d in range(1, 31)], "date", "day.month.year"),
    "American days": ([f"01/{d}/2020" for d in range(1, 31)], "date", "month/day/year"),
    "moments": ([f"2020-01-{d:02}T12:30:00" for d in range(1, 31)], "date", "dates"),
    "row numbers": ([str(i) for i in range(1, 31)], "left out", "an identifier"),
    "codes": ([f"c{i}" for i in range(30)], "left out", "an identifier"),
    "sentences": ([f"this is a fine text number {i % 29}" for i in range(30)], "left out", "free text"),
    "constant": (["k"] * 30, "left out", "in every row"),
    "nothing": ([None] * 30, "left out", "nothing in it"),
    "thousands": ([f"1,{i},567" for i in range(100, 130)], "left out", "marks of thousands"),
}


@pytest.mark.parametrize("case", MEANINGS)
def test_a_column_is_taken_for_what_it_is(case: str) -> None:
    cells, kind, words = MEANINGS[case]
    found = meaning("it", pl.Series("it", cells, pl.String))
    assert (found.kind, words in found.line) == (kind, True), found.line
    assert found.missing == sum(cell is None for cell in cells)


def test_a_person_overrules(tmp_path: Path) -> None:
    houses(100).write_csv(tmp_path / "t.csv")
    data = read(tmp_path / "t.csv", as_category=("rooms",), as_number=("id",), drop=("sold", "town"))
    assert isinstance(data.spec.input, Table)
    assert [(c.name, c.kind) for c in data.spec.input.columns] == [("id", "number"), ("rooms", "category"), ("size", "number")]
    for knob in ("as_category", "as_number", "drop"):
        with pytest.raises(UsageError, match="romms"):
            read(tmp_path / "t.csv", **{knob: ("romms",)})


def test_words_are_learned_from_the_training_rows_alone(tmp_path: Path) -> None:
    frame = houses(60).with_columns(pl.Series("town", [f"town {i // 2}" if i < 40 else "Oslo" for i in range(60)]))
    frame.write_csv(tmp_path / "t.csv")
    data = read(tmp_path / "t.csv", as_category=("town",))
    assert isinstance(data.spec.input, Table)
    place = data.spec.input.names.index("town")
    known = data.spec.input.columns[place].categories
    train = [frame["town"][int(w.rpartition(":")[2]) - 2] for w in splits(data)["train"].where]
    assert set(known) == {word for word in train if train.count(word) >= 2}
    held = splits(data)["test"]
    assert [bool(x) for x in held.x[:, place]] == [frame["town"][int(w.rpartition(":")[2]) - 2] in known for w in held.where]


# -- the question ----------------------------------------------------------------------------------


def test_the_target_is_found_by_name_else_the_last(tmp_path: Path) -> None:
    said(read(write(tmp_path, simple())), "`y`: what is to be predicted, 2 classes, by its name")
    said(read(write(tmp_path, simple().replace("y\n", "z\n", 1))), "`z`: what is to be predicted, 2 classes, as the last column")
    assert read(write(tmp_path, simple()), target="a").spec.target == Numbers(names=("a",))


def test_whole_numbers_are_classes_and_keep_their_order(tmp_path: Path) -> None:
    rows = "".join(f"{i * 7 % 13},{[2, 10, 1][i % 3]}.0\n" for i in range(60))
    data = read(write(tmp_path, "a,y\n" + rows))
    assert data.spec.target == Classes(names=("1", "2", "10"))
    assert isinstance(read(write(tmp_path, "a,y\n" + rows), question="number").spec.target, Numbers)


def test_a_number_is_cut_into_ordered_classes(tmp_path: Path) -> None:
    path = write(tmp_path, "a,y\n" + "".join(f"{i * 37 % 101},{i}\n" for i in range(99)))
    data = read(path, question="ordered_classes")
    assert isinstance(data.spec.target, Classes)
    assert data.spec.target.names == ("below 32.67", "32.67 to 65.33", "65.33 or more")
    _, _, y = by_place(data)
    assert y.tolist() == [(i > 32) + (i > 65) for i in range(99)]
    again = TableReader(path, Config(target="y")).rows(data.spec)
    assert again.y.tolist() == y.tolist()


# -- files -----------------------------------------------------------------------------------------


def same(a: Data, b: Data) -> None:
    assert a.spec == b.spec
    for mine, its in zip(splits(a).values(), splits(b).values(), strict=True):
        assert torch.equal(mine.x.nan_to_num(-1), its.x.nan_to_num(-1))
        assert torch.equal(mine.y, its.y)


@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", ".")])
def test_separators_and_decimal_commas(separator: str, decimal: str, tmp_path: Path) -> None:
    wanted = read(write(tmp_path, simple(), "a.csv"))
    found = read(write(tmp_path, simple(separator=separator, decimal=decimal), "b.csv"))
    same(found, wanted)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    text = simple(60).replace("w0", "Møre").replace("w1", "Besançon")
    path = write(tmp_path, text.encode(encoding))
    data = read(path)
    assert isinstance(data.spec.input, Table)
    assert data.spec.input.columns[1].categories == ("Besançon", "Møre", "w2")
    if encoding in ("cp1252", "latin-1"):
        said(data, "its text is read as cp1252, which is a guess")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends_and_lines_inside_quotes(ends: str, tmp_path: Path) -> None:
    text = simple().replace("5.5,w2,yes", '5.5,"w2",yes').replace("6.5,w0,no", '6.5,"of\ntwo ""lines""",no').replace("\n", ends)
    where, x, _ = by_place(read(write(tmp_path, text)))
    assert x[:, 0].tolist() == [i + 0.5 for i in range(40)]
    assert where[6:9] == ["t.csv:8", "t.csv:10", "t.csv:11"]


def packed(kind: str, content: bytes) -> bytes:
    if kind == "zip":
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            archive.writestr("t.csv", content)
        return held.getvalue()
    return (gzip if kind == "gz" else lzma).compress(content)


@pytest.mark.parametrize("kind", ["gz", "xz", "zip"])
def test_packed_files(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path, packed(kind, simple().encode()), f"t.csv.{kind}")
    same(read(path), read(write(tmp_path, simple(), "t.csv")))
    damaged = write(tmp_path, path.read_bytes()[:60], f"d.csv.{kind}")
    with pytest.raises(DataError, match="unpacked"):
        read(damaged)


@pytest.mark.parametrize("kind", ["gz", "xz", "zip"])
def test_a_bomb_is_not_unpacked(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "MOST_BYTES", 1 << 21)
    path = write(tmp_path, packed(kind, simple().encode() + b"1,w1,yes\n" * 400_000), f"t.csv.{kind}")
    with pytest.raises(DataError, match=r"at most 2 MB of text.*more in `t\.csv"):
        read(path)


def test_formats_that_know_types_mean_the_same(tmp_path: Path) -> None:
    frame = houses(80)
    frame.write_csv(tmp_path / "t.csv")
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_excel(tmp_path / "t.xlsx")
    frame.with_columns(pl.col("sold").cast(pl.String)).write_ndjson(tmp_path / "t.jsonl")
    (tmp_path / "list.json").write_text(json.dumps(frame.with_columns(pl.col("sold").cast(pl.String)).to_dicts()))
    wanted = read(tmp_path / "t.csv")
    for name in ("t.parquet", "t.jsonl", "list.json", "t.xlsx"):
        pytest.importorskip("fastexcel") if name == "t.xlsx" else None
        same(read(tmp_path / name), wanted)


def test_excel_without_its_package_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fastexcel", None)
    with pytest.raises(UsageError, match=r"fastexcel.*pip install 'lamina\[tables\]'"):
        open_sheet(write(tmp_path, b"PK", "t.xlsx"))


@pytest.mark.parametrize("name", ["t.parquet", "t.xlsx", "t.json"])
def test_rubbish_in_files_of_other_formats(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`" + name):
        read(write(tmp_path, b"rubbish", name))


CELLS = st.one_of(st.none(), st.floats(-1e6, 1e6, width=32), st.integers(-1000, 1000))
WORDS = st.one_of(st.none(), st.text("abé ,;\"\n'|é漢", min_size=1, max_size=6).filter(lambda w: w.strip() == w))


@settings(max_examples=25)
@given(st.lists(st.tuples(CELLS, WORDS), min_size=12, max_size=30), st.sampled_from([",", ";", "\t", "|"]))
def test_a_table_written_by_polars_means_the_same_when_it_is_read(rows: list[tuple[Any, Any]], separator: str) -> None:
    numbers = [None if n is None else float(n) for n, _ in rows]
    words = [w for _, w in rows]
    answers = [float(i) for i in range(len(rows))]
    frame = pl.DataFrame({"n": numbers, "w": words, "y": answers}, schema={"n": pl.Float64, "w": pl.String, "y": pl.Float64})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        frame.write_csv(path, separator=separator, quote_style="non_numeric")
        sheet = open_sheet(path, header=True)
    assert sheet.refused == ()
    assert sheet.frame.columns == ["n", "w", "y"]
    table = Table(columns=(Column(name="n"), Column(name="w", kind="category", categories=tuple(sorted({w for w in words if w})))))
    x = encoded(sheet.frame.select(pl.when(pl.all() == "").then(None).otherwise(pl.all()).name.keep()), table, sheet.where())
    wanted = np.array([np.nan if n is None else n for n in numbers], np.float32)
    assert np.array_equal(x[:, 0].numpy(), wanted, equal_nan=True)
    assert [None if i == 0 else table.columns[1].categories[int(i) - 1] for i in x[:, 1]] == words


# -- what is refused, and where --------------------------------------------------------------------


def many(text: Callable[[int], str], rows: int = 40) -> str:
    return "a,b,y\n" + "".join(text(i) + "\n" for i in range(rows))


BAD: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "empty": (b"", ("`t.csv`, which is empty",)),
    "blank": (b"\n\n  \n", ("which is empty",)),
    "a header alone": ("a,b,y\n", ("rows below the header", "t.csv")),
    "few rows": ("a,b,y\n1,2,yes\n3,4,no\n", ("at least 10 rows", "`2`")),
    "no text": (b"\x89PNG\0\0\1" + bytes(range(256)) * 40, ("t.csv",)),
    "a zero byte": ("a,b,y\n" + "1,2,3\n" * 1000 + "1,\0,3\n", ("a zero byte in line 1002",)),
    "an open quote": (many(lambda i: f'{i},"w,yes' if i == 20 else f"{i},w{i % 3},yes"), ("quotes that are closed", "line 22 of `t.csv`")),
    "ragged rows": (many(lambda i: f"{i},w{i % 3},{i % 2}" + ",more" * (i % 3 == 0)), ("at most 5%", "not the 3 cells", "t.csv:2")),
    "half of the targets missing": (many(lambda i: f"{i},w{i % 3}," + ("yes" if i % 4 == 1 else "no" if i % 4 == 3 else "")),
                                    ("20 of 40", "its target is missing: 20", "t.csv:2", "--allow-refused 0.5")),
    "no targets": (many(lambda i: f"{i},w{i % 3},"), ("answers in the target column", "`y`")),
    "one class": (many(lambda i: f"{i},w{i % 3},yes"), ("at least two classes in `y`", "`yes`")),
    "one number": (many(lambda i: f"{i},w{i % 3},1.5"), ("different numbers in `y`", "`1.5`")),
    "a million classes": ("a,y\n" + "".join(f"{i % 7},c{i}\n" for i in range(20_000)), ("at most 1000 classes", "20000 different words")),
    "as many classes as rows": (many(lambda i: f"{i},w{i % 3},c{i}"), ("40 different words in 40 rows",)),
    "a target of numbers and words": (many(lambda i: f"{i},w{i % 3}," + (f"{i}.5" if i % 8 else "much")),
                                      ("missing or no number: 5", "t.csv:2")),
    "a target that numbers the rows": ("a,b,id\n" + "".join(f"{i % 7}.5,w{i % 3},{i}\n" for i in range(40)),
                                       ("only tell the rows apart", "`id`")),
    "nothing to learn from": (many(lambda i: f"k,{i},{'yes' if i % 2 else 'no'}"), ("columns to learn from",)),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_learned_from_is_refused_with_file_and_row(case: str, tmp_path: Path) -> None:
    text, words = BAD[case]
    path = write(tmp_path, text)
    done = CliRunner().invoke(main, ["train", str(path), "--out", str(tmp_path / "run")])
    assert done.exit_code == 2, (done.output, done.exc_info)
    line = done.stderr.splitlines()[-1]
    assert line.startswith("lamina: expected ")
    for word in words:
        assert word in line
    assert not (tmp_path / "run").exists()


def test_negative_control_the_same_table_without_faults_is_read(tmp_path: Path) -> None:
    assert read(write(tmp_path, simple())).account.refused == ()


def test_a_line_past_the_limit_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("wb") as file:
        file.write(simple().encode())
        file.truncate(1 << 31)  # a file with a hole: two gigabytes that take no room
    with pytest.raises(DataError, match="zero byte"):
        read(path)
    path = write(tmp_path, simple().encode() + b"1," + b"9" * 12_000_000)
    with pytest.raises(DataError, match=r"a longer one, line 42 of `t\.csv`"):
        read(path)


COUNTED: dict[str, tuple[Callable[[list[str]], None], str, str]] = {
    "the header again": (lambda lines: lines.insert(5, lines[0]), "the header again", "t.csv:6"),
    "too few cells": (lambda lines: lines.insert(5, "1.5,w1"), "not the 3 cells of the table", "t.csv:6"),
    "too many cells": (lambda lines: lines.insert(5, "1.5,w1,yes,no"), "not the 3 cells of the table", "t.csv:6"),
    "broken quotes": (lambda lines: lines.insert(5, '1.5,"w"1,yes'), "its quotes are broken", "t.csv:6"),
    "no target": (lambda lines: lines.insert(5, "1.5,w1,NA"), "its target is missing", "t.csv:6"),
}  # fmt: skip


@pytest.mark.parametrize("case", COUNTED)
def test_a_few_bad_rows_are_counted_with_their_line(case: str, tmp_path: Path) -> None:
    spoil, reason, place = COUNTED[case]
    lines = simple().splitlines()
    spoil(lines)
    data = read(write(tmp_path, "\n".join(lines) + "\n"))
    assert [(refusal.reason, refusal.where) for refusal in data.account.refused] == [(reason, place)]
    assert data.account.used == 40 == sum(len(split) for split in splits(data).values())
    where, x, _ = by_place(data)
    assert place not in where
    assert x[:, 0].tolist() == [i + 0.5 for i in range(40)]


def test_more_may_be_refused_where_a_person_allows_it(tmp_path: Path) -> None:
    text, _ = BAD["half of the targets missing"]
    assert isinstance(text, str)
    data = read(write(tmp_path, text), allow_refused=0.5)
    assert (data.account.used, len(data.account.refused)) == (20, 20)


def test_a_cell_of_the_wrong_kind_is_missing_and_said(tmp_path: Path) -> None:
    data = read(write(tmp_path, simple().replace("\n7.5,", "\nmany,")))
    said(data, "1 not of that kind, as `many`, taken as missing")
    _, x, _ = by_place(data)
    assert x[:, 0].isnan().nonzero().flatten().tolist() == [7]


def test_names_that_come_twice_or_not_at_all(tmp_path: Path) -> None:
    data = read(write(tmp_path, simple().replace("a,b,y", "a,a,y")))
    said(data, "the name `a` comes twice: the second is called `a (2)`")
    assert data.spec.input.names == ("a", "a (2)")  # type: ignore[union-attr]
    said(read(write(tmp_path, simple().replace("a,b,y", "a,,y"))), "column 2 has no name: called `column 2`")


def test_a_long_table_with_an_open_quote_or_in_utf_16_is_looked_at(tmp_path: Path) -> None:
    text = simple() + "7.5,w1,yes\n" * 40_000
    assert reader_of(write(tmp_path, text.encode("utf-16"))) is TableReader
    assert reader_of(write(tmp_path, text.replace("w1,yes", '"w1,yes', 1))) is TableReader


def test_no_header_is_guessed_and_said(tmp_path: Path) -> None:
    text = simple().partition("\n")[2]
    data = read(write(tmp_path, text))
    said(data, "the first row holds values", "`column 3`: what is to be predicted")
    assert data.account.used == 40
    assert read(write(tmp_path, text), header=True).account.used == 39
    assert read(write(tmp_path, simple()), header=False).account.used == 41


def test_rows_with_names_as_r_writes_them(tmp_path: Path) -> None:
    lines = simple().splitlines()
    data = read(write(tmp_path, "\n".join([lines[0], *(f"r{i},{line}" for i, line in enumerate(lines[1:]))])))
    assert data.spec.input.names == ("a", "b")  # type: ignore[union-attr]
    said(data, "`column 1`: 40 different words in 40 rows, an identifier: left out")


def test_a_json_line_that_is_no_object_is_counted(tmp_path: Path) -> None:
    lines = [json.dumps({"a": i, "b": {"c": i % 2}, "y": ["no", "yes"][i % 2]}) for i in range(40)]
    lines[3] = lines[3][:-4]
    data = read(write(tmp_path, "\n".join(lines), "t.jsonl"))
    assert [r.where for r in data.account.refused] == ["t.jsonl:4"]


# -- splits ----------------------------------------------------------------------------------------


def test_groups_stay_together_and_are_no_input(tmp_path: Path) -> None:
    frame = houses(120).with_columns(pl.Series("owner", [f"o{i % 30}" for i in range(120)]))
    frame.write_csv(tmp_path / "t.csv")
    data = read(tmp_path / "t.csv", group="owner", target="price")
    owners = {name: {frame["owner"][int(w.rpartition(":")[2]) - 2] for w in split.where} for name, split in splits(data).items()}
    assert all(owners.values())
    assert sum(map(len, owners.values())) == 30
    assert "owner" not in data.spec.input.names  # type: ignore[union-attr]
    said(data, "`owner`: keeps its rows together: no input")
    plain = read(tmp_path / "t.csv", target="price", drop=("owner",))
    mixed = [{frame["owner"][int(w.rpartition(":")[2]) - 2] for w in split.where} for split in splits(plain).values()]
    assert set.intersection(*mixed), "negative control: without it they are dealt out"


def test_the_latest_rows_are_held_out(tmp_path: Path) -> None:
    frame = houses(120)
    frame.write_csv(tmp_path / "t.csv")
    data = read(tmp_path / "t.csv", time="sold")
    when = {n: [frame["sold"][int(w.rpartition(":")[2]) - 2] for w in split.where] for n, split in splits(data).items()}
    assert max(when["train"]) < min(when["valid"]) <= max(when["valid"]) < min(when["test"])
    assert "sold" not in data.spec.input.names  # type: ignore[union-attr]
    with pytest.raises(DataError, match="dates or numbers in `town`"):
        read(tmp_path / "t.csv", time="town")


def test_equal_rows_are_on_one_side(tmp_path: Path) -> None:
    frame = houses(60).drop("id")
    pl.concat([frame, frame]).with_columns(id=pl.int_range(120)).select("id", *frame.columns).write_csv(tmp_path / "t.csv")
    for seed in range(3):
        data = read(tmp_path / "t.csv", seed)
        pairs = [{(int(w.rpartition(":")[2]) - 2) % 60 for w in split.where} for split in splits(data).values()]
        assert sum(map(len, pairs)) == 60


def test_files_named_train_valid_and_test_are_taken_as_named(tmp_path: Path) -> None:
    for place, part in enumerate(("train", "valid", "test")):
        houses(40, place).select(*reversed(houses(1).columns) if part == "test" else houses(1).columns).write_csv(tmp_path / f"{part}.csv")
    assert reader_of(tmp_path) is TableReader
    data = read(tmp_path, target="price")
    for part, split in splits(data).items():
        assert {w.partition(":")[0] for w in split.where} == {f"{part}.csv"}
        assert len(split) == 40
    (tmp_path / "test.csv").unlink()
    data = read(tmp_path, target="price")
    assert {w.partition(":")[0] for w in splits(data)["test"].where} == {"valid.csv"}, "one held-out file is the test"
    assert {w.partition(":")[0] for w in splits(data)["valid"].where} == {"train.csv"}
    houses(9).drop("price").write_csv(tmp_path / "test.csv")
    said(read(tmp_path, target="price"), "the test file has no answers: not used")


# -- other rows, in the terms of what was learned --------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    houses(80).write_csv(folder / "houses.csv")
    words = [f"{k}={v}" for k, v in QUICK.items()]
    done = CliRunner().invoke(main, ["train", str(folder / "houses.csv"), *words, "--out", str(folder / "run")])
    assert done.exit_code == 0, done.output
    assert [line.split(":")[0] for line in done.output.splitlines() if line.startswith("baseline")] == [
        "baseline mean", "baseline linear", "baseline gradient boosting"]  # fmt: skip
    return folder / "run"


def lamina(*words: Any) -> Any:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_a_file_a_row_and_a_dict_are_answered_alike(run: Path, tmp_path: Path) -> None:
    path = write(tmp_path, "town,extra,rooms,sold,size\nOslo,x,3,2001-02-03,99.5\nMars,,2,,\n", "new.csv")
    done = lamina("predict", run, path, "3,Oslo,2001-02-03,99.5", "2,,,", "--csv")
    assert done.exit_code == 0, done.output
    rows = list(__import__("csv").DictReader(io.StringIO(done.stdout)))
    assert [row["input"] for row in rows] == ["new.csv:2", "new.csv:3", "3,Oslo,2001-02-03,99.5", "2,,,"]
    answers = [float(row["price"]) for row in rows]
    assert answers[0] == answers[2]
    assert answers[1] == answers[3], "an unseen word is a missing one"
    assert answers[0] != answers[1]
    assert "`Mars`: taken as missing" in done.stderr
    model = lm.load_run(run)
    one = {"rooms": 3, "town": "Oslo", "sold": "2001-02-03", "size": 99.5}
    for given_row in (one, list(one.values()), "3;Oslo;2001-02-03;99,5"):
        assert model.predict(given_row).values["price"] == pytest.approx(answers[0], rel=1e-6)
    assert [a.values["price"] for a in model.predict([one, {"rooms": 2}])] == pytest.approx(answers[:2], rel=1e-6)
    assert [a.values["price"] for a in model.predict(pl.DataFrame([one]))] == pytest.approx(answers[:1], rel=1e-6)


@pytest.mark.parametrize(("row", "words"), [
    ("many,Oslo,2001-02-03,9", ("a number in the column `rooms`", "`many`")), ("3,Oslo,soon,9", ("a date", "`soon`")),
    ("3,Oslo", ("4 cells in a row", "`2`")), ("3,Oslo,2001-02-03,9,9", ("4 cells", "`5`")),
])  # fmt: skip
def test_a_row_that_does_not_belong_is_refused(row: str, words: tuple[str, ...], run: Path) -> None:
    done = lamina("predict", run, row)
    assert done.exit_code == 2
    for word in words:
        assert word in done.stderr


def test_a_date_far_outside_is_said_by_its_name(run: Path, tmp_path: Path) -> None:
    done = lamina("predict", run, write(tmp_path, "rooms,town,sold,size\n900,Oslo,2090-01-01,99\n,,,1\n"), "--json")
    assert done.exit_code == 0, done.output
    unlike = [answer["unlike"] for answer in json.loads(done.stdout.splitlines()[-1])["predictions"]]
    assert "`rooms`, `sold`" in unlike[0]
    assert "rooms" not in unlike[1], "a missing cell lies nowhere"


def test_a_file_that_is_not_there_is_no_row(run: Path) -> None:
    done = lamina("predict", run, "nowhere.csv")
    assert done.exit_code == 2
    assert "a file that is there" in done.stderr


def test_files_that_do_not_belong_are_refused(run: Path, tmp_path: Path) -> None:
    for text, words in (("rooms,town\nx,Oslo\n", ("`x` in t.csv:2", "a number in the column `rooms`")),
                        ("p,q\n1,2\n", ("some of the columns", "`p`")), ("", ("empty",)), ("rooms\n", ("rows below",))):  # fmt: skip
        done = lamina("predict", run, write(tmp_path, text))
        assert done.exit_code == 2, done.output
        for word in words:
            assert word in done.stderr
    done = lamina("predict", run, write(tmp_path, b"GIF89a", "t.gif"))
    assert done.exit_code == 2, done.output


def test_rows_with_answers_are_read_in_the_terms_of_the_spec(tmp_path: Path) -> None:
    path = write(tmp_path, simple())
    data = read(path)
    found = TableReader(path, Config()).rows(data.spec)
    where, x, y = by_place(data)
    assert (list(found.where), found.x.tolist(), found.y.tolist()) == (where, x.tolist(), y.tolist())
    with pytest.raises(DataError, match="`maybe`"):
        TableReader(write(tmp_path, simple().replace("3.5,w0,yes", "3.5,w0,maybe")), Config()).rows(data.spec)
    with pytest.raises(DataError, match="answers"):
        TableReader(write(tmp_path, "a,b,y\n1,w1,\n"), Config(allow_refused=1)).rows(data.spec)


def test_a_tensor_is_a_row_that_was_encoded() -> None:
    table = Table(columns=(Column(name="a"), Column(name="b", kind="category", categories=("p",))))
    row = torch.tensor([2.0, 1.0])
    assert torch.equal(read_all(table, [row, "2,p", {"a": 2, "b": "p"}]), row.repeat(3, 1))


def test_the_model_says_the_same_whatever_the_order_of_rows() -> None:
    frame = pl.DataFrame({"a": [str(i) for i in range(20)], "b": ["p", "q"] * 10})
    table = learned(frame, [meaning("a", frame["a"], "number"), meaning("b", frame["b"])])
    assert table == Table(columns=(Column(name="a"), Column(name="b", kind="category", categories=("p", "q"))))
    assert Spec(input=table, target=Numbers(names=("y",))).input.shape == (2,)
