"""The manner of small grey pictures: one subject on a plain ground, centred; and how a photo is brought to it.

MNIST's digits are ink of 255 on a ground of 0, twenty pixels long, centred by their mass (LeCun et al. 1998).
A phone shows the same digit dark on light, anywhere, under uneven light. What is learned from the training
pictures is the ground's level and the subject's length; a photo in which no such subject is found is refused.
"""

import numpy as np
import torch

from lamina.core.errors import DataError
from lamina.core.spec import Image

PICTURES = 2000  # are enough to know the manner of a set
PLAIN = 0.9  # share of the frame's pixels that must be ground
NEAR = 24  # grey levels that still count as ground
LONGEST = 640  # side at which a photo is searched for its subject
LEAST_CONTRAST = 30  # grey levels between subject and paper
INK = (0.0005, 0.35)  # least and largest share of a photo that a subject covers
ONE_SUBJECT = 0.7  # share of the ink that hangs together


def manner_of(pictures: torch.Tensor) -> Image:
    """The spec of pictures (N, C, H, W) uint8, with ground and subject where they have one."""
    channels, height, width = pictures.shape[1:]
    plain = Image(channels=channels, height=height, width=width)
    if channels != 1:
        return plain
    some = pictures[:: max(1, len(pictures) // PICTURES), 0].numpy()
    frame = np.concatenate([some[:, 0], some[:, -1], some[:, :, 0], some[:, :, -1]], 1)
    ground = int(np.median(frame))
    if (np.abs(frame.astype(int) - ground) <= NEAR).mean() < PLAIN or 64 < ground < 192:
        return plain
    lengths = [max(_box(one)[1]) for one in np.abs(some.astype(int) - ground) > 64 if one.any()]
    return plain.model_copy(update={"ground": ground, "subject": int(np.median(lengths))}) if lengths else plain


def differs(picture: np.ndarray, spec: Image) -> bool:
    """Whether a grey picture (H, W) is of another manner: another size, or another ground."""
    if spec.ground is None:
        return False
    frame = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    return picture.shape != (spec.height, spec.width) or abs(float(np.median(frame)) - spec.ground) > 64


def bring(picture: np.ndarray, spec: Image, where: str) -> np.ndarray:
    """The subject of a grey picture (H, W) uint8 in the manner of the training data, (spec.height, spec.width) uint8."""
    assert spec.ground is not None, "only plain grounds have a manner"
    assert spec.subject is not None, "a ground comes with a subject"
    ink = _ink(_smaller(picture.astype(np.float32)), where)
    (top, left), (height, width) = _box(ink > 0.25)
    subject = ink[top : top + height, left : left + width]
    scale = spec.subject / max(height, width)
    small = _resize(subject, max(1, round(height * scale)), max(1, round(width * scale)))
    small = small / max(float(np.percentile(small[small > 0.2], 90)) if (small > 0.2).any() else 1.0, 0.3)
    placed = _centred(small.clip(0, 1), spec)
    return np.round(spec.ground + placed * (255 if spec.ground < 128 else -255)).clip(0, 255).astype(np.uint8)


def _ink(picture: np.ndarray, where: str) -> np.ndarray:
    """How much each place (H, W) differs from the paper around it, 0..1, of the one subject; DataError if there is none."""
    from scipy import ndimage  # takes its time to import

    paper = ndimage.gaussian_filter(ndimage.median_filter(picture, 5), 1)
    light = ndimage.gaussian_filter(paper, max(paper.shape) / 6, mode="nearest")  # the slow change of the light
    away = paper - light
    dark = -np.percentile(away, 1) > np.percentile(away, 99)
    strength = np.clip(-away if dark else away, 0, None)
    contrast = float(np.percentile(strength, 99.5))
    threshold = _otsu(strength)
    mask, count = ndimage.label(ndimage.binary_closing(strength > threshold, iterations=2))
    sizes = np.bincount(mask.ravel())[1:] if count else np.zeros(1)
    whole = mask == 1 + int(sizes.argmax())
    share = sizes.sum() / mask.size
    if contrast < LEAST_CONTRAST or not INK[0] < share < INK[1] or sizes.max() < ONE_SUBJECT * sizes.sum():
        found = f"contrast {contrast:.0f} grey levels, {100 * share:.1f} % ink in {count} pieces"
        raise DataError("one clear subject on a plain ground, as in the training pictures", f"`{where}`: {found}",
                        "Crop the photo to the one thing it shows, on even paper.")
    base = strength - threshold / 2
    return np.clip(base / max(contrast - threshold / 2, 1), 0, 1) * ndimage.binary_dilation(whole, iterations=2)


def _otsu(values: np.ndarray) -> float:
    """The threshold that separates two groups best (Otsu 1979)."""
    counts, edges = np.histogram(values, 128)
    middles = (edges[:-1] + edges[1:]) / 2
    below = counts.cumsum()
    above = below[-1] - below
    sums = (counts * middles).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(middles[int(np.nan_to_num(between[:-1], nan=-1.0).argmax())])  # one level only: there is nothing to separate


def _box(mask: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, left), (height, width)) of what is true in (H, W)."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return (0, 0), mask.shape
    return (int(rows[0]), int(columns[0])), (int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1))


def _smaller(picture: np.ndarray) -> np.ndarray:
    factor = LONGEST / max(picture.shape)
    height, width = (max(8, round(n * factor)) for n in picture.shape)
    return _resize(picture, height, width)


def _resize(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    resized = torch.nn.functional.interpolate(
        torch.from_numpy(np.ascontiguousarray(picture, np.float32))[None, None], (height, width), mode="bilinear", antialias=True
    )
    return resized[0, 0].numpy()


def _centred(subject: np.ndarray, spec: Image) -> np.ndarray:
    """The subject in an empty frame (H, W), its centre of mass in the middle."""
    from scipy import ndimage

    room = np.zeros((3 * spec.height, 3 * spec.width), np.float32)
    y, x = (round(c) for c in ndimage.center_of_mass(subject + 1e-6))
    top, left = 3 * spec.height // 2 - y, 3 * spec.width // 2 - x
    room[top : top + subject.shape[0], left : left + subject.shape[1]] = subject
    return room[spec.height : 2 * spec.height, spec.width : 2 * spec.width]
