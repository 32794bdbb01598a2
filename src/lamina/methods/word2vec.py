"""What `skipgram` and `cbow` share: a step is a block of text, which the compiled loop of each (word_kernels.py) goes through.

With one thread a run repeats bit by bit; with several, each takes a part of the block and all move the same vectors (Hogwild; Niu et al.
2011), and no two runs are the same. The loss that is shown is the true one, -log p of a pair and its negatives in nats, of one
window in 64.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.data import Split
from lamina.core.errors import UsageError, missing_package
from lamina.core.method import Learning, Pace
from lamina.core.spec import Context, Spec
from lamina.data.corpus_split import CorpusSplit

BLOCK, LEAST_BLOCK, BLOCKS = 200_000, 500, 20  # words of a step, at most and at least; steps of a pass through a short text
POWER = 0.75  # of the count of a word, by which it is drawn as a negative
DRAWS = 1 << 20  # words in the table that negatives are drawn from
LEAST_RATE = 1e-4  # share of the learning rate at the end
MOST_VALIDATIONS = 10


class Config(knobs.Config):
    """Which pairs are shown."""

    epochs: float = knob(5, "times the text is gone through", low=0, search="log")
    window: int = knob(5, "words on each side of a word, at most: drawn anew for each", low=1, high=100, search="linear")
    negatives: int = knob(5, "words that are not there, for each that is", low=1, high=100, search="linear")
    shared: bool = knob(True, "the same negatives for all the pairs of a window, which is several times as fast")
    sample: float = knob(1e-3, "frequency from which words are passed over now and then; 0 takes all", low=0, search="log")


@dataclass(frozen=True)
class Loop:
    """A compiled loop with what it needs of the text's words."""

    kernels: Any  # the module of the loops, which needs numba
    name: str
    config: Config
    keep: np.ndarray
    draws: np.ndarray

    def __call__(self, ids: np.ndarray, model: Any, rates: tuple[float, float], seed: int, moves: bool) -> tuple[float, int, int, int]:
        """(loss, judged pairs, pairs, words) of a stretch of text."""
        inputs, outputs = (one.detach().numpy() for one in (model.inputs, model.outputs))
        c, kernels = self.config, self.kernels
        how = kernels.How(c.window, c.negatives, c.shared, float(rates[0]), float(rates[1]), seed, moves)
        words = kernels.Words(inputs, outputs, self.keep, self.draws, kernels.SIGMOID)
        return getattr(kernels, self.name)(np.ascontiguousarray(ids), words, how)


def loop_of(name: str, spec: Spec, config: Config) -> Loop:
    """The compiled loop of `skipgram` or `cbow`; UsageError where numba is not installed."""
    if not isinstance(spec.target, Context):
        raise UsageError(f"a text whose words are learned for `{name}`", f"`{spec.target.kind}` as target",
                         "Choose another method: `lamina list methods`.")
    try:
        from lamina.methods import word_kernels
    except ImportError as error:
        raise missing_package("numba", "text", f"`{name}`") from error
    keep, draws = _chances(spec.target.counts, config.sample)
    return Loop(word_kernels, name, config, keep, draws)


@lru_cache(maxsize=4)
def _chances(counts: tuple[int, ...], sample: float) -> tuple[np.ndarray, np.ndarray]:
    """How probable it is that each word is kept, sqrt(t / f) + t / f, and the words as often as they are drawn as negatives."""
    many = np.array(counts, float)
    often = many / many.sum()
    keep = np.minimum(1.0, np.sqrt(sample / often) + sample / often) if sample else np.ones(len(many))
    share = many**POWER / (many**POWER).sum()
    draws = np.repeat(np.arange(len(many), dtype=np.int32), np.maximum(1, np.round(share * DRAWS).astype(int)))
    return keep.astype(np.float32), draws


class Word2Vec:
    """Blocks of a text, gone through by one of the two loops."""

    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, loop: Loop, split: Split) -> None:
        self.loop, self.config = loop, loop.config
        if not isinstance(split, CorpusSplit):
            raise UsageError(f"a text whose words are learned for `{loop.name}`", "other data",
                             "Choose another method: `lamina list methods`.")
        self.ids = split.ids
        self.per_epoch = max(1, round(len(self.ids) / min(BLOCK, max(LEAST_BLOCK, len(self.ids) // BLOCKS))))

    def prepare(self, model: nn.Module) -> None:
        return None

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        return {}

    def pace(self) -> Pace:
        steps = max(1, round(self.config.epochs * self.per_epoch))
        return Pace(steps, max(1, round(steps / MOST_VALIDATIONS)))

    def next_batch(self, learner: Learning, step: int) -> Batch:
        """A block of words, x (N,) int32, each pass in another order of blocks; `other` (1,) is the step."""
        epoch, place = divmod(step - 1, self.per_epoch)
        block = int(np.random.default_rng(rng.key(learner.seed, epoch, "blocks")).permutation(self.per_epoch)[place])
        first, end = (part * len(self.ids) // self.per_epoch for part in (block, block + 1))
        x = np.asarray(self.ids[first:end])
        return Batch(x=torch.from_numpy(x if x.flags.writeable else x.copy()), other=torch.tensor([step]))

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        if learner.device.type != "cpu":
            raise UsageError("the processor for word vectors", f"`{learner.device}`", "Leave `--device` out.")
        step = int(batch["other"][0])
        threads = torch.get_num_threads()
        rates = [learner.rate * max(LEAST_RATE, 1 - (step - 1 + t) / learner.steps) for t in (0, 1)]
        parts = np.array_split(batch["x"].numpy(), threads)

        def work(i: int) -> tuple[float, int, int, int]:
            mine = (rates[0] + (rates[1] - rates[0]) * t / threads for t in (i, i + 1))
            return self.loop(parts[i], learner.model, (next(mine), next(mine)), rng.key(learner.seed, step, "words", i), True)

        done = [work(0)] if threads == 1 else list(_pool(threads).map(work, range(threads)))
        loss, judged, _, _ = (sum(one[k] for one in done) for k in range(4))
        return {"loss": torch.tensor(loss / max(1, judged))}

    def counters(self, step: int) -> dict[str, float]:
        return {"epoch": step / self.per_epoch, "words": step * len(self.ids) / self.per_epoch}

    def state(self) -> dict[str, Any]:
        return {}  # blocks and draws are functions of (seed, step)

    def load_state(self, state: dict[str, Any]) -> None:
        return None


@dataclass(frozen=True)
class Way:
    """A loop by its name, and the learning rate that suits it: what is registered as a method, and called as its class would be."""

    name: str
    learning_rate: float

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Words for the optimizer and the loop, weaker than the user's."""
        return {"learning_rate": self.learning_rate, "optimizer": "sgd", "precision": "f32"}

    def wrap(self, net: nn.Module, spec: Spec) -> nn.Module:
        """The vectors as they are."""
        return net

    def __call__(self, spec: Spec, config: Config, split: Split) -> Word2Vec:
        return Word2Vec(loop_of(self.name, spec, config), split)


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
