"""ScreenSpot-Pro: small targets on high-resolution screenshots of professional applications.

26 files ``application_platform.json``; ``bbox`` is ``[x1, y1, x2, y2]`` in pixels of a picture of ``img_size``. The
overall figure is micro over all 1,581 items. Rows with ``gt_type: negative`` have no target: only a refusal is right.

Clicks are whole pixels in the stored runs of this benchmark, so under ``official`` the centre of a box of whole numbers
is rounded down where coordinates are pixels; it decides one item of a full run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.benchmarks.base import Benchmark, Item, Outcome, Source
from eval.benchmarks.box_columns import box_column
from eval.benchmarks.clicks import (
    NOTES,
    VARIANTS,
    click_figures,
    click_messages,
    counted,
    grouped,
    refusal_outcome,
    score_click,
)
from eval.benchmarks.files import PublishedRow, read_published
from eval.benchmarks.places import (
    IMAGE_COLUMNS,
    Layout,
    PlaceOptions,
    Target,
    convention_of,
    place_items,
    stated_groups,
)

PROMPT = 'Click on the element for the instruction "{instruction}". Answer with one point [x, y] in {unit}.'


def load(path: Path, options: PlaceOptions) -> list[Item]:
    """Read one published file or the folder of all of them."""
    rows = read_published(path, required=("bbox", "instruction", "img_size|image_size|width", "ui_type|data_type"))
    return place_items(rows, options, LAYOUT)


def is_negative(row: Any) -> bool:
    """Whether a row has no target on its picture."""
    return str(row.get("gt_type", "")).lower() == "negative"


def _target(row: PublishedRow, options: PlaceOptions) -> Target:
    if is_negative(row.data):
        return Target()
    return Target(box=box_column(row, ("bbox",), convention_of(options, "xyxy")))


def _groups(row: PublishedRow) -> dict[str, str]:
    columns = {name: (name,) for name in ("group", "application", "platform")}
    return stated_groups(row, {"ui_type": ("ui_type", "data_type"), **columns})


LAYOUT = Layout(image=IMAGE_COLUMNS, target=_target, groups=_groups)


def score(item: Item, text: str, variant: str, options: PlaceOptions) -> Outcome:
    """Score a click, or under ``vlm_r1`` a box; a refusal where there is no target."""
    if is_negative(item.row):
        return refusal_outcome(text, variant)
    return score_click(item, text, variant, options, whole=variant == "official" and not options.is_relative)


def prompt(item: Item, options: PlaceOptions) -> list[dict[str, Any]]:
    """Ask for one point."""
    return click_messages(str(item.row["instruction"]), PROMPT, options)


def aggregate(scored: Any, variant: str, options: PlaceOptions) -> dict[str, Any]:  # noqa: ARG001
    """Give micro, the macro over groups, and each group by type as the leaderboard shows it."""
    table = {name: counted(outcomes) for name, outcomes in grouped(scored, "application").items()}
    figures = click_figures(scored, ("group", "ui_type"))
    return figures | {"macro_groups": click_figures(scored, ("group",))["macro"], "applications": table}


SCREENSPOT_PRO = Benchmark(
    name="screenspot_pro",
    source=Source(page="https://huggingface.co/datasets/likaixin/ScreenSpot-Pro", licence="unknown"),
    load=load,
    score=score,
    prompt=prompt,
    variants=VARIANTS,
    options=PlaceOptions,
    aggregate=aggregate,
    notes=NOTES + " Boxes are centred on a whole pixel under official.",
)
