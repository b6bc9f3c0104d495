"""The file beside a full map: every mark, name, badge and title with its box, as JSON; see docs/transit.md."""

from __future__ import annotations

import json
from typing import Any

from datasets_builders.transit.drawing.records import MapDrawing
from datasets_builders.transit.network import Network

FORMAT = "mmrl-map/1"


def record_bytes(drawing: MapDrawing, network: Network) -> bytes:
    """Return the record as a JSON document, one station or badge a line.

    Boxes are ``[left, top, right, bottom]`` in pixels of the picture, right and bottom the edges behind the last pixel.
    """
    parts = {
        "format": FORMAT,
        "network": network.name,
        "size": list(drawing.picture.size),
        "layout": drawing.layout,
        "text_size": drawing.text_size,
        "lines": _lines(drawing, network),
        "stations": _stations(drawing, network),
        "badges": _badges(drawing),
        "titles": [{"text": title.text, "box": title.box} for title in drawing.titles],
        "walks": sorted(sorted(pair) for pair in drawing.walks),
    }
    rows = ",\n".join(f"{json.dumps(name)}: {_rows(value)}" for name, value in parts.items())
    return f"{{\n{rows}\n}}\n".encode()


def _rows(value: Any) -> str:
    """Write a list with one entry a line, anything else in one."""
    if isinstance(value, list) and value and not isinstance(value[0], int):
        return "[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in value) + "\n]"
    return json.dumps(value, ensure_ascii=False)


def _lines(drawing: MapDrawing, network: Network) -> list[dict[str, Any]]:
    return [
        {
            "name": line.name,
            "colour": drawing.colours[line.name],
            "stops": list(line.stops),
            "branches": [list(branch) for branch in line.branches],
        }
        for line in network.lines
    ]


def _stations(drawing: MapDrawing, network: Network) -> list[dict[str, Any]]:
    labels = {label.station: label for label in drawing.labels}
    rows = []
    for mark in drawing.marks:
        label = labels.get(mark.station)
        row: dict[str, Any] = {
            "id": mark.station,
            "name": network.stations[mark.station].name,
            "centre": [round(value, 1) for value in mark.centre],
            "mark": mark.box,
            "label": label.box if label else None,
        }
        if mark.station in drawing.unreadable:
            row["not_asked"] = drawing.unreadable[mark.station]
        rows.append(row)
    return rows


def _badges(drawing: MapDrawing) -> list[dict[str, Any]]:
    rows = []
    for badge in drawing.badges:
        row: dict[str, Any] = {"line": badge.line, "text": badge.text, "box": badge.box, "place": badge.place}
        rows.append(row | ({"station": badge.station} if badge.station is not None else {}))
    return rows
