"""Routes drawn on the map that they are asked about, from the record beside its picture (docs/transit.md)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from eval.report.marks import Mark
from mmrl.errors import InputError
from mmrl.files import parse_json
from mmrl.types import Route, RouteLeg

MAP_FORMAT = "mmrl-map/1"


def map_record(picture: Path) -> dict[str, Any] | None:
    """Return what the record beside a map states; None where there is none, or one of something else.

    Raises:
        InputError: it is no JSON.
    """
    path = picture.with_suffix(".json")
    if not path.is_file():
        return None
    try:
        record = parse_json(path.read_bytes())
    except ValueError as error:
        raise InputError(
            f"the record of a map must be JSON; found {error}; at {path}; build the dataset again"
        ) from None
    return record if isinstance(record, dict) and record.get("format") == MAP_FORMAT else None


def route_traces(route: Route, record: Mapping[str, Any]) -> list[Mark]:
    """Return each leg of a route as the centres of its stops, ``{"trace": [x1, y1, x2, y2, ...]}``, in pixels.

    A leg goes the shortest way along its line. Legs that the map does not have are left out.
    """
    ids = {station["name"]: station["id"] for station in record["stations"]}
    centres = {station["id"]: station["centre"] for station in record["stations"]}
    tracks = {line["name"]: [line["stops"], *line["branches"]] for line in record["lines"]}
    ways = (_way(leg, ids, tracks.get(leg.line, [])) for leg in route.legs)
    return [{"trace": [value for stop in way for value in centres[stop]]} for way in ways if len(way) > 1]


def _way(leg: RouteLeg, ids: Mapping[str, str], tracks: Iterable[list[str]]) -> list[str]:
    """Return the stops of a leg, found breadth first; none where it has no way."""
    neighbours: dict[str, list[str]] = {}
    for a, b in (pair for track in tracks for pair in pairwise(track)):
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    start, end = ids.get(leg.departure), ids.get(leg.arrival)
    if start not in neighbours or end not in neighbours:
        return []
    before: dict[str, str] = {start: ""}
    front = deque([start])
    while front and end not in before:
        here = front.popleft()
        for stop in neighbours[here]:
            if stop not in before:
                before[stop] = here
                front.append(stop)
    way = [end] if end in before else []
    while way and before[way[-1]]:
        way.append(before[way[-1]])
    return way[::-1]
