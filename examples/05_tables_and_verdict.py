"""A table of your own: what each column was taken to mean, what was refused, whether the network is worth it, and answers to new rows.

The table is made here, with the faults that tables have. On the command line the same is
    lamina train houses.csv --target price          lamina predict RUN "3,Oslo,2015-06-01," new.csv --csv
"""

import json
import tempfile
from pathlib import Path

import numpy as np

import lamina as lm

random = np.random.default_rng(0)
TOWNS = {"Oslo": 120, "Rome": 60, "Bath": 0}


def house(number: int) -> str:
    """A line of CSV: what a house has, and the price that follows from it, give or take."""
    rooms, town, day = random.integers(1, 7), random.choice(list(TOWNS)), random.integers(0, 3650)
    sold = np.datetime64("2010-01-01") + np.timedelta64(int(day), "D")
    price = 40 * rooms + TOWNS[str(town)] * (rooms > 2) + day / 50 + random.normal(0, 8)  # a town tells only on large houses
    area = "" if number % 9 == 0 else f"{20 * rooms + random.normal(0, 10):.0f}"
    return f"{number},{rooms},{town},{sold},{area},{price:.1f}"


with tempfile.TemporaryDirectory() as folder:
    lines = ["id,rooms,town,sold,area,price", *(house(number) for number in range(1, 501))]
    lines[100], lines[200], lines[300] = lines[0], "1,2,3", lines[300].rpartition(",")[0] + ","  # a header again, a ragged row, no answer
    table = Path(folder) / "houses.csv"
    table.write_text("\n".join(lines) + "\n")

    data = lm.load(str(table), target="price")
    print("\n".join(data.meaning))  # what each column was taken to mean
    print("\n".join(data.account.lines()))  # every row is used, or listed with its reason

    run = Path(folder) / "run"
    model = lm.Model("tabular", epochs=30, threads=1).fit(data, out=run, quiet=True)
    result = json.loads((run / "result.json").read_text())  # the test split was looked at once, and so by every rival
    for name, found in result["baselines"].items():
        print(f"{name}: rmse {found['metrics']['rmse']:.4g}")
    print(result["verdict"]["sentence"])

    print(model.predict({"rooms": 4, "town": "Oslo", "sold": "2015-06-01"}))  # the area is missing
    print(model.predict(["4,Mars,2015-06-01,80", "1,,,"]))  # a town that was never seen; nearly nothing known
