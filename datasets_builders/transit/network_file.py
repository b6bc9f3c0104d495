"""Reads a network written by hand: a JSON file with lines and stations.

::

    {"format": "mmrl-network/1", "name": "...", "source": "...", "licence": "...",
     "lines": [{"name": "U1", "colour": "#E3000F", "stops": ["Oberlaa", "Neulaa"]}],
     "stations": [{"name": "Oberlaa", "x": 0, "y": 22}, {"name": "Neulaa", "x": 0, "y": 20}]}

Stops are names of stations; x grows to the right and y downwards, in any unit. ``source`` and ``licence`` are optional.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from datasets_builders.transit.network import Line, Network, Station
from mmrl.errors import InputError
from mmrl.files import parse_json

FORMAT = "mmrl-network/1"


class _LineRow(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    colour: str
    stops: list[str]


class _StationRow(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    x: FiniteFloat
    y: FiniteFloat


class _NetworkRow(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format: str
    name: str
    source: str = "not stated"
    licence: str = "not stated"
    lines: list[_LineRow]
    stations: list[_StationRow]


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkFile:
    """A network with where it comes from."""

    network: Network
    source: str
    licence: str


def read_network_file(path: Path) -> NetworkFile:
    """Read a network file.

    Raises:
        InputError: the file is missing, no JSON of this format, or its network contradicts itself.
    """
    if not path.is_file():
        raise InputError(f"source must be an existing network file; found no file; {path}; check the path")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"a network file must be UTF-8; found {error}; {path}; save it as UTF-8") from None
    return parse_network(text, where=str(path))


def read_packaged(name: str) -> NetworkFile:
    """Read a network that ships with the package, such as ``vienna``."""
    where = f"networks/{name}.json"
    return parse_network((files(__package__) / "networks" / f"{name}.json").read_text(encoding="utf-8"), where=where)


def parse_network(text: str, *, where: str) -> NetworkFile:
    """Return the network that a JSON text states.

    Args:
        text: the file's content.
        where: the file, for messages.
    """
    try:
        data = parse_json(text)
    except ValueError as error:
        raise InputError(f"a network file must be JSON; found {error}; {where}; correct it") from None
    try:
        row = _NetworkRow.model_validate(data)
    except ValidationError as error:
        raise InputError(_first_problem(error, where)) from None
    if row.format != FORMAT:
        raise InputError(f"format must be {FORMAT!r}; found {row.format!r}; {where}:format; write {FORMAT!r}")
    stations = _stations(row, where)
    lines = tuple(Line(name=line.name, colour=line.colour, stops=tuple(line.stops)) for line in row.lines)
    try:
        network = Network(name=row.name, lines=lines, stations=stations)
    except InputError as error:
        raise InputError(f"{error} ({where})") from None
    return NetworkFile(network=network, source=row.source, licence=row.licence)


def _stations(row: _NetworkRow, where: str) -> dict[str, Station]:
    stations: dict[str, Station] = {}
    for index, station in enumerate(row.stations):
        if station.name in stations:
            raise InputError(
                f"station names must be unique; found {station.name!r} again; {where}:stations[{index}].name; remove it"
            )
        stations[station.name] = Station(id=station.name, name=station.name, x=station.x, y=station.y)
    return stations


def _first_problem(error: ValidationError, where: str) -> str:
    first: dict[str, Any] = dict(error.errors()[0])
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    others = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    found = repr(first["input"])[:80]
    return (
        f"a network file must follow {FORMAT}: {first['msg']}; found {found}{others}; {where}:{place or 'top'};"
        " correct it"
    )
