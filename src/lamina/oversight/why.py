"""Why this answer? Places of a picture, for each of its objects and regions where it has many; columns of a table; words of a text."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from lamina.core.data import Data
from lamina.core.drawn import Pixels, with_boxes
from lamina.core.errors import UsageError
from lamina.core.predictions import Picture
from lamina.core.predictor import Predictor
from lamina.core.spec import Boxes, Classes, Image, Mask, Spec
from lamina.nn.tiles import LARGE, Tiles
from lamina.oversight.familiar import Familiar, features
from lamina.oversight.grad_cam import overlay, saliency
from lamina.oversight.hidden_places import Evidence, of_objects, of_regions
from lamina.oversight.occlusion import weights
from lamina.oversight.shown import name_of

NEIGHBOURS = 5
LEAST_SIDE = 96  # of each, in pixels
MOST_NAMED = 5
WHITE = (255, 255, 255)
MOST_SHOWN, PANELS_WIDE = 6, 3  # objects or regions of a photo with a picture of their own; in a row


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


def of_scene(predictor: Predictor, spec: Spec, x: torch.Tensor) -> Why:
    """For each object or region that is found in one photo (C, h, w): the share of what speaks for it that is in its own place.

    Raises UsageError for a photo that is seen by tiles.
    """
    assert isinstance(spec.target, Boxes | Mask), "answers with places"
    tiles: Tiles = getattr(predictor.model, "tiles", Tiles())
    if tiles.needed((x.shape[1], x.shape[2])):
        raise UsageError("a photo that is seen as a whole, for `--why`", f"one seen by tiles of {tiles.side} pixels",
                         f"Train with photos of at most {LARGE} pixels, `data.size={LARGE}`, to ask this.")
    boxes, names = isinstance(spec.target, Boxes), spec.target.names
    found = (of_objects if boxes else of_regions)(predictor, x)
    kind, its = ("objects", "its box") if boxes else ("regions", "its pixels")
    facts = [{"category": names[one.place], "score": round(one.score, 4),
              "inside": None if math.isnan(one.inside) else round(one.inside, 3)} for one in found]
    lines = [f"{names[one.place]} {one.score:.2f}: {_of_evidence(one, its)}" for one in found]
    shown = [one for one in found if one.lost.amax() > 0][:MOST_SHOWN]
    pictures = {"map": _beneath([_marked(x, one, boxes, names[one.place]) for one in shown])} if shown else {}
    return Why(lines or ["nothing was found, so there is nothing to explain"], {kind: facts}, pictures)


def _of_evidence(one: Evidence, its: str) -> str:
    if math.isnan(one.inside):
        return "no single place changes this answer"
    warning = ", most elsewhere: look at the map" if one.inside < 0.5 else ""
    return f"{100 * one.inside:.0f} % of what speaks for it lies in {its} or right beside it{warning}"


def _marked(x: torch.Tensor, one: Evidence, box: bool, name: str) -> Pixels:
    """The picture with what speaks for the answer glowing, and the answer's own place framed, under its name."""
    pixels = overlay(x, one.lost).pixels
    own = one.own.repeat_interleave(pixels.shape[0] // x.shape[1], 0).repeat_interleave(pixels.shape[1] // x.shape[2], 1)
    if not box:
        inner = -torch.nn.functional.max_pool2d(-own[None].float(), 3, 1, 1)[0]
        framed = np.where((own & (inner == 0)).numpy()[..., None], np.uint8(255), pixels)
        return with_boxes(framed, [(0, 0, 1, 1)], [name], [WHITE])
    down, across = own.any(1).nonzero().flatten(), own.any(0).nonzero().flatten()
    corners = [int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1] if len(down) and len(across) else [0, 0, 0, 0]
    return with_boxes(pixels, [corners], [f"{name} {one.score:.2f}"], [WHITE])


def _beneath(panels: Sequence[Pixels]) -> Picture:
    """Pictures (H, W, 3) of one size in rows of three."""
    blank = np.full_like(panels[0], 255)
    wide = min(len(panels), PANELS_WIDE)
    rows = [[*panels[at : at + wide], *[blank] * (at + wide - len(panels))] for at in range(0, len(panels), wide)]
    return Picture(np.concatenate([np.concatenate(row, 1) for row in rows]))


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
