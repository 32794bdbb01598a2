"""A small residual network with two heads, for boards (Silver et al. 2017, Mastering the game of Go without human knowledge, section
Neural network architecture; the network of AlphaZero 2018 is the same).

Departures: 4 blocks of 32 channels where Go had 19 or 39 of 256, as a laptop's processor has an hour; the heads have 16 and 8 channels
where the paper has 2 and 1, which cost next to nothing and are worth much in so small a body.

    B  boards    K  pieces    H, W  of the board    C  channels    A  moves
"""

import torch
from torch import nn
from torch.nn import functional as F

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Board, Moves, Spec

POLICY, VALUE, HIDDEN = 16, 8, 64  # channels of the heads, units before the value


class Config(knobs.Config):
    """How wide and deep the body is."""

    channels: int = knob(32, "channels of every convolution of the body", low=1, search="log")
    blocks: int = knob(4, "residual blocks of two convolutions each", low=1, search="linear")


class BoardResNet(nn.Module):
    """Boards (B, 2, H, W) int8 as `core/spec.py:Board` has them -> (B, A + 1): a logit for each move, then the value in -1 .. 1."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Board) or not isinstance(spec.target, Moves):
            raise UsageError("a game on a board for `board_resnet`", f"`{spec.input.kind}` and `{spec.target.kind}`",
                             "Train `tictactoe`, `connect4` or a game of your own; for pictures use `--model cnn`.")
        cells, self.pieces = spec.input.height * spec.input.width, spec.input.pieces
        self.stem = nn.Sequential(*_conv(2 * self.pieces + 1, config.channels, 3), nn.ReLU())
        self.blocks = nn.Sequential(*[_Block(config.channels) for _ in range(config.blocks)])
        last = nn.Linear(POLICY * cells, spec.target.size)
        nn.init.zeros_(last.weight)  # all moves begin alike
        nn.init.zeros_(last.bias)
        self.policy = nn.Sequential(*_conv(config.channels, POLICY, 1), nn.ReLU(), nn.Flatten(), last)
        self.value = nn.Sequential(*_conv(config.channels, VALUE, 1), nn.ReLU(), nn.Flatten(), nn.Linear(VALUE * cells, HIDDEN), nn.ReLU(),
                                   nn.Linear(HIDDEN, 1), nn.Tanh())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.blocks(self.stem(self._planes(x)))  # (B, C, H, W)
        return torch.cat([self.policy(h), self.value(h)], 1)

    def _planes(self, x: torch.Tensor) -> torch.Tensor:
        """A plane for each of one's own pieces, for each of the other's, and for who is to move: (B, 2 K + 1, H, W)."""
        board, player = x[:, 0], x[:, 1]
        own = [board == k for k in range(1, self.pieces + 1)]
        other = [board == -k for k in range(1, self.pieces + 1)]
        return torch.stack([*own, *other, player > 0], 1).float().contiguous(memory_format=torch.channels_last)


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Sequential(*_conv(channels, channels, 3), nn.ReLU())
        self.second = nn.Sequential(*_conv(channels, channels, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.second(self.first(x)))


def _conv(inputs: int, outputs: int, side: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, side, padding=side // 2, bias=False), nn.BatchNorm2d(outputs)
