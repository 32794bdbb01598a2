"""Where the network looks that writes dates anew is where a person would look: the year for the year, the month's name for the month."""

import random
import re
from pathlib import Path

import numpy as np
import pytest

from lamina.core.predictions import Translation
from lamina.data.pair_split import PairSplit
from lamina.verbs.request import Request
from lamina.verbs.train import train
from lamina.verbs.trained import open_run

MONTH = re.compile(r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*", re.IGNORECASE)
YEAR, DAY = re.compile(r"\d{4}"), re.compile(r"(?<!\d)\d{1,2}(?!\d)")
PLACES = {"year": (0, 1, 2, 3), "month": (6,), "day": (8, 9)}  # of 1979-05-03; the first figure of the month is known with the second
ASKED = 200


def spans(text: str) -> dict[str, tuple[int, int]]:
    """Where year, month and day stand in a date with the name of its month."""
    found = {name: pattern.search(text) for name, pattern in (("year", YEAR), ("month", MONTH), ("day", DAY))}
    return {name: one.span() for name, one in found.items() if one is not None}


def share_inside(answers: list[Translation], places: list[dict[str, tuple[int, int]]], part: str) -> float:
    """How often the place that was looked at most lies in a part, or at most one letter beside it."""
    hits = [where[part][0] - 1 <= int(one.looked[t].argmax()) <= where[part][1]
            for one, where in zip(answers, places, strict=True) for t in PLACES[part] if one.looked is not None]  # fmt: skip
    return float(np.mean(hits))


@pytest.mark.slow
def test_each_part_of_a_date_is_read_where_it_stands(tmp_path: Path) -> None:
    train(Request("dates", words={"threads": 1, "precision": "f32", "epochs": 3}, out=tmp_path / "run"))
    trained = open_run(tmp_path / "run")
    test = trained.data().test
    assert isinstance(test, PairSplit)
    texts = [text for text in test.heard.texts if MONTH.search(text)][:ASKED]
    answers = trained.task.predict(trained.predictor, trained.spec, texts)
    told = [one for one in answers if isinstance(one, Translation)]
    assert len(told) == len(texts)
    places = [spans(text) for text in texts]
    others = places.copy()
    random.Random(0).shuffle(others)
    for part in PLACES:
        assert share_inside(told, places, part) > 0.9, part
        assert share_inside(told, others, part) < share_inside(told, places, part) - 0.2, f"{part}: other dates have it elsewhere"
