"""A batch that the memory has no room for becomes smaller, says so, and is never a crash; measuring it leaves no trace."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lamina.core import device as machine
from lamina.core.errors import TrainingError, UsageError
from lamina.methods import supervised
from lamina.verbs import memory, train
from lamina.verbs.request import Request
from lamina.verbs.setup import prepare

WORDS = {"points": "400", "hidden": "32", "batch": "64", "epochs": "2", "threads": "1", "accumulate": "2"}
BIG = {"points": "10000", "hidden": "16384", "batch": "8192", "epochs": "1", "threads": "1", "precision": "f32"}


def wish(**words: str) -> Request:
    return Request("xor", model="mlp", words=WORDS | words, device="cpu")


def leave(monkeypatch: pytest.MonkeyPatch, count: float) -> None:
    monkeypatch.setattr(machine, "free_memory", lambda device: count)


@pytest.mark.parametrize("examples", [1, 3, 16, 63, 64, 1000])
def test_the_largest_half_that_fits(monkeypatch: pytest.MonkeyPatch, examples: int) -> None:
    each, fixed = memory._needed(prepare(wish()))
    leave(monkeypatch, (examples * each * 1.001 + fixed) / memory.ROOM)
    request, setup = memory.fitted(wish(), prepare(wish()))
    batch, accumulate = (setup.configs[section].model_dump()[name] for section, name in (("method", "batch"), ("optim", "accumulate")))
    assert batch == max(64 >> n for n in range(7) if 64 >> n <= examples)
    assert batch * accumulate == 2 * 64, "as many examples move the weights as were asked for"
    assert (request.words == wish().words) == (examples >= 64)


def test_not_one_example_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    leave(monkeypatch, 100.0)
    with pytest.raises(UsageError, match="room for one example of `mlp`"):
        memory.fitted(wish(), prepare(wish()))


def test_what_an_example_needs_is_what_its_layers_keep() -> None:
    """Of one hidden layer its answers, which are also the largest; the weights and their copies do not grow with the batch."""
    for hidden in 1000, 4000:
        each, fixed = memory._needed(prepare(wish(hidden=str(hidden))))
        assert each == pytest.approx((1 + memory.PASSING) * 4 * hidden, rel=0.02)
        assert fixed == memory.COPIES * 4 * (2 * hidden + hidden + 2 * hidden + 2)


def test_measuring_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = []
    for fitted in memory.fitted, lambda request, setup: (request, setup):
        monkeypatch.setattr(memory, "fitted", fitted)
        ends.append(train.train(wish()).predictor.model.state_dict())
    assert all(torch.equal(ends[0][name], value) for name, value in ends[1].items())


def test_halved_until_it_fits_where_the_measure_was_wrong(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """An allocator that fails above 20 examples, and one that always does."""
    right = supervised.Supervised.update

    def update(self: Any, learner: Any, batch: Any) -> Any:
        if batch.size > most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return right(self, learner, batch)

    monkeypatch.setattr(supervised.Supervised, "update", update)
    most = 20
    with caplog.at_level("INFO", "lamina"):
        setup = train.train(wish()).setup
    assert (setup.configs["method"].batch, setup.configs["optim"].accumulate) == (16, 8)  # type: ignore[attr-defined]
    assert "memory: it ran out with a batch of 64" in caplog.text
    most = 0
    monkeypatch.setattr(memory, "fitted", lambda request, setup: (request, setup))
    with pytest.raises(TrainingError, match="a step with one example"):
        train.train(wish())


def test_another_error_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def update(*words: Any) -> Any:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(supervised.Supervised, "update", update)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train.train(wish())


@pytest.mark.parametrize("disarmed", ["", "fitted", "fitted ran_out"])
def test_a_limit_of_the_kernel(disarmed: str) -> None:
    """For real, in a process of its own: by the measure, by halving what failed, and, the control, by neither."""
    program = f"""
import logging, resource, sys
from pathlib import Path
import torch
from lamina.verbs import memory, train
from lamina.verbs.request import Request
logging.basicConfig(level="INFO")
torch.set_num_threads(1)
torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
if "fitted" in "{disarmed}":
    memory.fitted = lambda request, setup: (request, setup)
if "ran_out" in "{disarmed}":
    memory.ran_out = lambda error: False
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 1_500_000_000,) * 2)
train.train(Request("xor", model="mlp", words={BIG}, device="cpu"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    guarded = "ran_out" not in disarmed
    assert (done.returncode == 0) == guarded, done.stderr[-2000:]
    assert ("batches are of" in done.stderr) == guarded


def test_a_container_has_its_own_limit(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("700000\n")
    (tmp_path / "memory.stat").write_text("anon 500000\ninactive_file 150000\n")
    assert machine._left_of_group(tmp_path) == 450_000
    (tmp_path / "memory.max").write_text("max\n")
    assert machine._left_of_group(tmp_path) == float("inf")


def test_something_is_free() -> None:
    assert 1e7 < machine.free_memory(torch.device("cpu")) < 1e16
