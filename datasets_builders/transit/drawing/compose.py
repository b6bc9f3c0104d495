"""Puts a map together: frame, tracks, marks, badges, legend, title and names."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from datasets_builders.transit.drawing.corridors import Tracks, make_tracks, order_lines, rounded
from datasets_builders.transit.drawing.frame import fit_frame
from datasets_builders.transit.drawing.furniture import (
    Block,
    Printer,
    background,
    badge_group,
    badge_texts,
    beside,
    boxes_of,
    find_corner,
    legend_block,
    near,
    title_block,
)
from datasets_builders.transit.drawing.graph import edge
from datasets_builders.transit.drawing.leaders import Led, lead_names
from datasets_builders.transit.drawing.marks import LIGHT, distance, station_mark
from datasets_builders.transit.drawing.placing import Named, Obstacles, Placed, place_names
from datasets_builders.transit.drawing.plan import Place, Plan
from datasets_builders.transit.drawing.raster import draw_capsule, rasterise, with_artefacts
from datasets_builders.transit.drawing.records import LineBadge, MapDrawing, StationLabel, StationMark
from datasets_builders.transit.drawing.scene import Capsule, PixelBox, Scene, Stroke, overlap
from datasets_builders.transit.drawing.styles import MapStyle, legible_style, toned
from datasets_builders.transit.drawing.typefaces import Typeface, typeface
from datasets_builders.transit.drawing.wording import wordings

MASK = 1600
"""Longer side of the mask of obstacles: larger pictures are looked at in smaller steps."""
SHRINK, SMALLEST_SHARE = 0.9, 0.7
"""Where names find no room, all are tried so much smaller, again and again, down to this share of the usual size."""
LONGEST_WALK = 9.0
"""Ems; walking transfers between marks farther apart are not drawn."""
WORTH = 0.006
"""A step to smaller letters must give room to this share of the names."""
NO_FONT, NO_ROOM, TOO_LONG = "no font has all of its letters", "no room beside its mark", "name too long to be written"
TOUCHING = "its mark touches another's"
CLEAR = 0.14
"""Blank between names and lines, in ems."""


def draw_map(
    plan: Plan, *, size: int, style: MapStyle, rng: random.Random, smallest_text: int = 9, font: Path | None = None
) -> MapDrawing:
    """Draw a plan in a style.

    Args:
        plan: of :func:`plan.make_plan`.
        size: longer side of the picture in pixels.
        style: the look.
        rng: for where rivers and parks lie; nothing else is left to chance here.
        smallest_text: pixels; names that only fit when smaller are left out and reported.
        font: a font file for scripts that the packaged fonts lack.
    """
    faces = typeface(style.family, font)
    sheet = _Sheet(plan, style, faces, size, smallest_text).with_tracks()
    if not style.legend and sheet.has_unnamed_lines:
        sheet = _Sheet(plan, replace(style, legend=True), faces, size, smallest_text).with_tracks()
    sheet.add_names()
    return sheet.finish(rng)


PROBE_EM = 14
"""Pixels an em of the trial drawing in which :func:`crowded` looks for room."""


def crowded(plan: Plan, style: MapStyle, font: Path | None = None) -> list[str]:
    """Return the stations whose names find no room, beside their marks or led, however large the picture is.

    Growing a plan for names that are led as well costs more, in letters that shrink with it, than it gains.
    """
    xs, ys = zip(*(point for points in plan.courses.values() for point in points), strict=True)
    size = round((max(max(xs) - min(xs), max(ys) - min(ys)) + 10) * PROBE_EM)
    sheet = _Sheet(plan, style, typeface(style.family, font), size, PROBE_EM)
    sheet._draw_network()
    sheet.add_badges()
    sheet.frame = replace(sheet.frame, em=sheet.frame.em * 1.06)  # a little room to spare
    sheet.add_names(shrinking=False)
    return [station for station, reason in sheet.unreadable.items() if reason in (NO_ROOM, TOUCHING)]


@dataclass
class _Sheet:
    """A map while it is made."""

    plan: Plan
    style: MapStyle
    typeface: Typeface
    size: int
    smallest_text: int
    strokes: dict[str, list[Stroke]] = field(default_factory=dict)
    capsules: dict[str, Capsule] = field(default_factory=dict)
    marks: dict[str, StationMark] = field(default_factory=dict)
    walks: dict[frozenset[str], tuple[Stroke, Stroke]] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    labels: dict[str, Placed] = field(default_factory=dict)
    led: dict[str, Led] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    text_size: int = 0

    def __post_init__(self) -> None:
        lines = self.plan.graph.network.lines
        self.colours: Mapping[str, str] = {line.name: toned(line.colour.upper(), self.style.tone) for line in lines}
        self.style = legible_style(self.style, list(self.colours.values()))
        self.orders = order_lines(self.plan)
        self.frame = fit_frame(self.plan, self.size, 0.0, 0.0)

    # ------------------------------------------------------------------------------------------------ tracks

    def with_tracks(self) -> _Sheet:
        """Draw everything but names."""
        self.lay_tracks()
        self.add_badges()
        return self

    @property
    def has_unnamed_lines(self) -> bool:
        """Whether some line's name stands on no badge, so that only a legend can say which it is."""
        named = {badge.line for block in self.blocks for badge in block.badges if badge.text == badge.line}
        return named != set(self.colours)

    def lay_tracks(self) -> None:
        """Draw lines and marks; give legend and title a free corner, or a band of their own where none is free."""
        self._draw_network()
        title, legend = self._title(), self._legend()
        obstacles = self._obstacles(room=1.6)
        extent, margin = (self.frame.width, self.frame.height), round(self.frame.em * 1.1)
        spots: list[tuple[Block, Place]] = []
        missing: list[Block] = []
        for block, top_first in ((title, True), (legend, False)):
            if block is None:
                continue
            spot = find_corner(block, obstacles, extent, margin, top_first)
            if spot is not None and any(near(block, spot, other, place, margin) for other, place in spots):
                spot = None
            if spot is None:
                missing.append(block)
            else:
                spots.append((block, spot))
        if missing:
            self._make_bands(title, legend)
        else:
            self.blocks += [block.moved(round(x), round(y)) for block, (x, y) in spots]

    def _make_bands(self, title: Block | None, legend: Block | None) -> None:
        """Give the title a band above and the legend one below, and draw the network anew in what is left."""
        for _ in range(2):
            em = self.frame.em
            legend = self._legend(wide=True) if legend is not None else None
            above = (title.height + 1.6 * em) if title is not None else 0.0
            below = (legend.height + 1.6 * em) if legend is not None else 0.0
            self.frame = fit_frame(self.plan, self.size, above, below)
            title = self._title() if title is not None else None
        self._draw_network()
        margin = round(self.frame.em * 1.1)
        if title is not None:
            self.blocks.append(title.moved(margin, margin))
        if legend is not None:
            self.blocks.append(legend.moved(margin, self.frame.height - margin - legend.height))

    def _draw_network(self) -> None:
        frame, style = self.frame, self.style
        width = self.line_width
        to_pixels = (frame.scale, frame.left, frame.top)
        tracks = make_tracks(self.plan, self.orders, to_pixels, width * style.pitch)
        self.strokes = {
            name: [
                Stroke(tuple(rounded(corners, style.corner * frame.em, width * 0.9)), width, self.colours[name])
                for corners in parts
            ]
            for name, parts in tracks.polylines.items()
        }
        self._draw_marks(tracks, width)
        self._draw_walks(width)

    def _draw_walks(self, width: float) -> None:
        """Join the marks between which passengers walk, where they are near and nothing lies between."""
        self.walks = {}
        for pair in self.plan.graph.network.transfers:
            a, b = (self.marks[station].centre for station in pair)
            others = (mark.centre for mark in self.marks.values() if mark.station not in pair)
            if math.dist(a, b) <= LONGEST_WALK * self.frame.scale and all(
                distance(place, a, b) > 2.2 * width for place in others
            ):
                outer, inner = Stroke((a, b), width * 0.62, self.style.ink), Stroke((a, b), width * 0.34, LIGHT)
                self.walks[frozenset(pair)] = (outer, inner)

    def _draw_marks(self, tracks: Tracks, width: float) -> None:
        for station, points in tracks.stop_points.items():
            along = self._along(station, next(iter(points)))
            ordered = {line.name: points[line.name] for line in self.plan.graph.network.lines if line.name in points}
            ends = any(station in self.plan.graph.ends[name] for name in ordered)
            is_open = ends and self.style.stop_mark == "dot"  # a dot would bite into the end of its line
            style = replace(self.style, stop_mark="ring") if is_open else self.style
            capsule, mark = station_mark(station, ordered, along, self.colours, style, width)
            self.capsules[station], self.marks[station] = capsule, mark

    @property
    def line_width(self) -> float:
        """Pixels."""
        return max(self.style.line_width * self.frame.em, 1.6)

    def _along(self, station: str, line: str) -> Place:
        """Return the direction, of length 1, in which a line leaves a station."""
        graph = self.plan.graph
        other = next(o for o in graph.neighbours[station] if line in graph.lines_on[edge(station, o)])
        points = self.plan.courses[edge(station, other)]
        (ax, ay), (bx, by) = points[:2] if station < other else points[::-1][:2]
        length = math.hypot(bx - ax, by - ay) or 1.0
        return (bx - ax) / length, (by - ay) / length

    # ------------------------------------------------------------------------------------------------ furniture

    def _printer(self) -> Printer:
        size = max(round(self.frame.em * 0.95), self.smallest_text)
        return Printer(self.style, self.typeface, self.colours, size, badge_texts(list(self.colours)))

    def _title(self) -> Block | None:
        if not self.style.title:
            return None
        size = max(round(self.frame.em * 1.9), round(self.size * 0.016), self.smallest_text + 4)
        return title_block(self.plan.graph.network, self._printer(), size)

    def _legend(self, *, wide: bool = False) -> Block | None:
        network = self.plan.graph.network
        if not self.style.legend:
            return None
        columns = 1 if len(network.lines) <= 9 else 2 if len(network.lines) <= 26 else 3
        block = legend_block(network, self._printer(), columns)
        if wide:
            for more in range(len(network.lines), 0, -1):
                block = legend_block(network, self._printer(), more)
                if block.width <= self.frame.width - 3 * self.frame.em:
                    break
        return block

    def add_badges(self) -> None:
        """Put a badge at each end of each line, and on the track of lines that have none."""
        graph, printer = self.plan.graph, self._printer()
        self._badge_room = self._obstacles()
        self._placed_badges: list[LineBadge] = []
        ending: dict[str, list[str]] = {}
        for line in graph.network.lines:
            for station in graph.ends[line.name]:
                if line.name in printer.texts:
                    ending.setdefault(station, []).append(line.name)
        placed: set[str] = set()
        for station, names in ending.items():
            dx, dy = self._along(station, names[0])
            for upright in (abs(dy) > abs(dx), abs(dy) <= abs(dx)):
                block = badge_group(printer, names, station, upright=upright)
                if block is not None and self._place_badges(block, station, (-dx, -dy)):
                    placed.update(badge.line for badge in block.badges)
                    break
        for line in graph.network.lines:
            if line.name in printer.texts and line.name not in placed:
                self._place_on_track(printer, line.name)

    def _place_badges(self, block: Block, station: str, outward: Place) -> bool:
        for x, y in beside(self.marks[station].box, block, outward, self.frame.em * 0.4):
            left, top = round(x), round(y)
            if self._has_room((left, top, left + block.width, top + block.height), self._badge_room):
                self._add_badges(block.moved(left, top))
                return True
        return False

    def _has_room(self, box: PixelBox, obstacles: Obstacles) -> bool:
        """Tell whether a badge fits into a box, given what is drawn and the badges placed since."""
        gap = self.frame.em * 0.12
        return _is_free(obstacles, box, gap) and not any(
            overlap(box, badge.box, math.ceil(gap)) for badge in self._placed_badges
        )

    def _add_badges(self, block: Block) -> None:
        self.blocks.append(block)
        self._placed_badges += block.badges

    def _place_on_track(self, printer: Printer, name: str) -> None:
        """Put a line's badge in the middle of one of its straight pieces, where it covers nothing but the line."""
        block = badge_group(printer, [name], None, upright=False)
        if block is None:
            return
        obstacles = self._obstacles(without=name)
        pieces = [
            (math.dist(a, b), a, b)
            for stroke in self.strokes[name]
            for a, b in zip(stroke.points, stroke.points[1:], strict=False)
        ]
        for length, (ax, ay), (bx, by) in sorted(pieces, key=lambda piece: -piece[0])[:12]:
            if length < self.frame.em:
                break
            for share in (0.5, 0.3, 0.7):
                left = round(ax + share * (bx - ax) - block.width / 2)
                top = round(ay + share * (by - ay) - block.height / 2)
                if self._has_room((left, top, left + block.width, top + block.height), obstacles):
                    self._add_badges(block.moved(left, top))
                    return

    # ------------------------------------------------------------------------------------------------ names

    def add_names(self, *, shrinking: bool = True) -> None:
        """Write every name at the largest size at which all find room, else at the one that loses fewest."""
        faces = self._faces()
        obstacles = self._obstacles()
        size = max(round(self.frame.em * 1.02), self.smallest_text)
        least = max(round(size * SMALLEST_SHARE), self.smallest_text)
        tried: list[tuple[float, int, dict[str, Placed], set[str]]] = []
        while True:
            named = [
                Named(id_, self.marks[id_].box, tuple(ways))
                for id_, face in faces.items()
                if (ways := wordings(self._name(id_), face, size))
            ]
            labels = place_names(named, obstacles, self.plan.graph.neighbours, size) if named else {}
            lost = len(named) - len(labels)
            tried.append((lost + WORTH * len(named) * len(tried), size, labels, {one.station for one in named}))
            if not lost or size <= least or not shrinking:
                break
            size = max(min(round(size * SHRINK), size - 1), least)
        _, self.text_size, self.labels, writable = min(tried, key=lambda attempt: attempt[0])
        self._below_names = obstacles
        self.led = self._lead({id_: face for id_, face in faces.items() if id_ not in self.labels}, obstacles)
        self.labels |= {id_: one.placed for id_, one in self.led.items()}
        for id_ in faces:
            if id_ not in self.labels:
                self.unreadable[id_] = NO_ROOM if id_ in writable else TOO_LONG
        for one, other in combinations(self.marks.values(), 2):
            if overlap(one.box, other.box):
                self.unreadable[one.station] = self.unreadable[other.station] = TOUCHING

    def _lead(self, faces: Mapping[str, str], obstacles: Obstacles) -> dict[str, Led]:
        """Tie names that found no room beside their marks to them from a little away, junctions first."""
        size = self.text_size
        first = sorted(faces, key=lambda id_: -len(self.marks[id_].lines))
        missing = [Named(id_, self.marks[id_].box, tuple(wordings(self._name(id_), faces[id_], size))) for id_ in first]
        taken = {id_: placed.box for id_, placed in self.labels.items()}
        others = [mark.box for mark in self.marks.values()] + [box for block in self.blocks for box in boxes_of(block)]
        return lead_names([one for one in missing if one.ways], obstacles, taken, others, size)

    def _faces(self) -> dict[str, str]:
        faces = {}
        for id_ in self.marks:
            bold = self.style.bold_interchanges and len(self.marks[id_].lines) > 1
            face = self.typeface.face(self._name(id_), bold=bold)
            if face is None:
                self.unreadable[id_] = NO_FONT
            else:
                faces[id_] = face
        return faces

    def _name(self, station: str) -> str:
        return self.plan.graph.network.stations[station].name

    def _obstacles(self, room: float = 0.0, without: str = "") -> Obstacles:
        """Return what is drawn so far, widened by a little, or by ``room`` ems; ``without`` one line."""
        factor = min(1.0, MASK / max(self.frame.width, self.frame.height))
        mask = Image.new("L", (round(self.frame.width * factor), round(self.frame.height * factor)), 0)
        pen = ImageDraw.Draw(mask)
        more = (CLEAR + room) * self.frame.em
        for name, strokes in self.strokes.items():
            if name == without:
                continue
            for stroke in strokes:
                points = [(x * factor, y * factor) for x, y in stroke.points]
                pen.line(points, fill=255, width=math.ceil((stroke.width + 2 * more) * factor) + 1, joint="curve")
        for outer, _ in self.walks.values():
            points = [(x * factor, y * factor) for x, y in outer.points]
            pen.line(points, fill=255, width=math.ceil((outer.width + 2 * more) * factor) + 1)
        for capsule in self.capsules.values():
            corners = [(x * factor, y * factor) for x, y in capsule.corners]
            draw_capsule(pen, corners, (capsule.radius + more) * factor + 0.5, 255)
        for block in self.blocks:
            for box in boxes_of(block):
                pen.rectangle([edge_ * factor for edge_ in _grown(box, more)], fill=255)
        return Obstacles(mask, factor)

    # ------------------------------------------------------------------------------------------------ picture

    def finish(self, rng: random.Random) -> MapDrawing:
        """Return the picture with its records."""
        frame, style = self.frame, self.style
        scene = Scene(frame.width, frame.height, style.paper)
        background(scene, style, rng, frame.em)
        edge_width = max(0.9, self.line_width * 0.1)
        for name in self._drawing_order():
            for stroke in self.strokes[name]:
                if style.casing and style.pitch >= 1.12:
                    scene.shapes.append(Stroke(stroke.points, stroke.width + 2 * edge_width, style.paper))
                scene.shapes.append(stroke)
        scene.shapes += [stroke for walk in self.walks.values() for stroke in walk]
        for led in self.led.values():
            scene.shapes += led.strokes(self._below_names, self.text_size, ink=style.ink, paper=style.paper)
        scene.shapes += self.capsules.values()
        for block in self.blocks:
            block.draw(scene)
        labels = self._write(scene)
        picture = rasterise(scene)
        if style.jpeg_quality is not None:
            picture = with_artefacts(picture, style.jpeg_quality)
        badges: list[LineBadge] = [badge for block in self.blocks for badge in block.badges]
        return MapDrawing(
            picture=picture,
            places={id_: mark.centre for id_, mark in self.marks.items()},
            legible=frozenset(self.labels) - self.unreadable.keys(),
            marks=tuple(self.marks.values()),
            labels=tuple(labels),
            badges=tuple(badges),
            titles=tuple(title for block in self.blocks for title in block.titles),
            unreadable=self.unreadable,
            walks=frozenset(self.walks),
            colours=self.colours,
            layout=self.plan.kind,
            text_size=self.text_size,
            scene=scene,
        )

    def _drawing_order(self) -> list[str]:
        return list(self.strokes)

    def _write(self, scene: Scene) -> list[StationLabel]:
        labels = []
        for id_, placed in self.labels.items():
            rows, box = placed.wording.write(placed.left, placed.top, placed.lean, self.style.ink)
            scene.writing += rows
            labels.append(StationLabel(station=id_, text="\n".join(placed.wording.rows), box=box))
        return labels


def _is_free(obstacles: Obstacles, box: PixelBox, gap: float) -> bool:
    return bool(obstacles.free(np.array([_grown(box, gap)], dtype=np.float64))[0])


def _grown(box: PixelBox, by: float) -> tuple[float, float, float, float]:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by
