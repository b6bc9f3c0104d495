"""Where real networks come from: the shipped one, feeds, files of several formats, and folders of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from datasets_builders.transit.assembling import read_text
from datasets_builders.transit.colours import recolour
from datasets_builders.transit.config import PROCEDURAL, VIENNA, TransitConfig
from datasets_builders.transit.csv_tables import find_tables, read_csv_tables
from datasets_builders.transit.drawing.styles import HOUSE
from datasets_builders.transit.drawing.typefaces import COVERED, EAST_ASIAN, scripts_of, typeface
from datasets_builders.transit.feed_network import read_feed_network
from datasets_builders.transit.fonts import choose_face, missing_characters
from datasets_builders.transit.gtfs import is_feed_folder
from datasets_builders.transit.layout import spread_stations
from datasets_builders.transit.network import Network
from datasets_builders.transit.network_file import NetworkFile, parse_network, read_packaged
from datasets_builders.transit.omm import read_omm
from datasets_builders.transit.reading import LeftOut, Reading
from datasets_builders.transit.splits import in_split
from datasets_builders.transit.station_lists import is_station_list, read_station_list
from datasets_builders.transit.transit_map import is_transit_map, read_transit_map
from mmrl.errors import InputError
from mmrl.files import parse_json

SPREAD = 0.6
"""How far geographic positions are evened out, see :func:`layout.spread_stations`: city centres are crowded."""
SUFFIXES = frozenset({".zip", ".omm", ".json"})


def open_sources(config: TransitConfig) -> list[Reading]:
    """Read the real networks that a config names, those of its split, ready to draw.

    Raises:
        InputError: there is no such source, it cannot be read, or none of its networks belongs to the split.
    """
    readings = list(_read(config))
    chosen = in_split(readings, config.split)
    if not chosen:
        raise InputError(
            f"split must be one that a network of the source belongs to; found {config.split!r} and"
            f" {len(readings)} networks of others; {config.source}; name another split or give more networks"
        )
    if not config.is_small:  # where letters stand for names
        for reading in chosen:
            _require_font(reading, config)
    return chosen if config.is_full else [_ready(reading) for reading in chosen]  # full maps even out on their own


def _require_font(reading: Reading, config: TransitConfig) -> None:
    """Count the stations whose names no font at hand can write.

    Raises:
        InputError: no two stations have other names, or a line's name is such, which answers would have to state.
    """
    lines = [line.name for line in reading.network.lines]
    names = [station.name for station in reading.network.stations.values()]
    unwritten = [name for name in names if not _can_write(name, [*names, *lines], config)]
    nameless = [name for name in lines if not _can_write(name, [*names, *lines], config)]
    if nameless or len(unwritten) > len(names) - 2:
        what, found = ("line", nameless) if nameless else ("station", unwritten)
        covered = f"{COVERED}, {EAST_ASIAN}" if config.is_full else f"{COVERED}; full maps also {EAST_ASIAN}"
        raise InputError(
            f"{what} names must be in a script that a font at hand can write ({covered}); found {found[0]!r}"
            f" ({scripts_of(found[0])}) and {len(found) - 1} more; {reading.source}; give a font of that script with"
            " font=FILE"
        )
    if unwritten:
        reason = "stations drawn without their names, which no font at hand can write"
        reading.left_out.add(reason, repr(unwritten[0]), len(unwritten))


def _can_write(name: str, names: Sequence[str], config: TransitConfig) -> bool:
    if config.is_full:
        return typeface(HOUSE.family, config.font).face(name) is not None
    return not missing_characters(choose_face("".join(names), config.font), name)


def _read(config: TransitConfig) -> Iterator[Reading]:
    path = Path(config.source)
    if config.source == VIENNA:
        yield _from_file(read_packaged(VIENNA), Path())
    elif path.is_dir() and not (is_feed_folder(path) or find_tables(path)):
        yield from _read_folder(path, config)
    elif path.is_dir() or path.suffix.lower() in SUFFIXES:
        yield _read_one(path, config)
    else:
        raise InputError(
            f"source must be {PROCEDURAL}, {VIENNA}, a GTFS feed (.zip or folder), an OpenMetroMaps file (.omm),"
            " a network file, transit-map or station list (.json), a folder of stations.csv, lines.csv and"
            f" connections.csv, or a folder of any of these; found {config.source!r}; give one of them"
        )


def _read_folder(folder: Path, config: TransitConfig) -> Iterator[Reading]:
    """Read every network below a folder, in the order of their paths."""
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if (path.is_dir() and (is_feed_folder(path) or find_tables(path)))
        or (path.is_file() and path.suffix.lower() in SUFFIXES)
    ]
    if not found:
        raise InputError(f"a folder of networks must hold one; found none; {folder}; give another folder")
    for path in found:
        yield _read_one(path, config)


def _read_one(path: Path, config: TransitConfig) -> Reading:
    if path.is_dir():
        return read_feed_network(path, config.modes) if is_feed_folder(path) else read_csv_tables(path)
    match path.suffix.lower():
        case ".zip":
            return read_feed_network(path, config.modes)
        case ".omm":
            return read_omm(path)
    return _read_json(path, north_up=config.north_up)


def _read_json(path: Path, *, north_up: bool) -> Reading:
    text = read_text(path, "network file")
    try:
        data = parse_json(text)
    except ValueError as error:
        raise InputError(f"a network file must be JSON; found {error}; {path}; correct it") from None
    if is_transit_map(data):
        return read_transit_map(data, path, north_up=north_up)
    if is_station_list(data):
        return read_station_list(data, path)
    return _from_file(parse_network(text, where=str(path)), path.parent)


def _from_file(file: NetworkFile, folder: Path) -> Reading:
    network = replace(file.network, lines=recolour(file.network).lines)
    return Reading(network=network, source=file.source, licence=file.licence, left_out=LeftOut(folder))


def _ready(reading: Reading) -> Reading:
    """Even out crowded positions where they are true to scale."""
    if not reading.geographic:
        return reading
    network = reading.network
    return replace(reading, network=replace(network, stations=spread_stations(network.with_walks(), SPREAD).stations))


def restrict_at_random(network: Network, rng: random.Random) -> Network:
    """Return a random connected part of a network: two lines or more, each after the first meeting an earlier one.

    A network whose lines never meet is returned whole.
    """
    meets = set(network.interchanges)
    starts = [line for line in network.lines if meets.intersection(line.calls)]
    if not starts:
        return network
    wanted = rng.randint(2, len(network.lines))
    chosen = [rng.choice(starts)]
    while len(chosen) < wanted:
        served = {stop for line in chosen for stop in line.calls}
        meeting = [line for line in network.lines if line not in chosen and served.intersection(line.calls)]
        if not meeting:
            break
        chosen.append(rng.choice(meeting))
    return network.restricted_to(line.name for line in chosen)
