"""What a network sees of an environment that shows pictures: grey, small, every few frames, the last few at once (Mnih et al. 2015,
Human-level control through deep reinforcement learning, methods: preprocessing).

A step is `skip` frames with one action, whose rewards are summed; of the last two frames each pixel's larger value is seen where
`flicker`, as Atari's sprites are drawn in every other frame only. Pictures are stacked along their channels, the latest last; an episode
begins with its first picture `stack` times. Departure: life losses end no episode (Machado et al. 2018, section 4.1).

    (H, W) or (H, W, C) bytes -> (side, side, stack) grey, or (side, side, 3 stack)
"""

from collections import deque
from typing import Any

import numpy as np
from PIL import Image

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import missing_package

try:  # a base class is needed where the file is read; only environments of pictures import it
    import gymnasium
    from gymnasium import spaces
except ImportError as error:
    raise missing_package("gymnasium", "rl", "environments") from error

LEAST = 8  # pixels a side, below which bytes are no picture


class Pictures(knobs.Config):
    """How pictures are seen."""

    side: int = knob(84, "height and width of what is seen, in pixels; smaller pictures stay as they are", low=8)
    grey: bool = knob(True, "colours are left out")
    stack: int = knob(4, "pictures that are seen at once, without which nothing is seen to move", low=1)
    skip: int = knob(1, "frames in which one action is done", low=1)
    flicker: bool = knob(False, "of the last two frames each pixel's larger value is seen")


class Atari(Pictures):
    """The same with what Atari's games want."""

    skip: int = knob(4, "frames in which one action is done", low=1)
    flicker: bool = knob(True, "of the last two frames each pixel's larger value is seen")


def shows_pictures(space: Any) -> bool:
    """Whether an observation space is of bytes with a height and a width, of grey or of colours."""
    if not isinstance(space, spaces.Box) or space.dtype != np.uint8 or len(space.shape) not in (2, 3):
        return False
    return min(space.shape[:2]) >= LEAST and (len(space.shape) == 2 or space.shape[2] in (1, 3, 4))


class Frames(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment whose pictures are seen as `config` says."""

    def __init__(self, env: Any, config: Pictures) -> None:
        super().__init__(env)
        self.config = config
        high, wide = env.observation_space.shape[:2]
        self._size = (config.side, config.side) if max(high, wide) > config.side else (high, wide)
        self._last: deque[np.ndarray] = deque(maxlen=config.stack)
        channels = self._seen(np.zeros(env.observation_space.shape, np.uint8)).shape[2]
        self.observation_space = spaces.Box(0, 255, (*self._size, channels * config.stack), np.uint8)

    def reset(self, **words: Any) -> tuple[np.ndarray, dict[str, Any]]:
        seen, info = self.env.reset(**words)
        self._last.extend([self._seen(seen)] * self.config.stack)
        return np.concatenate(self._last, 2), info

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        total, before, parts = 0.0, None, dict[str, float]()
        for n in range(self.config.skip):
            seen, reward, ended, cut, info = self.env.step(action)
            total += float(reward)
            parts |= {name: parts.get(name, 0.0) + part for name, part in info.get("parts", {}).items()}
            if ended or cut or n == self.config.skip - 1:
                break
            before = seen
        if self.config.flicker and before is not None:
            seen = np.maximum(seen, before)
        self._last.append(self._seen(seen))
        return np.concatenate(self._last, 2), total, ended, cut, {**info, "parts": parts} if parts else info

    def _seen(self, picture: np.ndarray) -> np.ndarray:
        """A picture as it is stacked, (side, side, 1 or 3)."""
        picture = np.asarray(picture, np.uint8)
        drawn = Image.fromarray(picture.squeeze(2) if picture.ndim == 3 and picture.shape[2] == 1 else picture)
        if len(drawn.getbands()) > 1:
            drawn = drawn.convert("L" if self.config.grey else "RGB")  # what is seen through does not count
        high, wide = self._size
        if drawn.size != (wide, high):
            drawn = drawn.resize((wide, high), Image.Resampling.BOX)
        return np.asarray(drawn).reshape(high, wide, -1)
