"""ScreenSpot and ScreenSpot-v2: find the element of a mobile, desktop or web screenshot that an instruction names.

Published files hold ``img_filename``, ``bbox`` ``[x, y, width, height]`` in pixels, ``instruction``, ``data_type`` and
``data_source`` (SeeClick; the OS-Atlas team's corrected labels are v2). Copies of v2 with ``ui_type`` and ``img_size``
hold ``[x1, y1, x2, y2]``; the columns tell which it is. Papers average over all items (micro) or over the six cells of
platform and type (macro), so both are given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.benchmarks.base import Benchmark, Item, PublishedFile, Source
from eval.benchmarks.box_columns import box_column
from eval.benchmarks.clicks import NOTES, VARIANTS, click_figures, click_messages, score_click
from eval.benchmarks.files import PublishedRow, read_published
from eval.benchmarks.places import (
    IMAGE_COLUMNS,
    Layout,
    PlaceOptions,
    Target,
    convention_of,
    file_stem,
    place_items,
    stated_groups,
)
from mmrl.box_conventions import Convention

SEECLICK_PROMPT = (
    'In this UI screenshot, what is the position of the element corresponding to the command "{instruction}" '
    "(with point)?"
)
_PREFIXES = {"mobile": "mobile", "pc": "desktop", "desktop": "desktop", "web": "web"}
_SOURCES = {"ios": "mobile", "android": "mobile", "windows": "desktop", "macos": "desktop"}


def load(path: Path, options: PlaceOptions) -> list[Item]:
    """Read one published file or the folder of all three."""
    rows = read_published(path, required=("bbox", "instruction", "data_type|ui_type"))
    return place_items(rows, options, LAYOUT)


def _target(row: PublishedRow, options: PlaceOptions) -> Target:
    published: Convention = "xyxy" if row.get("ui_type") is not None and row.get("data_type") is None else "xywh"
    return Target(box=box_column(row, ("bbox",), convention_of(options, published)))


def _groups(row: PublishedRow) -> dict[str, str]:
    columns = {"ui_type": ("data_type", "ui_type"), "source": ("data_source", "platform")}
    return {"platform": platform_of(row)} | stated_groups(row, columns)


def platform_of(row: PublishedRow) -> str:
    """Return mobile, desktop or web: as the picture or the file is named, else by its source.

    ``data_source`` comes last, since v2's desktop and mobile files call some rows ``shop``.
    """
    image = str(row.get("img_filename", "image") or "").rpartition("/")[2]
    prefix = _PREFIXES.get(image.partition("_")[0])
    named = next((name for name in ("mobile", "desktop", "web") if name in file_stem(row)), None)
    source = str(row.get("data_source", "group", "platform") or "").lower()
    return prefix or named or _SOURCES.get(source, source if source in _PREFIXES.values() else "web")


LAYOUT = Layout(image=IMAGE_COLUMNS, target=_target, groups=_groups)


def prompt(item: Item, options: PlaceOptions) -> list[dict[str, Any]]:
    """Ask as SeeClick does."""
    return click_messages(str(item.row["instruction"]), SEECLICK_PROMPT, options)


def aggregate(scored: Any, variant: str, options: PlaceOptions) -> dict[str, Any]:  # noqa: ARG001
    """Give micro, the macro of six cells, and the mean of the platforms."""
    figures = click_figures(scored, ("platform", "ui_type"))
    return figures | {"macro_platforms": click_figures(scored, ("platform",))["macro"]}


def _benchmark(name: str, source: Source) -> Benchmark:
    return Benchmark(
        name=name,
        source=source,
        load=load,
        score=score_click,
        prompt=prompt,
        variants=VARIANTS,
        options=PlaceOptions,
        aggregate=aggregate,
        notes=NOTES,
    )


SCREENSPOT = _benchmark(
    "screenspot",
    Source(
        page="https://github.com/njucckevin/SeeClick",
        licence="Apache-2.0 (code); screenshots unknown",
        files=tuple(PublishedFile(name=f"screenspot_{name}.json") for name in ("mobile", "desktop", "web")),
    ),
)
SCREENSPOT_V2 = _benchmark(
    "screenspot_v2",
    Source(
        page="https://huggingface.co/datasets/OS-Copilot/ScreenSpot-v2",
        licence="unknown",
        files=tuple(PublishedFile(name=f"screenspot_{name}_v2.json") for name in ("mobile", "desktop", "web")),
    ),
)
