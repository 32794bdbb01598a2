"""The default network on scikit-learn's embedded tables, beside its linear or logistic regression on the same split.

    python benchmarks/tables.py                      five seeds of diabetes and breast_cancer: the stated figures
    python benchmarks/tables.py --split valid --split test --first-seed 100 --seeds 10 dropout=0.3    to choose a setting

A seed decides the split, the first weights and the order. `worse` is how far ours falls behind on average, in the
figure's own unit, with the standard error of the paired difference.
"""

import argparse
import json
from statistics import mean, stdev

from lamina.baselines.tables import trivial_and_linear
from lamina.core.config import words_of
from lamina.verbs.request import Request
from lamina.verbs.train import train

FIGURES = {"classify": ("accuracy", 1), "regress": ("rmse", -1)}


def main() -> None:
    """One line a table, then one JSON line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("knobs", nargs="*")
    words.add_argument("--data", nargs="+", default=["diabetes", "breast_cancer"])
    words.add_argument("--seeds", type=int, default=5)
    words.add_argument("--first-seed", type=int, default=0)
    words.add_argument("--split", choices=["test", "valid"], default="test")
    asked = words.parse_args()
    told = {}
    for name in asked.data:
        pairs = [run(name, seed, asked.split, words_of(asked.knobs)) for seed in range(asked.first_seed, asked.first_seed + asked.seeds)]
        worse = [theirs - ours for ours, theirs in pairs]
        error = stdev(worse) / len(worse) ** 0.5
        print(f"{name:14} ours {mean(abs(o) for o, _ in pairs):.4f}   linear {mean(abs(t) for _, t in pairs):.4f}"
              f"   worse by {mean(worse):+.4f} +- {error:.4f}   each {[f'{abs(o):.4g}/{abs(t):.4g}' for o, t in pairs]}", flush=True)
        told[name] = {"pairs": pairs, "worse": mean(worse), "standard_error": error}
    print(json.dumps(told))


def run(name: str, seed: int, split: str, knobs: dict[str, str]) -> tuple[float, float]:
    """Our figure and the linear model's, signed so that more is better."""
    outcome = train(Request(name, seed=seed, words={"threads": 1, "precision": "f32"} | knobs))
    task, data = outcome.setup.task, outcome.setup.data
    figure, sign = FIGURES[task.name]
    judged = data.test if split == "test" else data.valid
    ours = task.evaluate(outcome.predictor, judged, 0).metrics[figure]
    theirs = trivial_and_linear(data, lambda rival, _: task.evaluate(rival, judged, 0))["linear"].metrics[figure]
    return sign * ours, sign * theirs


if __name__ == "__main__":
    main()
