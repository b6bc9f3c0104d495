"""What stands beside the network: badges at the ends of lines, the legend, the title, rivers and parks."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from datasets_builders.transit.drawing.corridors import rounded
from datasets_builders.transit.drawing.placing import Obstacles
from datasets_builders.transit.drawing.plan import Place
from datasets_builders.transit.drawing.records import LineBadge, Title
from datasets_builders.transit.drawing.scene import Area, PixelBox, Plate, Scene, Stroke, Writing
from datasets_builders.transit.drawing.styles import WORDS, MapStyle
from datasets_builders.transit.drawing.typefaces import Typeface, ink_box
from datasets_builders.transit.network import Network

BADGE_LETTERS = 12
"""Lines with longer names bear a code on their badges; the legend has the name beside it."""
CODE_LETTERS = 4
NUMBER = re.compile(r"(?<!\w)[A-Z]{0,2}\d{1,3}[A-Z]?(?!\w)")
LEGEND_WIDTH = 32.0
"""Font sizes; longer names are cut in the legend."""


def text_on(colour: str) -> str:
    """Return white or near-black, whichever reads better on a colour (ITU-R BT.709 brightness)."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#FFFFFF" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 165 else "#111111"


@dataclass(slots=True)
class Block:
    """Shapes and writing that belong together, around (0, 0), and what they record."""

    shapes: list[Plate] = field(default_factory=list)
    writing: list[Writing] = field(default_factory=list)
    badges: list[LineBadge] = field(default_factory=list)
    titles: list[Title] = field(default_factory=list)
    width: int = 0
    height: int = 0

    def moved(self, x: int, y: int) -> Block:
        """Return the block with its upper left corner at a place."""

        def shift(box: PixelBox) -> PixelBox:
            return box[0] + x, box[1] + y, box[2] + x, box[3] + y

        return Block(
            [replace(plate, box=shift(plate.box)) for plate in self.shapes],
            [replace(row, x=row.x + x, baseline=row.baseline + y) for row in self.writing],
            [replace(badge, box=shift(badge.box)) for badge in self.badges],
            [replace(title, box=shift(title.box)) for title in self.titles],
            self.width,
            self.height,
        )

    def draw(self, scene: Scene) -> None:
        """Add the block to a scene."""
        scene.shapes += self.shapes
        scene.writing += self.writing


def near(block: Block, spot: Place, other: Block, place: Place, gap: float) -> bool:
    """Tell whether two blocks at their places come nearer to each other than a gap."""
    return (
        spot[0] < place[0] + other.width + gap
        and place[0] < spot[0] + block.width + gap
        and spot[1] < place[1] + other.height + gap
        and place[1] < spot[1] + block.height + gap
    )


def boxes_of(block: Block) -> list[PixelBox]:
    """Return what names must keep off: single badges, or all of a legend or title."""
    if len(block.shapes) == len(block.writing) == len(block.badges) and not block.titles:
        return [plate.box for plate in block.shapes]
    plates: list[Plate] = block.shapes
    boxes = [plate.box for plate in plates] + [title.box for title in block.titles]
    boxes += [badge.box for badge in block.badges]
    if not boxes:
        return []
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    bottom = max(box[3] for box in boxes)
    return [(left, bottom - max(block.height, bottom - top), left + block.width, bottom)]


@dataclass(frozen=True, slots=True)
class Printer:
    """What badges, legend and title are set in."""

    style: MapStyle
    typeface: Typeface
    colours: Mapping[str, str]
    size: int
    """Of the badges' letters in pixels."""
    texts: Mapping[str, str]
    """What stands on the badge of each line that has one, by name."""

    def plate(self, text: str, x: int, y: int, colour: str, *, least: int = 0) -> tuple[Plate, list[Writing]] | None:
        """Return a coloured plate with a text on it, its upper left corner at a place; None where no font has it."""
        face = self.typeface.face(text, bold=True)
        if face is None:
            return None
        left, _, right, _ = ink_box(face, self.size, text)
        _, cap_top, _, cap_bottom = ink_box(face, self.size, "H")
        height = round(self.size * 1.32)
        width = max(right - left + round(self.size * 0.66), height, least)
        radius = min(height, width) / 2 * self.style.badge_roundness
        baseline = y + round((height + (cap_bottom - cap_top)) / 2)
        row = Writing(text, x + round((width - (right - left)) / 2) - left, baseline, face, self.size, text_on(colour))
        return Plate((x, y, x + width, y + height), radius, colour), [row]


# ---------------------------------------------------------------------------------------------------- badges


def badge_texts(names: Sequence[str]) -> dict[str, str]:
    """Return what stands on each line's badge: its name, or where that is long a code as networks use them.

    That is the number in it, else its initials, else its first letters: ``15`` for Linha 15-Prata, ``HC`` for
    Hammersmith & City. No two lines bear the same text; a line for which none is left has no badge.
    """
    texts = {name: name for name in names if len(name) <= BADGE_LETTERS}
    long = [name for name in names if name not in texts]
    for codes in (_number_in, _initials, lambda name: name[:CODE_LETTERS].strip()):
        offered = {name: code for name in long if name not in texts and (code := codes(name))}
        often = Counter(offered.values())
        taken = set(texts.values())
        texts |= {name: code for name, code in offered.items() if often[code] == 1 and code not in taken}
    return {name: texts[name] for name in names if name in texts}


def _number_in(name: str) -> str:
    found = NUMBER.findall(name)
    return found[0] if len(found) == 1 and len(found[0]) <= CODE_LETTERS else ""


def _initials(name: str) -> str:
    words = re.findall(r"[^\W\d_]+", name)
    return "".join(word[0].upper() for word in words) if 1 < len(words) <= CODE_LETTERS else ""


def badge_group(printer: Printer, lines: Sequence[str], station: str | None, *, upright: bool) -> Block | None:
    """Return the badges of lines side by side, or one above the other."""
    block = Block()
    gap = max(round(printer.size * 0.22), 2)
    for name in lines:
        x, y = (0, block.height) if upright else (block.width, 0)
        printed = printer.plate(printer.texts[name], x, y, printer.colours[name])
        if printed is None:
            continue
        plate, rows = printed
        block.shapes.append(plate)
        block.writing += rows
        block.badges.append(
            LineBadge(
                line=name,
                text=printer.texts[name],
                box=plate.box,
                colour=plate.fill,
                station=station,
                place="terminus" if station is not None else "track",
            )
        )
        block.width = max(block.width, plate.box[2]) + (0 if upright else gap)
        block.height = max(block.height, plate.box[3]) + (gap if upright else 0)
    if not block.badges:
        return None
    if upright:
        block.height -= gap
    else:
        block.width -= gap
    return block


def beside(mark: PixelBox, block: Block, outward: Place, gap: float) -> list[tuple[float, float]]:
    """Return places for a block beside a mark, those that continue the line first."""
    middle_x, middle_y = (mark[0] + mark[2]) / 2, (mark[1] + mark[3]) / 2
    half_w, half_h = (mark[2] - mark[0] + block.width) / 2, (mark[3] - mark[1] + block.height) / 2
    places = []
    for ring in (1.0, 2.2):
        ways = [(math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)) for k in range(8)]
        ways.sort(key=lambda way: -(way[0] * outward[0] + way[1] * outward[1]))
        for across, down in ways[:7]:
            x = middle_x + _sign(across) * (half_w + gap * ring) * (1 if abs(across) > 0.3 else 0)
            y = middle_y + _sign(down) * (half_h + gap * ring) * (1 if abs(down) > 0.3 else 0)
            places.append((x - block.width / 2, y - block.height / 2))
    return places


def _sign(value: float) -> int:
    return (value > 1e-9) - (value < -1e-9)


# ---------------------------------------------------------------------------------------------------- legend, title


def title_block(network: Network, printer: Printer, size: int) -> Block | None:
    """Return the map's heading; None where no font has its letters."""
    text = WORDS[printer.style.language][0].format(place=network.name)
    face = printer.typeface.face(text, bold=True)
    if face is None or len(text) > 60:
        return None
    left, top, right, bottom = ink_box(face, size, text)
    row = Writing(text, -left, -top, face, size, printer.style.ink)
    box = (0, 0, right - left, bottom - top)
    return Block([], [row], [], [Title(text=text, box=box)], box[2], box[3])


def legend_block(network: Network, printer: Printer, columns: int) -> Block:
    """Return the list of lines: each with its badge, or with a plate of its colour and its name."""
    heading = WORDS[printer.style.language][1]
    face = printer.typeface.face(heading, bold=True)
    size, block = printer.size, Block()
    top = 0
    if face is not None:
        left, high, _, low = ink_box(face, size, heading)
        block.writing.append(Writing(heading, -left, -high, face, size, printer.style.ink))
        top = low - high + round(size * 0.7)
    rows = math.ceil(len(network.lines) / columns)
    x = 0
    for column in range(columns):
        widest = 0
        for index, line in enumerate(network.lines[column * rows : (column + 1) * rows]):
            y = top + index * round(size * 1.72)
            widest = max(widest, _entry(block, line.name, printer, x, y) - x)
            block.height = max(block.height, y + round(size * 1.32))
        x += widest + round(size * 1.6)
    block.width = max(x - round(size * 1.6), 1)
    return block


def _entry(block: Block, name: str, printer: Printer, x: int, y: int) -> int:
    """Add one line to the legend and return the right edge of what it takes."""
    colour, size, text = printer.colours[name], printer.size, printer.texts.get(name, "")
    height, least = round(size * 1.32), round(size * 2.2)
    printed = printer.plate(text, x, y, colour, least=least) if text else None
    bare = Plate((x, y, x + least, y + height), height / 2 * printer.style.badge_roundness, colour)
    plate, rows = printed or (bare, [])
    block.shapes.append(plate)
    block.writing += rows
    edge = plate.box[2]
    face = printer.typeface.face(name)
    if (printed is None or text != name) and face is not None:
        shown = _cut(name, face, size)
        left, _, right, _ = ink_box(face, size, shown)
        _, cap_top, _, cap_bottom = ink_box(face, size, "H")
        start = edge + round(size * 0.5)
        baseline = y + round((height + cap_bottom - cap_top) / 2)
        block.writing.append(Writing(shown, start - left, baseline, face, size, printer.style.ink))
        edge = start + right - left
    elif printed is None:
        return edge
    box = (plate.box[0], plate.box[1], edge, plate.box[3])
    block.badges.append(LineBadge(line=name, text=name, box=box, colour=colour, place="legend"))
    return edge


def _cut(name: str, face: str, size: int) -> str:
    """Return a name, or as much of it as the legend has room for."""
    shown = name
    while ink_box(face, size, shown)[2] > LEGEND_WIDTH * size:
        shown = shown.removesuffix("…")[:-1].rstrip() + "…"
    return shown


def find_corner(
    block: Block, obstacles: Obstacles, size: tuple[int, int], margin: int, top_first: bool
) -> Place | None:
    """Return a place for a block along the picture's edge where nothing is drawn, corners first; None without one."""
    right, bottom = size[0] - margin - block.width, size[1] - margin - block.height
    if right < margin or bottom < margin:
        return None
    ys = [margin, bottom] if top_first else [bottom, margin]
    spots: list[Place] = [(x, y) for y in ys for x in (margin, right)]
    spots += [(margin + (right - margin) * k / 8, y) for y in ys for k in range(1, 8)]
    spots += [(x, margin + (bottom - margin) * k / 8) for x in (margin, right) for k in range(1, 8)]
    boxes = np.array([(x, y, x + block.width, y + block.height) for x, y in spots])
    pad = 0.6 * margin
    inner = np.clip(boxes + np.array([-pad, -pad, pad, pad]), 3 / obstacles.factor, None)
    inner[:, 2] = np.minimum(inner[:, 2], size[0] - 4 / obstacles.factor)
    inner[:, 3] = np.minimum(inner[:, 3], size[1] - 4 / obstacles.factor)
    free = np.flatnonzero(obstacles.free(inner))
    return spots[int(free[0])] if len(free) else None


# ---------------------------------------------------------------------------------------------------- background


def background(scene: Scene, style: MapStyle, rng: random.Random, em: float) -> None:
    """Add parks and a river below everything else."""
    if style.parks:
        for _ in range(rng.randint(2, 4)):
            scene.shapes.append(_park(scene, style.parks, rng, em))
    if style.water:
        scene.shapes.append(_river(scene, style.water, rng, em))


def _park(scene: Scene, colour: str, rng: random.Random, em: float) -> Area:
    x, y = rng.uniform(0, scene.width), rng.uniform(0, scene.height)
    w, h, cut = rng.uniform(4, 12) * em, rng.uniform(4, 10) * em, rng.uniform(1, 3) * em
    corners = ((x + cut, y), (x + w - cut, y), (x + w, y + cut), (x + w, y + h - cut), (x + w - cut, y + h),
               (x + cut, y + h), (x, y + h - cut), (x, y + cut))  # fmt: skip
    return Area(tuple(corners), colour)


def _river(scene: Scene, colour: str, rng: random.Random, em: float) -> Stroke:
    """Return a band that crosses the picture in bends of an eighth of a circle."""
    width = rng.uniform(1.6, 4.0) * em
    across = rng.random() < 0.5
    length, breadth = (scene.width, scene.height) if across else (scene.height, scene.width)
    x, y = -2 * width, rng.uniform(0.2, 0.8) * breadth
    points = [(x, y)]
    while x < length + 2 * width:
        x += rng.uniform(0.08, 0.22) * length
        points.append((x, y))
        drop = rng.choice((-1, 1)) * rng.uniform(0.04, 0.14) * length
        if not 0.1 * breadth < y + drop < 0.9 * breadth:
            drop = -drop
        x, y = x + abs(drop), y + drop
        points.append((x, y))
    smooth = rounded([(point, False) for point in points], width * 1.5, 0.0)
    return Stroke(tuple(smooth if across else [(b, a) for a, b in smooth]), width, colour)
