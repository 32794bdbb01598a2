"""A look at texts whose answers are texts: which questions they can answer, what knowing nothing scores, and what is wrong with them."""

from collections import Counter
from shlex import quote

import numpy as np
import torch

from lamina.baselines.language import of_text
from lamina.baselines.translation import PIECE, partners
from lamina.core.data import Data, batches
from lamina.core.spec import IGNORED, Context, Next, Tags
from lamina.core.task import Evaluation
from lamina.data.corpus_split import CorpusSplit
from lamina.data.language import guessed
from lamina.data.pair_split import PairSplit
from lamina.data.tags import TagSplit
from lamina.metrics.translation import figures
from lamina.oversight.framing import Question
from lamina.oversight.problems import Problem, of_account, ranked

ENOUGH_WORDS = 1_000_000  # of a text, so that the places of its words can be relied on
FEW_OF_A_LABEL = 10
KNOWN_WORDS, HITS = 5, 0.1  # words with a partner that a pair must have to be judged; share of them whose partner is on the other side
EXAMPLES, LOOKED_AT = 12, 20_000  # pairs that are shown, and looked at


def is_sequence(data: Data) -> bool:
    """Whether these are texts whose answers are texts, labels of words, or their own words."""
    return isinstance(data.train, PairSplit | CorpusSplit | TagSplit)


def kind_of(data: Data) -> str:
    """What the data are, in a word or two."""
    return {PairSplit: "pairs of texts", TagSplit: "texts with a label a word"}.get(type(data.train), "one long text")


def questions(data: Data, word: str) -> list[Question]:
    """What can be asked of them, with the figure of a model that knows nothing."""
    command = f"lamina train {quote(word)}"
    train, test, target = data.train, data.test, data.spec.target
    if isinstance(train, PairSplit) and isinstance(test, PairSplit):
        a, b = (guessed(side.texts[:2000]) for side in (train.heard, train.said))
        copied = figures(test.heard.texts, [(text,) for text in test.said.texts], brief=True).metrics["chrf"]
        return [Question(f"How is it said otherwise? From {a} to {b}", "translate", "", command,
                         f"saying again what was heard: chrF {copied:.1f} of 100", "chrf", copied)]
    if isinstance(target, Tags):
        counts = _labels(data)
        share = float(counts.max() / counts.sum())
        return [Question(f"What is each word? {target.size} labels", "tag", "", command,
                         f"always `{target.names[int(counts.argmax())]}`: {share:.1%} right", "accuracy", share)]
    found = []
    if isinstance(target, Context):
        found.append(Question(f"Which words are used alike? {target.size:,} words", "embed", "", command,
                              "vectors that know nothing: a loss of 4.16 nats", "loss", 6 * float(np.log(2))))
    if isinstance(target, Next):
        rival = of_text(data, lambda log_p: Evaluation({"loss": float(-log_p.mean())}))["single tokens"].metrics["loss"]
        found.append(Question("What comes next?", "write", "", f"{command} --task write",
                              f"how often each token is: a loss of {rival:.2f} nats", "loss", rival))
    else:
        found.append(Question("What comes next? The same text, letter by letter", "write", "", f"{command} --task write",
                              "`lamina train` tells what counting letters would score"))
    return found


def problems(data: Data) -> list[Problem]:
    """What is found wrong, the worst first."""
    found = of_account(data.account)
    if isinstance(data.train, PairSplit):
        found += [*_leaks(data), *_contradictions(data.train), *_strangers(data.train)]
    if isinstance(data.train, TagSplit):
        found += _rare_labels(data)
    if isinstance(data.spec.target, Context) and data.account.used < ENOUGH_WORDS:
        means = (f"It has {data.account.used:,} words; the place of a word is learned from what stands around it, which takes "
                 f"{ENOUGH_WORDS:,} and more.")
        found.append(Problem("a short text for vectors of words", "worth", data.account.used, means,
                             "Give more text of the kind, or see `lamina train docstrings` for one that is at hand."))
    return ranked(found)


def _leaks(data: Data) -> list[Problem]:
    """Held-out inputs that are among the training inputs."""
    known = set(data.train.heard.texts)  # type: ignore[attr-defined]
    where = tuple(f"{part}: {text[:60]}" for part in ("valid", "test") for text in getattr(data, part).heard.texts if text in known)
    many = sum(len(getattr(data, part)) for part in ("valid", "test"))
    return [Problem("held-out inputs that training has too", "serious" if len(where) > 0.05 * many else "worth", len(where),
                    "Figures on them flatter, as their answers were seen.", "Take them out of one side.",
                    where[:EXAMPLES])] if where else []  # fmt: skip


def _contradictions(train: PairSplit) -> list[Problem]:
    """The same input with another answer is natural in translations, and a mistake where there is one right answer."""
    answers: dict[str, set[str]] = {}
    for heard, said in zip(train.heard.texts, train.said.texts, strict=True):
        answers.setdefault(heard, set()).add(said)
    several = [heard for heard, said in answers.items() if len(said) > 1]
    means = "In translations that is natural; where there is one right answer, all but one are wrong."
    shown = tuple(text[:60] for text in several[:EXAMPLES])
    return [Problem("inputs with several answers", "note", len(several), means, "Look at some of them.", shown)] if several else []


def _strangers(train: PairSplit) -> list[Problem]:
    """Pairs whose words have nothing to do with each other, by a dictionary counted from all pairs."""
    best = partners(train.heard.texts, train.said.texts)
    where = []
    for i, (heard, said) in enumerate(zip(train.heard.texts[:LOOKED_AT], train.said.texts[:LOOKED_AT], strict=True)):
        others = set(PIECE.findall(said))
        known = [best[word] for word in PIECE.findall(heard) if word in best and word.isalpha()]
        if len(known) >= KNOWN_WORDS and sum(other in others for other in known) < HITS * len(known):
            where.append(f"{train.where[i] if train.where else i}: {heard[:40]} / {said[:40]}")
    return [Problem("pairs that do not align", "worth" if len(where) > 0.01 * len(train) else "note", len(where),
                    "By a dictionary counted from all pairs none of their words belong together.",
                    "Check whether lines were shifted against each other.", tuple(where[:EXAMPLES]))] if where else []  # fmt: skip


def _labels(data: Data) -> np.ndarray:
    counts = torch.zeros(data.spec.target.size, dtype=torch.int64)
    for batch in batches(data.train):
        counts += torch.bincount(batch["y"][batch["y"] != IGNORED], minlength=len(counts))
    return counts.numpy()


def _rare_labels(data: Data) -> list[Problem]:
    counts = Counter(dict(zip(data.spec.target.names, _labels(data).tolist(), strict=True)))
    rare = tuple(f"{name}: {count}" for name, count in counts.most_common() if count < FEW_OF_A_LABEL)
    return [Problem("labels that are rare", "worth", len(rare), f"They stand less than {FEW_OF_A_LABEL} times in the training texts.",
                    "Give more examples of them, or join them with others.", rare[:EXAMPLES])] if rare else []
