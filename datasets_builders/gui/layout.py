"""What stands in a window, and where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import NamedTuple

from PIL import ImageFont

from datasets_builders.gui.config import SMALL_SIDE, GuiConfig
from datasets_builders.gui.themes import THEMES, Theme
from datasets_builders.gui.words import KINDS, LABELS, SHARED_LABELS, SHORT_TITLES, SHORT_WORDS, TITLES
from datasets_builders.rect import Rect


@dataclass(frozen=True)
class Widget:
    """One control and the rectangle that it visibly fills.

    In a small window the label stands inside the rectangle. In a larger one the labels of text fields, sliders and
    dropdowns stand above it and do not belong to it.
    """

    kind: str
    label: str
    rect: Rect
    state: float
    """From 0 to 1: ticked or not, where the knob is, whether a button is the main one."""


@dataclass(frozen=True)
class Window:
    """A window on a desktop of ``size`` pixels."""

    size: tuple[int, int]
    frame: Rect
    bar_height: int
    title: str
    font_size: int
    """Pixels; capital letters are about 0.73 of it tall."""
    theme: Theme
    small: bool
    widgets: tuple[Widget, ...]


class _Named(NamedTuple):
    """A widget before it has a place."""

    kind: str
    label: str


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's own scalable font, which is the same on every machine."""
    loaded = ImageFont.load_default(size)
    assert isinstance(loaded, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return loaded


@lru_cache(maxsize=4096)
def text_extent(label: str, size: int) -> tuple[int, int, int]:
    """Return how far a label's ink reaches to the right of its start, above the baseline and below it, in pixels."""
    mask, (x, y) = font(size).getmask2(label, anchor="ls")
    _, top, right, bottom = mask.getbbox()
    return x + right, -(y + top), y + bottom


def lay_out_window(config: GuiConfig, rng: Random) -> Window:
    """Draw a window's size, looks and widgets; labels are unique and widgets never touch."""
    size, small = (config.width, config.height), config.is_small
    font_size = _font_size(size, small, rng)
    frame = _window_frame(size, rng)
    bar_height = round(font_size * (1.25 if small else 2.0))
    cells = _cells(_panel(frame, bar_height, font_size, small), font_size, small, rng)
    fewest, most = (2, min(4, config.max_widgets)) if small else (4, config.max_widgets)
    most = min(most, len(cells))
    names = _name_widgets(rng.randint(min(fewest, most), most), small, rng)
    place = _place_small if small else _place_large
    widgets = tuple(
        Widget(name.kind, name.label, place(name, cell, font_size, rng), round(rng.random(), 3))
        for name, cell in zip(names, rng.sample(cells, len(names)), strict=True)
    )
    title = rng.choice(SHORT_TITLES if small else TITLES)
    return Window(size, frame, bar_height, title, font_size, rng.choice(THEMES), small, widgets)


def _font_size(size: tuple[int, int], small: bool, rng: Random) -> int:
    shorter = min(size)
    if small:
        return rng.randint(round(shorter * 0.098), round(shorter * 0.107))
    return rng.randint(12, max(13, min(20, shorter // 40)))


def _window_frame(size: tuple[int, int], rng: Random) -> Rect:
    """Choose the window's place: nearly all of a picture, or in a large one two thirds or more of each side."""
    least = 0.66 if min(size) >= 2 * SMALL_SIDE else 0.95
    width, height = (round(side * rng.uniform(least, 1.0)) for side in size)
    return Rect(rng.randint(0, size[0] - width), rng.randint(0, size[1] - height), width, height)


def _panel(frame: Rect, bar_height: int, font_size: int, small: bool) -> Rect:
    """The inside of the window where widgets may lie."""
    margin = max(2, font_size // (4 if small else 1))
    height = frame.height - bar_height - margin // 2 - 1
    return Rect(frame.x + margin, frame.y + bar_height, frame.width - 2 * margin, height)


def _cells(panel: Rect, font_size: int, small: bool, rng: Random) -> list[Rect]:
    """Divide the panel into equal cells, one widget each at most."""
    columns = rng.choice((1, 2)) if small else max(1, panel.width // (15 * font_size))
    rows = max(1, int(panel.height // (font_size * (1.85 if small else 4.4))))
    width, height = panel.width // columns, panel.height // rows
    return [
        Rect(panel.x + column * width, panel.y + row * height, width, height)
        for row in range(rows)
        for column in range(columns)
    ]


_SHARED_CHANCE = 0.5
"""How often a widget of a larger window bears a label that suits every kind."""


def _name_widgets(count: int, small: bool, rng: Random) -> list[_Named]:
    """Choose kinds and labels, no label twice; of each kind one label stays unused, so that a question can miss it."""
    kinds = [rng.choice(KINDS) for _ in range(count)]
    if small:
        return [_Named(kind, label) for kind, label in zip(kinds, rng.sample(SHORT_WORDS, count), strict=True)]
    decks = {kind: rng.sample(labels, len(labels)) for kind, labels in LABELS.items()}
    shared = rng.sample(SHARED_LABELS, len(SHARED_LABELS))
    chosen = [(kind, shared if rng.random() < _SHARED_CHANCE else decks[kind]) for kind in kinds]
    return [_Named(kind, deck.pop()) for kind, deck in chosen if len(deck) > 1]


_BESIDE_LABEL = {"button": 10, "text field": 8, "dropdown": 18, "slider": 0}
"""Least width beside the label in a small window, in twelfths of the font size."""


def _place_small(name: _Named, cell: Rect, font_size: int, rng: Random) -> Rect:
    """Size a widget of a small window, its label inside, and put it anywhere in its cell."""
    text_width = text_extent(name.label, font_size)[0]
    gap = max(1, font_size // 6)
    if name.kind == "checkbox":
        parts = checkbox_parts(name.label, font_size, small=True)
        width, height = parts.side + gap + 2 + text_width, parts.height
    else:
        spare = _BESIDE_LABEL[name.kind] * font_size // 12
        narrowest = max(text_width + spare, 3 * font_size)
        width = rng.randint(narrowest, max(narrowest, min(cell.width - gap, 5 * font_size)))
        lowest = round(font_size * 1.4)
        height = rng.randint(lowest, max(lowest, min(cell.height - gap, 20 * font_size // 12)))
    return _somewhere(cell, width, height, gap, rng)


def _place_large(name: _Named, cell: Rect, font_size: int, rng: Random) -> Rect:
    """Size a widget of a larger window and put it in its cell, leaving room above for a label that stands outside."""
    text_width = text_extent(name.label, font_size)[0]
    gap = font_size // 2
    if name.kind == "checkbox":
        parts = checkbox_parts(name.label, font_size, small=False)
        return _somewhere(cell, parts.side + gap + text_width, parts.height, gap, rng)
    height = round(font_size * rng.uniform(1.9, 2.2))
    if name.kind == "button":
        return _somewhere(cell, text_width + round(font_size * rng.uniform(1.5, 3.0)), height, gap, rng)
    if name.kind == "slider":
        height = round(font_size * 0.9)
    label_height = round(font_size * 1.6)
    control = Rect(cell.x, cell.y + label_height, cell.width, cell.height - label_height)
    width = rng.randint(8 * font_size, max(8 * font_size, min(13 * font_size, cell.width - gap)))
    return _somewhere(control, width, height, gap, rng)


class CheckboxParts(NamedTuple):
    """How a checkbox and its label lie in the rectangle that their ink fills, in pixels from its top."""

    side: int
    """Width and height of the square."""
    square_top: int
    baseline: int
    height: int


def checkbox_parts(label: str, font_size: int, small: bool) -> CheckboxParts:
    """Centre a label's capitals on the checkbox's square; whichever reaches further bounds the whole."""
    side = round(font_size * (1.2 if small else 0.9))
    baseline = (side + text_extent("H", font_size)[1]) // 2
    _, above, below = text_extent(label, font_size)
    top, bottom = min(0, baseline - above), max(side, baseline + below)
    return CheckboxParts(side, -top, baseline - top, bottom - top)


def _somewhere(cell: Rect, width: int, height: int, gap: int, rng: Random) -> Rect:
    """Put a rectangle anywhere in a cell, ``gap`` pixels free at the far edges so that neighbours stay apart."""
    free_x, free_y = cell.width - gap - width, cell.height - gap - height
    return Rect(cell.x + rng.randint(0, max(0, free_x)), cell.y + rng.randint(0, max(0, free_y)), width, height)
