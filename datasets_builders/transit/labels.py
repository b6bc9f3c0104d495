"""Where station names go: beside their stations, inside the picture, off lines, markers and each other.

Every name has candidate boxes around its station. A candidate's own cost (lines and markers underneath, an unusual
side) is computed once; then names are moved one after another to their cheapest candidate given all others, until
nothing moves. Arrays: ``boxes_S_K_4`` is (stations, candidates, [left, top, right, bottom]) in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets_builders.transit.layout import Layout, Style

SIDES: tuple[tuple[float, float], ...] = (
    (1, 0), (-1, 0), (0, -1), (0, 1),
    (1, -1), (1, 1), (-1, -1), (-1, 1),
    (1, -0.5), (1, 0.5), (-1, -0.5), (-1, 0.5), (0.5, -1), (-0.5, -1), (0.5, 1), (-0.5, 1),
)  # fmt: skip
"""Where a name's centre lies, as shares of its greatest distance: right, left, above, below, corners, in between.
In order of preference."""
DISTANCES = (0.0, 0.6)
"""Extra gaps between marker and name, in shares of the font size."""
MARKER_COST = 40.0
OVERLAP_COST = 60.0
STRAY_COST = 2.0
SIDE_COST = 0.08
WRAP_COST = 0.5
ROUNDS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """One way to write a name."""

    text: str
    """May hold one line break."""
    width: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """A name in its place."""

    wording: Wording
    left: float
    top: float
    side: tuple[float, float]
    clear: bool
    """Whether it lies wholly inside the picture and touches no other name and no marker."""
    crossed: bool
    """Whether a line runs underneath."""


def place_labels(
    wordings: Sequence[Sequence[Wording]],
    ids: Sequence[str],
    layout: Layout,
    style: Style,
    *,
    width: float,
    height: float,
    font_size: float,
) -> dict[str, Label]:
    """Choose a place for each station's name.

    Args:
        wordings: for each station, one or two ways to write its name.
        ids: the stations, in the same order.
        layout: stations and tracks in pixels.
        style: widths of lines.
        width: of the region for names, from x = 0.
        height: of the region for names, from y = 0.
        font_size: pixels.
    """
    boxes_S_K_4 = _candidate_boxes(wordings, ids, layout, font_size)
    track_hits_S_K = _count_inside(boxes_S_K_4, _track_points(layout, font_size * 0.3), style.line_width / 2 + 1)
    marker_hits_S_K, nearer_S_K = _markers_near(boxes_S_K_4, ids, layout)
    limits = np.array([width - 1, height - 1])
    outside_S_K = np.any(boxes_S_K_4[..., :2] < 1, -1) | np.any(boxes_S_K_4[..., 2:] > limits, -1)
    missing_S_K = ~np.isfinite(boxes_S_K_4[..., 0])
    per_wording = np.arange(len(SIDES) * len(DISTANCES)) * SIDE_COST
    preference_K = np.concatenate([per_wording + way * WRAP_COST for way in range(max(map(len, wordings)))])
    cost_S_K = (
        preference_K + track_hits_S_K + MARKER_COST * marker_hits_S_K + STRAY_COST * nearer_S_K + 1e6 * outside_S_K
    )
    cost_S_K[missing_S_K] = 1e9
    boxes_S_K_4 = boxes_S_K_4 + font_size * np.array([-0.25, -0.05, 0.25, 0.05])  # blanks between names
    chosen_S = _settle(boxes_S_K_4, cost_S_K)
    rows = np.arange(len(ids))
    final_S_4 = boxes_S_K_4[rows, chosen_S]
    touched_S = (_overlaps(final_S_4, final_S_4).sum(1) > 1) | (marker_hits_S_K[rows, chosen_S] > 0)
    labels = {}
    for row, id_ in enumerate(ids):
        k = int(chosen_S[row])
        labels[id_] = Label(
            wording=wordings[row][k // len(per_wording)],
            left=float(final_S_4[row, 0] + font_size * 0.25),
            top=float(final_S_4[row, 1] + font_size * 0.05),
            side=SIDES[k % len(SIDES)],
            clear=not (touched_S[row] or outside_S_K[row, k]),
            crossed=bool(track_hits_S_K[row, k]),
        )
    return labels


def _candidate_boxes(
    wordings: Sequence[Sequence[Wording]], ids: Sequence[str], layout: Layout, font_size: float
) -> NDArray[np.float64]:
    """Return boxes ordered by wording, distance, side; NaN where a station has no second wording."""
    count = max(len(ways) for ways in wordings)
    nan = float("nan")
    sizes_S_W_2 = np.array(
        [[(w.width, w.height) for w in ways] + [(nan, nan)] * (count - len(ways)) for ways in wordings]
    )
    places_S_2 = np.array([layout.places[id_] for id_ in ids])
    gaps_S_D = np.array([[layout.radii[id_] + font_size * (0.16 + extra) for extra in DISTANCES] for id_ in ids])
    sides_K_2 = np.array(SIDES, dtype=np.float64)
    diagonal_K = np.where(np.abs(sides_K_2).sum(1) > 1.9, 0.72, 1.0)  # corners come closer, by about 1 / sqrt(2)
    reach = (gaps_S_D[:, None, :, None] * diagonal_K)[..., None] + sizes_S_W_2[:, :, None, None] / 2
    centres = places_S_2[:, None, None, None] + sides_K_2 * reach
    half = np.broadcast_to(sizes_S_W_2[:, :, None, None] / 2, centres.shape)
    return np.concatenate([centres - half, centres + half], -1).reshape(len(ids), -1, 4)


def _track_points(layout: Layout, spacing: float) -> NDArray[np.float64]:
    """Return points along all tracks, at most ``spacing`` apart."""
    starts = np.array([p for track in layout.tracks for p in track[:-1]])
    ends = np.array([p for track in layout.tracks for p in track[1:]])
    counts = np.ceil(np.hypot(*(ends - starts).T) / spacing).astype(int) + 1
    which = np.repeat(np.arange(len(starts)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    share = (np.arange(len(which)) - first) / np.maximum(counts[which] - 1, 1)
    points: NDArray[np.float64] = starts[which] + share[:, None] * (ends - starts)[which]
    return points


def _count_inside(
    boxes_S_K_4: NDArray[np.float64], points_N_2: NDArray[np.float64], grow: float
) -> NDArray[np.float64]:
    """Count the points inside each box enlarged by ``grow``; station by station, with the points near it alone."""
    reach_S_4 = np.concatenate(
        [np.nanmin(boxes_S_K_4[..., :2], 1) - grow, np.nanmax(boxes_S_K_4[..., 2:], 1) + grow], 1
    )
    counts = []
    for boxes_K_4, (west, north, east, south) in zip(boxes_S_K_4, reach_S_4.tolist(), strict=True):
        x, y = points_N_2.T
        near = (x > west) & (x < east) & (y > north) & (y < south)
        x, y = x[near], y[near]
        left, top, right, bottom = boxes_K_4.T[..., None]
        inside = (x > left - grow) & (x < right + grow) & (y > top - grow) & (y < bottom + grow)
        counts.append(inside.sum(-1, dtype=np.float64))
    return np.array(counts)


def _markers_near(
    boxes_S_K_4: NDArray[np.float64], ids: Sequence[str], layout: Layout
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count the markers that each box touches, and the other stations' markers that it is as near to as to its own."""
    x, y = np.array([layout.places[id_] for id_ in ids]).T
    radii = np.array([layout.radii[id_] for id_ in ids])
    hits, nearer = [], []
    for row, boxes_K_4 in enumerate(boxes_S_K_4):
        left, top, right, bottom = boxes_K_4.T[..., None]
        across = np.maximum(np.maximum(left - x, x - right), 0)
        down = np.maximum(np.maximum(top - y, y - bottom), 0)
        gap_K_S = np.sqrt(across * across + down * down) - radii
        hits.append((gap_K_S < 1).sum(-1, dtype=np.float64))
        nearer.append((gap_K_S < 1.4 * gap_K_S[:, row, None]).sum(-1, dtype=np.float64))
    return np.array(hits), np.array(nearer)


def _overlaps(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which boxes of ``a`` (n, 4) come within two pixels of which of ``b`` (m, 4): (n, m)."""
    left, top, right, bottom = a.T[..., None]
    west, north, east, south = b.T
    return np.asarray((left <= east + 2) & (west <= right + 2) & (top <= south + 2) & (north <= bottom + 2))


def _settle(boxes_S_K_4: NDArray[np.float64], cost_S_K: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return each station's candidate after moving names one by one until none moves."""
    chosen_S = cost_S_K.argmin(1)
    current_S_4 = boxes_S_K_4[np.arange(len(chosen_S)), chosen_S]
    order = np.argsort((cost_S_K < 1).sum(1), kind="stable")  # those with the least choice go first
    for _ in range(ROUNDS):
        moved = False
        for row in order.tolist():
            clash_K_S = _overlaps(boxes_S_K_4[row], current_S_4)
            clash_K_S[:, row] = False
            best = int((cost_S_K[row] + OVERLAP_COST * clash_K_S.sum(1)).argmin())
            if best != chosen_S[row]:
                chosen_S[row], moved = best, True
                current_S_4[row] = boxes_S_K_4[row, best]
        if not moved:
            break
    return chosen_S
