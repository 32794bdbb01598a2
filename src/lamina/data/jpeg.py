"""JPEG by libjpeg-turbo (the package simplejpeg), which can stop at a half, a quarter or an eighth of the size.

Scaled decoding leaves out the high frequencies of each 8 x 8 block, so a large photo costs little more than a small one.
What this door does not take (CMYK, damaged files) Pillow is asked for.
"""

from io import BytesIO

import numpy as np

MAGIC = b"\xff\xd8\xff"
EXIF, HEAD, ORIENTATION = b"Exif\0\0", 1 << 16, 0x0112
LYING, MIRRORED, UPSIDE_DOWN = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)  # orientations: rows are columns; left is right, top is bottom
SPARE = 1.25  # decoded sides are this much longer than needed, so that the last, antialiased step still has something to average


def decode(content: bytes, least: int, most_pixels: int) -> np.ndarray | None:
    """(H, W) or (H, W, 3) uint8, upright, both sides of at least `least` pixels where the file has them; None where Pillow must look."""
    import simplejpeg

    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
        if height * width > most_pixels or colours not in ("Gray", "YCbCr", "RGB"):
            return None
        wanted = int(least * SPARE)
        grey = colours == "Gray"
        pixels = simplejpeg.decode_jpeg(content, "GRAY" if grey else "RGB", min_height=wanted, min_width=wanted)
    except ValueError:
        return None
    return _upright(pixels[:, :, 0] if grey else pixels, _orientation(content))


def _orientation(content: bytes) -> int:
    """How the camera was held, 1 to 8, as Exif says it."""
    if content.find(EXIF, 0, HEAD) < 0:
        return 1
    from PIL import Image as pil

    with pil.open(BytesIO(content)) as opened:
        found = opened.getexif().get(ORIENTATION, 1)
    return found if isinstance(found, int) else 1


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turned and mirrored as the table of Exif 2.3, 4.6.4 says."""
    if orientation in LYING:
        pixels = pixels.swapaxes(0, 1)
    if orientation in MIRRORED:
        pixels = pixels[:, ::-1]
    if orientation in UPSIDE_DOWN:
        pixels = pixels[::-1]
    return pixels
