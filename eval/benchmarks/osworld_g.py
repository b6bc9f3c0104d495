"""OSWorld-G: desktop targets as boxes and polygons, and instructions about things that are not there.

564 items: 470 boxes ``[x, y, width, height]``, 40 polygons ``[x1, y1, x2, y2, ...]``, 54 refusals. The published figure
counts all 564; many reports leave the refusals out, so both stand side by side. ``OSWorld-G_refined.json`` has easier
instructions: say which file a figure is of.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.benchmarks.base import Benchmark, Item, Outcome, PublishedFile, Source
from eval.benchmarks.box_columns import box_column, numbers_of, picture_size
from eval.benchmarks.clicks import click_figures, click_messages, click_outcome, counted, read_place, refusal_outcome
from eval.benchmarks.files import PublishedRow, read_published
from eval.benchmarks.places import (
    IMAGE_COLUMNS,
    Layout,
    PlaceOptions,
    Target,
    as_share,
    convention_of,
    extent_of,
    hits_box,
    place_items,
)
from mmrl.box_conventions import StatedBox
from mmrl.scoring.regions import in_polygon

PROMPT = (
    'Locate the target of the instruction "{instruction}" and answer with one point [x, y] in {unit}, '
    "or with [-1, -1] if it is not there."
)


def load(path: Path, options: PlaceOptions) -> list[Item]:
    """Read ``OSWorld-G.json`` or its refined twin."""
    rows = read_published(path, required=("instruction", "box_type", "box_coordinates"))
    return place_items(rows, options, LAYOUT)


def _target(row: PublishedRow, options: PlaceOptions) -> Target:
    kind = row.text("box_type")
    if kind == "refusal":
        return Target()
    if kind == "bbox":
        return Target(box=box_column(row, ("box_coordinates",), convention_of(options, "xywh")))
    if kind != "polygon":
        raise row.wrong("box_type", "bbox, polygon or refusal", kind)
    numbers = numbers_of(row, ("box_coordinates",), 0)
    if len(numbers) == 4:  # published polygons with four numbers are corners of a rectangle
        return Target(box=StatedBox(row.where, numbers, "xyxy", picture_size(row)))
    if len(numbers) < 6 or len(numbers) % 2:
        raise row.wrong("box_coordinates", "x1, y1, x2, y2, ... of three corners or more", list(numbers))
    return Target(polygon=numbers)


def _groups(row: PublishedRow) -> dict[str, str]:
    return {"box_type": row.text("box_type")}


LAYOUT = Layout(image=IMAGE_COLUMNS, target=_target, groups=_groups)


def score(item: Item, text: str, variant: str, options: PlaceOptions) -> Outcome:
    """Score a click, or a refusal where nothing is to be found; declining a real target is wrong."""
    if item.row["box_type"] == "refusal":
        return refusal_outcome(text, variant)
    reading = read_place(text, variant)

    def hit(item: Item, point: tuple[float, float], options: PlaceOptions) -> bool:
        return _hits(item, point, options, edges=variant == "fixed")

    return click_outcome(item, reading, reading.point, options, hit=hit)


def _hits(item: Item, point: tuple[float, float], options: PlaceOptions, *, edges: bool) -> bool:
    numbers = item.row["target"].get("polygon")
    if numbers is None:
        return hits_box(item, point, options)
    size = item.row["target"]["size"] or (1.0, 1.0)
    corners = [as_share(x, y, size) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
    return in_polygon(*as_share(*point, extent_of(item, options)), corners, edges=edges)


def prompt(item: Item, options: PlaceOptions) -> list[dict[str, Any]]:
    """Ask for one point, or [-1, -1]."""
    return click_messages(str(item.row["instruction"]), PROMPT, options)


def aggregate(scored: Sequence[tuple[Item, Outcome]], variant: str, options: PlaceOptions) -> dict[str, Any]:  # noqa: ARG001
    """Give the accuracy of all items, of those with a target, of refusals, and by each published GUI type."""
    real = [(item, outcome) for item, outcome in scored if item.groups["box_type"] != "refusal"]
    refusals = [outcome for item, outcome in scored if item.groups["box_type"] == "refusal"]
    types: dict[str, list[Outcome]] = {}
    for item, outcome in real:
        for name in item.row.get("GUI_types") or []:
            types.setdefault(str(name), []).append(outcome)
    return click_figures(scored, ("box_type",)) | {
        "without_refusals": counted([outcome for _, outcome in real]),
        "refusal_items": counted(refusals),
        "wrongly_refused": sum(outcome.parsed == {"refusal": True} for _, outcome in real),
        "gui_types": {name: counted(outcomes) for name, outcomes in sorted(types.items())},
    }


OSWORLD_G = Benchmark(
    name="osworld_g",
    source=Source(
        page="https://github.com/xlang-ai/OSWorld-G",
        licence="unknown",
        files=(PublishedFile(name="OSWorld-G.json"), PublishedFile(name="OSWorld-G_refined.json")),
    ),
    load=load,
    score=score,
    prompt=prompt,
    options=PlaceOptions,
    aggregate=aggregate,
    notes="official: first place of the answer, polygons by ray casting. fixed: the only place, polygon edges inside.",
)
