"""Picture files: opened within limits, upright, and brought to the size and colours of the training data."""

import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from lamina.core.errors import DataError
from lamina.core.say import say
from lamina.core.spec import Image
from lamina.data import jpeg
from lamina.data.fit import fitted
from lamina.data.manner import bring, differs

MOST_PIXELS = 100_000_000
GREY = ("1", "L", "I;16", "I;16B", "I", "LA", "F")  # Pillow's names of modes
HEIF = frozenset({".heic", ".heif"})
RAW = frozenset({".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2"})  # of cameras: pictures that nothing here develops
ENDINGS = HEIF | RAW | frozenset({
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm", ".avif",
})  # fmt: skip

# what Pillow's readers raise on damaged files, beside its own UnidentifiedImageError, which is an OSError
BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, MemoryError, OverflowError, struct.error, zlib.error)


def read_picture(content: bytes, spec: Image, where: str) -> torch.Tensor:
    """The content of a picture file as (C, H, W) uint8 in the terms of the spec; DataError, naming it as `where`, if it is no picture."""
    pixels = None
    if content.startswith(jpeg.MAGIC) and spec.ground is None:  # a subject is searched for at full size
        pixels = jpeg.decode(content, max(spec.height, spec.width), MOST_PIXELS)
    return as_spec(open_picture(BytesIO(content), where) if pixels is None else pixels, spec, where)


def open_pixels(content: bytes, where: str) -> np.ndarray:
    """The content of a picture file at its own size, (H, W) or (H, W, 3) uint8, upright; DataError if it is no picture."""
    pixels = jpeg.decode(content, 0, MOST_PIXELS) if content.startswith(jpeg.MAGIC) else None
    return open_picture(BytesIO(content), where) if pixels is None else pixels


def content_of(file: Path) -> bytes:
    """The bytes of a file; DataError where there is none to read."""
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise DataError("a picture file", f"`{file}`, which is not there", "Check the name.") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError("a picture file", f"`{file}`: {reason}", "Check what it is and its permissions.") from error


class Head(NamedTuple):
    """What the head of a picture file says: sides in pixels, as it is to be seen, whether it is grey, and how it lies in the file, 1 to 8
    as Exif counts (1: upright)."""

    height: int
    width: int
    grey: bool
    frames: int
    orientation: int = 1


def head_of(content: bytes) -> Head | None:
    """The head of a picture file, without decoding it; None if it is no picture."""
    from PIL import Image as pil

    try:
        with warnings.catch_warnings(action="ignore"), pil.open(BytesIO(content)) as opened:
            orientation = opened.getexif().get(jpeg.ORIENTATION, 1)
            height, width = (opened.width, opened.height) if orientation in jpeg.LYING else (opened.height, opened.width)
            return Head(height, width, opened.mode in GREY, getattr(opened, "n_frames", 1), orientation)
    except (*BROKEN, pil.DecompressionBombError):
        return None


def open_picture(file: Path | BytesIO, where: str = "") -> np.ndarray:
    """The pixels of a file, (H, W) or (H, W, 3) uint8, turned upright; DataError, naming it as `where`, if it is no picture."""
    where = where or str(file)
    with warnings.catch_warnings(action="ignore"):  # of a damaged file; what cannot be read is refused below
        return _open(file, where)


def _open(file: Path | BytesIO, where: str) -> np.ndarray:
    from PIL import Image as pil
    from PIL import ImageOps, UnidentifiedImageError

    _refuse_unreadable(where)
    try:
        with pil.open(file) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise _too_large(where, f"{opened.width} x {opened.height}")
            upright: Any = ImageOps.exif_transpose(opened)
            if "A" in upright.getbands() or "transparency" in upright.info:
                upright = _on_white(upright.convert("RGBA"))
            return _bytes(np.asarray(upright)) if upright.mode in GREY else np.asarray(upright.convert("RGB"))
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError("a picture file", f"`{where}`, which is not there", "Check the name.") from error
    except pil.DecompressionBombError as error:
        raise _too_large(where, "far more") from error
    except UnidentifiedImageError as error:
        do = "Open it in a viewer: export it again, or take it out."
        raise DataError("a picture", f"`{where}`, which is {_kind(file)}", do) from error
    except BROKEN as error:
        raise DataError("a picture", f"`{where}`, which is damaged", "Copy it anew from where it came, or export it again.") from error


def _kind(file: Path | BytesIO) -> str:
    """What a file that Pillow cannot name is, in words."""
    head = file.getvalue()[:9] if isinstance(file, BytesIO) else file.open("rb").read(9) if file.is_file() else b"?"
    return "empty" if not head else "no picture that is known"


def _refuse_unreadable(where: str) -> None:
    """DataError for kinds of files that need another program; HEIF is read where the package for it is installed."""
    ending = Path(where).suffix.lower()
    if ending in RAW:
        raise DataError("a developed picture", f"`{where}`, a camera's raw file", "Export it as JPEG or PNG.")
    if ending in HEIF:
        try:
            from pillow_heif import register_heif_opener
        except ImportError as error:
            do = "Install it with: pip install pillow-heif. Or export the photos as JPEG."
            raise DataError("a picture that can be read", f"`{where}`, HEIC without the package `pillow-heif`", do) from error
        register_heif_opener()


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
    return fitted(colours, spec.height, spec.width, spec.fit)


def _channels(picture: torch.Tensor, channels: int, where: str) -> torch.Tensor:
    if len(picture) == channels:
        return picture
    if channels == 1 and len(picture) == 3:
        weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]  # ITU-R BT.601 luma
        return (picture * weights).sum(0, keepdim=True).round().byte()
    if channels == 3 and len(picture) == 1:
        return picture.expand(3, -1, -1)
    raise DataError(f"a picture of {channels} channels", f"`{where}` with {len(picture)}", "Convert it first.")


def _on_white(picture: Any) -> Any:
    from PIL import Image as pil

    white = pil.new("RGBA", picture.size, (255, 255, 255, 255))
    return pil.alpha_composite(white, picture).convert("RGB")


def _bytes(grey: np.ndarray) -> np.ndarray:
    if grey.dtype == bool:
        return grey.astype(np.uint8) * 255
    if grey.dtype != np.uint8:  # 16-bit and wider
        grey = np.nan_to_num(grey, posinf=0, neginf=0).clip(0)
        return (grey.astype(np.float64) / max(grey.max(), 1) * 255).astype(np.uint8)
    return grey
