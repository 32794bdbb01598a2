"""Pictures with what is marked in them drawn in: boxes as frames, masks as colours over the picture; and the same in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from lamina.core.batch import Batch
from lamina.core.drawn import colours_of, with_boxes
from lamina.core.spec import IGNORED, Boxes, Mask
from lamina.data.fit import resized
from lamina.data.mask_split import pixels
from lamina.oversight import page
from lamina.oversight.page import Html

if TYPE_CHECKING:
    from lamina.oversight.rows import Rows

SHOWN, SIDE = 12, 288  # pictures of the page, and their longer side in pixels
FAINT = (140, 140, 140)  # of a box that is neither learned nor judged
OVER = 0.55  # how strongly a mask covers its picture
MOST_WORDS = 4


def marked(batch: Batch, target: Boxes | Mask) -> torch.Tensor:
    """The one picture of a batch in colour, (3, H, W) uint8, with its boxes or its mask; a small one with boxes is enlarged."""
    x = batch["x"][0]
    x = (x if len(x) == 3 else x[:1].expand(3, -1, -1)).byte()
    return _framed(x, batch, target) if isinstance(target, Boxes) else _coloured(x, batch["y"][0], target)


def _framed(x: torch.Tensor, batch: Batch, target: Boxes) -> torch.Tensor:
    height, width = x.shape[1:]
    scale = max(1.0, SIDE / max(height, width))
    enlarged = resized(x, round(height * scale), round(width * scale)).permute(1, 2, 0).contiguous().numpy()
    colours, places = colours_of(target), zip(batch["box_class"].tolist(), batch["box_weight"].tolist(), strict=True)
    inks = [colours[place] if weight else FAINT for place, weight in places]
    drawn = with_boxes(enlarged, (batch["boxes"] * scale).tolist(), [""] * len(inks), inks)
    return torch.from_numpy(drawn.copy()).permute(2, 0, 1)


def _coloured(x: torch.Tensor, y: torch.Tensor, target: Mask) -> torch.Tensor:
    table = torch.zeros(IGNORED + 1, 3)
    table[: target.size] = torch.tensor(colours_of(target), dtype=torch.float32)
    painted = table[y.long()].permute(2, 0, 1)  # (3, H, W)
    return torch.lerp(x.float(), painted, OVER).round().byte()


def in_words(target: Boxes | Mask, batch: Batch) -> str:
    """What is in the one picture of a batch: how many of each class, or which share of it."""
    if isinstance(target, Boxes):
        counts = batch["box_class"].bincount(minlength=target.size)
        words = [f"{int(counts[k])} {target.names[k]}" for k in counts.argsort(descending=True).tolist() if counts[k]]
        return _joined(words) or "no box"
    shares = pixels(batch["y"][0], target.size) / batch["y"][0].numel()
    return _joined([f"{target.names[k]} {shares[k]:.0%}" for k in shares.argsort(descending=True).tolist() if shares[k] > 0]) or "nobody's"


def _joined(words: list[str]) -> str:
    return ", ".join(words[:MOST_WORDS]) + (" ..." if len(words) > MOST_WORDS else "")


def examples(rows: Rows, target: Boxes | Mask) -> Html:
    """Some pictures, evenly spread over the training part, with a key of the colours."""
    some = np.unique(np.linspace(0, max(rows.sizes[0] - 1, 0), SHOWN).astype(int))
    figures = [page.figure(page.picture(marked(rows.one(int(row)), target), SIDE), f"{rows.name(int(row))}: {rows.answer(int(row))}")
               for row in some]
    return page.join(page.key(zip(target.names, colours_of(target), strict=True)), page.gallery(figures, large=True))
