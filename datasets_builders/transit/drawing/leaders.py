"""Names for stations without room beside their marks: a little away, tied to the mark by a thin line.

Junctions of many lines are where a rider looks first and where names find least room. A leader may cross lines, but no
other mark, name, badge or leader, and the name at its end keeps off everything, as all names do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets_builders.transit.drawing.placing import BETWEEN, Named, Obstacles, Placed
from datasets_builders.transit.drawing.plan import Place
from datasets_builders.transit.drawing.scene import PixelBox, Stroke
from datasets_builders.transit.drawing.wording import Wording

REACHES = (1.3, 1.9, 2.6, 3.4, 4.4, 5.6)
"""Gaps between a mark and its name, in font sizes."""
WAYS = 24
"""Directions that are tried."""
KEEP_OFF = 0.4
"""Blank between a leader and what it may not touch, in font sizes."""
LONELY = 1.0
"""A name nearer than this to another mark, in font sizes, would be read as that one's."""
STEP = 0.2
"""Distance of the places at which a leader is looked at, in font sizes."""
CROSSING = 0.6
"""Price of one font size of leader over something drawn; a free one costs its length."""
WIDTH, HALO = 0.09, 0.22
"""Of a leader and of the paper around it, in font sizes; half on each side."""


@dataclass(frozen=True, slots=True)
class Led:
    """A name in its place, and the line that ties it to its mark."""

    placed: Placed
    box: PixelBox
    start: Place
    end: Place

    def strokes(self, obstacles: Obstacles, size: int, *, ink: str, paper: str) -> list[Stroke]:
        """Return the leader as it is drawn: a halo of paper where it crosses something, then the line."""
        thin = max(1.0, WIDTH * size)
        broad = thin + max(2.0, HALO * size)
        halos = [Stroke(ends, broad, paper) for ends in self._crossings(obstacles, size)]
        return [*halos, Stroke((self.start, self.end), thin, ink)]

    def _crossings(self, obstacles: Obstacles, size: int) -> list[tuple[Place, Place]]:
        """Return the pieces of the leader that lie on something drawn; rivers and parks are no obstacles."""
        points_P_2 = _along(self, size)
        crossed_P = ~obstacles.free(_points_as_boxes(points_P_2))
        turns = np.flatnonzero(np.diff(np.concatenate([[False], crossed_P, [False]]).astype(int)))
        places: list[Place] = [(float(x), float(y)) for x, y in points_P_2]
        return [(places[a], places[b - 1]) for a, b in zip(turns[::2], turns[1::2], strict=True) if b - 1 > a]


def lead_names(
    missing: Sequence[Named],
    obstacles: Obstacles,
    taken: Mapping[str, PixelBox],
    others: Sequence[PixelBox],
    size: int,
) -> dict[str, Led]:
    """Return a place with a leader for each name that finds one, in the order given.

    Args:
        missing: the stations without a name, the most important first.
        obstacles: everything else that is drawn, without names.
        taken: names that have a place, by station.
        others: what leaders may not cross: all marks, badges, legend and title.
        size: of the font in pixels.
    """
    led: dict[str, Led] = {}
    for named in missing:
        names = [*taken.values(), *(one.box for one in led.values())]
        found = [
            one
            for one in _candidates(named, obstacles, size)
            if _stands_free(one[1], named, [*names, *others], size)
            and not any(_crosses(one[1], other) or _covers(one[1], other, size) for other in led.values())
        ]
        if found:
            led[named.station] = min(found, key=lambda one: one[0])[1]
    return led


def _candidates(named: Named, obstacles: Obstacles, size: int) -> list[tuple[float, Led]]:
    """Return all places that are free of what is drawn, each with its price."""
    left, top, right, bottom = named.mark
    centre = ((left + right) / 2, (top + bottom) / 2)
    radius = max(right - left, bottom - top) / 2
    offered = [
        (wording, _box(wording, centre, radius + reach * size, 2 * math.pi * turn / WAYS))
        for wording in named.ways
        for reach in REACHES
        for turn in range(WAYS)
    ]
    slack = size * np.array([-BETWEEN[0], -BETWEEN[1], BETWEEN[0], BETWEEN[1]])
    free = obstacles.free(np.array([box for _, box in offered], dtype=np.float64) + slack)
    made = []
    for (wording, box), is_free in zip(offered, free.tolist(), strict=True):
        if is_free:
            end = _nearest(box, centre, 0.15 * size)
            lean = 1.0 if box[0] > centre[0] else -1.0 if box[2] < centre[0] else 0.0
            led = Led(Placed(wording, box[0], box[1], lean), box, centre, end)
            made.append((_price(led, wording, obstacles, size), led))
    return made


def _box(wording: Wording, centre: Place, distance: float, angle: float) -> PixelBox:
    """Return the box of a name whose edge lies ``distance`` from a centre in some direction."""
    across, down = math.cos(angle), math.sin(angle)
    x = centre[0] + across * distance + wording.width / 2 * max(-1.0, min(1.0, 1.6 * across))
    y = centre[1] + down * distance + wording.height / 2 * max(-1.0, min(1.0, 1.6 * down))
    left, top = round(x - wording.width / 2), round(y - wording.height / 2)
    return left, top, left + wording.width, top + wording.height


def _nearest(box: PixelBox, place: Place, gap: float) -> Place:
    """Return the point of a box nearest to a place, held off by a gap."""
    x, y = min(max(place[0], box[0]), box[2]), min(max(place[1], box[1]), box[3])
    length = math.dist((x, y), place)
    share = max(0.0, 1.0 - gap / length) if length else 0.0
    return place[0] + share * (x - place[0]), place[1] + share * (y - place[1])


def _price(led: Led, wording: Wording, obstacles: Obstacles, size: int) -> float:
    drawn = int((~obstacles.free(_points_as_boxes(_along(led, size)))).sum())
    return math.dist(led.start, led.end) / size + CROSSING * STEP * drawn + wording.cost


def _points_as_boxes(points_P_2: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([points_P_2 - 0.5, points_P_2 + 0.5], axis=1)


def _along(led: Led, size: int) -> NDArray[np.float64]:
    """Return places along a leader, x and y."""
    count = max(2, math.ceil(math.dist(led.start, led.end) / (STEP * size)) + 1)
    return np.linspace(led.start, led.end, count)


def _stands_free(led: Led, named: Named, others: Sequence[PixelBox], size: int) -> bool:
    """Tell whether name and leader keep off all boxes but the station's own mark."""
    boxes_B_4 = np.array([box for box in others if box != named.mark], dtype=np.float64).reshape(-1, 4)
    gap = LONELY * size
    left, top, right, bottom = led.box
    near = (boxes_B_4[:, 0] < right + gap) & (boxes_B_4[:, 2] > left - gap)
    near &= (boxes_B_4[:, 1] < bottom + gap / 2) & (boxes_B_4[:, 3] > top - gap / 2)
    points_P_2, off = _along(led, size), KEEP_OFF * size
    x, y = points_P_2[:, :1], points_P_2[:, 1:]
    inside = (x > boxes_B_4[:, 0] - off) & (x < boxes_B_4[:, 2] + off)
    inside &= (y > boxes_B_4[:, 1] - off) & (y < boxes_B_4[:, 3] + off)
    return not (near.any() or inside.any())


def _covers(led: Led, other: Led, size: int) -> bool:
    """Tell whether a name lies on, or close beside, another's leader."""
    x, y = _along(other, size).T
    gap = KEEP_OFF * size
    left, top, right, bottom = led.box
    return bool(((x > left - gap) & (x < right + gap) & (y > top - gap) & (y < bottom + gap)).any())


def _crosses(led: Led, other: Led) -> bool:
    """Tell whether two leaders cross."""

    def side(a: Place, b: Place, c: Place) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    apart = side(led.start, led.end, other.start) * side(led.start, led.end, other.end)
    astride = side(other.start, other.end, led.start) * side(other.start, other.end, led.end)
    return apart <= 0 and astride <= 0
