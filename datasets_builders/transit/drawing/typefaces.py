"""Typefaces for any script: a family for the look of a map, and for each text a face that has all of its letters.

Packaged families come first, so that the same config gives the same picture on every machine; fonts of the machine
serve only for letters that no packaged one has.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

from mmrl.errors import InputError

Font = ImageFont.FreeTypeFont
UNASSIGNED = "\U0010fffe"
"""A code point that no font draws: what it looks like is a font's sign for a missing letter."""
PROBE_SIZE = 20


@dataclass(frozen=True, slots=True)
class Family:
    """A typeface with the package that brings it."""

    name: str
    package: str
    regular: str
    """Path inside the package."""
    bold: str


FAMILIES = (
    Family(
        "Source Sans Pro", "font_source_sans_pro", "files/SourceSansPro-Semibold.ttf", "files/SourceSansPro-Bold.ttf"
    ),
    Family("Lato", "font_lato", "files/Lato-Regular.ttf", "files/Lato-Bold.ttf"),
    Family("Manrope", "font_manrope", "files/Manrope-Medium.ttf", "files/Manrope-Bold.ttf"),
    Family("Hanken Grotesk", "font_hanken_grotesk", "files/HankenGrotesk-Medium.otf", "files/HankenGrotesk-Bold.otf"),
)
"""Families that a map may be set in; each lacks some scripts."""
FALLBACKS = (
    ("font_source_sans_pro", "files/SourceSansPro-Semibold.ttf"),
    ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf"),
    ("cvttf_NotoSansCJK_Regular", "NotoSansCJKtc-Regular.otf"),
)
"""Faces for what a family lacks: more of Latin, then Cyrillic, Greek, Arabic and Hebrew, then East Asian scripts."""
FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts", "/System/Library/Fonts",
    "/Library/Fonts", "C:/Windows/Fonts",
)  # fmt: skip
COVERED = "Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew, Arabic, Lao"
"""Scripts of the packaged fonts."""
EAST_ASIAN = "Chinese, Japanese, Korean"
"""The same, on full maps alone; these also use fonts of the machine."""
UNSHAPED = frozenset({"Cc", "Cs", "Co", "Cn"})
"""Unicode categories of characters that no text should hold."""


@dataclass(frozen=True, slots=True)
class Typeface:
    """The faces of one map."""

    family: Family
    user_font: str = ""
    """A font file of the user's, tried first."""

    def face(self, text: str, *, bold: bool = False) -> str | None:
        """Return the path of a font that has all letters of a text; None where no font has them."""
        letters = frozenset(text)
        if any(unicodedata.category(letter) in UNSHAPED for letter in letters):
            return None
        first = [self.user_font] if self.user_font else []
        own = _packaged(self.family.package, self.family.bold if bold else self.family.regular)
        return next((path for path in _candidates(first, own) if _draws_all(path, letters)), None)


def typeface(name: str, user_font: Path | None = None) -> Typeface:
    """Return the typeface of a family's name.

    Raises:
        InputError: the user's file is no font.
    """
    if user_font is not None:
        try:
            ImageFont.truetype(str(user_font), PROBE_SIZE)
        except OSError as error:
            raise InputError(
                f"font must be a TrueType or OpenType file; found {error}; {user_font}; give another file"
            ) from None
    family = next(family for family in FAMILIES if family.name == name)
    return Typeface(family, str(user_font) if user_font else "")


@lru_cache(maxsize=64)
def load_face(path: str, size: int) -> Font:
    """Return a face at a size in pixels."""
    return ImageFont.truetype(path, size)


@lru_cache(maxsize=65536)
def ink_box(path: str, size: int, text: str) -> tuple[int, int, int, int]:
    """Return the pixels that a text's ink covers: left, top, right, bottom from its pen on the baseline."""
    mask, (x, y) = load_face(path, size).getmask2(text, mode="L", anchor="ls")
    box = mask.getbbox()  # of the ink alone; a font's own box counts the blank behind the last letter as well
    if box is None:
        return 0, 0, 0, 0
    left, top, right, bottom = box
    return int(x + left), int(y + top), int(x + right), int(y + bottom)


def _candidates(first: list[str], own: str | None) -> Iterator[str]:
    yield from first
    if own:
        yield own
    for package, inner in FALLBACKS:
        path = _packaged(package, inner)
        if path:
            yield path
    yield from _machine_fonts()


@lru_cache(maxsize=64)
def _packaged(package: str, inner: str) -> str | None:
    """Return the path of a file inside an installed package, found without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / inner
    return str(path) if path.is_file() else None


@lru_cache(maxsize=1)
def _machine_fonts() -> tuple[str, ...]:
    """Return the machine's font files, plain weights first, in an order that does not change."""
    found = []
    for folder in FOLDERS:
        root = Path(folder).expanduser()
        if root.is_dir():
            found += [path for path in root.rglob("*") if path.suffix.lower() in {".ttf", ".otf", ".ttc"}]
    found.sort(key=lambda path: ("regular" not in path.name.lower(), "sans" not in path.name.lower(), path.name))
    return tuple(str(path) for path in found)


@lru_cache(maxsize=16384)
def _draws_all(path: str, letters: frozenset[str]) -> bool:
    return all(_draws(path, letter) for letter in letters)


@lru_cache(maxsize=65536)
def _draws(path: str, letter: str) -> bool:
    if letter.isspace() or unicodedata.category(letter) == "Cf":
        return True  # joiners and marks of direction shape their neighbours and have no ink of their own
    try:
        font = load_face(path, PROBE_SIZE)
    except OSError:  # a file of the machine that FreeType cannot read
        return False
    if unicodedata.combining(letter):
        letter = "\u25cc" + letter
        return bytes(font.getmask(letter)) != bytes(font.getmask("\u25cc" + UNASSIGNED))
    return bytes(font.getmask(letter)) != _blank(path)


@lru_cache(maxsize=512)
def _blank(path: str) -> bytes:
    return bytes(load_face(path, PROBE_SIZE).getmask(UNASSIGNED))


def scripts_of(text: str) -> str:
    """Return the scripts of a text's letters as Unicode's names of them say, for messages."""
    names = [unicodedata.name(letter, "unknown") for letter in text if letter.isalpha()]
    return ", ".join(dict.fromkeys(name.split()[0].capitalize() for name in names)) or "signs"
