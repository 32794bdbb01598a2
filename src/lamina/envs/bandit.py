"""Bandits: which of several arms pays best? With `contexts`, which is it here? (Robbins 1952; Langford & Zhang 2007.)

    observations   (contexts,) float32, 0 or 1: the context of this step; with one context always 1
    actions        which of the `arms` is pulled
    reward         1 with the arm's probability in this context, else 0
    true goal      none is declared: what is paid is what is wanted
    start, end     `length` pulls, the context of each drawn anew

The probabilities follow from `table` alone: in each context the best arm pays with 0.8, the others with 0.1 to 0.5.
"""

from collections.abc import Mapping

import numpy as np

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.envs.arrays import Act, State, Told, spaces, uniform

BEST, LEAST, MOST_OF_OTHERS = 0.8, 0.1, 0.5
BAR, HIGH = 24, 100  # pixels


class Config(knobs.Config):
    """Arms and contexts."""

    arms: int = knob(4, "arms to choose from", low=2, high=100)
    contexts: int = knob(1, "contexts, each with a best arm of its own", low=1, high=1000)
    length: int = knob(20, "pulls in an episode", low=1)
    table: int = knob(0, "which probabilities the arms have", low=0)


class Bandit:
    """Which arm pays best? With contexts: which is it here?"""

    goal, reached = "", 1.0

    def __init__(self, config: Config) -> None:
        random = np.random.default_rng(config.table)
        self.config, self.longest, self.moves = config, config.length, tuple(f"arm {i}" for i in range(config.arms))
        self.pays = random.uniform(LEAST, MOST_OF_OTHERS, (config.contexts, config.arms))
        self.pays[np.arange(config.contexts), random.integers(config.arms, size=config.contexts)] = BEST
        self.threshold = config.length * (BEST - 0.05)
        self.observation_space = spaces.Box(0, 1, (config.contexts,), np.float32)
        self.action_space = spaces.Discrete(config.arms)
        self.scripted: Mapping[str, Act] = {"best arm": lambda seen: self.pays[seen.argmax(1)].argmax(1)}

    def begin(self, seeds: np.ndarray) -> State:
        count = len(seeds)
        state: State = {"seed": seeds.astype(np.uint64), "time": np.zeros(count, np.int64)}
        state |= {"context": self._drawn(state), "arm": np.full(count, -1), "won": np.zeros(count)}
        return state

    def _drawn(self, state: State) -> np.ndarray:
        return np.floor(uniform(state, 1)[:, 0] * self.config.contexts).astype(np.int64)

    def observe(self, state: State) -> np.ndarray:
        found: np.ndarray = np.eye(self.config.contexts, dtype=np.float32)[state["context"]]
        return found

    def step(self, state: State, action: np.ndarray) -> Told:
        won = (uniform(state, 2)[:, 0] < self.pays[state["context"], action]).astype(np.float32)
        state["arm"], state["won"], state["context"] = action + 0, won.astype(np.float64), self._drawn(state)
        return Told.of({"won": won}, np.zeros(len(won), bool), np.full(len(won), np.nan))

    def draw(self, state: State, place: int) -> np.ndarray:
        """A bar an arm, as high as it pays in this context; the last one pulled is green where it won, red where not."""
        shown = np.full((HIGH + 8, BAR * self.config.arms, 3), 247, np.uint8)
        for arm, pays in enumerate(self.pays[state["context"][place]]):
            pulled = state["arm"][place] == arm
            ink = ((111, 191, 115) if state["won"][place] else (209, 52, 91)) if pulled else (150, 160, 175)
            shown[HIGH - int(pays * HIGH) : HIGH, arm * BAR + 3 : (arm + 1) * BAR - 3] = ink
        return shown
