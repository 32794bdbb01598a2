"""A look at pictures with captions: what can be asked, what knowing nothing scores, what is wrong, and some of them to look at."""

from collections import Counter
from shlex import quote

import torch

from lamina.baselines.captions import of_captions
from lamina.core.data import Data
from lamina.core.task import Evaluation
from lamina.data.caption_split import CaptionSplit
from lamina.metrics.translation import figures
from lamina.oversight import page
from lamina.oversight.framing import Question
from lamina.oversight.page import Html
from lamina.oversight.problems import Problem, of_account, ranked

SHOWN, EXAMPLES = 24, 12
SMALL = 64  # pixels, up to which pictures are shown with sharp edges
OFTEN, FEW_WORDS = 0.01, 2  # share of the pictures that a caption is said of from which it tells little; words of a short one
ENOUGH = 500  # pictures


def questions(data: Data, word: str) -> list[Question]:
    """What can be asked of them, with the figure of a model that knows nothing."""
    found = of_captions(data, lambda said, split: Evaluation(figures(said, split.photos()[1], brief=True).metrics))
    usual, nearest = (found[name].metrics["chrf"] for name in ("most frequent", "nearest picture"))
    trivial = f"always the most frequent caption: chrF {usual:.1f} of 100; what was said of the most similar picture: {nearest:.1f}"
    return [Question("What is in the picture, in words?", "caption", "", f"lamina train {quote(word)}", trivial, "chrf", usual)]


def problems(data: Data) -> list[Problem]:
    """What is found wrong, the worst first."""
    return ranked([*of_account(data.account), *_leaks(data), *_usual(data), *_few(data)])


def shown(data: Data) -> Html:
    """Some pictures with their captions, for the page."""
    train = data.train
    assert isinstance(train, CaptionSplit), "pictures with captions"
    rows, texts = train.photos()
    some = zip(train.pictures[rows[:SHOWN]], texts, strict=False)
    return page.section("Some of them", page.gallery(
        page.figure(page.picture(x), " / ".join(said[:2]), pixels=max(x.shape[1:]) <= SMALL) for x, said in some))


def _leaks(data: Data) -> list[Problem]:
    """Photos of the test that training has too."""
    part = {name: n for n, split in enumerate((data.train, data.valid, data.test)) for name in set(getattr(split, "where", ()))}
    across = [f"{one.first} and {one.second}" for one in data.twins or () if part.get(one.first) != part.get(one.second)]
    return [Problem("the same photo in two parts", "serious", len(across), "Figures on it flatter, as its captions were seen.",
                    "Take it out of one part.", tuple(across[:EXAMPLES]))] if across else []  # fmt: skip


def _usual(data: Data) -> list[Problem]:
    """Captions that say the same of many photos."""
    train = data.train
    assert isinstance(train, CaptionSplit), "pictures with captions"
    counts = Counter(train.said.texts)
    if len(counts) < OFTEN * len(train):  # a small language, as that of made pictures
        return []
    often = [f"{text[:60]} ({count})" for text, count in counts.most_common() if count > max(2, OFTEN * len(train))]
    short = [text for text in counts if len(text.split()) < FEW_WORDS]
    found = [Problem("captions that are said of many pictures", "note", len(often), "They tell little of any one of them.",
                     "Say what sets each apart.", tuple(often[:EXAMPLES]))] if often else []  # fmt: skip
    return found + [Problem("captions of one word", "note", len(short), "One word is a class rather than a caption.",
                            "If all are: put each picture into a folder that is called like it.", tuple(short[:EXAMPLES]))] * bool(short)


def _few(data: Data) -> list[Problem]:
    assert isinstance(data.train, CaptionSplit), "pictures with captions"
    count = len(torch.unique(data.train.rows))
    means = f"{count:,} pictures to learn from; sentences about the world are learned from thousands."
    return [Problem("few pictures", "worth", count, means, "Add pictures, or ask for classes instead.")] if count < ENOUGH else []
