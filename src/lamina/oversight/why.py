"""Why this answer? An interface of three kinds: places of a picture, columns of a table, words of a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from lamina.core.data import Data
from lamina.core.predictions import Picture
from lamina.core.predictor import Predictor
from lamina.core.spec import Classes, Image, Spec
from lamina.oversight.familiar import Familiar, features
from lamina.oversight.grad_cam import overlay, saliency
from lamina.oversight.occlusion import weights
from lamina.oversight.shown import name_of

NEIGHBOURS = 5
LEAST_SIDE = 96  # of each, in pixels
MOST_NAMED = 5


@dataclass(frozen=True)
class Why:
    """The reasons for one answer: in words, as plain JSON values, and as pictures by the ending of their file's name."""

    lines: Sequence[str]
    facts: Mapping[str, Any]
    pictures: Mapping[str, Picture] = field(default_factory=dict)


def why(predictor: Predictor, spec: Spec, x: torch.Tensor, familiar: Familiar, data: Data | None) -> list[Why]:
    """The reasons for the answer to each of (N, ...) inputs. `data`: where the nearest training pictures are, if they can be had."""
    output = predictor(x)
    said = output.argmax(1).tolist() if spec.target.kind != "numbers" else [0] * len(x)
    if isinstance(spec.input, Image):
        rows = familiar.nearest_rows(features(predictor, x), NEIGHBOURS)
        return [_of_picture(predictor, one, k, _neighbours(spec, near, data)) for one, k, near in zip(x, said, rows, strict=True)]
    return [_of_row(predictor, spec, one, k) for one, k in zip(x, said, strict=True)]


def _of_picture(predictor: Predictor, x: torch.Tensor, said: int, near: Why) -> Why:
    found = saliency(predictor.model, x.to(predictor.device), said)
    if found is None:
        return Why(["no map: the model has no convolution", *near.lines], near.facts, near.pictures)
    if found.amax() <= 0:
        return Why(["no place of the picture speaks for this answer", *near.lines], near.facts, near.pictures)
    return Why(near.lines, near.facts, {"map": overlay(x, found.cpu()), **near.pictures})


def _neighbours(spec: Spec, rows: Sequence[int], data: Data | None) -> Why:
    """The nearest training pictures: their names, and a strip of them, the nearest first."""
    if not rows:
        return Why([], {})
    if data is None:
        return Why([f"nearest training photos: rows {', '.join(map(str, rows))}"], {"nearest": [{"row": row} for row in rows]})
    found = data.train.batch(torch.tensor(rows))
    names = [name_of(data.train, row) for row in rows]
    labels = [spec.target.names[y] for y in found["y"].tolist()] if isinstance(spec.target, Classes) else [""] * len(rows)
    facts = [{"row": row, "where": name, "label": label} for row, name, label in zip(rows, names, labels, strict=True)]
    words = ", ".join(f"{name} ({label})" if label else name for name, label in zip(names, labels, strict=True))
    return Why([f"nearest training photos: {words}"], {"nearest": facts}, {"nearest_picture": strip(found["x"])})


def strip(x: torch.Tensor) -> Picture:
    """Pictures (N, C, H, W) side by side, large enough to see."""
    times = max(1, -(-LEAST_SIDE // max(x.shape[2:])))
    large = x.expand(-1, 3, -1, -1).repeat_interleave(times, 2).repeat_interleave(times, 3)
    return Picture(large.permute(2, 0, 3, 1).flatten(1, 2).contiguous().numpy())  # (H, N W, 3)


def _of_row(predictor: Predictor, spec: Spec, x: torch.Tensor, said: int) -> Why:
    """What the answer leans on: what it would lose without each column or word, the most first."""
    found = sorted(weights(predictor, spec, x, said), key=lambda pair: -abs(pair[1]))
    kind = "words" if spec.input.kind == "text" else "columns"
    unit = "" if spec.target.kind == "numbers" else " in log odds"
    told = [f"{name} {weight:+.3g}" for name, weight in found[:MOST_NAMED] if weight]
    line = f"{kind} that it leans on{unit}: {', '.join(told)}" if told else f"no single one of its {kind} changes the answer"
    return Why([line], {kind: [{"name": name, "weight": weight} for name, weight in found]})
