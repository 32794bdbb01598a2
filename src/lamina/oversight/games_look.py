"""A look at a game before it is learned: does it end, do its functions agree with one another, who wins if all is left to chance?"""

from collections.abc import Callable
from functools import lru_cache
from shlex import quote

import numpy as np

from lamina.core.board_move import board_svg
from lamina.core.data import Data
from lamina.core.errors import LaminaError
from lamina.envs.games.game import GOING, Game
from lamina.envs.games.game_split import GameSplit
from lamina.envs.games.random_games import LONGEST, Played, random_games
from lamina.metrics.intervals import wilson
from lamina.oversight import page
from lamina.oversight.framing import Question
from lamina.oversight.page import Html
from lamina.oversight.problems import Problem, ranked

TRIED, TRIED_SLOWLY = 1000, 100  # random games
UNFAIR = 0.9  # of the games that are not drawn, from which one side has as good as won before it starts
FORCED = 1.5  # moves to choose from, on average, below which there is little to learn
WORTH = {1: "won for who begins", 0: "a draw", -1: "lost for who begins"}


def questions(data: Data, word: str) -> list[Question]:
    """How is it won? With what random moves make of it."""
    game, played = _game(data), _played(data)
    command = f"lamina train {quote(word)}"
    first, second, drawn = (_share(played, outcome) for outcome in (1, -1, 0))
    lengths = played.lengths
    told = (f"random moves against random moves: who begins wins {first}, the other {second}, drawn {drawn}; "
            f"{lengths.mean():.0f} moves a game ({lengths.min()} to {lengths.max()}), {played.choices:.1f} to choose from")
    solved = _split(data).solved
    if solved is None:
        return [Question(f"How is `{game.name}` won?", "game", "", command, told)]
    chance = solved.by_chance()
    told = f"{told}; a random move is right in {chance:.1%} of the solved positions"
    if _split(data).whole:
        told += f"; well played it is {WORTH[int(solved.values[0])]}"
    return [Question(f"How is `{game.name}` won?", "game", "", command, told, "optimal_moves", chance)]


def problems(data: Data) -> list[Problem]:
    """What is found wrong, the worst first."""
    game, played = _game(data), _played(data)
    return ranked([*_unended(played), *_contradictions(game), *_uneven(played), *_few(played), *_symmetries(game), *_slow(game)])


def shown(data: Data) -> Html:
    """How a random game ended, and how often each outcome came, for the page."""
    game, played = _game(data), _played(data)
    board = game.initial()
    for ply, move in enumerate(played.moves[0]):
        game.step(board, np.array([move]), np.array([1 if ply % 2 == 0 else -1]))
    rows = [(name, _share(played, outcome)) for name, outcome in (("who begins wins", 1), ("the other wins", -1), ("drawn", 0))]
    return page.join(page.section("Left to chance", page.table(("outcome", "share of random games"), rows)),
                     page.section("A random game", page.figure(Html(board_svg(board[0], f"after {len(played.moves[0])} moves")))))


def _split(data: Data) -> GameSplit:
    assert isinstance(data.test, GameSplit), "a game is played"
    return data.test


def _game(data: Data) -> Game:
    return _split(data).game


def _played(data: Data) -> Played:
    return _random(_game(data))


@lru_cache(maxsize=4)
def _random(game: Game) -> Played:
    return random_games(game, TRIED_SLOWLY if game.refused else TRIED, 1)


def _share(played: Played, outcome: int) -> str:
    low, high = wilson(sum(one == outcome for one in played.outcomes), len(played.outcomes))
    return f"{played.share(outcome):.1%} ({low:.1%} to {high:.1%})"


def _unended(played: Played) -> list[Problem]:
    left = int((~played.ended).sum())
    means = f"They went on for {LONGEST} moves. Self-play calls a game that is so long a draw, of which nothing is learned."
    do = "Let `winner` give 0 where a game goes on for too long."
    return [Problem("random games without an end", "serious", left, means, do)] if left else []


def _contradictions(game: Game) -> list[Problem]:
    """Whether a symmetrical board is the same game: the same moves are allowed there, they lead to the same board, and it ends alike."""
    checks: dict[str, Callable[[Game, int], str]] = {"symmetries": asymmetry, "play": changed}
    found = []
    for name, check in checks.items():
        try:
            wrong = [said for i in range(8) if (said := check(game, i))]
        except LaminaError as error:
            wrong = [str(error)]
        if wrong:
            means = {"symmetries": "What is learned of one position would be taught as another's.",
                     "play": "Search would see wrong boards."}[name]
            found.append(Problem(f"`{name}` contradicts the other functions", "serious", len(wrong), means, "Mend it.", tuple(wrong)))
    return found


def asymmetry(game: Game, seed: int) -> str:
    """What is wrong with the game's symmetries in one random game, "" for nothing."""
    moves, board, player = random_games(game, 1, seed).moves[0], game.initial()[0], 1
    for move in moves:
        allowed = game.allowed(board, player)
        for cells, turned in zip(game.cells, game.moves, strict=True):
            other = board.reshape(-1)[cells].reshape(game.shape)
            if not np.array_equal(game.allowed(other, player), allowed[turned]):
                return f"other moves are allowed on\n{game.text(other)}"
            after, mirrored = board[None].copy(), other[None].copy()
            ended = game.step(after, np.array([move]), np.array([player]))[1]
            same = game.step(mirrored, np.array([int(np.flatnonzero(turned == move)[0])]), np.array([player]))[1]
            if not np.array_equal(mirrored[0].reshape(-1), after[0].reshape(-1)[cells]):
                return f"the same move leads elsewhere from\n{game.text(other)}"
            if ended[0] != same[0]:
                said = [_said(int(one[0])) for one in (ended, same)]
                return f"`winner` says {said[0]}, and of the symmetrical board {said[1]}:\n{game.text(mirrored[0])}"
        game.step(board[None], np.array([move]), np.array([player]))
        player = -player
    return ""


def changed(game: Game, seed: int) -> str:
    """Whether a function changed the board that it was given, in one random game."""
    board, player = game.initial()[0], 1
    for move in random_games(game, 1, seed).moves[0]:
        given = board.copy()
        after = np.asarray(game.rules.play(given, move, player))
        if not np.array_equal(given, board):
            return f"`play` changes the board that it is given:\n{game.text(board)}"
        if after.shape != game.shape:
            return f"`play` gives a board of shape {after.shape}"
        board, player = after.astype(np.int8), -player
    return ""


def _said(outcome: int) -> str:
    return "None" if outcome == GOING else str(outcome)


def _uneven(played: Played) -> list[Problem]:
    won, lost = played.share(1), played.share(-1)
    if not won + lost or max(won, lost) < UNFAIR * (won + lost):
        return []
    who = "who begins" if won > lost else "who comes second"
    share = max(won, lost) / (won + lost)
    means = f"Of random games that are not drawn, {who} wins {share:.0%}: there may be little for the other to find."
    do = "Check `winner`, or let the other side choose to swap after the first move."
    return [Problem("one side wins nearly always", "worth", 1, means, do)]


def _few(played: Played) -> list[Problem]:
    if played.choices >= FORCED:
        return []
    return [Problem("there is hardly a choice", "worth", 1, f"{played.choices:.1f} moves are legal on average.", "Check `legal`.")]


def _symmetries(game: Game) -> list[Problem]:
    if len(game.cells) > 1:
        return []
    means = "Each position is learned once where a turned or mirrored board could teach it again, if the game has such."
    return [Problem("no symmetries", "note", 1, means, "Define `symmetries(board, moves)`, as tictactoe.py does.")]


def _slow(game: Game) -> list[Problem]:
    means = f"They run as plain Python, many times slower: {game.refused}."
    do = "Write loops over numbers and numpy arrays, without classes, dicts or strings." if "installed" not in game.refused else \
        "pip install 'lamina[rl]'"
    return [Problem("the functions are not compiled", "worth", 1, means, do)] if game.refused else []
