"""MMBench-GUI, level 2: find an element on six platforms by a basic or an advanced instruction.

``L2_annotations.json`` holds ``bbox`` ``[x1, y1, x2, y2]`` as shares and ``image_size``; copies with ``img_filename``
and ``ui_type`` hold pixels. The overall figure is the mean of basic and advanced.

``official`` keeps the released rule for the default ``--coordinates original``: a point with x or y above 1 is divided
by the picture's size and any other is taken for shares, so pixel (1, 1) is the bottom right corner. ``fixed`` takes
coordinates as stated. A box that holds -1 cannot be hit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.benchmarks.base import Benchmark, Item, Outcome, PublishedFile, Source
from eval.benchmarks.box_columns import box_column, numbers_of
from eval.benchmarks.clicks import (
    click_figures,
    click_messages,
    click_outcome,
    counted,
    grouped,
    mean,
    parsed_place,
    read_place,
)
from eval.benchmarks.files import PublishedRow, read_published
from eval.benchmarks.places import (
    IMAGE_COLUMNS,
    Layout,
    PlaceOptions,
    Target,
    as_share,
    box_shares,
    convention_of,
    hits_box,
    place_items,
    stated_groups,
)
from mmrl.box_conventions import Convention
from mmrl.geometry import contains

PROMPT = 'Locate the element for the instruction "{instruction}" and answer with one point (x, y) in {unit}.'


def load(path: Path, options: PlaceOptions) -> list[Item]:
    """Read the published annotations."""
    return place_items(read_published(path, required=("bbox", "instruction", "platform")), options, LAYOUT)


def _target(row: PublishedRow, options: PlaceOptions) -> Target:
    if -1 in numbers_of(row, ("bbox",), 4):
        return Target()
    published: Convention = "xyxy" if row.get("ui_type") is not None else "unit_xyxy"
    return Target(box=box_column(row, ("bbox",), convention_of(options, published)))


def _groups(row: PublishedRow) -> dict[str, str]:
    columns = {
        "grounding_type": ("grounding_type", "group"),
        "platform": ("platform",),
        "ui_type": ("data_type", "ui_type"),
    }
    return stated_groups(row, columns)


LAYOUT = Layout(image=IMAGE_COLUMNS, target=_target, groups=_groups, ids=("index",))


def score(item: Item, text: str, variant: str, options: PlaceOptions) -> Outcome:
    """Score a click."""
    reading = read_place(text, variant)
    if "box" not in item.row["target"]:
        detail = "the published box holds -1 and cannot be hit"
        return Outcome(parsed=parsed_place(reading), status=reading.status, scores={"accuracy": 0.0}, detail=detail)
    mixed = variant == "official" and options.coordinates == "original"
    return click_outcome(item, reading, reading.point, options, hit=_hits_mixed if mixed else hits_box)


def _hits_mixed(item: Item, point: tuple[float, float], options: PlaceOptions) -> bool:  # noqa: ARG001
    size = item.row["target"]["size"]
    share = as_share(*point, (size[0], size[1])) if max(point) > 1 else point
    return contains(box_shares(item), *share)


def prompt(item: Item, options: PlaceOptions) -> list[dict[str, Any]]:
    """Ask for one point."""
    return click_messages(str(item.row["instruction"]), PROMPT, options)


def aggregate(scored: Sequence[tuple[Item, Outcome]], variant: str, options: PlaceOptions) -> dict[str, Any]:  # noqa: ARG001
    """Give the mean of basic and advanced, and each of them by platform, beside micro and macro."""
    kinds = {name: counted(outcomes) for name, outcomes in grouped(scored, "grounding_type").items()}
    return click_figures(scored, ("grounding_type", "platform")) | {
        "overall": mean([kind["accuracy"] for kind in kinds.values()]),
        "grounding_types": kinds,
    }


MMBENCH_GUI = Benchmark(
    name="mmbench_gui",
    source=Source(
        page="https://huggingface.co/datasets/OpenGVLab/MMBench-GUI",
        licence="unknown",
        files=(PublishedFile(name="L2_annotations.json"),),
    ),
    load=load,
    score=score,
    prompt=prompt,
    options=PlaceOptions,
    aggregate=aggregate,
    notes="official: points above 1 are pixels, others shares. fixed: coordinates as stated, the only place counts.",
)
