"""From pairs of texts to `Data`: pairs that teach nothing are refused with their reason, equal inputs stay on one side of a cut,
and the tokens are learned from the training pairs alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Account, Data, Refusal
from lamina.core.errors import DataError
from lamina.core.spec import Spec, Tokens
from lamina.data.arrays import Given, cut_by_parts
from lamina.data.pair_split import Lines, PairSplit
from lamina.data.tokens import Unit, learn, tokenizer

LOPSIDED, FEW = 6.0, 40  # a side so many times longer than the other, among sides of so many characters and more, is no translation
COPIED = 3  # words of an equal pair from which it is a copy and no name
CHARACTERS = 24  # characters in the middle text of each side up to which letters are the tokens: dates, names
PAIRS_A_TOKEN = 4  # as many tokens as there are pairs by this number, between the bounds below
FEWEST_TOKENS, MOST_TOKENS = 1000, 8000


class Config(knobs.Config):
    """How pairs become tokens."""

    unit: Literal["auto", "character", "word", "bpe", "unigram"] = knob("auto", "what a token is; auto: characters of short texts")
    tokens: int = knob(0, "tokens that are learned, at most; 0 lets the number of pairs decide", low=0, high=200_000)
    shared: bool = knob(False, "the same tokens for both sides")
    lower: bool = knob(False, "small letters only")
    length: int = knob(200, "tokens of a side; pairs with a longer one are refused", low=1, high=10_000)


@dataclass(frozen=True)
class Pairs:
    """Pairs as a reader found them: what is heard, what is said, what a person calls each, and its part where the files say it."""

    heard: Sequence[str]
    said: Sequence[str]
    where: Sequence[str]
    parts: np.ndarray
    names: tuple[str, str] = ("", "")
    refused: tuple[Refusal, ...] = ()
    meaning: tuple[str, ...] = ()


def data_of(name: str, found: Pairs, config: Config, seed: int) -> Data:
    """The pairs as data to learn from; DataError where too few are left."""
    if config.lower:
        found = replace(found, heard=[t.lower() for t in found.heard], said=[t.lower() for t in found.said])
    reasons = np.array([trouble(a, b) for a, b in zip(found.heard, found.said, strict=True)], object)
    kept = np.flatnonzero(reasons == "")
    refused = [Refusal(found.where[i], reasons[i], "Repair the pair or leave it out.") for i in np.flatnonzero(reasons != "").tolist()]
    train = kept[found.parts[kept] == "train"]
    if not len(train):
        raise DataError(f"pairs to train on in `{name}`", f"none of {len(reasons):,} ({refused[0].reason})" if refused else "none",
                        "Give two columns of texts, or two files of lines that belong together.")
    spec = _learned([found.heard[i] for i in train], [found.said[i] for i in train], config, found.names)
    whole, long = _tokens(found, kept, spec)
    parts = np.delete(found.parts[kept], long)
    refused += [Refusal(found.where[i], f"longer than {config.length} tokens", f"Shorten it, or `length={2 * config.length}`.")
                for i in kept[long].tolist()]  # fmt: skip
    kin = torch.from_numpy(np.unique(np.array(whole.heard.texts, object).astype(str), return_inverse=True)[1].reshape(-1))
    data = cut_by_parts(name, spec, whole, parts, Given(groups=kin), seed)
    meaning = (*found.meaning, *_said(data, spec, kin, parts))
    account = Account(used=len(whole), refused=(*found.refused, *refused))
    return replace(data, account=account, meaning=meaning, sheet=f"`{name}`: {len(whole):,} pairs")


def rows_of(spec: Spec, found: Pairs) -> PairSplit:
    """Pairs in the terms of a spec that was learned from others; those that nobody could learn from are left out."""
    kept = np.array([i for i, pair in enumerate(zip(found.heard, found.said, strict=True)) if all(one.strip() for one in pair)], np.int64)
    return _tokens(found, kept, spec)[0]


def trouble(heard: str, said: str) -> str:
    """Why a pair teaches nothing, "" where it does.

    >>> trouble("a house", ""), trouble("the same words here", "the same words here"), trouble("Berlin", "Berlin")
    ('one side is empty', 'one side is a copy of the other', '')
    """
    a, b = heard.strip(), said.strip()
    if not a or not b:
        return "one side is empty"
    if a == b and len(a.split()) >= COPIED:
        return "one side is a copy of the other"
    long, short = max(len(a), len(b)), min(len(a), len(b))
    return "one side is far too long for the other" if long >= FEW and long > LOPSIDED * short else ""


def _learned(heard: Sequence[str], said: Sequence[str], config: Config, names: tuple[str, str]) -> Spec:
    """The tokens of both sides."""
    middle = max(float(np.median([len(text) for text in side])) for side in (heard, said))
    unit: Unit = ("character" if middle <= CHARACTERS else "bpe") if config.unit == "auto" else config.unit
    size = config.tokens or min(max(len(heard) // PAIRS_A_TOKEN, FEWEST_TOKENS), MOST_TOKENS)
    if config.shared:
        both = learn([*heard, *said], unit, size, config.length)
        return Spec(input=both.model_copy(update={"column": names[0]}), target=both.model_copy(update={"column": names[1]}))
    return Spec(input=learn(heard, unit, size, config.length, names[0]), target=learn(said, unit, size, config.length, names[1]))


def _tokens(found: Pairs, kept: np.ndarray, spec: Spec) -> tuple[PairSplit, np.ndarray]:
    """The pairs at `kept` as tokens, and which of them are left out as they are too long."""
    sides = []
    for part, texts in ((spec.input, found.heard), (spec.target, found.said)):
        assert isinstance(part, Tokens), "pairs are tokens on both sides"
        sides.append(list(tokenizer(part).encode_all(texts[i] for i in kept.tolist())))
    most = spec.input.shape[0]
    long = np.array([len(a) > most or len(b) > most for a, b in zip(*sides, strict=True)], bool)
    keep = np.flatnonzero(~long).tolist()
    assert isinstance(spec.input, Tokens) and isinstance(spec.target, Tokens), "pairs are tokens on both sides"
    heard = Lines.of([sides[0][i] for i in keep], [found.heard[kept[i]] for i in keep], spec.input)
    said = Lines.of([sides[1][i] for i in keep], [found.said[kept[i]] for i in keep], spec.target)
    return PairSplit(heard, said, [found.where[kept[i]] for i in keep]), np.flatnonzero(long)


def _said(data: Data, spec: Spec, kin: torch.Tensor, parts: np.ndarray) -> list[str]:
    """What was made of the pairs."""
    train: Any = data.train
    told = []
    for side, part in ((train.heard, spec.input), (train.said, spec.target)):
        assert isinstance(part, Tokens), "pairs are tokens on both sides"
        lengths = side.lengths.float()
        name = f"`{part.column}`: " if part.column else ""
        told.append(f"{name}{part.size:,} tokens ({part.unit}), {lengths.median():.0f} in the middle text, {lengths.max():.0f} in the "
                    f"longest, as in `{side.texts[0][:60]}`")
    held = parts != "train"
    leaks = int(np.isin(kin.numpy()[held], kin.numpy()[~held]).sum())
    told += [f"{leaks:,} of the held-out inputs are among the training inputs too: figures on them flatter"] if leaks else []
    twice = len(kin) - len(kin.unique())
    return told + ([f"{twice:,} inputs are there again; equal ones stay on one side of every cut"] if twice else [])
