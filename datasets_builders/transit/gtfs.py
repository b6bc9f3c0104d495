"""Reads the tables of a GTFS feed (https://gtfs.org/documentation/schedule/reference/) that say where lines run.

Only ``routes``, ``trips``, ``stop_times``, ``stops`` and, where present, ``transfers`` are read, and of those only the
columns needed. :mod:`feed_network` turns the result into a network.
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
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

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


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedRoute:
    """One row of ``routes.txt``."""

    id: str
    short_name: str
    long_name: str
    agency: str
    colour: str
    """As written, mostly six hexadecimal digits; may be empty."""


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
    trips: Mapping[str, tuple[tuple[str, ...], ...]]
    """Stop ids in order of travel, of each trip of a route, by route id."""
    stops: Mapping[str, FeedStop]
    """The stops that those trips use, and their parents, by id."""
    transfers: frozenset[tuple[str, str]]
    """Pairs of stop ids between which the feed allows a change."""


def read_feed(path: Path, modes: Collection[str]) -> Feed:
    """Read the services of some modes from a feed.

    Args:
        path: a zip file.
        modes: keys of ``MODE_TYPES``.

    Raises:
        InputError: the file is missing, no zip, lacks a table or column, has no service of these modes or a bad value.
    """
    if not path.is_file():
        raise InputError(f"source must be an existing GTFS feed; found no file; {path}; check the path")
    with contextlib.ExitStack() as stack:
        with _explain_zip_errors(path):
            archive = stack.enter_context(zipfile.ZipFile(path))
        return _read_archive(_Tables(archive, path), modes)


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


def _read_archive(tables: _Tables, modes: Collection[str]) -> Feed:
    routes = _read_routes(tables, modes)
    wanted = {route.id for route in routes}
    route_of = {
        row["trip_id"]: row["route_id"]
        for _, row in tables.rows("trips", ("trip_id", "route_id"))
        if row["route_id"] in wanted
    }
    calls = _read_calls(tables, route_of)
    trips: dict[str, list[tuple[str, ...]]] = {route.id: [] for route in routes}
    for trip, stops in calls.items():
        trips[route_of[trip]].append(stops)
    used = {stop for stops in calls.values() for stop in stops}
    return Feed(
        name=tables.path.stem,
        routes=routes,
        trips={route: tuple(patterns) for route, patterns in trips.items()},
        stops=_read_stops(tables, used),
        transfers=_read_transfers(tables),
    )


class _Tables:
    """Rows of the tables in an open feed, with the place of every row for messages."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self.archive = archive
        self.path = path
        inner = sorted(archive.namelist(), key=lambda name: name.count("/"), reverse=True)
        self.members = {
            PurePosixPath(name).name: name for name in inner
        }  # feeds are sometimes zipped with their folder
        missing = [f"{table}.txt" for table in TABLES if f"{table}.txt" not in self.members]
        if missing:
            raise InputError(
                f"a GTFS feed must hold {', '.join(f'{table}.txt' for table in TABLES)};"
                f" found no {', '.join(missing)}; {path}; give a GTFS schedule feed"
            )

    def place(self, table: str, line: int, column: str) -> str:
        return f"{self.path}:{table}.txt line {line}.{column}"

    def whole_number(self, table: str, line: int, row: Mapping[str, str], column: str) -> int:
        """Return a cell as a whole number."""
        if not row[column].isdecimal() or len(row[column]) > _MAX_DIGITS:
            raise InputError(
                f"{column} must be a whole number; found {row[column][:40]!r}; {self.place(table, line, column)};"
                " correct it"
            )
        return int(row[column])

    def rows(
        self, table: str, columns: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield (line number, values by column); missing optional columns give empty texts."""
        with _explain_zip_errors(self.path), self.archive.open(self.members[f"{table}.txt"]) as raw:
            reader = csv.reader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""))
            try:
                header = [name.strip() for name in next(reader, [])]
                where = self._positions(table, header, columns, optional)
                for cells in reader:
                    if cells:
                        row = {name: cells[at].strip() if at < len(cells) else "" for name, at in where.items()}
                        yield reader.line_num, {**dict.fromkeys(optional, ""), **row}
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


def _read_routes(tables: _Tables, modes: Collection[str]) -> tuple[FeedRoute, ...]:
    wanted = frozenset().union(*(MODE_TYPES[mode] for mode in modes))
    others = ("route_short_name", "route_long_name", "agency_id", "route_color")
    routes, total = [], 0
    for line, row in tables.rows("routes", ("route_id", "route_type"), others):
        total += 1
        if tables.whole_number("routes", line, row, "route_type") in wanted:
            short, long, agency, colour = (row[name] for name in others)
            routes.append(FeedRoute(id=row["route_id"], short_name=short, long_name=long, agency=agency, colour=colour))
    if not routes:
        raise InputError(
            f"a feed must have a route of {' or '.join(modes)}; found none among {total} routes; {tables.path};"
            " name other modes (bus is left out unless asked for) or give another feed"
        )
    return tuple(routes)


def _read_calls(tables: _Tables, trips: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the stop ids of each wanted trip in order of travel."""
    calls: dict[str, list[tuple[int, str]]] = {}
    for line, row in tables.rows("stop_times", ("trip_id", "stop_id", "stop_sequence")):
        if row["trip_id"] not in trips or not row["stop_id"]:
            continue
        place = tables.whole_number("stop_times", line, row, "stop_sequence")
        calls.setdefault(row["trip_id"], []).append((place, row["stop_id"]))
    return {trip: tuple(stop for _, stop in sorted(stops)) for trip, stops in calls.items()}


def _read_stops(tables: _Tables, used: Collection[str]) -> dict[str, FeedStop]:
    """Return the used stops and everything above them; only their coordinates have to be right."""
    rows = {
        row["stop_id"]: (line, row)
        for line, row in tables.rows("stops", ("stop_id", "stop_name", "stop_lat", "stop_lon"), ("parent_station",))
    }
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
        if id_ in rows and id_ not in stops:
            line, row = rows[id_]
            stops[id_] = FeedStop(
                id=id_,
                name=" ".join(row["stop_name"].split()),
                parent=row["parent_station"] if row["parent_station"] in rows else "",
                latitude=_degrees(tables, line, row, "stop_lat", 90),
                longitude=_degrees(tables, line, row, "stop_lon", 180),
            )
            waiting.append(row["parent_station"])
    return dict(sorted(stops.items()))


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
    if "transfers.txt" not in tables.members:
        return frozenset()
    columns = ("from_stop_id", "to_stop_id")
    rows = tables.rows("transfers", (), (*columns, "transfer_type"))
    return frozenset((row[columns[0]], row[columns[1]]) for _, row in rows if row["transfer_type"] != "3")
