"""Reads the tables of a GTFS feed (https://gtfs.org/documentation/schedule/reference/) that say where lines run.

Only ``routes``, ``trips``, ``stop_times``, ``stops`` and, where present, ``transfers`` are read, and of those only the
columns needed. :mod:`feed_network` turns the result into a network. Times are not among them, so what they hold (hours
past 24, blanks between timed stops) cannot matter.

``stop_times``, which may have hundreds of millions of rows, is streamed out of the archive: what is kept is one number
a trip and each different sequence of stops once. ``scripts/bench_gtfs.py`` compares this with the maintained libraries,
which load whole tables; docs/transit.md has the measurement.
"""

from __future__ import annotations

import contextlib
import csv
import io
import lzma
import math
import struct
import zipfile
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import IO

from datasets_builders.transit.assembling import checked_name
from datasets_builders.transit.naming import shown_name
from datasets_builders.transit.reading import LeftOut
from mmrl.errors import InputError

TABLES = ("routes", "trips", "stop_times", "stops")
MODE_TYPES: dict[str, frozenset[int]] = {
    "rail": frozenset({2, *range(100, 118)}),
    "metro": frozenset({1, 12, *range(400, 406)}),
    "tram": frozenset({0, 5, *range(900, 907)}),
    "bus": frozenset({3, 11, *range(200, 210), *range(700, 717), 800}),
}
"""Route types by mode: the basic ones and the extended ones of https://developers.google.com/transit."""

# What zipfile and its decompressors raise on damaged, encrypted or exotic archives; OSError comes from bzip2 and from
# impossible offsets, RuntimeError from encryption and unknown methods, ValueError from names.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)
_MAX_DIGITS = 18
IMPOSSIBLE = frozenset({"3", "4", "5"})
"""Transfer types that are no change on foot: forbidden, or between two trips of one vehicle."""

Pattern = tuple[str, ...]
"""Stop ids in order of travel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedRoute:
    """One row of ``routes.txt``."""

    id: str
    short_name: str
    long_name: str
    agency: str
    colour: str
    """As written, mostly six hexadecimal digits; may be empty."""
    where: str
    """Its place in the feed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedStop:
    """One row of ``stops.txt``."""

    id: str
    name: str
    parent: str
    """Id of the station that it belongs to; empty where the feed does not say."""
    latitude: float
    """Degrees north."""
    longitude: float
    """Degrees east."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Feed:
    """The part of a feed that says where the chosen services run."""

    name: str
    routes: tuple[FeedRoute, ...]
    patterns: Mapping[str, Mapping[Pattern, int]]
    """How many trips of a route, by its id, run along each sequence of stops."""
    stops: Mapping[str, FeedStop]
    """The stops that those trips use, and their parents, by id."""
    transfers: frozenset[tuple[str, str]]
    """Pairs of stop ids between which the feed allows a change."""
    left_out: LeftOut


def is_feed_folder(path: Path) -> bool:
    """Tell whether a folder is an unpacked feed."""
    return (path / "stop_times.txt").is_file() or (path / "routes.txt").is_file()


def read_feed(path: Path, modes: Collection[str]) -> Feed:
    """Read the services of some modes from a feed.

    Args:
        path: a zip file, or a folder of its unpacked tables.
        modes: keys of ``MODE_TYPES``.

    Raises:
        InputError: the file is missing, no zip, lacks a table or column, has no service of these modes or a bad value.
    """
    if path.is_dir():
        files = {file.name: file for file in path.iterdir() if file.is_file()}
        return _read_tables(_Tables({name: file.open for name, file in files.items()}, path), modes)
    if not path.is_file():
        raise InputError(f"source must be an existing GTFS feed; found no file; {path}; check the path")
    with contextlib.ExitStack() as stack:
        with _explain_zip_errors(path):
            archive = stack.enter_context(zipfile.ZipFile(path))
        inner = sorted(archive.namelist(), key=lambda name: name.count("/"), reverse=True)
        members = {PurePosixPath(name).name: name for name in inner}  # feeds are sometimes zipped with their folder
        openers = {name: partial(archive.open, member) for name, member in members.items()}
        return _read_tables(_Tables(openers, path), modes)


@contextlib.contextmanager
def _explain_zip_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except _ZIP_ERRORS as error:
        found = str(error) or type(error).__name__
        raise InputError(
            f"a GTFS feed must be a readable zip file; found {found}; {path}; download it again, or zip it plainly"
        ) from None


def _read_tables(tables: _Tables, modes: Collection[str]) -> Feed:
    left_out = LeftOut(tables.path.parent)
    routes = _read_routes(tables, modes, left_out)
    patterns = _count_patterns(tables, routes, left_out)
    used = {stop for counts in patterns.values() for stops in counts for stop in stops}
    return Feed(
        name=shown_name(tables.path.stem),
        routes=routes,
        patterns=patterns,
        stops=_read_stops(tables, used, left_out),
        transfers=_read_transfers(tables),
        left_out=left_out,
    )


class _Tables:
    """Rows of the tables in an open feed, with the place of every row for messages."""

    def __init__(self, openers: Mapping[str, Callable[..., IO[bytes]]], path: Path) -> None:
        self.openers = openers
        self.path = path
        missing = [f"{table}.txt" for table in TABLES if f"{table}.txt" not in openers]
        if missing:
            raise InputError(
                f"a GTFS feed must hold {', '.join(f'{table}.txt' for table in TABLES)};"
                f" found no {', '.join(missing)}; {path}; give a GTFS schedule feed"
            )

    def place(self, table: str, line: int, column: str) -> str:
        return f"{self.path}:{table}.txt line {line}.{column}"

    def whole_number(self, table: str, line: int, cell: str, column: str) -> int:
        """Return a cell as a whole number."""
        if not cell.isdecimal() or len(cell) > _MAX_DIGITS:
            raise InputError(
                f"{column} must be a whole number; found {cell[:40]!r}; {self.place(table, line, column)}; correct it"
            )
        return int(cell)

    def rows(
        self, table: str, columns: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield (line number, values by column); missing optional columns give empty texts."""
        names = (*columns, *optional)
        for line, cells in self.cells(table, columns, optional):
            yield line, dict(zip(names, cells, strict=True))

    def cells(
        self,
        table: str,
        columns: tuple[str, ...],
        optional: tuple[str, ...] = (),
        *,
        wanted: Container[str] | None = None,
    ) -> Iterator[tuple[int, list[str]]]:
        """Yield (line number, stripped values in the order of the columns), row by row as the file is unpacked.

        Where ``wanted`` is given, only rows whose first column is among it: the quick way past the others.
        """
        with _explain_zip_errors(self.path), self.openers[f"{table}.txt"]("rb" if self.path.is_dir() else "r") as raw:
            reader = csv.reader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""))
            try:
                header = [name.strip() for name in next(reader, [])]
                where = self._positions(table, header, columns, optional)
                places = [where.get(name, len(header)) for name in (*columns, *optional)]
                first, last = places[0], max(places)
                for row in reader:
                    if row:
                        if len(row) <= last:
                            row += [""] * (last + 1 - len(row))
                        if wanted is not None and row[first].strip() not in wanted:
                            continue
                        yield reader.line_num, [row[at].strip() for at in places]
            except (UnicodeDecodeError, csv.Error) as error:
                place = f"{self.path}:{table}.txt after line {reader.line_num}"
                raise InputError(f"a table must be CSV in UTF-8; found {error}; {place}; repair the feed") from None

    def _positions(
        self, table: str, header: list[str], columns: tuple[str, ...], optional: tuple[str, ...]
    ) -> dict[str, int]:
        missing = [name for name in columns if name not in header]
        if missing:
            raise InputError(
                f"{table}.txt must have the columns {', '.join(columns)}; found no {', '.join(missing)};"
                f" {self.path}:{table}.txt line 1; repair the feed"
            )
        return {name: header.index(name) for name in (*columns, *optional) if name in header}


Row = tuple[int, dict[str, str]]
"""A line number and values by column, the first of them the row's id."""


def _by_id(
    tables: _Tables, table: str, rows: Iterable[Row], left_out: LeftOut
) -> tuple[dict[str, Row], dict[str, str]]:
    """Return the first row of each id, and for each id that returns with other values what to say about it.

    Rows that say the same again are counted.
    """
    first: dict[str, Row] = {}
    conflicts: dict[str, str] = {}
    for line, row in rows:
        column, id_ = next(iter(row.items()))
        before, same = first.setdefault(id_, (line, row))
        if before != line and same == row:
            left_out.add(f"{table} listed twice", f"{tables.path}:{table}.txt line {line}")
        elif before != line:
            differing = ", ".join(name for name in row if row[name] != same[name])
            conflicts[id_] = (
                f"{column} must be unique; found {id_[:40]!r} again with another {differing} (first in line {before});"
                f" {tables.place(table, line, column)}; remove one of the rows"
            )
    return first, conflicts


def _read_routes(tables: _Tables, modes: Collection[str], left_out: LeftOut) -> tuple[FeedRoute, ...]:
    wanted = frozenset().union(*(MODE_TYPES[mode] for mode in modes))
    others = ("route_short_name", "route_long_name", "agency_id", "route_color")
    listed = tables.rows("routes", ("route_id", "route_type"), others)
    rows, conflicts = _by_id(tables, "routes", listed, left_out)
    for conflict in conflicts.values():
        raise InputError(conflict)
    routes = []
    for line, row in rows.values():
        if tables.whole_number("routes", line, row["route_type"], "route_type") in wanted:
            short, long, agency, colour = (row[name] for name in others)
            where = f"{tables.path}:routes.txt line {line}"
            routes.append(
                FeedRoute(
                    id=row["route_id"], short_name=short, long_name=long, agency=agency, colour=colour, where=where
                )
            )
    if not routes:
        raise InputError(
            f"a feed must have a route of {' or '.join(modes)}; found none among {len(rows)} routes; {tables.path};"
            " name other modes (bus is left out unless asked for) or give another feed"
        )
    return tuple(routes)


def _count_patterns(tables: _Tables, routes: Sequence[FeedRoute], left_out: LeftOut) -> dict[str, Counter[Pattern]]:
    """Return how many trips of each route run along each sequence of stops."""
    number = {route.id: index for index, route in enumerate(routes)}
    trips: dict[str, int] = {}
    route_T = array("l")
    for line, (trip, route) in tables.cells("trips", ("trip_id", "route_id")):
        if trip in trips:
            left_out.add("trips listed twice", f"{tables.path}:trips.txt line {line}")
        elif route in number:
            trips[trip] = len(route_T)
            route_T.append(number[route])
    counts: dict[str, Counter[Pattern]] = {route.id: Counter() for route in routes}
    for trip_number, stops in _read_trips(tables, trips):
        counts[routes[route_T[trip_number]].id][stops] += 1
    return counts


def _read_trips(tables: _Tables, trips: Mapping[str, int]) -> Iterator[tuple[int, Pattern]]:
    """Yield the number of each wanted trip with its stop ids in order of travel.

    Feeds write the rows of a trip together, so what is remembered of a trip is which sequence its rows were. Where a
    trip's rows go on after those of another, its own rows are kept until the end.
    """
    sequences: dict[tuple[tuple[int, ...], Pattern], int] = {}
    sequence_T = array("l", [-1]) * len(trips)
    scattered: dict[int, list[tuple[int, str]]] = {}
    for trip, calls in groupby(_calls(tables, trips), key=itemgetter(0)):
        places, stops = zip(*((place, stop) for _, place, stop in calls), strict=True)
        if trip in scattered:
            scattered[trip] += zip(places, stops, strict=True)
        elif sequence_T[trip] >= 0:
            known = list(sequences)[sequence_T[trip]]
            scattered[trip] = [*zip(*known, strict=True), *zip(places, stops, strict=True)]
        else:
            sequence_T[trip] = sequences.setdefault((places, stops), len(sequences))
    patterns = [_in_order(zip(*sequence, strict=True)) for sequence in sequences]
    for trip, sequence in enumerate(sequence_T):
        if sequence >= 0:
            yield trip, _in_order(scattered[trip]) if trip in scattered else patterns[sequence]


def _calls(tables: _Tables, trips: Mapping[str, int]) -> Iterator[tuple[int, int, str]]:
    """Yield (number of the trip, place in it, stop id) of each row of a wanted trip."""
    columns = ("trip_id", "stop_id", "stop_sequence")
    for line, (trip, stop, place) in tables.cells("stop_times", columns, wanted=trips):
        if stop:
            yield trips[trip], tables.whole_number("stop_times", line, place, "stop_sequence"), stop


def _in_order(calls: Iterable[tuple[int, str]]) -> Pattern:
    return tuple(stop for _, stop in sorted(calls))


def _read_stops(tables: _Tables, used: Collection[str], left_out: LeftOut) -> dict[str, FeedStop]:
    """Return the used stops and everything above them; only those have to be right."""
    listed = tables.rows("stops", ("stop_id", "stop_name", "stop_lat", "stop_lon"), ("parent_station",))
    rows, conflicts = _by_id(tables, "stops", listed, left_out)
    unknown = sorted(set(used) - rows.keys())
    if unknown:
        raise InputError(
            f"stop_times.txt must refer to stops of stops.txt; found {unknown[0]!r} ({len(unknown)} unknown in all);"
            f" {tables.path}:stop_times.txt.stop_id; repair the feed"
        )
    stops: dict[str, FeedStop] = {}
    waiting = sorted(used)
    while waiting:
        id_ = waiting.pop()
        if id_ not in stops:
            if id_ in conflicts:
                raise InputError(conflicts[id_])
            line, row = rows[id_]
            parent = row["parent_station"]
            if parent and (parent not in rows or _is_circular(id_, rows)):
                reason = "parents of stops that lead in a circle" if parent in rows else "parents that are no stops"
                left_out.add(reason, f"{tables.path}:stops.txt line {line}")
                parent = ""
            stops[id_] = FeedStop(
                id=id_,
                name=checked_name(" ".join(row["stop_name"].split()), tables.place("stops", line, "stop_name")),
                parent=parent,
                latitude=_degrees(tables, line, row, "stop_lat", 90),
                longitude=_degrees(tables, line, row, "stop_lon", 180),
            )
            waiting += [parent] if parent else []
    return dict(sorted(stops.items()))


def _is_circular(id_: str, rows: Mapping[str, Row]) -> bool:
    """Tell whether a stop's parents lead back to itself or into a circle."""
    seen = {id_}
    while parent := rows[id_][1]["parent_station"]:
        if parent in seen:
            return True
        if parent not in rows:
            return False
        seen.add(parent)
        id_ = parent
    return False


def _degrees(tables: _Tables, line: int, row: Mapping[str, str], column: str, limit: float) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not -limit <= value <= limit:
        raise InputError(
            f"{column} must be degrees from -{limit} to {limit}; found {row[column]!r} for stop {row['stop_id']!r};"
            f" {tables.place('stops', line, column)}; correct it"
        )
    return value


def _read_transfers(tables: _Tables) -> frozenset[tuple[str, str]]:
    if "transfers.txt" not in tables.openers:
        return frozenset()
    columns = ("from_stop_id", "to_stop_id")
    rows = tables.rows("transfers", (), (*columns, "transfer_type"))
    return frozenset((row[columns[0]], row[columns[1]]) for _, row in rows if row["transfer_type"] not in IMPOSSIBLE)
