"""Opening and encoding pictures: every picture reaches a model as 8-bit RGB, upright, within a size limit."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mmrl.errors import InputError

MAX_IMAGE_PIXELS = 100_000_000
"""Default limit of width times height; a decoded picture of this size takes 300 MB."""

IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""What is opened. Pillow decodes some other formats while it reads their header, before a size can be checked."""

# What Pillow's decoders raise on damaged bytes; a test damages files of every format to see that nothing else escapes.
_DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
_DEEP_GREY_MODES = ("I;16", "I;16L", "I;16B", "I;16N")
_COLOUR_MODES = ("RGB", "L", "1", "P", "RGBA", "LA", "PA", "La", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
_LIMIT_LOCK = threading.Lock()


def open_image(path: str | Path, *, max_pixels: int = MAX_IMAGE_PIXELS) -> Image.Image:
    """Open a picture as 8-bit RGB, turned upright as its EXIF orientation says, transparency over white.

    The first frame of an animation is taken; 16-bit grey keeps its high byte.

    Raises:
        InputError: the file is missing, empty, corrupt or truncated, not of ``IMAGE_FORMATS``, of a pixel type without
            a defined range, or has more than ``max_pixels``; the last is read from the header, before decoding.
    """
    path = Path(path)
    if not path.is_file():
        found = "something else" if path.exists() else "nothing"
        raise InputError(f"a picture must be a file; found {found}; at {path}; restore it or correct the path")
    try:
        with path.open("rb") as file:
            image = _read_header(file)
            check_image_size(image.width, image.height, where=str(path), max_pixels=max_pixels)
            upright = ImageOps.exif_transpose(image)
    except InputError:
        raise
    except _DECODE_ERRORS as error:
        raise _unreadable(path, error) from error
    return to_rgb(upright, where=str(path))


def _read_header(file: IO[bytes]) -> Image.Image:
    """Open without decoding and without Pillow's own limit, which would warn, or refuse what the caller allows."""
    with _LIMIT_LOCK:  # the limit is a global of Pillow's
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            return Image.open(file, formats=IMAGE_FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _unreadable(path: Path, error: Exception) -> InputError:
    if path.stat().st_size == 0:
        found = "an empty file"
    elif isinstance(error, UnidentifiedImageError):
        found = f"no {', '.join(IMAGE_FORMATS[:-1])} or {IMAGE_FORMATS[-1]} picture"
    else:
        found = f"a damaged one ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
    return InputError(f"a picture must be readable; found {found}; at {path}; replace it or leave it out")


def check_image_size(width: int, height: int, *, where: str, max_pixels: int = MAX_IMAGE_PIXELS) -> None:
    """Raise ``InputError`` unless a picture of ``width`` x ``height`` pixels has 1 to ``max_pixels`` pixels."""
    if not 0 < width * height <= max_pixels:
        raise InputError(
            f"a picture must have 1 to {max_pixels:,} pixels; found {width} x {height} = {width * height:,}; "
            f"at {where}; scale it or leave it out"
        )


def to_rgb(image: Image.Image, *, where: str = "picture") -> Image.Image:
    """Return the pixels as 8-bit RGB without metadata; transparent parts show white.

    Raises:
        InputError: the mode holds 32-bit integers or floats, whose black and white points are not defined.
    """
    if image.mode in _DEEP_GREY_MODES:
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode not in _COLOUR_MODES:
        raise InputError(
            f"a picture must have 8 or 16 bits a channel; found Pillow mode {image.mode!r}; at {where}; "
            "convert it to 8-bit RGB"
        )
    if image.has_transparency_data:
        straight = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), straight)
    rgb = image.copy() if image.mode == "RGB" else image.convert("RGB")
    rgb.info = {}
    return rgb


def png_bytes(image: Image.Image) -> bytes:
    """Encode a picture as PNG of its RGB pixels alone: equal pixels give equal bytes under one version of Pillow."""
    buffer = io.BytesIO()
    to_rgb(image).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()
