"""Six small tables: the default network beside gradient boosting and a linear model, on the same splits.

    python benchmarks/six_tables.py                      five seeds of each: the stated figures
    python benchmarks/six_tables.py --first-seed 100 --data cars dropout=0.3      to choose a setting

A seed decides the split, the first weights and the order. Each line has medians over the seeds, the spread (least to most), and
how far the network falls behind boosting seed by seed, on average with the standard error of that difference, and the verdicts
on the network beside the best rival of the seed's test.
"""

import argparse
import json
import time
from collections import Counter
from statistics import mean, median, stdev
from typing import Any

from lamina.core.config import words_of
from lamina.verbs.judge import beside_rivals
from lamina.verbs.request import Request
from lamina.verbs.train import train

SETS = ["diabetes", "breast_cancer", "wine", "cars", "penguins", "weather"]
FIGURES = {"classify": ("accuracy", 1), "regress": ("rmse", -1)}
RIVAL = "gradient boosting"


def main() -> None:
    """One line a table, then one JSON line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("knobs", nargs="*")
    words.add_argument("--data", nargs="+", default=SETS)
    words.add_argument("--seeds", type=int, default=5)
    words.add_argument("--first-seed", type=int, default=0)
    asked = words.parse_args()
    told = {}
    for name in asked.data:
        seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
        runs = [run(name, seed, words_of(asked.knobs)) for seed in seeds]
        told[name] = summary(runs)
        print(line(name, told[name]), flush=True)
    print(json.dumps(told))


def run(name: str, seed: int, knobs: dict[str, str]) -> dict[str, Any]:
    """The test figures of the network and of every rival, and the processor seconds of the training alone."""
    start = time.process_time()
    outcome = train(Request(name, seed=seed, words={"threads": 1, "precision": "f32"} | knobs))
    seconds = time.process_time() - start
    task, data = outcome.setup.task, outcome.setup.data
    figure, sign = FIGURES[task.name]
    judged = beside_rivals(outcome.judgement, task, data, seconds)
    rivals = {rival: found.metrics[figure] for rival, found in judged.baselines.items()}
    assert judged.verdict is not None, "rows of a table have scores"
    return {"figure": figure, "sign": sign, "verdict": judged.verdict.answer, "seconds": seconds,
            "network": outcome.test.metrics[figure], **rivals}  # fmt: skip


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians, spreads, and the paired difference to boosting: above zero the network is worse."""
    worse = [one["sign"] * (one[RIVAL] - one["network"]) for one in runs]
    names = [name for name in runs[0] if name not in ("figure", "sign", "verdict", "seconds")]
    return {
        "verdicts": Counter(one["verdict"] for one in runs), "figure": runs[0]["figure"],
        "each": {name: [one[name] for one in runs] for name in names},
        "median": {name: median(one[name] for one in runs) for name in names}, "worse": mean(worse),
        "standard_error": stdev(worse) / len(worse) ** 0.5 if len(worse) > 1 else 0.0, "seconds": median(one["seconds"] for one in runs),
    }  # fmt: skip


def line(name: str, found: dict[str, Any]) -> str:
    """One table in one line."""
    middle, worse = found["median"], f"worse by {found['worse']:+.4f} +- {found['standard_error']:.4f}"
    figures = [f"{rival} {middle[rival]:.4g} ({min(each):.4g} to {max(each):.4g})" for rival, each in found["each"].items()]
    verdicts = "verdicts: " + ", ".join(f"{answer} {count}" for answer, count in found["verdicts"].items())
    return "   ".join([f"{name:14}{found['figure']:9}", *figures, worse, verdicts, f"{found['seconds']:.1f} s"])


if __name__ == "__main__":
    main()
