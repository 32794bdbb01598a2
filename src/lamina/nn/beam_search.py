"""Saying the most probable answer: beam search with the length penalty and the coverage of Wu et al. 2016, shared by all that say tokens.

    B  answers    K  beams of each    V  tokens    T  tokens said so far    S  places that are looked at
    score = log p / lp + cp,    lp = ((5 + T) / 6) ** alpha,    cp = beta * sum over S of log(min(sum over T of attention, 1))

An answer is settled, and leaves the batch so that it need not wait for longer ones, where as many beams have ended as there are and none
that goes on is better. What was worked out for a token is kept in the state and never computed again.
"""

from dataclasses import dataclass

import torch

from lamina.core.speaker import Speaker, State, rows
from lamina.core.spec import BEGIN, END, FILL, UNKNOWN

LEAST = 1e-9  # attention of which a logarithm is taken


@dataclass(frozen=True)
class Search:
    """How an answer is searched: so many beams, tokens at most, alpha and beta of the scores above."""

    beam: int = 5
    most: int = 100
    alpha: float = 0.6
    beta: float = 0.0


@dataclass(frozen=True)
class Said:
    """One answer: its tokens without the end, its log-probability, and where it looked, (T, S), None where the network does not look."""

    tokens: list[int]
    log_probability: float
    attention: torch.Tensor | None


@torch.no_grad()
def search(model: Speaker, x: torch.Tensor, how: Search = Search()) -> list[Said]:
    """The best answer to each input x (B, ...)."""
    memory, state = model.hear(x)
    return _Beams(len(x), how, x.device).run(model, memory, state)


class _Beams:
    """The beams of all answers that are not settled; row `answer * K + beam` of every tensor is one beam."""

    def __init__(self, answers: int, how: Search, device: torch.device) -> None:
        self.how, self.device, K = how, device, how.beam
        self.live = list(range(answers))  # which answers are still searched
        self.scores = torch.full((answers, K), -torch.inf, device=device)
        self.scores[:, 0] = 0.0  # all beams begin alike: one of them counts
        self.tokens = torch.full((answers * K, 1), BEGIN, device=device)
        self.looked: torch.Tensor | None = None  # (B K, T, S)
        self.best: list[tuple[float, Said | None]] = [(-torch.inf, None)] * answers
        self.ended = [0] * answers

    def run(self, model: Speaker, memory: State, state: State) -> list[Said]:
        """Step by step, until every answer is settled."""
        K = self.how.beam
        first = torch.arange(len(self.live), device=self.device).repeat_interleave(K)
        memory, state = rows(memory, first), rows(state, first)
        for _ in range(self.how.most):
            logits, state = model.decode_step(memory, state, self.tokens[:, -1])
            attention = state.pop("attention", None)
            came_from = self._step(logits.float().log_softmax(-1), attention)
            state = rows(state, came_from)
            keep = self._settled()
            if not keep:
                break
            if len(keep) < len(self.live):
                beams = (torch.tensor(keep, device=self.device)[:, None] * K + torch.arange(K, device=self.device)).flatten()
                memory, state = rows(memory, beams), rows(state, beams)
                self._only(keep, beams)
        self._give_up()
        return [said if said is not None else Said([], -torch.inf, None) for _, said in self.best]

    def _step(self, log_p: torch.Tensor, attention: torch.Tensor | None) -> torch.Tensor:
        """Take each beam a token further; returns the rows that the new beams came from."""
        B, K, V = len(self.live), self.how.beam, log_p.shape[-1]
        log_p[:, [FILL, UNKNOWN, BEGIN]] = -torch.inf  # no part of an answer
        total = (self.scores.view(-1, 1) + log_p).view(B, K * V)
        scores, places = total.topk(min(2 * K, K * V), -1)  # as many as may end, and as many to go on
        beams, tokens = places // V, places % V
        if attention is not None:
            new = attention[:, None].float()
            self.looked = new if self.looked is None else torch.cat([self.looked, new], 1)
        ends = tokens == END
        self._ended(scores, beams, ends)
        go_on = scores.masked_fill(ends, -torch.inf).topk(K, -1)
        self.scores = go_on.values
        came_from = (torch.arange(B, device=self.device)[:, None] * K + beams.gather(1, go_on.indices)).flatten()
        self.tokens = torch.cat([self.tokens[came_from], tokens.gather(1, go_on.indices).view(-1, 1)], 1)
        self.looked = None if self.looked is None else self.looked[came_from]
        return came_from

    def _ended(self, scores: torch.Tensor, beams: torch.Tensor, ends: torch.Tensor) -> None:
        """Keep ended beams that are among the K best and better than what an answer has."""
        among = ends[:, : self.how.beam] & scores[:, : self.how.beam].isfinite()
        for i, j in among.nonzero().tolist():
            self._offer(i, int(beams[i, j]), scores[i, j].item())

    def _offer(self, i: int, beam: int, score: float) -> None:
        """The beam as the answer to i, where it is better than the one it has."""
        row = i * self.how.beam + beam
        self.ended[self.live[i]] += 1
        looked = None if self.looked is None else self.looked[row]
        value = score / self._penalty(self.tokens.shape[1]) + self._coverage(looked)
        if value > self.best[self.live[i]][0]:
            self.best[self.live[i]] = value, Said(self.tokens[row, 1:].tolist(), score, None if looked is None else looked.clone())

    def _penalty(self, length: int) -> float:
        return float(((5 + length) / 6) ** self.how.alpha)

    def _coverage(self, looked: torch.Tensor | None) -> float:
        if looked is None or not self.how.beta:
            return 0.0
        over = looked.sum(0)
        return self.how.beta * float(over[over > 0].clamp(min=LEAST, max=1).log().sum())

    def _settled(self) -> list[int]:
        """The places of the answers that go on: few of their beams have ended, or one that goes on is better than the best of those."""
        open_scores = (self.scores[:, 0] / self._penalty(self.tokens.shape[1])).tolist()
        return [i for i, answer in enumerate(self.live) if self.ended[answer] < self.how.beam or open_scores[i] > self.best[answer][0]]

    def _only(self, keep: list[int], beams: torch.Tensor) -> None:
        self.live = [self.live[i] for i in keep]
        self.scores, self.tokens = self.scores[keep], self.tokens[beams]
        self.looked = None if self.looked is None else self.looked[beams]

    def _give_up(self) -> None:
        """An answer without an end is what its best beam has said."""
        for i, answer in enumerate(self.live):
            if self.best[answer][1] is None:
                self._offer(i, 0, self.scores[i, 0].item())
