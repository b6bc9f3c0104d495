"""A transit network as facts: lines, stations, and the exact answers that follow from them.

Everything here is pure: no pictures, no files. A station is named by its id inside the package and by its name in
questions and answers, which is why names must be unique within one network.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from mmrl.errors import InputError

COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
RESERVED = frozenset(";:>|\n\r")
"""Characters with a meaning in a written route (``Red: A > C; Blue: C > F``); no name may hold them."""


def name_key(name: str) -> str:
    """Return what two names must differ in: their letters without case, accents and kinds of blanks."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())


@dataclass(frozen=True, kw_only=True, slots=True)
class Station:
    """A place where lines stop."""

    id: str
    name: str
    x: float
    """Any unit, growing to the right; only proportions matter to the drawing."""
    y: float
    """The same unit, growing downwards."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A service that calls at its stops in order, in both directions."""

    name: str
    colour: str
    """``#RRGGBB``."""
    stops: tuple[str, ...]
    """Station ids in order; a loop repeats its first stop at the end."""

    @property
    def is_loop(self) -> bool:
        """Whether the last stop is the first one again."""
        return len(self.stops) > 2 and self.stops[0] == self.stops[-1]

    @property
    def is_simple(self) -> bool:
        """Whether no stop occurs twice, so that positions along the line are unambiguous."""
        return len(set(self.stops)) == len(self.stops)

    def ride_length(self, departure: str, arrival: str) -> int:
        """Return the number of hops of the shortest ride between two stops of this line (0 for the same stop)."""
        ring = self.stops[:-1] if self.is_loop else self.stops
        starts = [i for i, stop in enumerate(ring) if stop == departure]
        ends = [i for i, stop in enumerate(ring) if stop == arrival]
        hops = min(abs(i - j) for i in starts for j in ends)
        if self.is_loop:
            hops = min(min(abs(i - j), len(ring) - abs(i - j)) for i in starts for j in ends)
        return hops


@dataclass(frozen=True, kw_only=True)
class Network:
    """Lines and the stations that they serve.

    Raises:
        InputError: a line or station contradicts another: see :func:`_find_problem` for the rules.
    """

    name: str
    lines: tuple[Line, ...]
    stations: Mapping[str, Station]
    """By id; each is served by at least one line."""

    def __post_init__(self) -> None:
        problem = _find_problem(self)
        if problem:
            raise InputError(problem)

    @cached_property
    def _lines_by_station(self) -> dict[str, tuple[Line, ...]]:
        found: dict[str, list[Line]] = {station: [] for station in self.stations}
        for line in self.lines:
            for stop in dict.fromkeys(line.stops):
                found[stop].append(line)
        return {station: tuple(lines) for station, lines in found.items()}

    def lines_at(self, station: str) -> tuple[Line, ...]:
        """Return the lines that stop at a station, in the network's order."""
        return self._lines_by_station[station]

    @cached_property
    def interchanges(self) -> tuple[str, ...]:
        """Ids of the stations with two lines or more."""
        return tuple(station for station, lines in self._lines_by_station.items() if len(lines) > 1)

    def on_same_line(self, first: str, second: str) -> bool:
        """Tell whether one line stops at both."""
        return any(second in line.stops for line in self.lines_at(first))

    def stop_names(self, line: Line) -> list[str]:
        """Return the names of a line's stops, in order."""
        return [self.stations[stop].name for stop in line.stops]

    def restricted_to(self, names: Iterable[str]) -> Network:
        """Return the network of only these lines (by name), with the stations that they serve."""
        wanted = set(names)
        lines = tuple(line for line in self.lines if line.name in wanted)
        served = {stop for line in lines for stop in line.stops}
        stations = {id_: station for id_, station in self.stations.items() if id_ in served}
        return Network(name=self.name, lines=lines, stations=stations)


def _find_problem(network: Network) -> str | None:
    """Return the first broken rule as an error message, or None."""
    where = f"network {network.name!r}"
    if not network.lines:
        return f"a network must have at least one line; found none; {where}; add a line with two stops or more"
    lines = [line.name for line in network.lines]
    stations = [station.name for station in network.stations.values()]
    for kind, names in (("line", lines), ("station", stations)):
        counts = Counter(map(name_key, names))
        for name in names:
            if (times := counts[name_key(name)]) > 1:
                return f"{kind} names must be unique; found {name!r} {times} times; {where}; rename or merge them"
            if not name.strip() or RESERVED & set(name):
                return f"a {kind} name must be text without ; : > |; found {name!r}; {where}; rename it"
    for line in network.lines:
        problem = _find_line_problem(line, network)
        if problem:
            return problem
    unserved = network.stations.keys() - {stop for line in network.lines for stop in line.stops}
    if unserved:
        return f"every station must be on a line; found {min(unserved)!r} on none; {where}; remove it"
    return None


def _find_line_problem(line: Line, network: Network) -> str | None:
    where = f"network {network.name!r}, line {line.name!r}"
    if not COLOUR.fullmatch(line.colour):
        return f"a colour must be #RRGGBB; found {line.colour!r}; {where}; write six hexadecimal digits"
    if len(set(line.stops)) < 2:
        return f"a line must have two different stops or more; found {len(set(line.stops))}; {where}; add stops"
    for stop, following in zip(line.stops, line.stops[1:], strict=False):
        if stop == following:
            return f"neighbouring stops must differ; found {stop!r} twice in a row; {where}; remove one"
    unknown = next((stop for stop in line.stops if stop not in network.stations), None)
    if unknown is not None:
        return f"a stop must be a known station; found {unknown!r}; {where}; add the station or correct the stop"
    return None
