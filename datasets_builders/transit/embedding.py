"""Puts a small part of a real network on a square grid: neighbours one step apart, each step close to its real bearing.

The result reads like a made-up small map: octilinear, evenly spaced, without crossings between stations. Bearings are
those of the source, rounded to the eight directions; distances are given up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from datasets_builders.transit.network import Line, Network
from datasets_builders.transit.procedural import STEPS, Cell

MOST_BENDS = 3
"""Steps in all that may take the second or third nearest direction, to close a ring or to keep stations apart."""
SHARPEST_TURN = 2
"""Eighths of a full turn that a line may make at a stop: a right angle."""


def embed_on_grid(network: Network, side: int) -> dict[str, Cell] | None:
    """Return a grid point for each station, as few steps as possible off their nearest direction.

    Args:
        network: connected, small (about ten stations); no two lines run between the same neighbours.
        side: largest number of grid points across and down.

    Returns:
        Points by station id, the smallest coordinates 0; None where no such embedding exists.
    """
    hops = _hops_outwards(network)
    for bends in range(MOST_BENDS + 1):
        search = _Search(hops=hops, turns=_turns(network.lines), side=side)
        if search.place(0, bends):
            left = min(x for x, _ in search.cells.values())
            top = min(y for _, y in search.cells.values())
            return {station: (x - left, y - top) for station, (x, y) in search.cells.items()}
    return None


@dataclass(frozen=True, slots=True)
class _Hop:
    """Two neighbours of one line, the first of which is placed before the second or by an earlier hop."""

    start: str
    end: str
    directions: tuple[int, ...]
    """Indices of ``STEPS``, nearest to the real bearing first."""


def _hops_outwards(network: Network) -> list[_Hop]:
    """Return every hop once, in an order in which each starts at a station that is already reached."""
    neighbours: dict[str, list[str]] = {station: [] for station in network.stations}
    for line in network.lines:
        for a, b in pairwise(line.stops):
            neighbours[a].append(b)
            neighbours[b].append(a)
    hops: list[_Hop] = []
    done: set[frozenset[str]] = set()
    reached = [next(iter(network.interchanges), network.lines[0].stops[0])]
    for station in reached:  # grows while it is walked through
        for other in neighbours[station]:
            if frozenset((station, other)) in done:
                continue
            done.add(frozenset((station, other)))
            hops.append(_Hop(station, other, _directions(network, station, other)))
            if other not in reached:
                reached.append(other)
    return hops


def _directions(network: Network, start: str, end: str) -> tuple[int, ...]:
    """Return the three directions nearest to the bearing from one station to another."""
    a, b = network.stations[start], network.stations[end]
    bearing = math.atan2(b.y - a.y, b.x - a.x) / (math.pi / 4)
    nearest = round(bearing)
    side = 1 if bearing >= nearest else -1
    return nearest % 8, (nearest + side) % 8, (nearest - side) % 8


def _turns(lines: Sequence[Line]) -> dict[str, list[tuple[str, str]]]:
    """Return, for each station, the two neighbours of each line that runs through it."""
    turns: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        for before, stop, after in zip(line.stops, line.stops[1:], line.stops[2:], strict=False):
            turns.setdefault(stop, []).append((before, after))
    return turns


@dataclass(slots=True)
class _Search:
    """Places one hop after another and goes back where one finds no room."""

    hops: Sequence[_Hop]
    turns: Mapping[str, Sequence[tuple[str, str]]]
    side: int
    cells: dict[str, Cell] = field(default_factory=dict)
    edges: set[frozenset[Cell]] = field(default_factory=set)

    def place(self, index: int, bends: int) -> bool:
        """Place the hops from ``index`` on with at most so many off their nearest direction; False leaves no trace."""
        if index == len(self.hops):
            return True
        hop = self.hops[index]
        x, y = self.cells.setdefault(hop.start, (0, 0))
        known = hop.end in self.cells
        for rank, direction in enumerate(hop.directions):
            cell = (x + STEPS[direction][0], y + STEPS[direction][1])
            if (rank > 0 and bends == 0) or not self._allows(hop, cell, known):
                continue
            self.cells[hop.end] = cell
            edge = frozenset(((x, y), cell))
            self.edges.add(edge)
            is_sharp = self._is_sharp(hop.start) or self._is_sharp(hop.end)
            if not is_sharp and self.place(index + 1, bends - (rank > 0)):
                return True
            self.edges.remove(edge)
            if not known:
                del self.cells[hop.end]
        return False

    def _allows(self, hop: _Hop, cell: Cell, known: bool) -> bool:
        """Tell whether a hop may end here: its own place or a free one, inside the grid, across no other hop."""
        if self.cells[hop.end] != cell if known else cell in self.cells.values():
            return False
        for axis in (0, 1):
            taken = [cell[axis], *(other[axis] for other in self.cells.values())]
            if max(taken) - min(taken) >= self.side:
                return False
        x, y = self.cells[hop.start]
        return frozenset(((cell[0], y), (x, cell[1]))) not in self.edges

    def _is_sharp(self, stop: str) -> bool:
        """Tell whether a line that is already placed on both sides of a stop turns too sharply there."""
        return any(turn > SHARPEST_TURN for turn in self._turns_at(stop))

    def _turns_at(self, stop: str) -> Iterator[int]:
        for before, after in self.turns.get(stop, ()):
            way = [self.cells[station] for station in (before, stop, after) if station in self.cells]
            if len(way) == 3 and all(frozenset(edge) in self.edges for edge in pairwise(way)):
                arriving, leaving = (STEPS.index((u - x, v - y)) for (x, y), (u, v) in pairwise(way))
                turn = abs(arriving - leaving)
                yield min(turn, 8 - turn)
