"""From pictures with captions to `Data`: all captions of a photo, and of photos that are the same, stay on one side of a cut, and the
tokens are learned from the training captions alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Account, Data, Refusal
from lamina.core.spec import Image, Spec, Tokens
from lamina.data.arrays import Given, cut_by_parts
from lamina.data.caption_split import CaptionSplit
from lamina.data.pair_split import Lines
from lamina.data.tokens import Unit, learn, tokenizer

TOKENS_BY = 4  # captions a token, between the bounds below
FEWEST_TOKENS, MOST_TOKENS = 1000, 8000
ENOUGH_WORDS = 200  # different words up to which words are the tokens


class Config(knobs.Config):
    """How captions become tokens."""

    unit: Literal["auto", "character", "word", "bpe", "unigram"] = knob("auto", "what a token is; auto: words where they are few, else bpe")
    tokens: int = knob(0, "tokens that are learned, at most; 0 lets the number of captions decide", low=0, high=200_000)
    length: int = knob(60, "tokens of a caption; longer ones are refused", low=1, high=10_000)


@dataclass(frozen=True)
class Captions:
    """Captions `text` (M) of the pictures at `rows` (M,), what a person calls each, and its part; captions whose pictures have one number
    in `kin` (M,) stay together, where it is left out those of one picture."""

    text: Sequence[str]
    rows: torch.Tensor
    where: Sequence[str]
    parts: np.ndarray
    kin: torch.Tensor | None = None


def data_of(name: str, image: Image, pictures: torch.Tensor, found: Captions, config: Config, seed: int) -> Data:
    """Pictures (N, C, H, W) uint8 and their captions as data to learn from."""
    train = [found.text[i] for i in np.flatnonzero(found.parts == "train").tolist()]
    words = {word for text in train for word in text.split()}
    unit: Unit = ("word" if len(words) <= ENOUGH_WORDS else "bpe") if config.unit == "auto" else config.unit
    size = config.tokens or min(max(len(train) // TOKENS_BY, FEWEST_TOKENS), MOST_TOKENS)
    target = learn(train, unit, size, config.length, "caption")
    spec = Spec(input=image, target=target)
    whole, keep = _split(pictures, found, target)
    long = np.setdiff1d(np.arange(len(found.text)), keep)
    reason, repair = f"a caption longer than {config.length} tokens", f"Shorten it, or `length={2 * config.length}`."
    refused = tuple(Refusal(found.where[i], reason, repair) for i in long.tolist())
    kin = found.rows if found.kin is None else found.kin
    data = cut_by_parts(name, spec, whole, found.parts[keep], Given(groups=kin[torch.from_numpy(keep)]), seed)
    photos = len(whole.rows.unique())
    meaning = (f"{len(keep):,} captions of {photos:,} pictures; {target.size:,} tokens ({target.unit}), "
               f"{whole.said.lengths.float().median():.0f} in the middle caption, as in `{found.text[int(keep[0])][:80]}`",)  # fmt: skip
    return replace(data, account=Account(len(keep), refused), meaning=meaning, sheet=f"`{name}`: {photos:,} pictures with captions")


def rows_of(spec: Spec, pictures: torch.Tensor, found: Captions) -> CaptionSplit:
    """Pictures and captions in the terms of a spec that was learned from others."""
    assert isinstance(spec.target, Tokens), "captions are tokens"
    return _split(pictures, found, spec.target)[0]


def _split(pictures: torch.Tensor, found: Captions, target: Tokens) -> tuple[CaptionSplit, np.ndarray]:
    """The captions that are not too long, and their places."""
    ids = list(tokenizer(target).encode_all(found.text))
    keep = np.array([i for i, one in enumerate(ids) if len(one) <= target.length], np.int64)
    said = Lines.of([ids[i] for i in keep], [found.text[i] for i in keep], target)
    return CaptionSplit(pictures, found.rows[torch.from_numpy(keep)], said, [found.where[i] for i in keep]), keep
