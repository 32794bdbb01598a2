"""A user's own inputs as a batch: arrays, pictures, names of files, rows of numbers or of mixed cells."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

from lamina.core.errors import DataError
from lamina.core.spec import FILL, Image, Input, Series, Table, Text, Tokens, Vector
from lamina.data.fit import Placement, placement
from lamina.data.pictures import as_spec, content_of, open_pixels, read_picture
from lamina.data.tokens import tokenizer
from lamina.data.words import encode

MOST_NUMBERS = 1 << 26  # of what is said of the places of one photo


@dataclass(frozen=True)
class Photo:
    """A photo as it is, (H, W, 3) uint8 upright; as the network sees it, `x` (C, h, w); and where it came to lie there."""

    pixels: np.ndarray
    x: torch.Tensor
    placement: Placement

    def unplaced(self, answer: torch.Tensor, most: int = MOST_NUMBERS) -> torch.Tensor:
        """What a network says of each place that it sees, (K, h, w), for the photo's own places: (K, H, W), or coarser where these
        would be more than `most` numbers."""
        height, width = self.pixels.shape[:2]
        place = self.placement
        top, left = max(0, round(place.top)), max(0, round(place.left))
        inner = answer[:, top : top + max(1, round(height * place.down)), left : left + max(1, round(width * place.across))]
        coarse = max(1.0, (len(answer) * height * width / most) ** 0.5)
        size = max(1, round(height / coarse)), max(1, round(width / coarse))
        return F.interpolate(inner[None], size, mode="bilinear", align_corners=False)[0]


def read_photo(spec: Image, one: Any) -> Photo:
    """A file, its bytes, an array (H, W) or (H, W, 3) uint8, or a `Photo` that was read before; DataError where it is no picture."""
    if isinstance(one, Photo):
        return one
    where = str(one) if isinstance(one, str | Path) else "standard input" if isinstance(one, bytes) else "the array"
    if isinstance(one, str | Path):
        one = content_of(Path(one))
    pixels = open_pixels(one, where) if isinstance(one, bytes) else np.asarray(one)
    x = as_spec(pixels, spec, where)
    colours = np.repeat(pixels[..., None], 3, 2) if pixels.ndim == 2 else pixels
    return Photo(colours, x, placement((pixels.shape[0], pixels.shape[1]), spec.height, spec.width, spec.fit))


def read_all(spec: Input, inputs: Iterable[Any]) -> torch.Tensor:
    """(B, C, H, W) uint8, (B, D) float32 or (B, L) int32; DataError names the input that cannot be taken."""
    if isinstance(inputs, torch.Tensor):  # read before
        return inputs
    given = list(inputs)
    if not given:
        raise DataError("at least one input", "none", "Give a file, a folder or an array.")
    if isinstance(spec, Table):
        from lamina.data.table_rows import read_rows  # polars is loaded where there is a table

        return read_rows(spec, given)
    rows = [read_one(spec, one) for one in given]
    return pad_sequence(rows, batch_first=True, padding_value=FILL) if isinstance(spec, Text | Tokens) else torch.stack(rows)


def read_one(spec: Input, one: Any) -> torch.Tensor:
    """One input in the shape that the model was trained on; pictures and texts may be tensors that were read before."""
    if isinstance(one, torch.Tensor) and isinstance(spec, Image | Series | Text | Tokens):
        return one
    if isinstance(spec, Image):
        if isinstance(one, str | Path):
            return read_picture(content_of(Path(one)), spec, str(one))
        if isinstance(one, bytes):
            return read_picture(one, spec, "standard input")
        return as_spec(np.asarray(one), spec, "the array")
    if isinstance(spec, Series):
        return _window(spec, one)
    if isinstance(spec, Text):
        return _words(spec, one)
    if isinstance(spec, Tokens):
        return _tokens(spec, one)
    assert isinstance(spec, Vector), f"{spec.kind} has no reader of single inputs"
    row = torch.as_tensor(_numbers(one)).reshape(-1)
    if len(row) != spec.size:
        columns = f"The columns are: {', '.join(spec.names)}." if spec.names else "Give as many as the model was trained on."
        raise DataError(f"a row of {spec.size} numbers", f"`{len(row)}` of them", columns)
    if not row.isfinite().all():
        raise DataError("finite numbers", f"`{row.tolist()}`", "Fill in the gaps first.")
    return row


def _words(spec: Text, one: Any) -> torch.Tensor:
    if not isinstance(one, str):
        raise DataError("a text", f"`{type(one).__name__}`", "Give a string, or a list of them.")
    found = encode(one, spec.words, spec.length)
    if not len(found):
        raise DataError("a text with a word in it", f"`{one[:40]}`", "Write at least one word.")
    return found


def _tokens(spec: Tokens, one: Any) -> torch.Tensor:
    if not isinstance(one, str):
        raise DataError("a text", f"`{type(one).__name__}`", "Give a string, or a list of them.")
    found = tokenizer(spec).encode([one])[0]
    if not len(found) or not one.strip():
        raise DataError("a text that is not empty", f"`{one[:40]}`", "Write at least one word.")
    if len(found) > spec.length:
        raise DataError(f"a text of at most {spec.length} tokens", f"`{len(found)}` of them in `{one[:40]} ...`", "Part it into sentences.")
    return torch.from_numpy(found)


def _window(spec: Series, one: Any) -> torch.Tensor:
    """The last moments of numbers (T, D), or of (T,) where there is one column."""
    found = torch.as_tensor(_numbers(one))
    rows = found.reshape(-1, len(spec.names)) if found.numel() % len(spec.names) == 0 and found.ndim <= 2 else found[:0]
    if len(rows) < spec.past or not rows.isfinite().all():
        raise DataError(f"{spec.past} moments and more of {', '.join(spec.names)}", f"`{len(rows)}` of them",
                        "Give a table of them, as in training, or their numbers with commas between.")
    return rows[-spec.past :]


def _numbers(one: Any) -> np.ndarray:
    """Numbers, or their text with commas between; what is too large for float32 becomes infinite."""
    try:
        values = [float(word) for word in str(one).split(",")] if isinstance(one, str | Path) else one
        with np.errstate(over="ignore"):
            return np.array(values, np.float32)
    except (ValueError, TypeError) as error:
        raise DataError("a row of numbers as `5.1,3.5,1.4,0.2`", f"`{one}`", "Separate the numbers by commas.") from error
