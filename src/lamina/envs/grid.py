"""Small worlds of cells: walk to the exit. Their classics are in Sutton & Barto (2018), examples 6.6 (cliff) and of options (rooms).

    observations   (H * W + C,) float32, 0 or 1: the cell in which one is, row by row, then of each coin whether it is there
    actions        0 up, 1 right, 2 down, 3 left; with probability `slip` a direction of chance; into a wall one stays
    reward         -0.02 a step, 1 at the exit; on `cliff` -1 for a fall, which leads back to the start; on `coins` 0.3 for each coin
    true goal      to reach the exit: 1 there, else half of the share of the way that was left behind at the best moment
    start          the cell S
    end            the exit; cut off after `longest` steps

On `coins` the coins come back after `respawn` steps, so that walking to and fro pays more than the exit: a world whose reward is
not its goal. With `respawn=0` they do not. On `cliff` learners tend to hide: who stays falls less, and finds the way late or never
(results/boat-race.md).
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.envs import grid_drawn
from lamina.envs.arrays import Act, State, Told, spaces, uniform

MAPS = {
    "walk": ("S....", ".....", "..#..", ".....", "....E"),
    "cliff": ("............", "............", "............", "SxxxxxxxxxxE"),
    "rooms": (".....#.....", ".S...#.....", ".....#.....", "...........", ".....#.....", "#.####.....", ".....###.##",
              ".....#.....", ".....#.....", ".........E.", ".....#....."),
    "coins": ("C.S.C....", ".###.###.", "........E"),
}  # fmt: skip
MOVES = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)])
STEP, EXIT, FALL, COIN = -0.02, 1.0, -1.0, 0.3


class Config(knobs.Config):
    """Which world."""

    map: Literal["walk", "cliff", "rooms", "coins"] = knob("walk", "the world")
    slip: float = knob(0.0, "share of steps in a direction of chance", low=0, high=1)
    respawn: int = knob(4, "steps until a coin is back; 0 for never", low=0)
    longest: int = knob(100, "steps after which an episode is cut off", low=1)


class Grid:
    """Worlds of cells: an open field, a cliff, rooms, coins."""

    reached = 1.0
    goal = "to reach the exit"
    moves = ("up", "right", "down", "left")

    def __init__(self, config: Config) -> None:
        self.config, self.longest = config, config.longest
        self.cells = np.array([list(row) for row in MAPS[config.map]])  # (H, W) characters
        self.coins = np.argwhere(self.cells == "C")  # (C, 2)
        self.far = _distances(self.cells)  # (H, W) steps to the exit
        self.threshold = EXIT + STEP * self._way() - 0.02 if not config.slip and config.map != "coins" else None
        self.observation_space = spaces.Box(0, 1, (self.cells.size + len(self.coins),), np.float32)
        self.action_space = spaces.Discrete(4)
        self.scripted: Mapping[str, Act] = {"shortest way": self._shortest}

    def _way(self) -> int:
        """Steps from the start to the exit."""
        row, column = np.argwhere(self.cells == "S")[0]
        return int(self.far[row, column])

    def begin(self, seeds: np.ndarray) -> State:
        count = len(seeds)
        place = np.repeat(np.argwhere(self.cells == "S"), count, 0)
        state: State = {"seed": seeds.astype(np.uint64), "time": np.zeros(count, np.int64), "place": place}
        return state | {"best": np.full(count, self._way()), "wait": np.zeros((count, len(self.coins)), np.int64)}

    def observe(self, state: State) -> np.ndarray:
        row, column = state["place"].T
        here = np.zeros((len(row), self.cells.size), np.float32)
        here[np.arange(len(row)), row * self.cells.shape[1] + column] = 1
        return np.concatenate([here, (state["wait"] == 0).astype(np.float32)], 1)

    def step(self, state: State, action: np.ndarray) -> Told:
        drawn = uniform(state, 1, 2)
        action = np.where(drawn[:, 0] < self.config.slip, np.floor(4 * drawn[:, 1]).astype(np.int64), action)
        there = np.clip(state["place"] + MOVES[action], 0, np.array(self.cells.shape) - 1)
        kind = self.cells[there[:, 0], there[:, 1]]
        state["place"] = np.where((kind == "#")[:, None], state["place"], there)
        fell = kind == "x"
        state["place"] = np.where(fell[:, None], np.argwhere(self.cells == "S"), state["place"])
        ended, coins = kind == "E", self._take(state)
        state["best"] = np.minimum(state["best"], self.far[state["place"][:, 0], state["place"][:, 1]])
        goal = np.where(ended, 1.0, 0.5 * (1 - state["best"] / self._way()))
        parts = {"step": np.full(len(action), STEP), "exit": EXIT * ended}
        parts |= {"fall": FALL * fell} if "x" in self.cells else {}
        return Told.of(parts | ({"coins": COIN * coins} if len(self.coins) else {}), ended, goal)

    def _take(self, state: State) -> np.ndarray:
        """How many coins are taken, (E,)."""
        wait = np.maximum(state["wait"] - 1, 0)
        taken = (wait == 0) & (state["place"][:, None] == self.coins).all(2)
        state["wait"] = np.where(taken, self.config.respawn or 10 * self.longest, wait)
        found: np.ndarray = taken.sum(1)
        return found

    def _shortest(self, seen: np.ndarray) -> np.ndarray:
        """The move to a neighbour that is nearest to the exit."""
        row, column = np.divmod(seen[:, : self.cells.size].argmax(1), self.cells.shape[1])
        there = np.clip(np.stack([row, column], 1)[:, None] + MOVES, 0, np.array(self.cells.shape) - 1)  # (E, 4, 2)
        found: np.ndarray = self.far[there[..., 0], there[..., 1]].argmin(1)
        return found

    def draw(self, state: State, place: int) -> np.ndarray:
        return grid_drawn.picture(self.cells, state["place"][place], self.coins[state["wait"][place] == 0])


def _distances(cells: np.ndarray) -> np.ndarray:
    """Steps from each cell to the exit, (H, W); as many as there are cells for those that are none."""
    far = np.full(cells.shape, cells.size)
    edge = [tuple(place) for place in np.argwhere(cells == "E").tolist()]
    for place in edge:
        far[place] = 0
    while edge:
        row, column = edge.pop(0)
        for down, right in MOVES.tolist():
            near = row + down, column + right
            inside = 0 <= near[0] < cells.shape[0] and 0 <= near[1] < cells.shape[1]
            if inside and cells[near] not in "#x" and far[near] == cells.size:
                far[near] = far[row, column] + 1
                edge.append(near)
    return far
