"""Shapes on paper: where they go and how they look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import NamedTuple

from PIL import Image, ImageDraw

from datasets_builders.rect import Rect

KINDS = ("circle", "square", "triangle", "star")
COLORS: dict[str, tuple[int, int, int]] = {
    "red": (214, 42, 42),
    "blue": (38, 88, 214),
    "green": (36, 150, 66),
    "yellow": (240, 192, 20),
    "purple": (146, 60, 186),
    "black": (28, 28, 28),
}

_ASPECT = {"circle": 1.0, "square": 1.0, "triangle": math.sqrt(3) / 2, "star": 0.951}
"""Height over width of each kind: an equilateral triangle, a regular five-pointed star."""
_JITTER = 12
"""Most that a channel of a shape's colour departs from the named colour."""
_OVERSAMPLING = 4


class Item(NamedTuple):
    """What a shape is, before it has a place."""

    color: str
    kind: str

    @property
    def name(self) -> str:
        """As a question names it: ``red circle``."""
        return f"{self.color} {self.kind}"


def place_items(items: Sequence[Item], width: int, height: int, rng: Random) -> list[Rect]:
    """Give every item a size and a place in a picture of ``width`` by ``height`` pixels, none touching another."""
    shorter = min(width, height)
    largest = shorter * min(0.34, 0.75 / math.sqrt(len(items)))
    gap = max(2, shorter // 80)
    while True:
        sides = [round(rng.uniform(0.55, 1.0) * largest) for _ in items]
        rects = _try_places(items, sides, (width, height), gap, rng)
        if rects is not None:
            return rects
        largest *= 0.95  # crowded: smaller shapes always fit in the end


def _try_places(
    items: Sequence[Item], sides: Sequence[int], size: tuple[int, int], gap: int, rng: Random
) -> list[Rect] | None:
    rects: list[Rect] = []
    for item, side in zip(items, sides, strict=True):
        tall = round(side * _ASPECT[item.kind])
        for _ in range(40):
            x, y = rng.randint(gap, size[0] - side - gap), rng.randint(gap, size[1] - tall - gap)
            rect = Rect(x, y, side, tall)
            if all(rect.is_clear_of(other, gap) for other in rects):
                rects.append(rect)
                break
        else:
            return None
    return rects


def draw_scene(items: Sequence[Item], rects: Sequence[Rect], width: int, height: int, rng: Random) -> Image.Image:
    """Draw the items on light paper (RGB)."""
    picture = _paper(width, height, rng)
    for item, rect in zip(items, rects, strict=True):
        color = tuple(min(255, max(0, channel + rng.randint(-_JITTER, _JITTER))) for channel in COLORS[item.color])
        picture.paste(color, (rect.x, rect.y), _mask(item.kind, rect.width, rect.height))
    return picture


def _paper(width: int, height: int, rng: Random) -> Image.Image:
    """Light paper: four corner tints blended, on some sheets ruled with faint lines."""
    corners = Image.new("RGB", (2, 2))
    base = [rng.randint(228, 250) for _ in range(3)]
    corners.putdata([tuple(min(255, c + rng.randint(-8, 8)) for c in base) for _ in range(4)])
    paper = corners.resize((width, height), Image.Resampling.BILINEAR)
    ruling = rng.choice(("plain", "plain", "lines", "grid"))
    step = max(8, min(width, height) // rng.randint(6, 10))
    draw = ImageDraw.Draw(paper)
    faint = tuple(c - 16 for c in base)
    if ruling in ("lines", "grid"):
        for y in range(rng.randrange(step), height, step):
            draw.line((0, y, width, y), fill=faint)
    if ruling == "grid":
        for x in range(rng.randrange(step), width, step):
            draw.line((x, 0, x, height), fill=faint)
    return paper


@lru_cache(maxsize=1024)
def _mask(kind: str, width: int, height: int) -> Image.Image:
    """Coverage of a shape that reaches all four edges of ``width`` by ``height`` pixels, with smooth edges."""
    w, h = width * _OVERSAMPLING, height * _OVERSAMPLING
    large = Image.new("L", (w, h), 0)
    draw = ImageDraw.Draw(large)
    if kind == "circle":
        draw.ellipse((0, 0, w - 1, h - 1), fill=255)
    elif kind == "square":
        draw.rectangle((0, 0, w - 1, h - 1), fill=255)
    else:
        draw.polygon([(x * (w - 1), y * (h - 1)) for x, y in _OUTLINES[kind]], fill=255)
    return large.resize((width, height), Image.Resampling.BOX)


def _star_outline() -> list[tuple[float, float]]:
    """Corners of a five-pointed star, stretched to the unit square."""
    points = []
    for corner in range(10):
        radius = 1.0 if corner % 2 == 0 else 0.45
        angle = math.pi * corner / 5
        points.append((radius * math.sin(angle), -radius * math.cos(angle)))
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    return [((x - left) / (right - left), (y - top) / (bottom - top)) for x, y in points]


_OUTLINES: dict[str, list[tuple[float, float]]] = {
    "triangle": [(0.5, 0.0), (1.0, 1.0), (0.0, 1.0)],
    "star": _star_outline(),
}
