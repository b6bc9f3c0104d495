"""Frames of a script: paper, shapes with smooth edges, a strip with words and numbers."""

from __future__ import annotations

import math
from functools import lru_cache
from random import Random

from PIL import Image, ImageDraw, ImageFont

from datasets_builders.scenes.draw import COLORS
from datasets_builders.video.script import Script

KINDS = ("circle", "square", "triangle", "star", "diamond", "cross", "ring")
_OVERSAMPLING = 4
_INK = (24, 24, 30)

Font = ImageFont.FreeTypeFont


class Painter:
    """Draws the frames of one script; holds its paper and nothing of its frames."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._rng = Random(f"paper/{script.paper}")
        self._margin = max((math.ceil(event.path) for event in script.events if event.kind == "slide"), default=0)
        self._paper = self._draw_paper()
        self._strip = tuple(channel - 34 for channel in self._base)

    def _draw_paper(self) -> Image.Image:
        """Light paper with rules and specks, wider than the frame by what it will slide."""
        rng, script = self._rng, self._script
        self._base = tuple(rng.randint(222, 248) for _ in range(3))
        size = script.width + 2 * self._margin, script.height + 2 * self._margin
        paper = Image.new("RGB", size, self._base)
        draw = ImageDraw.Draw(paper)
        faint = tuple(channel - 14 for channel in self._base)
        step = max(8, min(script.width, script.height) // rng.randint(5, 9))
        ruling = rng.choice(("plain", "lines", "columns", "grid")) if not self._margin else "grid"
        if ruling in ("lines", "grid"):
            for y in range(rng.randrange(step), size[1], step):
                draw.line((0, y, size[0], y), fill=faint)
        if ruling in ("columns", "grid"):
            for x in range(rng.randrange(step), size[0], step):
                draw.line((x, 0, x, size[1]), fill=faint)
        for _ in range(rng.randint(8, 24)):
            x, y, side = rng.randrange(size[0]), rng.randrange(size[1]), rng.randint(1, max(1, step // 8))
            draw.ellipse((x, y, x + side, y + side), fill=faint)
        return paper

    def key(self, frame: int) -> tuple[object, ...]:
        """Return all that a frame shows: equal keys, equal frames."""
        script = self._script
        poses = tuple(script.pose(index, frame) for index in range(len(script.actors)))
        return poses, script.slide(frame), script.caption(frame), script.counter(frame)

    def draw(self, frame: int) -> Image.Image:
        """Draw one frame (RGB)."""
        script, margin = self._script, self._margin
        x, y = script.slide(frame)
        left, top = margin - x, margin - y
        picture = self._paper.crop((left, top, left + script.width, top + script.height))
        for index in range(len(script.actors)):
            pose = script.pose(index, frame)
            if pose.visible:
                picture.paste(COLORS[pose.look.color], pose.rect[:2], shape_mask(pose.look.kind, pose.rect.width))
        self._draw_strip(picture, script.caption(frame), script.counter(frame))
        return picture

    def _draw_strip(self, picture: Image.Image, caption: str, counter: int | None) -> None:
        script = self._script
        top = script.height - script.band
        draw = ImageDraw.Draw(picture)
        draw.rectangle((0, top, script.width, script.height), fill=self._strip)
        middle = top + script.band / 2
        if caption:
            draw.text((script.width * 0.36, middle), caption, _INK, _font(round(script.band * 0.82)), anchor="mm")
        if counter is not None:
            place = (script.width * 0.82, middle)
            draw.rectangle((script.width * 0.7, top + 1, script.width * 0.94, script.height - 2), fill=(255, 255, 255))
            draw.text(place, str(counter), _INK, _font(round(script.band * 0.82)), anchor="mm")


@lru_cache(maxsize=32)
def _font(size: int) -> Font:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return font


@lru_cache(maxsize=512)
def shape_mask(kind: str, side: int) -> Image.Image:
    """Return the coverage of a shape that reaches all four edges of its square, with smooth edges."""
    large = side * _OVERSAMPLING
    mask = Image.new("L", (large, large), 0)
    draw = ImageDraw.Draw(mask)
    last = large - 1
    if kind in ("circle", "ring"):
        draw.ellipse((0, 0, last, last), fill=255)
        if kind == "ring":
            hole = round(large * 0.27)
            draw.ellipse((hole, hole, last - hole, last - hole), fill=0)
    else:
        draw.polygon([(x * last, y * last) for x, y in OUTLINES[kind]], fill=255)
    return mask.resize((side, side), Image.Resampling.BOX)


def _star() -> list[tuple[float, float]]:
    """Corners of a five-pointed star, stretched to the unit square."""
    points = []
    for corner in range(10):
        radius, angle = (1.0, 0.44)[corner % 2], math.pi * corner / 5
        points.append((radius * math.sin(angle), -radius * math.cos(angle)))
    (left, top), (right, bottom) = (tuple(map(edge, zip(*points, strict=True))) for edge in (min, max))
    return [((x - left) / (right - left), (y - top) / (bottom - top)) for x, y in points]


_ARM = (0.33, 0.67)

OUTLINES: dict[str, list[tuple[float, float]]] = {
    "square": [(0, 0), (1, 0), (1, 1), (0, 1)],
    "triangle": [(0.5, 0.0), (1.0, 1.0), (0.0, 1.0)],
    "diamond": [(0.5, 0.0), (1.0, 0.5), (0.5, 1.0), (0.0, 0.5)],
    "cross": [
        (_ARM[0], 0), (_ARM[1], 0), (_ARM[1], _ARM[0]), (1, _ARM[0]), (1, _ARM[1]), (_ARM[1], _ARM[1]),
        (_ARM[1], 1), (_ARM[0], 1), (_ARM[0], _ARM[1]), (0, _ARM[1]), (0, _ARM[0]), (_ARM[0], _ARM[0]),
    ],
    "star": _star(),
}  # fmt: skip
"""Corners in the unit square."""
