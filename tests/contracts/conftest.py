"""An environment that shows pictures, for all contracts."""

from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import register


class Catch(gymnasium.Env[np.ndarray, Any]):
    """A ball falls, a paddle moves left, stays or moves right; caught it pays 1, missed -1. Registered as `Catch-v0`, and as
    `Steer-v0` with a number to set."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}

    def __init__(self, size: int = 12, coloured: bool = False, steers: bool = False, name: str = "catch",
                 render_mode: str | None = None) -> None:
        self.size, self.coloured, self.name, self.render_mode = size, coloured, name, render_mode
        self.observation_space: Any = spaces.Box(0, 255, (size, size, 3 if coloured else 1), np.uint8)
        self.action_space: Any = spaces.Box(-1, 1, (1,), np.float32) if steers else spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.row, self.column, self.paddle = 0, int(self.np_random.integers(self.size)), self.size // 2
        return self.picture(), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        moved = int(action) - 1 if np.ndim(action) == 0 else round(float(action[0]))
        self.paddle = int(np.clip(self.paddle + moved, 0, self.size - 1))
        self.row += 1
        over = self.row == self.size - 1
        return self.picture(), (1.0 if abs(self.paddle - self.column) <= 1 else -1.0) if over else 0.0, over, False, {}

    def render(self) -> np.ndarray:  # type: ignore[override]
        return np.broadcast_to(self.picture(), (self.size, self.size, 3))

    def picture(self) -> np.ndarray:
        drawn = np.zeros(self.observation_space.shape, np.uint8)
        drawn[self.row, self.column] = 255
        drawn[-1, max(0, self.paddle - 1) : self.paddle + 2] = 128
        return drawn


register("Catch-v0", Catch, kwargs={"size": 12})
register("Steer-v0", Catch, kwargs={"size": 12, "steers": True})
