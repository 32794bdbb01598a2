"""AlphaZero (Silver et al. 2018, A general reinforcement learning algorithm that masters chess, shogi and Go through self-play).

One update is one iteration: the network plays whole games against itself, each move by a tree search that it guides; then it
learns from mini-batches of the positions of the last games what the search found (pi) and how games ended (z). Departures: playing and
learning take turns where the paper does both side by side; the policy learns itself, better by the values that the search found (Danihelka
et al. 2022), where the paper has it learn the visits (`target=visits`); positions are turned and mirrored by the game's symmetries (as in
AlphaGo Zero, Silver et al. 2017); a position is worth the mean of z and what the search thought of it (Oracle's Lessons from AlphaZero,
2018); games may begin with some random moves, and some plies are searched little and not learned from (Wu 2019); `gate` brings AlphaGo
Zero's evaluation back: a network plays only once it beats the one that did.

    s  x       boards as who is to move sees them  (B, 2, H, W)    A  moves
    pi y       how the search shared itself        (B, A)          p, v  what the network says
    z  value   how the game ended for who moves    (B,)            P     positions of the window
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.data import Split
from lamina.core.errors import UsageError
from lamina.core.method import Learning, Pace
from lamina.core.predictor import Predictor
from lamina.core.say import say
from lamina.core.spec import Moves, Spec
from lamina.core.task import Predicting
from lamina.envs.games.arena import match, searching
from lamina.envs.games.game import seen
from lamina.envs.games.game_split import GameSplit
from lamina.envs.games.search import Search
from lamina.envs.games.self_play import Games, Style, self_play
from lamina.envs.games.tree import Constants
from lamina.methods.board_judge import judge_of

WARNING = ("nearly all games of this iteration are drawn, or the same: that is how the game ends when it is played well, or nothing new is "
           "seen any more; `opening=8` or `temperature=1.5` bring other games")
LOCKED = 0.95  # of the games of an iteration: so many draws, or games that repeat another, and nothing new is seen


class Config(knobs.Config):
    """How much is played, how moves are searched, and how hard each iteration learns."""

    iterations: int = knob(100, "times that games are played and learned from", low=1, search="log")
    valid_iterations: int = knob(10, "iterations between validations", low=1)
    games: int = knob(64, "games of an iteration, played side by side", low=1, search="log")
    simulations: int = knob(48, "simulations of the search for a move", low=2, search="log")
    cheap: float = knob(0.0, "share of the moves that are searched little and not learned from", low=0, high=0.95, search="linear")
    cheap_simulations: int = knob(16, "simulations for one of these moves", low=2)
    exploration: float = knob(1.5, "c_init: how much a move's prior counts against what it was found to be worth", low=0, search="log")
    softness: float = knob(2.0, "what the logits of the policy are divided by in the search: more is tried than it would", low=1)
    root_noise: float = knob(0.25, "share of the priors at the root that is noise", low=0, high=1)
    alpha: float = knob(0.0, "of the noise's Dirichlet distribution; 0 takes 10 by the number of moves", low=0)
    temperature: float = knob(1.0, "of the choice among the moves at the start of a game", low=0.01)
    half_life: float = knob(10.0, "moves after which the temperature is half as much", low=0.1)
    coldest: float = knob(0.25, "the least temperature", low=0.01)
    opening: int = knob(0, "most moves at the start of a game that are drawn at random", low=0)
    target: Literal["values", "visits"] = knob("values", "what the policy learns: itself, better by the values found, or the visits")
    mix: float = knob(0.5, "share of the search's own judgement in what a position is worth", low=0, high=1)
    window: int = knob(100_000, "most positions that are learned from", low=1, search="log")
    remembered: float = knob(0.5, "share of all positions so far that is learned from, the newest, up to the window", low=0.01, high=1)
    batch: int = knob(256, "positions in a mini-batch", low=2, search="log")
    passes: float = knob(4.0, "times a new position is gone through in its iteration, by the size of the mini-batches", low=0, search="log")
    value_weight: float = knob(1.0, "weight of the value's squared error beside the policy's loss", low=0)
    gate: float = knob(0.0, "points against the network that plays with which a new one replaces it; 0 replaces it at once", low=0, high=1)
    gate_every: int = knob(10, "iterations between such contests", low=1)
    gate_games: int = knob(40, "games of such a contest", low=2)


class AlphaZero:
    """Plays against itself, and learns what its search found."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "optimizer": "adamw", "learning_rate": 2e-3, "weight_decay": 1e-4, "ema": 0.995, "optim.clip": 1.0,
        "precision": "f32", "threads": 1,
    }  # fmt: skip
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: Split) -> None:
        if not isinstance(spec.target, Moves) or not isinstance(split, GameSplit):
            raise UsageError("a game of two players for `alphazero`", f"`{spec.target.kind}` as target", "Train `tictactoe`, for example.")
        self.config, self.game = config, split.game
        self.cells, self.moves = torch.from_numpy(split.game.cells), torch.from_numpy(split.game.moves)
        self.window = _empty(split.game.size, split.game.shape)
        self.positions = self.iterations = 0  # that were learned from, in all
        self.playing: dict[str, torch.Tensor] = {}  # weights that play, where a gate keeps others out
        self._told: dict[str, float] = {}  # of the games that were played last
        self._warned = False

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The network as it is; it must have a policy and a value."""
        if not all(isinstance(getattr(net, part, None), nn.Module) for part in ("policy", "value")):
            raise UsageError("a model with a `policy` and a `value`", f"`{type(net).__name__}`", "Use `--model board_resnet`.")
        return net

    def prepare(self, model: nn.Module) -> None:
        """Nothing is known of a game before it is played."""

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        return {}

    def pace(self) -> Pace:
        return Pace(self.config.iterations, self.config.valid_iterations)

    # -- an iteration -----------------------------------------------------------------------------

    def next_batch(self, learner: Learning, step: int) -> Batch:
        """Play the games of an iteration; their positions as x, legal moves (mask), pi (y) and z (value)."""
        search = self._search(self._player(learner))
        played = self_play(search, self.config.games, self._style(), rng.key(learner.seed, step, "self-play"))
        self._told = of_games(played)
        if self._told["draw_lock"] and not self._warned:
            self._warned = True
            say(WARNING)
        new = played.positions
        boards = seen(new.boards.reshape(-1, *self.game.shape), new.players)
        return Batch(x=torch.from_numpy(boards), mask=torch.from_numpy(new.allowed), y=torch.from_numpy(new.shares.astype(np.float16)),
                     value=torch.from_numpy(new.worth.astype(np.float16)))

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        """Put the new positions into the window and learn from mini-batches of it."""
        c, new = self.config, {key: value.cpu() for key, value in batch.items()}
        self.positions, self.iterations = self.positions + len(new["x"]), self.iterations + 1
        kept = min(c.window, max(len(new["x"]), int(c.remembered * self.positions)))
        self.window = {key: torch.cat([self.window[key], new[key]])[-kept:] for key in self.window}
        count, total = max(1, round(c.passes * len(new["x"]) / c.batch)), torch.zeros(2, device=learner.device)
        for _ in range(count):
            part = self._drawn().to(learner.device)
            with learner.autocast():
                policy, value = losses(learner.model(part["x"]), part)
            learner.step(policy + c.value_weight * value)
            total += torch.stack([policy.detach(), value.detach()])
        policy, value = total / count
        told = {"policy_loss": policy, "value_loss": value}
        return told | {name: torch.tensor(figure) for name, figure in (self._told | self._contest(learner)).items()}

    def _drawn(self) -> Batch:
        """A mini-batch of the window, each position turned by a symmetry that is drawn for it."""
        rows = torch.randint(len(self.window["x"]), (self.config.batch,))
        turn = torch.randint(len(self.cells), (self.config.batch,))
        cells, moves = self.cells[turn], self.moves[turn]  # (B, C), (B, A)
        x = self.window["x"][rows].flatten(2)
        x = x.gather(2, cells[:, None].expand_as(x)).unflatten(2, self.game.shape)
        return Batch(x=x, y=self.window["y"][rows].gather(1, moves).float(), mask=self.window["mask"][rows].gather(1, moves),
                     value=self.window["value"][rows].float())

    def _search(self, player: Predicting) -> Search:
        return Search(self.game, judge_of(player), Constants(self.config.exploration, softness=self.config.softness))

    def _style(self) -> Style:
        c = self.config
        return Style(c.simulations, c.cheap, c.cheap_simulations, c.root_noise, c.alpha or 10 / self.game.size, c.temperature, c.half_life,
                     c.coldest, c.opening, c.target, c.mix)

    # -- who plays --------------------------------------------------------------------------------

    def _player(self, learner: Learning) -> Predicting:
        """The network that plays: the present one, or behind a gate the last that was let in."""
        present: Predictor = learner.predictor()
        if not self.config.gate:
            return present
        if not self.playing:
            self.playing = _kept(present.model)
        playing = deepcopy(present.model)
        playing.load_state_dict(self.playing)
        return Predictor(playing, present.device, present.precision)

    def _contest(self, learner: Learning) -> dict[str, float]:
        """Every so often the present network meets the one that plays, and takes its place where it makes enough points."""
        c = self.config
        if not c.gate or self.iterations % c.gate_every:
            return {}
        present: Predictor = learner.predictor()
        new, old = (searching(self._search(one), c.simulations) for one in (present, self._player(learner)))
        opening = min(4, self.game.size // 2)
        score = float(match(self.game, new, old, c.gate_games, rng.key(learner.seed, self.iterations, "gate"), opening).points.mean())
        if score >= c.gate:
            self.playing = _kept(present.model)
        return {"gate_points": score, "gate_passed": float(score >= c.gate)}

    # -- keeping ----------------------------------------------------------------------------------

    def counters(self, step: int) -> dict[str, float]:
        return {"games": step * self.config.games}

    def state(self) -> dict[str, Any]:
        return {"window": dict(self.window), "positions": self.positions, "iterations": self.iterations, "playing": dict(self.playing)}

    def load_state(self, state: dict[str, Any]) -> None:
        self.window, self.playing = dict(state["window"]), dict(state["playing"])
        self.positions, self.iterations = state["positions"], state["iterations"]


def losses(said: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Both parts of the paper's eq. (1), (z - v)^2 - pi log p: the cross-entropy over legal moves, and the squared error."""
    log_p = said[:, :-1].float().masked_fill(~batch["mask"], -torch.inf).log_softmax(1).masked_fill(~batch["mask"], 0)
    return -(batch["y"] * log_p).sum(1).mean(), F.mse_loss(said[:, -1].float(), batch["value"])


def _kept(model: nn.Module) -> dict[str, torch.Tensor]:
    """Its weights as they are now."""
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}


def _empty(moves: int, shape: tuple[int, int]) -> dict[str, torch.Tensor]:
    """A window without a position: what the board shows, legal moves, pi and z, as small as they can be kept."""
    return {"x": torch.zeros(0, 2, *shape, dtype=torch.int8), "mask": torch.zeros(0, moves, dtype=torch.bool),
            "y": torch.zeros(0, moves, dtype=torch.float16), "value": torch.zeros(0, dtype=torch.float16)}


def of_games(played: Games) -> dict[str, float]:
    """What is told of the games of an iteration, and aloud where nothing new is seen in them."""
    draws, length = float((played.outcomes == 0).mean()), float(np.mean([len(moves) for moves in played.moves]))
    locked = max(draws, played.alike) >= LOCKED
    return {"draws": draws, "first_wins": float((played.outcomes == 1).mean()), "length": length, "alike": played.alike,
            "positions": float(len(played.positions)), "draw_lock": float(locked), "unended": float(played.unended)}
