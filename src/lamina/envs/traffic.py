"""Driving on a motorway in the spirit of DeepTraffic (Fridman, Terwilliger & Jenik 2018): fast, through slower cars, without a collision.

    observations   (20,) float32 within -1 and 1: own speed, lane, then of the lanes to the left, own and to the right each: whether
                   there is one, the gap to the next car ahead and its speed against the own, the gap to the next one behind and its
                   speed against the own, and whether a car is beside
    actions        0 keep on, 1 faster, 2 slower, 3 to the left, 4 to the right
    reward         `safe`: the speed as a share of the highest, each step, and -`crash` for a collision, which ends the episode;
                   `speed`: the speed alone, and a collision only takes speed
    true goal      the way without a collision: driven before the first one, as a share of what the highest speed would drive
    start          in a lane of chance, at half of the highest speed, cars all around
    end            a collision, with `safe`; cut off after 200 steps

Others keep their lane and the speed that they like, and brake behind whoever is ahead of them. One who falls far behind or drives
far ahead comes again at the other end, in a lane and with a speed of chance.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.envs import traffic_drawn
from lamina.envs.arrays import Act, State, Told, spaces, uniform

FASTEST, EASE = 2.0, 0.15  # car lengths a step; what one step changes of the speed
SLOW, QUICK = 0.6, 1.5  # the speeds that others like
SIGHT = 30.0  # car lengths: who is farther away comes again at the other end
LONG, CLEAR = 1.0, 4.0  # of a car; of the room ahead from which others brake
SHOWN = 20.0  # car lengths to each side of the picture
FREE = 2.0  # of the room that a scripted driver wants to change lanes
SEEN_OF_A_LANE = 6


class Config(knobs.Config):
    """The road, and what is paid for."""

    lanes: int = knob(4, "lanes", low=1, high=8)
    cars: int = knob(10, "other cars", low=0, high=60)
    reward: Literal["safe", "speed"] = knob("safe", "what is paid for")
    crash: float = knob(20.0, "cost of a collision", low=0)
    longest: int = knob(200, "steps after which an episode is cut off", low=10)


class Traffic:
    """A motorway: fast through slower cars, and without a collision."""

    reached, threshold = 0.75, None
    goal = "to come far without a collision"
    moves = ("keep on", "faster", "slower", "to the left", "to the right")

    def __init__(self, config: Config) -> None:
        self.config, self.longest = config, config.longest
        self.observation_space = spaces.Box(-1, 1, (2 + 3 * SEEN_OF_A_LANE,), np.float32)
        self.action_space = spaces.Discrete(5)
        self.scripted: Mapping[str, Act] = {"careful driver": careful}

    def begin(self, seeds: np.ndarray) -> State:
        count, cars, lanes = len(seeds), self.config.cars, self.config.lanes
        state: State = {"seed": seeds.astype(np.uint64), "time": np.zeros(count, np.int64)}
        drawn = uniform(state, 0, 3 * cars + 1)
        lane = np.floor(drawn[:, 1 : cars + 1] * lanes).astype(np.int64)
        place = (drawn[:, cars + 1 : 2 * cars + 1] - 0.5 + np.arange(cars)) / max(cars, 1) * 2 * SIGHT - SIGHT  # one in each stretch
        place = np.where(np.abs(place) < 3 * LONG, place + np.where(place < 0, -6, 6) * LONG, place)  # nobody beside at the start
        likes = SLOW + (QUICK - SLOW) * drawn[:, 2 * cars + 1 :]
        own = np.floor(drawn[:, 0] * lanes).astype(np.int64)
        state |= {"lane": own, "speed": np.full(count, FASTEST / 2), "way": np.zeros(count), "hit": np.zeros(count, bool)}
        return state | {"lanes": lane, "place": place, "likes": likes, "speeds": likes.copy()}  # (E, C) each, places from the own car

    def observe(self, state: State) -> np.ndarray:
        columns = [state["speed"] / FASTEST * 2 - 1, 2 * state["lane"] / max(self.config.lanes - 1, 1) - 1]
        for side in (-1, 0, 1):
            columns += self._lane(state, state["lane"] + side)
        return np.clip(np.stack(columns, 1), -1, 1).astype(np.float32)

    def _lane(self, state: State, lane: np.ndarray) -> list[np.ndarray]:
        """What is seen of one lane, as columns (E,)."""
        there = (lane >= 0) & (lane < self.config.lanes)
        near = state["lanes"] == lane[:, None]  # (E, C)
        ahead, ahead_speed = _next(state, near & (state["place"] >= 0), 1)
        behind, behind_speed = _next(state, near & (state["place"] < 0), -1)
        beside = np.minimum(ahead, behind) < LONG * 1.2
        return [np.where(there, 1.0, -1.0), ahead / SIGHT, ahead_speed / FASTEST, behind / SIGHT, behind_speed / FASTEST,
                np.where(beside, 1.0, -1.0)]

    def step(self, state: State, action: np.ndarray) -> Told:
        self._steer(state, action)
        self._others(state)
        touched = ((state["lanes"] == state["lane"][:, None]) & (np.abs(state["place"]) < LONG)).any(1)
        state["way"] = np.where(state["hit"] | touched, state["way"], state["way"] + state["speed"])
        state["hit"] = state["hit"] | touched
        share = state["speed"] / FASTEST
        goal = np.minimum(state["way"] / (FASTEST * self.longest), 1)
        if self.config.reward == "safe":
            return Told.of({"speed": share, "crash": -self.config.crash * touched}, touched, goal)
        state["speed"] = np.where(touched, 0.9 * state["speed"], state["speed"])
        return Told.of({"speed": share}, np.zeros(len(touched), bool), goal)

    def _steer(self, state: State, action: np.ndarray) -> None:
        change = np.where(action == 1, EASE, np.where(action == 2, -2 * EASE, 0.0))
        state["speed"] = np.clip(state["speed"] + change, 0.2, FASTEST)
        aside = np.where(action == 3, -1, np.where(action == 4, 1, 0))
        state["lane"] = np.clip(state["lane"] + aside, 0, self.config.lanes - 1)

    def _others(self, state: State) -> None:
        """Others brake behind whoever is ahead, move, and come again at the other end."""
        cars, lanes = self.config.cars, self.config.lanes
        if not cars:
            return
        place = np.concatenate([state["place"], np.zeros((len(state["lane"]), 1))], 1)  # (E, C + 1), the own car last
        lane = np.concatenate([state["lanes"], state["lane"][:, None]], 1)
        speed = np.concatenate([state["speeds"], state["speed"][:, None]], 1)
        gap = place[:, None, :] - state["place"][:, :, None]  # (E, C, C + 1) from each to each
        gap = np.where((gap > 0) & (lane[:, None, :] == state["lanes"][:, :, None]), gap, np.inf)
        leader = gap.argmin(2)
        room = np.take_along_axis(gap, leader[..., None], 2)[..., 0]
        follow = np.minimum(state["likes"], np.take_along_axis(speed, leader, 1) * np.clip((room - LONG) / CLEAR, 0, 1))
        state["speeds"] = np.where(room < LONG + CLEAR, follow, np.minimum(state["likes"], state["speeds"] + EASE))
        moved = state["place"] + state["speeds"] - state["speed"][:, None]
        gone = np.abs(moved) > SIGHT
        drawn = uniform(state, 1, 2 * cars).reshape(-1, 2, cars)
        state["place"] = np.where(gone, -np.sign(moved) * SIGHT, moved)
        state["lanes"] = np.where(gone, np.floor(drawn[:, 0] * lanes).astype(np.int64), state["lanes"])
        state["likes"] = np.where(gone, SLOW + (QUICK - SLOW) * drawn[:, 1], state["likes"])
        state["speeds"] = np.where(gone, state["likes"], state["speeds"])

    def draw(self, state: State, place: int) -> np.ndarray:
        own = float(state["way"][place]), int(state["lane"][place]), bool(state["hit"][place])
        return traffic_drawn.picture(self.config.lanes, SHOWN, own, state["lanes"][place], state["place"][place])


def _next(state: State, those: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Distance and relative speed of the nearest of `those` (E, C) on one side; (SIGHT, 0) where there is none."""
    if not those.shape[1]:
        return np.full(len(those), SIGHT), np.zeros(len(those))
    far = np.where(those, side * state["place"], np.inf)
    nearest = far.argmin(1)
    rows = np.arange(len(far))
    found, speed = far[rows, nearest], state["speeds"][rows, nearest] - state["speed"]
    there = np.isfinite(found)
    return np.where(there, found, SIGHT), np.where(there, speed, 0.0)


def careful(seen: np.ndarray) -> np.ndarray:
    """Drives as fast as the room ahead allows, and changes to a lane that is free where that has more of it."""
    left, own, right = (seen[:, 2 + SEEN_OF_A_LANE * i : 2 + SEEN_OF_A_LANE * (i + 1)] for i in range(3))
    room, closing = own[:, 1] * SIGHT, -own[:, 2] * FASTEST
    needed = LONG + 1.0 + np.maximum(closing, 0) * 4
    action = np.where(room > needed + 1, 1, np.where(room < needed, 2, 0))
    for side, move in ((left, 3), (right, 4)):
        behind_closes = np.maximum(side[:, 4] * FASTEST, 0) * 4
        ahead_closes = np.maximum(-side[:, 2] * FASTEST, 0) * 4
        free = (side[:, 0] > 0) & (side[:, 1] * SIGHT > FREE + LONG + ahead_closes) & (side[:, 3] * SIGHT > FREE + LONG + behind_closes)
        better = (side[:, 1] > own[:, 1] + 0.1) & (room < 12)
        action = np.where(free & better, move, action)
    return action
