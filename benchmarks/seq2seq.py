"""Encoder-decoder: training and answering beside plain torch, by turns, on one core, in processor seconds.

    python benchmarks/seq2seq.py [--rounds 5] [--run RUN --pairs FOLDER]

Training: an LSTM encoder and decoder of 256 units with dot attention, one layer and direction each, batch 64, length 20, 8,000 tokens,
as a student would write it with torch.nn (Adam as it comes, cross-entropy of all logits) and as `seq2seq` x `teacher_forcing` does it
(the same layers, head and embedding shared). Tokens are those said.

Answering, with --run a trained translator and --pairs a folder with test.LANGUAGE files: a beam of five over 64 sentences at once beside
the plain loop, which takes one sentence after another, and for each token of each beam goes through the whole answer so far again.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from lamina.core import rng
from lamina.core.data import Data
from lamina.core.spec import BEGIN, END, FILL, UNKNOWN, Spec, Tokens
from lamina.data.pair_split import Lines, PairSplit
from lamina.nn.beam_search import Search, search
from lamina.verbs.request import Request
from lamina.verbs.setup import prepare
from lamina.verbs.trained import open_run

B, T, H, V = 64, 20, 256, 8000
STEPS = 6


class Plain(nn.Module):
    """As a student would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.src, self.dst = nn.Embedding(V, H), nn.Embedding(V, H)
        self.enc, self.dec = nn.LSTM(H, H, batch_first=True), nn.LSTM(H, H, batch_first=True)
        self.mix, self.out = nn.Linear(2 * H, H), nn.Linear(H, V)

    def forward(self, s: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        memory, state = self.enc(self.src(s))
        h, _ = self.dec(self.dst(t), state)
        context = torch.softmax(h @ memory.transpose(1, 2), -1) @ memory
        return self.out(torch.tanh(self.mix(torch.cat([h, context], -1))))


def plain(precision: str) -> Any:
    torch.manual_seed(0)
    net = Plain()
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    rows = [[torch.randint(4, V, (B, T)) for _ in range(3)] for _ in range(8)]

    def step(i: int) -> None:
        s, t, y = rows[i % 8]
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = F.cross_entropy(net(s, t).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def ours(precision: str) -> Any:
    names = tuple(str(i) for i in range(V))
    spec = Tokens(unit="word", names=names, length=T)
    ids = torch.randint(4, V, (2 * 8 * B * (T - 1),), dtype=torch.int32)
    starts = torch.arange(8 * B) * (T - 1)
    heard, said = (Lines(part, starts, starts + T - 1, ("",) * len(starts), spec) for part in ids.chunk(2))
    split = PairSplit(heard, said)
    words = {"both": False, "hidden": H, "embedding": H, "dropout": 0.0, "batch": B, "label_smoothing": 0.0, "learning_rate": 1e-3}
    ready = prepare(Request(Data("noise", Spec(input=spec, target=spec), split, split, split), words=words, device="cpu"))
    ready.learner.precision = precision

    def step(i: int) -> None:
        rng.reseed(0, i + 1, "update")
        ready.learner.begin(i + 1)
        ready.method.update(ready.learner, ready.method.next_batch(ready.learner, i + 1))

    return step


def train(rounds: int) -> None:
    sides = {(name, precision): make(precision) for precision in ("f32", "bf16") for name, make in (("torch", plain), ("lamina", ours))}
    times: dict[Any, list[float]] = {side: [] for side in sides}
    for step in sides.values():
        step(0), step(1)
    for n in range(rounds):
        for side, step in sides.items():
            before = time.process_time()
            for i in range(STEPS):
                step(n * STEPS + i)
            times[side].append(B * T * STEPS / (time.process_time() - before))
    rates = {side: median(found) for side, found in times.items()}
    for (name, precision), rate in rates.items():
        print(json.dumps({"peer": name, "precision": precision, "tokens_per_cpu_s": round(rate)}))
    for precision in ("f32", "bf16"):
        print(json.dumps({"precision": precision, "to_plain_torch": round(rates["lamina", precision] / rates["torch", precision], 2)}))


@torch.inference_mode()
def one_by_one(model: Any, rows: list[torch.Tensor], beam: int) -> list[list[int]]:
    """The plain loop: sentence by sentence, beam by beam, token by token, the answer so far gone through again for each."""
    found = []
    for row in rows:
        x, open_ones, ended = row[None], [(0.0, [BEGIN])], list[tuple[float, list[int]]]()
        for _ in range(2 * len(row) + 20):
            longer = []
            for score, said in open_ones:
                log_p = model(x, torch.tensor([said]))[0, -1].float().log_softmax(-1)
                log_p[[FILL, UNKNOWN, BEGIN]] = -torch.inf
                top = log_p.topk(beam)
                longer += [(score + p, [*said, t]) for p, t in zip(top.values.tolist(), top.indices.tolist(), strict=True)]
            longer = sorted(longer, reverse=True)[:beam]
            ended += [(score / ((5 + len(said) - 1) / 6) ** 0.6, said[1:-1]) for score, said in longer if said[-1] == END]
            open_ones = [one for one in longer if one[1][-1] != END]
            if len(ended) >= beam or not open_ones:
                break
        found.append(max(ended)[1] if ended else open_ones[0][1][1:])
    return found


def answer(run: Path, pairs: Path, rounds: int) -> None:
    from lamina.data.tokens import tokenizer

    trained = open_run(run)
    spec = trained.spec.input
    assert isinstance(spec, Tokens), "a translator"
    file = next(path for path in sorted(pairs.glob("test*")) if path.name.endswith(f".{spec.column}") or f".{spec.column}." in path.name)
    from lamina.data.pair_files import lines_of

    texts = lines_of(file)[:B]
    rows = [torch.from_numpy(ids) for ids in tokenizer(spec).encode(texts)]
    x = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    ratios, rates = [], []
    for _ in range(rounds):
        with trained.predictor.asked() as model:
            before = time.process_time()
            mine = [one.tokens for one in search(model, x, Search(5, 2 * x.shape[1] + 20))]
            middle = time.process_time()
            theirs = one_by_one(model, rows, 5)
            end = time.process_time()
        words = sum(map(len, mine))
        rates.append((words / (middle - before), sum(map(len, theirs)) / (end - middle)))
        ratios.append(rates[-1][0] / rates[-1][1])
    same = sum(a == b for a, b in zip(mine, theirs, strict=True))
    print(json.dumps({"run": trained.described["model"], "tokens_per_cpu_s": [round(median(r)) for r in zip(*rates, strict=True)],
                      "to_plain_loop": round(median(ratios), 1), "same_answers": f"{same} of {len(mine)}"}))


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--run", type=Path)
    asked.add_argument("--pairs", type=Path)
    told = asked.parse_args()
    torch.set_num_threads(1)
    if told.run is None:
        train(told.rounds)
    else:
        answer(told.run, told.pairs, told.rounds)


if __name__ == "__main__":
    main()
