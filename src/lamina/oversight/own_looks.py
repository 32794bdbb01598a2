"""Data whose rows are none of `Rows` are looked at by a file of their own: which one, and what it promises."""

from collections.abc import Callable
from dataclasses import dataclass

from lamina.core.data import Data
from lamina.core.spec import Series
from lamina.data.caption_split import CaptionSplit
from lamina.envs.episodes import EpisodeSplit
from lamina.envs.games.game_split import GameSplit
from lamina.oversight import captions_look, env_look, games_look, sequences_look, series_look
from lamina.oversight.framing import Question
from lamina.oversight.page import Html
from lamina.oversight.problems import Problem


@dataclass(frozen=True)
class OwnLook:
    """What the data are in a word or two; what can be asked, of DATA as the user wrote it; what is wrong; and some of it for the page."""

    kind: str
    questions: Callable[[Data, str], list[Question]]
    problems: Callable[[Data], list[Problem]]
    shown: Callable[[Data], Html] = lambda data: Html("")


def own_look(data: Data) -> OwnLook | None:
    """The look of data of an own kind; None for rows."""
    if isinstance(data.train, EpisodeSplit):
        return OwnLook("an environment", env_look.questions, env_look.problems, env_look.shown)
    if isinstance(data.train, GameSplit):
        return OwnLook("a game", games_look.questions, games_look.problems, games_look.shown)
    if isinstance(data.train, CaptionSplit):
        return OwnLook("pictures with captions", captions_look.questions, captions_look.problems, captions_look.shown)
    if isinstance(data.spec.input, Series):
        return OwnLook("series of numbers", series_look.questions, series_look.problems, series_look.shown)
    if sequences_look.is_sequence(data):
        return OwnLook(sequences_look.kind_of(data), sequences_look.questions, sequences_look.problems)
    return None
