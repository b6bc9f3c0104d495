"""From a network to pixels: where stations stand and along which polylines lines run.

All coordinates are pixels of the final picture, y downwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from datasets_builders.transit.network import Line, Network

Place = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """Measures of a drawing, all in pixels of the final picture."""

    line_width: float
    stop_radius: float
    """Marker of a stop of one line."""
    ring_radius: float
    """Marker of an interchange where lines cross; grows with the number of parallel lines."""
    margin: float
    font_size: float
    """The size to try first; :mod:`draw` goes down where names do not fit."""
    min_font_size: float
    halo: int
    """White stroke around names, so that they stay readable across a line."""
    supersample: int

    @property
    def pitch(self) -> float:
        """Distance between the centres of parallel lines."""
        return self.line_width * 1.15


NEAREST = 1.9
"""Stations of a spread network are kept 1 / (NEAREST * sqrt(n)) of its extent apart."""
RELAXATIONS = 60
SMALL = 256
"""Below this many pixels a picture has no room for a legend: lines are then named by their colours."""


def style_for(size: int, stations: int) -> Style:
    """Return measures that suit a picture of ``size`` pixels with so many stations."""
    if size < SMALL:
        unit = size / 112
        return Style(
            line_width=3.4 * unit, stop_radius=3.3 * unit, ring_radius=5 * unit, margin=15 * unit,
            font_size=14 * unit, min_font_size=14 * unit, halo=0, supersample=3,
        )  # fmt: skip
    spacing = size / math.sqrt(max(stations, 9))
    width = min(max(spacing * 0.07, 3.0), size * 0.014)
    return Style(
        line_width=width, stop_radius=width * 0.95, ring_radius=width * 1.55, margin=max(size * 0.07, 28),
        font_size=min(max(spacing * 0.17, 11), 24), min_font_size=10, halo=2, supersample=3 if size <= 640 else 2,
    )  # fmt: skip


def spread_stations(network: Network, strength: float) -> Network:
    """Turn geographic positions into ones that can be drawn: even out crowding, straighten lines, keep stops apart.

    Each coordinate is first blended with its rank, axis by axis, so left stays left and above stays above; then stops
    between two neighbours move towards their middle, and stations that come too close push each other away.

    Args:
        network: stations in geographic proportions.
        strength: of the first step: 0 leaves everything in place, 1 uses ranks alone.
    """
    stations = list(network.stations.values())
    row = {station.id: index for index, station in enumerate(stations)}
    xs = _blend_with_rank([station.x for station in stations], strength)
    ys = _blend_with_rank([station.y for station in stations], strength)
    places_S_2 = np.array([xs, ys]).T
    links = [(row[a], row[b]) for a, b in _bundle_edges(network)]
    nearest = 1 / (NEAREST * math.sqrt(len(stations)))
    for _ in range(RELAXATIONS):
        places_S_2 = _keep_apart(_straighten(places_S_2, links), nearest)
    moved = {s.id: replace(s, x=float(x), y=float(y)) for s, (x, y) in zip(stations, places_S_2, strict=True)}
    return Network(name=network.name, lines=network.lines, stations=moved)


def _straighten(places_S_2: NDArray[np.float64], links: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Move every station with two neighbours some way to their middle, one with more neighbours a little."""
    sums_S_2 = np.zeros_like(places_S_2)
    degrees_S = np.zeros(len(places_S_2))
    for a, b in links:
        sums_S_2[a] += places_S_2[b]
        sums_S_2[b] += places_S_2[a]
        degrees_S[[a, b]] += 1
    pull_S = np.where(degrees_S == 2, 0.3, np.where(degrees_S > 2, 0.1, 0.0))
    result: NDArray[np.float64] = places_S_2 + pull_S[:, None] * (sums_S_2 / degrees_S[:, None] - places_S_2)
    return result


def _keep_apart(places_S_2: NDArray[np.float64], nearest: float) -> NDArray[np.float64]:
    """Push each pair that is closer than ``nearest`` half of the missing distance apart."""
    difference_S_S_2 = places_S_2[:, None] - places_S_2[None]
    distance_S_S = np.maximum(np.sqrt(difference_S_S_2[..., 0] ** 2 + difference_S_S_2[..., 1] ** 2), 1e-9)
    lack_S_S = np.maximum(nearest - distance_S_S, 0)
    np.fill_diagonal(lack_S_S, 0)
    push_S_2: NDArray[np.float64] = (0.25 * (lack_S_S / distance_S_S)[..., None] * difference_S_S_2).sum(1)
    return places_S_2 + push_S_2


def _blend_with_rank(values: Sequence[float], strength: float) -> list[float]:
    ordered = sorted(set(values))
    span = (ordered[-1] - ordered[0]) or 1.0
    rank = {value: index / max(len(ordered) - 1, 1) for index, value in enumerate(ordered)}
    return [(1 - strength) * (value - ordered[0]) / span + strength * rank[value] for value in values]


def place_stations(network: Network, *, width: float, height: float, margin: float, stretch: float) -> dict[str, Place]:
    """Fit a network into a rectangle with a margin, centred.

    Args:
        network: what to place.
        width: of the rectangle whose upper left corner is (0, 0).
        height: of the same rectangle.
        margin: kept free on all sides.
        stretch: how much more one axis may be enlarged than the other, 1 for never.
    """
    xs = [station.x for station in network.stations.values()]
    ys = [station.y for station in network.stations.values()]
    spans = (max(xs) - min(xs), max(ys) - min(ys))
    room = (width - 2 * margin, height - 2 * margin)
    scales = [space / span if span > 0 else math.inf for space, span in zip(room, spans, strict=True)]
    least = min(scales) if min(scales) < math.inf else 1.0
    across, down = (min(scale, least * stretch) for scale in scales)
    left = width / 2 - across * (max(xs) + min(xs)) / 2
    top = height / 2 - down * (max(ys) + min(ys)) / 2
    return {id_: (left + across * s.x, top + down * s.y) for id_, s in network.stations.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """A network in pixels."""

    places: Mapping[str, Place]
    """Centre of each station, by id."""
    radii: Mapping[str, float]
    """Outer radius of each station's marker, by id."""
    tracks: tuple[tuple[Place, ...], ...]
    """Polyline of each line, in the network's order."""


def lay_out(network: Network, places: Mapping[str, Place], style: Style) -> Layout:
    """Return tracks and marker sizes: parallel lines side by side, nothing through a station that it does not serve."""
    bundles = _bundle_edges(network)
    widest = dict.fromkeys(network.stations, 1)
    for edge, lines in bundles.items():
        for stop in edge:
            widest[stop] = max(widest[stop], len(lines))
    radii = {
        stop: style.stop_radius
        if len(network.lines_at(stop)) == 1
        else style.ring_radius + (count - 1) * style.pitch / 2
        for stop, count in widest.items()
    }
    tracks = tuple(_track(line, bundles, places, radii, style) for line in network.lines)
    return Layout(places=places, radii=radii, tracks=tracks)


Edge = tuple[str, str]


def _edge(a: str, b: str) -> Edge:
    return (a, b) if a < b else (b, a)


def _bundle_edges(network: Network) -> dict[Edge, list[str]]:
    """Return, for each pair of neighbouring stops, the names of the lines that run between them."""
    bundles: dict[Edge, list[str]] = {}
    for line in network.lines:
        for edge in dict.fromkeys(_edge(a, b) for a, b in zip(line.stops, line.stops[1:], strict=False)):
            bundles.setdefault(edge, []).append(line.name)
    return bundles


def _track(
    line: Line,
    bundles: Mapping[Edge, list[str]],
    places: Mapping[str, Place],
    radii: Mapping[str, float],
    style: Style,
) -> tuple[Place, ...]:
    points: list[Place] = []
    for a, b in zip(line.stops, line.stops[1:], strict=False):
        lines = bundles[_edge(a, b)]
        shift = (lines.index(line.name) - (len(lines) - 1) / 2) * style.pitch
        obstacles = [
            (place, radii[id_] + style.line_width) for id_, place in places.items() if id_ not in line.stops
        ]  # a line must keep clear of stations that it does not serve
        points += _hop(places[a], places[b], shift, obstacles)
    return tuple(points)


def _hop(start: Place, end: Place, shift: float, obstacles: Sequence[tuple[Place, float]]) -> list[Place]:
    """Return the polyline between two neighbours, moved aside by ``shift`` and around obstacles."""
    length = math.dist(start, end) or 1.0
    along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
    sign = 1 if along > (0.0, 0.0) else -1
    normal = (-along[1] * sign, along[0] * sign)  # the same for both directions of travel
    near = [(place, clear) for place, clear in obstacles if _distance(place, start, end) < clear + abs(shift)]
    first, last = _move(start, normal, shift), _move(end, normal, shift)
    if not near:
        return [first, last]
    step = max(clear for _, clear in near)
    for factor in (1, -1, 1.5, -1.5, 2, -2, 3, -3):
        inset = min(abs(factor) * step, length / 3)
        turn = _move(_move(start, along, inset), normal, shift + factor * step)
        back = _move(_move(end, along, -inset), normal, shift + factor * step)
        if all(_distance(place, turn, back) >= clear for place, clear in obstacles):
            return [first, turn, back, last]
    return [first, last]


def _move(place: Place, direction: Place, distance: float) -> Place:
    return (place[0] + direction[0] * distance, place[1] + direction[1] * distance)


def _distance(place: Place, start: Place, end: Place) -> float:
    """Return the distance of a point from a stretch."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    square = dx * dx + dy * dy
    share = ((place[0] - start[0]) * dx + (place[1] - start[1]) * dy) / square if square else 0.0
    share = min(1.0, max(0.0, share))
    return math.hypot(place[0] - start[0] - share * dx, place[1] - start[1] - share * dy)
