"""What can be measured of a photo without any network: light, contrast, sharpness, and a thumbnail to compare it by."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from lamina.oversight.rows import Rows

THUMB = 8  # pixels a side
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True)
class Measures:
    """One figure a photo, (N,): mean light and contrast (standard deviation) in 0..255, sharpness (log of the Laplacian's variance
    against the contrast's); `thumb` (N, C * THUMB * THUMB) float32 in 0..1."""

    light: np.ndarray
    contrast: np.ndarray
    sharpness: np.ndarray
    thumb: np.ndarray

    def features(self) -> np.ndarray:
        """Everything side by side, (N, D)."""
        return np.concatenate([np.stack([self.light, self.contrast, self.sharpness], 1) / 64, self.thumb], 1)


def measure(rows: Rows) -> Measures:
    """The measures of all photos, batch by batch."""
    with torch.inference_mode():
        found = [_measure(x) for x in rows.batches()]
    return Measures(*(torch.cat(parts).numpy() for parts in zip(*found, strict=True)))


def _measure(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """x: (B, C, H, W) uint8."""
    grey = _grey(x)  # (B, 1, H, W)
    light, contrast = grey.mean((1, 2, 3)), grey.std((1, 2, 3))
    edges = 4 * grey[..., 1:-1, 1:-1] - grey[..., :-2, 1:-1] - grey[..., 2:, 1:-1] - grey[..., 1:-1, :-2] - grey[..., 1:-1, 2:]
    sharpness = torch.log((edges.var((1, 2, 3)) + 0.1) / (contrast.square() + 1))
    return light, contrast, sharpness, _thumb(x).flatten(1)


def _grey(x: torch.Tensor) -> torch.Tensor:
    if x.shape[1] != 3:
        return x[:, :1].float()
    red, green, blue = (x[:, i : i + 1] for i in range(3))
    return (LUMA[0] * red).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def _thumb(x: torch.Tensor) -> torch.Tensor:
    """(B, C, THUMB, THUMB) in 0..1: means of blocks, which cost one pass."""
    size = x.shape[2] // THUMB, x.shape[3] // THUMB
    if min(size) < 1:
        return F.interpolate(x.float(), (THUMB, THUMB), mode="area") / 255
    whole = x[:, :, : size[0] * THUMB, : size[1] * THUMB].unflatten(3, (THUMB, size[1])).unflatten(2, (THUMB, size[0]))
    return whole.float().mean((3, 5)) / 255


def sizes(rows: Rows) -> np.ndarray:
    """Width and height of each photo's file in pixels, (N, 2); nothing, (0, 2), where the rows are not files.

    Only the head of a file is read."""
    from PIL import Image as pil

    found, folder = [], Path(str((rows.data.origin or {}).get("name", "")))
    for row in range(len(rows)):
        try:
            with pil.open(folder / rows.file(row)) as opened:
                found.append(opened.size)
        except (OSError, ValueError):
            return np.zeros((0, 2), int)
    return np.asarray(found, int).reshape(-1, 2)


def loneliness(features: np.ndarray, neighbours: int = 5, among: int = 4000) -> np.ndarray:
    """Mean distance of each row to its nearest `neighbours`, among `among` rows at most, (N,)."""
    scale = features.std(0) + 1e-6
    x = torch.from_numpy((features / scale).astype(np.float32))
    some = x[torch.linspace(0, len(x) - 1, min(len(x), among)).long()]
    near = min(neighbours + 1, len(some))  # one of them may be the row itself
    found = [torch.cdist(part, some).topk(near, largest=False).values[:, 1:].mean(1) for part in x.split(2000)]
    return torch.cat(found).numpy()
