"""The perfect player of a game that is solved whole: draws among the moves that keep what the position is worth."""

import numpy as np

from lamina.envs.games.solved import Solved


class Perfect:
    """Knows every position of `solved` (`arena.Mover`)."""

    def __init__(self, solved: Solved) -> None:
        self._place = {board.tobytes(): i for i, board in enumerate(solved.boards)}
        self._optimal = solved.optimal

    def __call__(self, boards: np.ndarray, players: np.ndarray, allowed: np.ndarray, key: int) -> np.ndarray:
        """An optimal move on each board (B,)."""
        optimal = self._optimal[[self._place[board.tobytes()] for board in boards]]
        chosen: np.ndarray = (np.random.default_rng(key).random(optimal.shape) * optimal).argmax(1)
        return chosen
