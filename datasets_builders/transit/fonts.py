"""Fonts for station names, without a font path: Pillow's own where it has the letters, else DejaVu Sans."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

from mmrl.errors import InputError

Font = ImageFont.FreeTypeFont
UNASSIGNED = "\U0010fffe"
"""A code point that no font draws: what it looks like is the font's sign for a missing letter."""
PROBE_SIZE = 20


def choose_face(text: str, path: Path | None = None) -> str:
    """Return the face that draws the most characters of a text, the first where several do.

    Args:
        text: every name that will be written.
        path: a font file of the user's, which then is the only candidate.

    Returns:
        A font file's path, or an empty string for Pillow's own scalable font.

    Raises:
        InputError: the user's file is no font.
    """
    if path is not None:
        _check_font(path)
        return str(path)
    return min(["", *_dejavu_sans()], key=lambda face: len(missing_characters(face, text)))


def load_font(face: str, size: float) -> Font:
    """Return a face of :func:`choose_face` at a size in pixels."""
    return _load(face, round(size))


def missing_characters(face: str, text: str) -> set[str]:
    """Return the characters of a text that a face cannot draw."""
    return {character for character in set(text) if not _draws(face, character)}


@lru_cache(maxsize=64)
def _load(face: str, size: int) -> Font:
    font = ImageFont.truetype(face, size) if face else ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return font


@lru_cache(maxsize=4096)
def _draws(face: str, character: str) -> bool:
    font = _load(face, PROBE_SIZE)
    return character.isspace() or bytes(font.getmask(character)) != bytes(font.getmask(UNASSIGNED))


def _check_font(path: Path) -> None:
    try:
        ImageFont.truetype(str(path), PROBE_SIZE)
    except OSError as error:
        raise InputError(
            f"font must be a TrueType or OpenType file; found {error}; {path}; give another file"
        ) from None


@lru_cache(maxsize=1)
def _dejavu_sans() -> tuple[str, ...]:
    """Return the DejaVu Sans that comes with matplotlib, found without importing it; empty where it is absent."""
    package = find_spec("matplotlib")
    if package is None or package.origin is None:
        return ()
    path = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    return (str(path),) if path.is_file() else ()
