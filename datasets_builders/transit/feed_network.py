"""Turns the tables of a feed into a network: platforms into stations, trips into lines.

Deviations from the timetable, on purpose: each route is drawn with its most frequent pattern of stops alone, and
stations of one name that a passenger would call one station are one.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import combinations
from pathlib import Path

from datasets_builders.transit.colours import distinct_colours
from datasets_builders.transit.gtfs import Feed, FeedRoute, FeedStop, read_feed
from datasets_builders.transit.network import RESERVED, Line, Network, Station, name_key
from mmrl.errors import InputError

NEAR = 150.0
"""Metres within which two stations of one name are one, whatever the feed says."""
NEAR_WITHOUT_PARENT = 1000.0
"""The same where the feed groups neither into a station."""
METRES_PER_DEGREE = 111_195.0
"""Of latitude, on a sphere of 6,371 km."""
NUMBERING = re.compile(r"(_\d+)+$")
"""What some feeds append to tell stops of one station apart."""

Pattern = tuple[str, ...]


def read_gtfs(path: Path, modes: Collection[str] = ("rail", "metro", "tram")) -> Network:
    """Read a feed as a network; x and y are kilometres east and south of an arbitrary point.

    Args:
        path: a GTFS zip file.
        modes: of ``rail``, ``metro``, ``tram``, ``bus``.

    Raises:
        InputError: the feed cannot be read, or none of its services has two stations.
    """
    feed = read_feed(path, modes)
    station_of = _merge_stops(feed)
    patterns = _line_patterns(feed, station_of)
    if not patterns:
        raise InputError(
            f"a feed must have a route with trips over two stations; found none among {len(feed.routes)} routes of"
            f" {' or '.join(modes)}; {path}; name other modes or give another feed"
        )
    routes = [route for route in feed.routes if route.id in patterns]
    names = _line_names(routes)
    colours = distinct_colours([route.colour for route in routes])
    lines = tuple(
        Line(name=names[route.id], colour=colour, stops=patterns[route.id])
        for route, colour in zip(routes, colours, strict=True)
    )
    return Network(name=feed.name, lines=lines, stations=_stations(feed, station_of, lines))


# ---------------------------------------------------------------------------------------------------- stations


def _merge_stops(feed: Feed) -> dict[str, str]:
    """Return the station of each stop, both by id; a station bears the smallest id of its members."""
    root = {id_: _topmost(feed.stops, id_) for id_ in feed.stops}
    group = {station: station for station in root.values()}
    by_name: dict[str, list[str]] = defaultdict(list)
    for station in sorted(group):
        by_name[name_key(_clean(feed.stops[station].name))].append(station)
    linked = {(root[a], root[b]) for a, b in feed.transfers if a in root and b in root}
    grouped = {root[id_] for id_, stop in feed.stops.items() if stop.parent}
    for stations in by_name.values():
        for a, b in combinations(stations, 2):
            reach = NEAR if a in grouped or b in grouped else NEAR_WITHOUT_PARENT
            near = _metres(feed.stops[a], feed.stops[b]) <= reach
            if near or (a, b) in linked or (b, a) in linked:
                old, new = sorted((group[a], group[b]), reverse=True)
                group = {station: new if of == old else of for station, of in group.items()}
    return {id_: group[station] for id_, station in root.items()}


def _topmost(stops: Mapping[str, FeedStop], id_: str) -> str:
    """Follow parents upwards: boarding area, platform, station."""
    for _ in range(3):
        parent = stops[id_].parent
        if not parent or parent not in stops:
            break
        id_ = parent
    return id_


def _metres(a: FeedStop, b: FeedStop) -> float:
    """Return the distance on a locally flat earth, good to a percent within a city."""
    east = (a.longitude - b.longitude) * math.cos(math.radians((a.latitude + b.latitude) / 2))
    return METRES_PER_DEGREE * math.hypot(east, a.latitude - b.latitude)


def _stations(feed: Feed, station_of: Mapping[str, str], lines: Iterable[Line]) -> dict[str, Station]:
    """Return the served stations at the mean place of their members, named without ambiguity."""
    line_of: dict[str, str] = {}
    for line in lines:
        for stop in line.stops:
            line_of.setdefault(stop, line.name)
    members: dict[str, list[FeedStop]] = defaultdict(list)
    for id_, station in station_of.items():
        if station in line_of:
            members[station].append(feed.stops[id_])
    names = _unique_names({id_: _clean(feed.stops[id_].name) or id_ for id_ in line_of}, line_of)
    shrink = math.cos(math.radians(sum(feed.stops[id_].latitude for id_ in line_of) / len(line_of)))
    scale = METRES_PER_DEGREE / 1000
    return {
        id_: Station(
            id=id_,
            name=names[id_],
            x=scale * shrink * sum(stop.longitude for stop in members[id_]) / len(members[id_]),
            y=-scale * sum(stop.latitude for stop in members[id_]) / len(members[id_]),
        )
        for id_ in line_of
    }


# ---------------------------------------------------------------------------------------------------- lines


def _line_patterns(feed: Feed, station_of: Mapping[str, str]) -> dict[str, Pattern]:
    """Return each route's most frequent pattern; of routes that share pattern and colour only the first.

    Both directions count as one. (Some feeds list each direction as a route of its own.)
    """
    patterns: dict[str, Pattern] = {}
    known: set[tuple[Pattern, str]] = set()
    for route in feed.routes:
        counts = Counter(_without_repeats(station_of[stop] for stop in stops) for stops in feed.trips[route.id])
        usable = [pattern for pattern in counts if len(set(pattern)) > 1]
        if not usable:
            continue
        both = {
            pattern: counts[pattern] + (counts[pattern[::-1]] if pattern != pattern[::-1] else 0) for pattern in usable
        }
        best = max(usable, key=lambda pattern: (both[pattern], len(pattern), counts[pattern]))
        if not known & {(best, route.colour), (best[::-1], route.colour)}:
            known.add((best, route.colour))
            patterns[route.id] = best
    return patterns


def _without_repeats(stations: Iterable[str]) -> Pattern:
    pattern: list[str] = []
    for station in stations:
        if not pattern or pattern[-1] != station:
            pattern.append(station)
    return tuple(pattern)


def _line_names(routes: Iterable[FeedRoute]) -> dict[str, str]:
    """Return a unique name for each route: its short name, with the operator or long name where two are alike."""
    short = {route.id: _clean(route.short_name) or _clean(route.long_name) or route.id for route in routes}
    agencies = {route.id: _clean(route.agency) for route in routes}
    return _unique_names(_unique_names(short, agencies), {route.id: _clean(route.long_name) for route in routes})


# ---------------------------------------------------------------------------------------------------- names


def _clean(name: str) -> str:
    """Return a name without characters that have a meaning in written routes and without ``_1_2`` behind it."""
    plain = "".join(" " if character in RESERVED else character for character in name)
    return NUMBERING.sub("", " ".join(plain.split()))


def _unique_names(names: Mapping[str, str], details: Mapping[str, str]) -> dict[str, str]:
    """Return names by id, with their detail in brackets where that tells two apart, else with a number."""
    alike: dict[str, list[str]] = defaultdict(list)
    for id_, name in names.items():
        alike[name_key(name)].append(id_)
    detailed = {
        id_: f"{name} ({details[id_]})"
        if details.get(id_) and len({details.get(other) for other in alike[name_key(name)]}) > 1
        else name
        for id_, name in names.items()
    }
    taken: set[str] = set()
    unique = {}
    for id_, name in detailed.items():
        tried = (name if number == 1 else f"{name} [{number}]" for number in range(1, len(names) + 1))
        unique[id_] = next(name for name in tried if name_key(name) not in taken)
        taken.add(name_key(unique[id_]))
    return unique
