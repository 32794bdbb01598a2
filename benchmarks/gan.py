"""GAN on digits: how good are the pictures that `lamina train mnist --task generate --for 3m` learns to make?

    python benchmarks/gan.py --seeds 0 1 2 --for 3m

The judge is lamina's own `cnn`, trained on the training split with one fixed seed; it is used for nothing else. The
distance (FID) is Frechet's in the inputs of its last linear layer, from 10,000 pictures to the 10,000 of the test
split. Beside the generator stand an untrained one, a Gaussian over ten principal components of the training pictures,
and 10,000 real training pictures (the floor). Settings were chosen on the validation split.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from lamina import __version__
from lamina.core import rng
from lamina.core.predictor import Predictor
from lamina.metrics.frechet import Gaussian, distance
from lamina.tasks.generate import draw, gaussian_pictures
from lamina.verbs.setup import rebuild
from lamina.verbs.trained import Trained, open_run

PICTURES = 10_000
COUNTED = 1000  # samples in which every digit must appear
JUDGE = (
    "threads=1", "precision=f32", "epochs=4", "batch=256", "learning_rate=0.015", "schedule=one_cycle", "label_smoothing=0.1", "shift=1",
    "widths=24,32,64,128",
)  # fmt: skip
JUDGE_SEED = 12345
BARS = {"to_untrained": 1 / 10, "to_gaussian": 1 / 2, "smallest_class": 0.03}
MARGINS = {"to_untrained": 1 / 30, "to_gaussian": 1 / 4, "smallest_class": 0.05}


@dataclass(frozen=True)
class Row:
    """The figures of one seed; fid_*: Frechet distances to the test split; classes: their shares in 1,000 samples."""

    seed: int
    fid: float
    fid_untrained: float
    fid_gaussian: float
    fid_real: float
    to_untrained: float
    to_gaussian: float
    smallest_class: float
    classes: list[float]
    seconds: float
    steps: int
    threads: int
    precision: str

    def holds(self, bars: dict[str, float]) -> bool:
        """Whether every figure is on the right side of its bar."""
        ratios = all(getattr(self, name) <= bars[name] for name in ("to_untrained", "to_gaussian"))
        return ratios and self.smallest_class >= bars["smallest_class"]


class Judge:
    """The digit classifier: its features and its answers for pictures (N, 1, 28, 28) uint8."""

    def __init__(self, trained: Trained) -> None:
        self.model = trained.predictor.model.eval()
        self.accuracy: float = trained.run.read("result")["test"]["accuracy"]
        self._seen = torch.empty(0)
        last = [m for m in self.model.modules() if isinstance(m, torch.nn.Linear)][-1]
        last.register_forward_pre_hook(self._keep)

    def _keep(self, layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self._seen = inputs[0]

    @torch.inference_mode()
    def gaussian(self, x: torch.Tensor) -> Gaussian:
        """Mean and covariance of the features of pictures (N, 1, 28, 28)."""
        features = []
        for part in x.split(500):
            self.model(part)
            features.append(self._seen)
        return Gaussian(torch.cat(features))

    @torch.inference_mode()
    def shares(self, x: torch.Tensor) -> list[float]:
        """The share of each digit among the answers."""
        answers = torch.cat([self.model(part).argmax(1) for part in x.split(500)])
        return (torch.bincount(answers, minlength=10) / len(answers)).tolist()


def lamina(*words: str) -> None:
    """Run the command line beside this Python."""
    subprocess.run([str(Path(sys.executable).with_name("lamina")), *words], check=True, stdout=sys.stderr)


def judge(folder: Path) -> Judge:
    """Train the classifier by fixed knobs; one thread and f32, so that the same machine gives the same judge."""
    if not (folder / "result.json").exists():
        lamina("train", "mnist", *JUDGE, "--model", "cnn", "--device", "cpu", "--seed", str(JUDGE_SEED), "--out", str(folder))
    return Judge(open_run(folder, device="cpu"))


def untrained(trained: Trained) -> list[torch.Tensor]:
    """Pictures of the generator before its first step, with running statistics and with those of the batch."""
    rng.reseed(trained.described["seed"], 0, "weights")
    model = rebuild(trained.described, trained.spec, None)
    running = draw(Predictor(model, torch.device("cpu")), PICTURES, "benchmark")
    batch = draw(_Training(model), PICTURES, "benchmark")
    return [running, batch]


class _Training:
    """Answers with the statistics of the batch, as in training."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model, self.device = model.train(), torch.device("cpu")

    @torch.no_grad()
    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        pictures: torch.Tensor = self.model(z)
        return pictures


def measure(seed: int, duration: str, folder: Path, judge: Judge) -> Row:
    """Train one seed through the command line, then compare its pictures with the test split."""
    start = time.perf_counter()
    lamina("train", "mnist", "--task", "generate", "--for", duration, "--seed", str(seed), "--out", str(folder))
    seconds = time.perf_counter() - start
    trained = open_run(folder, device="cpu")
    data, plan = trained.data(), trained.run.read("plan")
    test, train = (split.batch(torch.arange(PICTURES))["x"] for split in (data.test, data.train))
    samples = draw(trained.predictor, PICTURES, "benchmark")
    real = judge.gaussian(test)
    shown = (samples, gaussian_pictures(train, 10, PICTURES), train, *untrained(trained))
    fid, gaussian, floor, *first = (distance(real, judge.gaussian(pictures)) for pictures in shown)
    before, classes = min(first), judge.shares(samples[:COUNTED])  # the nearer one is the stricter bar
    return Row(
        seed, fid, before, gaussian, floor, fid / before, fid / gaussian, min(classes), classes, seconds,
        trained.run.pointer("last") or 0, plan["threads"], plan["precision"],
    )  # fmt: skip


def table(rows: list[Row]) -> str:
    """One line a seed, the bars below."""
    head = "seed     FID  untrained  10-PC Gaussian  real-real  FID/untrained  FID/Gaussian  smallest class  seconds"
    lines = [
        f"{r.seed:>4}{r.fid:>8.2f}{r.fid_untrained:>11.1f}{r.fid_gaussian:>16.1f}{r.fid_real:>11.2f}"
        f"{r.to_untrained:>15.4f}{r.to_gaussian:>14.4f}{100 * r.smallest_class:>14.1f} %{r.seconds:>9.0f}"
        for r in rows
    ]
    bar = f" bar{'':>46}{BARS['to_untrained']:>15.4f}{BARS['to_gaussian']:>14.4f}{100 * BARS['smallest_class']:>14.1f} %"
    return "\n".join([head, *lines, bar])


def report(rows: list[Row], judge: Judge, duration: str) -> dict[str, object]:
    """Everything as one JSON object, each figure beside its bar."""
    worst = {
        "to_untrained": max(r.to_untrained for r in rows), "to_gaussian": max(r.to_gaussian for r in rows),
        "smallest_class": min(r.smallest_class for r in rows),
    }  # fmt: skip
    return {
        "job": "gan on digits", "for": duration, "judge_accuracy": judge.accuracy,
        "worst_seed_and_bar": {name: {"worst": worst[name], "bar": bar, "margin": MARGINS[name]} for name, bar in BARS.items()},
        "passes": all(r.holds(BARS) for r in rows), "passes_with_margin": all(r.holds(MARGINS) for r in rows),
        "rows": [asdict(r) for r in rows], "lamina": __version__, "torch": torch.__version__,
        "cores": os.cpu_count(), "machine": platform.machine(), "date": time.strftime("%Y-%m-%d"),
    }  # fmt: skip


def main() -> None:
    """Measure every seed, print the table and the JSON line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    words.add_argument("--for", dest="duration", default="3m", help="time allowed for each training")
    words.add_argument("--out", type=Path, default=None, help="where judge and runs are kept; a temporary folder if left out")
    asked = words.parse_args()
    torch.set_num_threads(1)  # of the judging only; lamina plans its own
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.out or Path(temporary)
        referee = judge(folder / "judge")
        rows = [measure(seed, asked.duration, folder / f"seed-{seed}", referee) for seed in asked.seeds]
    print(table(rows))
    print(json.dumps(report(rows, referee, asked.duration)))


if __name__ == "__main__":
    main()
