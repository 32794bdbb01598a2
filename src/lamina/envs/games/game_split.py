"""A split of a game: nothing is given but the rules, and, where they are known, positions that are solved (its rows)."""

from dataclasses import dataclass

import numpy as np
import torch

from lamina.core.batch import Batch
from lamina.envs.games.game import Game, seen
from lamina.envs.games.solved import Solved


@dataclass(frozen=True)
class GameSplit:
    """The game, and the positions that a player is judged on; None where no solver knows them: then it is judged by games."""

    game: Game
    solved: Solved | None = None
    whole: bool = False  # whether these are all positions that there are
    meets: bool = True  # whether its players meet others, too; without solved positions they always do

    def __len__(self) -> int:
        return 0 if self.solved is None else len(self.solved)

    def batch(self, indices: torch.Tensor) -> Batch:
        """Positions as who is to move sees them; the start where none are known."""
        if self.solved is None:
            return Batch(x=torch.from_numpy(seen(self.game.initial(len(indices)), np.ones(len(indices)))))
        some = self.solved.some(indices.numpy())
        return Batch(x=torch.from_numpy(seen(some.boards, some.players)), mask=torch.from_numpy(some.allowed),
                     y=torch.from_numpy(some.optimal))

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """Positions stand in their own order."""
        return torch.arange(len(self))
