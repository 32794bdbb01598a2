"""Board games of two players who move in turn, one small file a game; your own is such a file too."""

from lamina.core.registry import Registry

GAMES = Registry("game", {
    "tictactoe": "lamina.envs.games.tictactoe:__name__",
    "connect4": "lamina.envs.games.connect4:__name__",
})  # fmt: skip
