"""Where names go: beside their stations, inside the picture, off lines, marks, badges and each other.

Every name has candidate boxes around its mark. Those that touch anything drawn are struck out with the help of a
summed-area table; then names are moved one after another to their cheapest candidate given all others, until nothing
moves. A name that still touches another is left out and reported. Boxes are [left, top, right, bottom] in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datasets_builders.transit.drawing.scene import PixelBox
from datasets_builders.transit.drawing.wording import Wording

SIDES: tuple[tuple[float, float, float, int], ...] = (
    (1, 0, 0.0, 0), (-1, 0, 0.12, 1), (0, -1, 0.16, 2), (0, 1, 0.16, 3),
    (1, -1, 0.3, 0), (1, 1, 0.3, 0), (-1, -1, 0.38, 1), (-1, 1, 0.38, 1),
    (1, -0.5, 0.2, 0), (1, 0.5, 0.2, 0), (-1, -0.5, 0.3, 1), (-1, 0.5, 0.3, 1),
    (0.5, -1, 0.26, 2), (-0.5, -1, 0.3, 2), (0.5, 1, 0.26, 3), (-0.5, 1, 0.3, 3),
    (0.25, -1, 0.2, 2), (-0.25, -1, 0.22, 2), (0.25, 1, 0.2, 3), (-0.25, 1, 0.22, 3),
)  # fmt: skip
"""Where a name's centre lies across and down, the price of that, and the side that this counts as."""
DISTANCES = ((0.28, 0.0), (0.6, 0.5), (1.1, 1.3))
"""Gap between mark and name in font sizes, and its price."""
BETWEEN = (0.3, 0.12)
"""Blank between two names, across and down, in font sizes."""
CLASH = 30.0
"""Price of touching another name."""
CLOSE = 1.5
"""Price of lying nearly as close to another mark as to the name's own."""
TIDY = 0.12
"""Price of lying on another side than a neighbour's name."""
ROUNDS = 8


class Obstacles:
    """What names must keep off: a mask of the picture, at full size or smaller, as sums over rectangles."""

    def __init__(self, mask: Image.Image, factor: float) -> None:
        """``mask`` is of mode L, non-zero where something is drawn; ``factor`` is its size over the picture's."""
        self.factor = factor
        self.height, self.width = mask.height, mask.width
        sums = np.zeros((self.height + 1, self.width + 1), dtype=np.int32)
        np.cumsum((np.asarray(mask) > 0), axis=0, dtype=np.int32, out=sums[1:, 1:])
        np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
        self.sums = sums

    def free(self, boxes_N_4: NDArray[np.float64], border: int = 2) -> NDArray[np.bool_]:
        """Tell which boxes hold nothing drawn and lie inside the picture."""
        left, top = (np.floor(boxes_N_4[:, axis] * self.factor).astype(int) for axis in (0, 1))
        right, bottom = (np.ceil(boxes_N_4[:, axis] * self.factor).astype(int) for axis in (2, 3))
        inside = (left >= border) & (top >= border) & (right <= self.width - border) & (bottom <= self.height - border)
        left, right = np.clip(left, 0, self.width), np.clip(right, 0, self.width)
        top, bottom = np.clip(top, 0, self.height), np.clip(bottom, 0, self.height)
        drawn = self.sums[bottom, right] - self.sums[top, right] - self.sums[bottom, left] + self.sums[top, left]
        return np.asarray(inside & (drawn == 0))


@dataclass(frozen=True, slots=True)
class Named:
    """A station that wants its name written."""

    station: str
    mark: PixelBox
    ways: tuple[Wording, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A name in its place."""

    wording: Wording
    left: int
    top: int
    lean: float
    """-1 where it lies left of its mark, 1 right, 0 above or below."""

    @property
    def box(self) -> PixelBox:
        """The ink of the name."""
        return self.left, self.top, self.left + self.wording.width, self.top + self.wording.height


@dataclass(slots=True)
class _Choices:
    """The free candidates of one station."""

    boxes_K_4: NDArray[np.float64]
    costs_K: NDArray[np.float64]
    sides_K: NDArray[np.int64]
    ways_K: NDArray[np.int64]
    leans_K: NDArray[np.float64]


def place_names(
    named: Sequence[Named], obstacles: Obstacles, neighbours: Mapping[str, Sequence[str]], size: int
) -> dict[str, Placed]:
    """Return a place for each name that finds one.

    Args:
        named: the stations, each with at least one way to write its name.
        obstacles: everything else that is drawn.
        neighbours: of each station, along lines.
        size: of the font in pixels.
    """
    marks_S_4 = np.array([n.mark for n in named], dtype=np.float64).reshape(-1, 4)
    choices = [_candidates(n, row, obstacles, marks_S_4, size) for row, n in enumerate(named)]
    row_of = {n.station: row for row, n in enumerate(named)}
    around = [[row_of[o] for o in neighbours.get(n.station, ()) if o in row_of] for n in named]
    chosen = _settle(choices, around, size)
    placed = {}
    for row, pick in enumerate(chosen):
        if pick is not None:
            left, top = choices[row].boxes_K_4[pick, :2].tolist()
            wording = named[row].ways[int(choices[row].ways_K[pick])]
            placed[named[row].station] = Placed(wording, int(left), int(top), float(choices[row].leans_K[pick]))
    return placed


def _candidates(named: Named, row: int, obstacles: Obstacles, marks_S_4: NDArray[np.float64], size: int) -> _Choices:
    left, top, right, bottom = named.mark
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    boxes, costs, sides, ways, leans = [], [], [], [], []
    for number, way in enumerate(named.ways):
        w, h = way.width, way.height
        for gap, gap_cost in DISTANCES:
            for across, down, cost, side in SIDES:
                reach = gap * size * (0.4 if abs(across) == abs(down) == 1 else 1.0)
                x = middle_x + across * ((right - left) / 2 + reach + w / 2 if abs(across) == 1 else w * 0.9)
                y = middle_y + down * ((bottom - top) / 2 + reach + h / 2 if abs(down) == 1 else h * 0.9)
                boxes.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
                costs.append(cost + gap_cost + way.cost)
                sides.append(side)
                ways.append(number)
                leans.append(float(across) if abs(across) == 1 else 0.0)
    boxes_K_4 = np.array(boxes)
    boxes_K_4[:, :2] = np.round(boxes_K_4[:, :2])
    sizes = np.array([(way.width, way.height) for way in named.ways], dtype=np.float64)
    boxes_K_4[:, 2:] = boxes_K_4[:, :2] + sizes[ways]
    slack = size * np.array([-0.14, -0.08, 0.14, 0.08])
    free = np.flatnonzero(obstacles.free(boxes_K_4 + slack))
    boxes_K_4 = boxes_K_4[free]
    costs_K = np.array(costs)[free] + CLOSE * _rivals(boxes_K_4, row, marks_S_4)
    return _Choices(boxes_K_4, costs_K, np.array(sides)[free], np.array(ways)[free], np.array(leans)[free])


def _rivals(boxes_K_4: NDArray[np.float64], row: int, marks_S_4: NDArray[np.float64]) -> NDArray[np.float64]:
    """Count the marks of others that each box is nearly as close to as to its own."""
    across = np.maximum(boxes_K_4[:, None, 0] - marks_S_4[:, 2], marks_S_4[:, 0] - boxes_K_4[:, None, 2])
    down = np.maximum(boxes_K_4[:, None, 1] - marks_S_4[:, 3], marks_S_4[:, 1] - boxes_K_4[:, None, 3])
    gap_K_S = np.hypot(np.maximum(across, 0), np.maximum(down, 0))
    own_K = gap_K_S[:, row]
    return np.asarray((gap_K_S < 1.35 * own_K[:, None] + 1).sum(1) - 1, dtype=np.float64)


def _settle(choices: Sequence[_Choices], around: Sequence[Sequence[int]], size: int) -> list[int | None]:
    """Return the pick of each station: cheapest given all others, moved until none moves; clashes are left out."""
    count = len(choices)
    nowhere = np.array([-1e9, -1e9, -1e9, -1e9])
    current_S_4 = np.tile(nowhere, (count, 1))
    side_S = np.full(count, -1)
    picks: list[int | None] = [None] * count
    pad = size * np.array([BETWEEN[0], BETWEEN[1]])
    order = sorted(range(count), key=lambda row: (len(choices[row].costs_K), row))
    for _ in range(ROUNDS):
        moved = False
        for row in order:
            own = choices[row]
            if not len(own.costs_K):
                continue
            current_S_4[row] = nowhere
            clashes_K = _touch(own.boxes_K_4, current_S_4, pad).sum(1)
            odd_K = sum(
                ((side_S[o] >= 0) & (own.sides_K != side_S[o]) for o in around[row]), np.zeros(len(own.sides_K))
            )
            best = int((own.costs_K + CLASH * clashes_K + TIDY * odd_K).argmin())
            moved |= best != picks[row]
            picks[row] = best
            current_S_4[row] = own.boxes_K_4[best]
            side_S[row] = own.sides_K[best]
        if not moved:
            break
    return _without_clashes(choices, picks, current_S_4, pad)


def _touch(
    boxes_K_4: NDArray[np.float64], others_S_4: NDArray[np.float64], pad: NDArray[np.float64]
) -> NDArray[np.bool_]:
    left, top, right, bottom = boxes_K_4.T[..., None]
    west, north, east, south = others_S_4.T
    return np.asarray(
        (left < east + pad[0]) & (west < right + pad[0]) & (top < south + pad[1]) & (north < bottom + pad[1])
    )


def _without_clashes(
    choices: Sequence[_Choices], picks: list[int | None], current_S_4: NDArray[np.float64], pad: NDArray[np.float64]
) -> list[int | None]:
    """Leave out names until none touch, those in most clashes first; then try each of them once more."""
    touch_S_S = _touch(current_S_4, current_S_4, pad)
    np.fill_diagonal(touch_S_S, False)
    touch_S_S[[pick is None for pick in picks]] = False
    touch_S_S[:, [pick is None for pick in picks]] = False
    dropped = []
    while touch_S_S.any():
        row = int(touch_S_S.sum(1).argmax())
        touch_S_S[row] = touch_S_S[:, row] = False
        current_S_4[row] = -1e9
        picks[row] = None
        dropped.append(row)
    for row in dropped:
        free = np.flatnonzero(~_touch(choices[row].boxes_K_4, current_S_4, pad).any(1))
        if len(free):
            pick = int(free[choices[row].costs_K[free].argmin()])
            picks[row] = pick
            current_S_4[row] = choices[row].boxes_K_4[pick]
    return picks
