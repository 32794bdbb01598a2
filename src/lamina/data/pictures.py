"""Picture files: opened within limits, upright, and brought to the size and colours of the training data."""

import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from lamina.core.errors import DataError
from lamina.core.spec import Image
from lamina.data.manner import bring, differs
from lamina.data.report import say

MOST_PIXELS = 100_000_000
ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"})

# what Pillow's readers raise on damaged files, beside its own UnidentifiedImageError, which is an OSError
BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, MemoryError, OverflowError, struct.error, zlib.error)


def open_picture(file: Path | BytesIO, where: str = "") -> np.ndarray:
    """The pixels of a file, (H, W) or (H, W, 3) uint8, turned upright; DataError, naming it as `where`, if it is no picture."""
    where = where or str(file)
    with warnings.catch_warnings(action="ignore"):  # of a damaged file; what cannot be read is refused below
        return _open(file, where)


def _open(file: Path | BytesIO, where: str) -> np.ndarray:
    from PIL import Image as pil
    from PIL import ImageOps

    try:
        with pil.open(file) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise _too_large(where, f"{opened.width} x {opened.height}")
            upright: Any = ImageOps.exif_transpose(opened)
            if "A" in upright.getbands() or "transparency" in upright.info:
                upright = _on_white(upright.convert("RGBA"))
            grey = upright.mode in ("1", "L", "I;16", "I", "LA")
            return _bytes(np.asarray(upright)) if grey else np.asarray(upright.convert("RGB"))
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError("a picture file", f"`{where}`, which is not there", "Check the name.") from error
    except pil.DecompressionBombError as error:
        raise _too_large(where, "far more") from error
    except BROKEN as error:
        reason = "" if isinstance(file, BytesIO) else f": {error}"  # Pillow would name the memory it lies in
        raise DataError("a picture", f"`{where}`{reason}", "Open it in a viewer: it may be damaged or no picture.") from error


def _too_large(where: str, size: str) -> DataError:
    return DataError(f"at most {MOST_PIXELS} pixels", f"`{where}` with {size}", "Make it smaller.")


def as_spec(pixels: np.ndarray, spec: Image, where: str) -> torch.Tensor:
    """(C, H, W) uint8 at the training size; pictures of another manner than the training data's are brought to it."""
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.size == 0:
        raise DataError("a picture of bytes, (H, W) or (H, W, C)", f"`{pixels.dtype}` {pixels.shape}", "Scale it to 0..255 as uint8.")
    colours = torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1).copy()).permute(2, 0, 1)
    colours = _channels(colours, spec.channels, where)
    if spec.channels == 1 and differs(colours[0].numpy(), spec):
        say(f"{where}: brought to the manner of the training pictures")
        return torch.from_numpy(bring(colours[0].numpy(), spec, where))[None]
    if tuple(colours.shape[1:]) == (spec.height, spec.width):
        return colours
    return _resize(colours, spec)


def _channels(picture: torch.Tensor, channels: int, where: str) -> torch.Tensor:
    if len(picture) == channels:
        return picture
    if channels == 1 and len(picture) == 3:
        weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]  # ITU-R BT.601 luma
        return (picture * weights).sum(0, keepdim=True).round().byte()
    if channels == 3 and len(picture) == 1:
        return picture.expand(3, -1, -1)
    raise DataError(f"a picture of {channels} channels", f"`{where}` with {len(picture)}", "Convert it first.")


def _resize(picture: torch.Tensor, spec: Image) -> torch.Tensor:
    resized = F.interpolate(picture[None].float(), (spec.height, spec.width), mode="bilinear", antialias=True)
    return resized[0].round().clamp(0, 255).byte()


def _on_white(picture: Any) -> Any:
    from PIL import Image as pil

    white = pil.new("RGBA", picture.size, (255, 255, 255, 255))
    return pil.alpha_composite(white, picture).convert("RGB")


def _bytes(grey: np.ndarray) -> np.ndarray:
    if grey.dtype == bool:
        return grey.astype(np.uint8) * 255
    if grey.dtype != np.uint8:  # 16-bit and wider
        return (grey.astype(np.float64) / max(grey.max(), 1) * 255).astype(np.uint8)
    return grey
