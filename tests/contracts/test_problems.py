"""Each problem is planted in clean data and found; the clean data themselves raise no alarm."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image as pil

from lamina.core.data import Account, Data, Refusal
from lamina.core.spec import Classes, Column, Image, Numbers, Spec, Table, Text
from lamina.data.arrays import ArraySplit, Given, cut
from lamina.oversight import label_errors
from lamina.oversight.framing import columns_of, questions
from lamina.oversight.problems import Problem, problems
from lamina.oversight.rows import Rows

COLUMNS = ("width", "height", "weight", "colour")
ROWS = 400


def cells(seed: int = 0) -> np.ndarray:
    """Three measurements and one of three colours, (ROWS, 4)."""
    random = np.random.default_rng(seed)
    return np.concatenate([random.lognormal(0, 0.7, (ROWS, 3)), random.integers(1, 4, (ROWS, 1))], 1).astype(np.float32)


def classes(x: np.ndarray) -> np.ndarray:
    """Two classes that follow from the columns, with noise."""
    noise = np.random.default_rng(1).normal(size=len(x))
    return (np.log(x[:, 0]) + np.log(x[:, 1]) + noise > 0).astype(np.int64)


def table(x: np.ndarray, y: np.ndarray, names: tuple[str, ...] = COLUMNS, given: Given = Given()) -> Data:
    colour = Column(name="colour", kind="category", categories=("red", "green", "blue"))
    columns = tuple(colour if name == "colour" else Column(name=name) for name in names)
    numbers = y.dtype.kind == "f"
    target = Numbers(names=("price",)) if numbers else Classes(names=tuple(f"class {i}" for i in range(int(y.max()) + 1)))
    answers = torch.from_numpy(y.astype(np.float32)[:, None] if numbers else y)
    return cut("planted", Spec(input=Table(columns=columns), target=target), ArraySplit(torch.from_numpy(x), answers), 0, given)


def found(data: Data) -> list[Problem]:
    return problems(Rows(data))


def alarms(data: Data) -> list[Problem]:
    return [problem for problem in found(data) if problem.severity != "note"]


def one(data: Data, name: str) -> Problem:
    these = [problem for problem in found(data) if name in problem.name]
    assert len(these) == 1, [problem.name for problem in found(data)]
    assert these[0].means
    assert these[0].do
    assert these[0].count > 0
    return these[0]


def with_column(values: np.ndarray, name: str) -> Data:
    x = cells()
    return table(np.column_stack([x, values.astype(np.float32)]), classes(x), (*COLUMNS, name))


def test_a_clean_table_is_quiet() -> None:
    for seed in range(2):
        x = cells(seed)
        assert found(table(x, classes(x))) == []
        price = 3 * x[:, 0] + x[:, 1] + np.random.default_rng(seed).normal(size=ROWS)
        assert found(table(x, price)) == []


@pytest.mark.parametrize(("name", "values", "said", "severity"), [
    ("same", np.full(ROWS, 3.0), "say nothing", "note"),
    ("number", np.random.default_rng(0).permutation(ROWS), "number or name the rows", "worth"),
    ("sold", classes(cells()) * 2.0 + 1, "`sold` gives the answer away", "serious"),
    ("gaps", np.where(np.arange(ROWS) % 3, np.random.default_rng(0).normal(size=ROWS), np.nan), "missing values", "worth"),
    ("age", np.where(np.arange(ROWS) % 20, np.random.default_rng(0).normal(40, 5, ROWS), -999), "stands for something else", "worth"),
    ("typed", np.where(np.arange(ROWS) == 7, 4e6, np.random.default_rng(0).normal(40, 5, ROWS)), "far out in `typed`", "note"),
])  # fmt: skip
def test_a_bad_column_is_found(name: str, values: np.ndarray, said: str, severity: str) -> None:
    problem = one(with_column(values, name), said)
    assert problem.severity == severity
    assert name in " ".join([problem.name, *problem.where])


def test_a_long_tail_is_no_outlier() -> None:
    """Negative control of the far values."""
    assert not [p for p in found(with_column(np.random.default_rng(0).lognormal(0, 1.5, ROWS), "income")) if "far" in p.name]


def test_a_leak_of_a_number_is_found() -> None:
    x = cells()
    price = (3 * x[:, 0] + x[:, 1]).astype(np.float64)
    leaked = np.column_stack([x, price * 1.19 + np.random.default_rng(0).normal(0, 0.01, ROWS)]).astype(np.float32)
    assert one(table(leaked, price, (*COLUMNS, "with_tax")), "gives the answer away").severity == "serious"


def test_rows_of_the_test_in_training_are_a_leak() -> None:
    x = cells()
    y = classes(x)
    held = ArraySplit(torch.from_numpy(x[:60].copy()), torch.from_numpy(y[:60]))
    problem = one(table(x, y, given=Given(test=held)), "in training and in the test")
    assert (problem.severity, problem.count) == ("serious", 60)
    assert "=" in problem.where[0]


def test_equal_rows_of_few_values_are_natural() -> None:
    """Negative control: with three columns of three values, rows are equal by chance."""
    x = np.random.default_rng(0).integers(0, 3, (ROWS, 3)).astype(np.float32)
    y = np.random.default_rng(1).integers(0, 2, ROWS)
    assert alarms(table(x, y, COLUMNS[:3])) == []


def test_equal_rows_with_two_answers_contradict() -> None:
    x = cells()
    y = classes(x)
    twice = np.concatenate([x, x[:10]])
    problem = one(table(twice, np.concatenate([y, 1 - y[:10]])), "different answers")
    assert (problem.severity, problem.count) == ("serious", 20)


def test_classes_of_few_rows_and_uneven_classes_are_found() -> None:
    x = cells()
    y = np.where(np.arange(ROWS) < 4, 2, classes(x))
    assert one(table(x, y), "few examples").where == ("class 2: 3",)
    assert one(table(x, y), "very different size").severity == "worth"


def test_few_rows_for_many_columns() -> None:
    x = np.random.default_rng(0).normal(size=(100, 40)).astype(np.float32)
    assert one(table(x, np.arange(100) % 2, tuple(f"c{i}" for i in range(40))), "few rows").severity == "worth"


def test_a_test_unlike_training_is_found() -> None:
    x = cells()
    y = classes(x)
    held = cells(5)[:150] * np.float32([2.5, 1, 1, 1])
    data = table(x, y, given=Given(test=ArraySplit(torch.from_numpy(held), torch.from_numpy(classes(held)))))
    assert one(data, "unlike the rows trained on").severity == "worth"


def test_refusals_become_problems() -> None:
    x = cells()
    clean = table(x, classes(x))
    refused = tuple(Refusal(f"a.csv:{i}", "its target is missing", "Fill it in.") for i in range(80))
    problem = one(replace(clean, account=Account(ROWS, refused)), "its target is missing")
    assert (problem.severity, problem.count) == ("serious", 80)
    assert "--allow-refused 0.1" in problem.do
    assert one(replace(clean, account=Account(ROWS, refused[:1])), "its target is missing").severity == "note"


# -- photos ---------------------------------------------------------------------------------------


def scenes(count: int = 60, side: int = 64) -> np.ndarray:
    """Coloured blobs on a ground with grain, (N, 3, side, side) uint8; no two alike."""
    random = np.random.default_rng(0)
    coarse = torch.from_numpy(random.uniform(30, 220, (count, 3, 6, 6)).astype(np.float32))
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").numpy()
    return (smooth + random.normal(0, 12, smooth.shape)).clip(0, 255).astype(np.uint8)


def photos(x: np.ndarray, given: Given = Given()) -> Data:
    spec = Spec(input=Image(channels=3, height=x.shape[2], width=x.shape[3]), target=Classes(names=("cat", "dog")))
    where = [f"{['cat', 'dog'][i % 2]}/{i}.jpg" for i in range(len(x))]
    return cut("scenes", spec, ArraySplit(torch.from_numpy(x), torch.arange(len(x)) % 2, None, where), 0, given)


def test_clean_photos_are_quiet() -> None:
    assert found(photos(scenes())) == []


def dark(x: np.ndarray) -> np.ndarray:
    return x // 6


def bright(x: np.ndarray) -> np.ndarray:
    return 250 - x // 6


def empty(x: np.ndarray) -> np.ndarray:
    return np.full_like(x, 127)


def blurred(x: np.ndarray) -> np.ndarray:
    picture = torch.from_numpy(x).float()[None]
    for _ in range(4):
        picture = torch.nn.functional.avg_pool2d(picture, 5, 1, 2, count_include_pad=False)
    return picture[0].round().byte().numpy()


@pytest.mark.parametrize(("spoil", "said"), [(dark, "too dark"), (bright, "too bright"), (empty, "show nothing"), (blurred, "less sharp")])
def test_a_spoilt_photo_is_found(spoil: Callable[[np.ndarray], np.ndarray], said: str) -> None:
    x = scenes()
    x[17] = spoil(x[17])
    problem = one(photos(x), said)
    assert problem.where == ("dog/17.jpg",)
    assert Rows(photos(x)).name(problem.shown[0][0]) == "dog/17.jpg"


def test_the_same_photo_in_two_classes_contradicts() -> None:
    x = scenes()
    x[11] = x[2]
    problem = one(photos(x), "different answers")
    assert problem.severity == "serious"
    assert set(problem.where[0].split(" = ")) == {"cat/2.jpg (cat)", "dog/11.jpg (dog)"}


def test_the_same_photo_in_the_test_is_a_leak() -> None:
    x = scenes()
    held = ArraySplit(torch.from_numpy(x[:5].copy()), torch.arange(5) % 2, None, [f"test/{i}.jpg" for i in range(5)])
    problem = one(photos(x, Given(test=held)), "in training and in the test")
    assert (problem.severity, problem.count) == ("serious", 5)


def test_a_photo_compressed_again_is_found() -> None:
    x = scenes()
    file = BytesIO()
    pil.fromarray(x[3].transpose(1, 2, 0)).save(file, "jpeg", quality=60)
    x[20] = np.asarray(pil.open(file)).transpose(2, 0, 1)
    problem = one(photos(x), "nearly identical photos with different answers")
    assert problem.count == 2
    assert set(problem.where[0].split(" = ")) == {"dog/3.jpg (dog)", "cat/20.jpg (cat)"}


# -- texts ----------------------------------------------------------------------------------------


def texts(ids: np.ndarray) -> Data:
    spec = Spec(input=Text(words=tuple(f"w{i}" for i in range(500)), length=30), target=Classes(names=("bad", "good")))
    return cut("texts", spec, ArraySplit(torch.from_numpy(ids.astype(np.int32)), torch.arange(len(ids)) % 2), 0)


def test_texts() -> None:
    ids = np.random.default_rng(0).integers(2, 500, (80, 20))
    assert found(texts(ids)) == []
    ids[9], ids[30], ids[31] = ids[4], 0, 0
    assert one(texts(ids), "different answers").count == 2
    assert one(texts(ids), "without a word").count == 2


# -- labels ---------------------------------------------------------------------------------------


def test_flipped_labels_are_doubted() -> None:
    random = np.random.default_rng(0)
    true = random.integers(0, 3, 600)
    x = (np.eye(3)[true] * 6 + random.normal(size=(600, 3))).astype(np.float32)
    s = true.copy()
    s[:30] = (s[:30] + 1) % 3
    p = label_errors.out_of_sample(x, s, 3)
    np.testing.assert_allclose(p.sum(1), 1)
    first = np.argsort(-label_errors.suspicion(p, s))[:30]
    assert sum(first < 30) >= 28, "the flipped rows are the most suspicious"
    doubts = label_errors.doubts(p, s)
    assert [doubt.row for doubt in doubts[:10]] == first[:10].tolist()
    assert all(doubt.row < 30 and doubt.said == true[doubt.row] for doubt in doubts)


def test_clean_labels_are_not_doubted() -> None:
    """Negative control: two classes far apart."""
    true = np.arange(200) % 2
    x = (true[:, None] * 10 + np.random.default_rng(0).normal(size=(200, 2))).astype(np.float32)
    assert label_errors.doubts(label_errors.out_of_sample(x, true, 2), true) == []


def test_thresholds_are_those_of_the_paper() -> None:
    """Two classes, by hand: only row 4 reaches the threshold of a class that is not its label."""
    p, s = np.array([[0.9, 0.1], [0.5, 0.5], [0.4, 0.6], [0.25, 0.75], [0.25, 0.75]]), np.array([0, 0, 1, 1, 0])
    np.testing.assert_allclose(label_errors.thresholds(p, s), [(0.9 + 0.5 + 0.25) / 3, (0.6 + 0.75) / 2])
    assert [(d.row, d.given, d.said) for d in label_errors.doubts(p, s)] == [(4, 0, 1)]


# -- questions ------------------------------------------------------------------------------------


def test_a_number_is_asked_both_ways_and_an_identifier_is_not_asked() -> None:
    x = cells()
    price = 3 * x[:, 0] + x[:, 1]
    data = table(np.column_stack([x, np.random.default_rng(0).permutation(ROWS)]).astype(np.float32), price, (*COLUMNS, "number"))
    rows = Rows(data)
    asked = questions(rows, data, "my houses.csv", columns_of(rows))
    assert asked[0].command == "lamina train 'my houses.csv' --target price"
    assert asked[1].command == "lamina train 'my houses.csv' --target price question=ordered_classes"
    assert asked[0].value == pytest.approx(price.std(), rel=1e-4)
    assert asked[1].value == pytest.approx(1 / 3, abs=0.01)
    targets = {question.target for question in asked}
    assert targets == {"price", *COLUMNS}
    colour = next(question for question in asked if question.target == "colour")
    assert colour.task == "classify"
    assert colour.value == np.bincount(x[:, 3].astype(int)).max() / ROWS
