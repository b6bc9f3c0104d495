"""Grounding benchmarks of screens: ScreenSpot, v2, Pro, OSWorld-G, MMBench-GUI and UI-Vision, one target a row.

Box conventions as published, in the original picture's frame: ScreenSpot and v2 ``xywh`` pixels (copies of v2 with
``ui_type`` and ``img_size`` ``xyxy``), ScreenSpot-Pro and UI-Vision ``xyxy`` pixels, OSWorld-G ``xywh`` pixels,
MMBench-GUI ``unit_xyxy``. A person may state another; nothing is guessed from values.

Rows without a target ask for an action, and the right one is ``done`` with the text ``impossible``. As many rows with
a box are asked a second time in the same words, with a click as the answer, so that the words never tell. Polygons ask
for a point inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from datasets_builders.importers.annotation import Annotation, LeftOut, Step
from datasets_builders.importers.rows import Row, read_rows
from mmrl.box_conventions import Convention, StatedBox
from mmrl.scoring.regions import inner_point

QUESTION = "Find the element of this screenshot for the instruction: {instruction}"
REGION_QUESTION = "Find this region of the screenshot: {instruction}"
CLICK_QUESTION = (
    "Click the element of this screenshot for the instruction: {instruction}\n"
    'If there is no such element, answer with the action done and the text "impossible".'
)
_IMAGE = ("img_filename", "image_path", "image")
_META = ("platform", "application", "app_name", "group", "ui_type", "data_type", "data_source", "grounding_type")

Made = Iterator[Annotation | LeftOut]
Polygon = tuple[float, ...]
"""x1, y1, x2, y2, ... in pixels."""
Target = StatedBox | Polygon | None
"""None where there is nothing to be found."""


def screenspot(path: Path, convention: Convention | None) -> Made:
    """Yield the rows of ScreenSpot and ScreenSpot-v2."""

    def published(row: Row) -> Convention:
        return "xyxy" if row.get("data_type") is None and row.get("ui_type") is not None else "xywh"

    return _rows(path, "screenspot", lambda row: row.box(convention or published(row), "bbox"), "instruction")


def screenspot_pro(path: Path, convention: Convention | None) -> Made:
    """Yield the rows of ScreenSpot-Pro."""

    def target(row: Row) -> Target:
        negative = str(row.get("gt_type")).lower() == "negative"
        return None if negative else row.box(convention or "xyxy", "bbox")

    return _rows(path, "screenspot_pro", target, "instruction")


def osworld_g(path: Path, convention: Convention | None) -> Made:
    """Yield boxes, polygons and refusals of OSWorld-G; a polygon of four numbers is the corners of a box."""

    def target(row: Row) -> Target | str:
        kind = row.text("box_type")
        if kind == "refusal":
            return None
        if kind == "bbox":
            return row.box(convention or "xywh", "box_coordinates")
        if kind != "polygon":
            raise row.wrong("box_type", "bbox, polygon or refusal", kind)
        numbers = row.all_numbers("box_coordinates")
        return row.box("xyxy", "box_coordinates") if len(numbers) == 4 else _polygon(row, numbers)

    return _rows(path, "osworld_g", target, "instruction")


def _polygon(row: Row, numbers: Polygon) -> Polygon | str:
    if len(numbers) < 6 or len(numbers) % 2:
        raise row.wrong("box_coordinates", "x1, y1, x2, y2, ... of three corners or more", list(numbers))
    try:
        inner_point(list(zip(numbers[::2], numbers[1::2], strict=True)))
    except ValueError:
        return "a polygon without an inside"
    return numbers


def mmbench_gui(path: Path, convention: Convention | None) -> Made:
    """Yield the rows of MMBench-GUI's level 2; a box that holds -1 is left out."""

    def target(row: Row) -> Target | str:
        if -1 in row.numbers(4, "bbox"):
            return "its box holds -1"
        return row.box(convention or ("xyxy" if row.get("ui_type") is not None else "unit_xyxy"), "bbox")

    return _rows(path, "mmbench_gui", target, "instruction")


def ui_vision(path: Path, convention: Convention | None) -> Made:
    """Yield the elements of UI-Vision and its regions of the layout. Corners come in any order."""
    return _rows(path, "ui_vision", lambda row: row.box(convention or "xyxy", "bbox"), "prompt_to_evaluate")


def _rows(path: Path, name: str, target: Callable[[Row], Target | str], instruction: str) -> Made:
    boxed: list[tuple[Row, StatedBox]] = []
    refusals = 0
    for row in read_rows(path):
        found = target(row)
        if isinstance(found, str):
            yield LeftOut(where=row.where, reason=found)
        elif found is None:
            refusals += 1
            yield _click(row, name, instruction, None)
        elif isinstance(found, tuple):
            yield _place(row, name, instruction, polygon=found)
        elif row.get(instruction) is None and row.get("name") is not None:
            yield _region(row, name, found)
        else:
            boxed.append((row, found))
            yield _place(row, name, instruction, boxes=(found,))
    for number in range(min(refusals, len(boxed))):
        row, box = boxed[number * len(boxed) // min(refusals, len(boxed))]
        yield _click(row, name, instruction, box)


def _place(
    row: Row, name: str, instruction: str, *, boxes: tuple[StatedBox, ...] = (), polygon: Polygon = ()
) -> Annotation:
    return Annotation(
        id=_id(row, name),
        where=row.where,
        image=row.text(*_IMAGE),
        task="gui/ground",
        question=QUESTION.format(instruction=row.text(instruction)),
        boxes=boxes,
        polygon=polygon,
        meta=_meta(row),
        size=row.size(),
    )


def _region(row: Row, name: str, box: StatedBox) -> Annotation:
    """Return the question about a region that a name and an explanation describe, answered by its box."""
    told = f"{row.text('name')}: {row.get('explanation') or ''}".removesuffix(": ")
    return Annotation(
        id=_id(row, name),
        where=row.where,
        image=row.text(*_IMAGE),
        task="gui/region",
        question=REGION_QUESTION.format(instruction=told),
        boxes=(box,),
        rule="iou50",
        meta=_meta(row),
        size=row.size(),
    )


def _click(row: Row, name: str, instruction: str, box: StatedBox | None) -> Annotation:
    """Return a click, or where there is no box its refusal, asked in the same words."""
    return Annotation(
        id=f"{_id(row, name)}-click" if box else _id(row, name),
        where=row.where,
        image=row.text(*_IMAGE),
        task="gui/absent",
        question=CLICK_QUESTION.format(instruction=row.text(instruction)),
        boxes=(box,) if box else (),
        step=Step(type="click") if box else Step(type="done", text="impossible"),
        meta=_meta(row),
        size=row.size(),
    )


def _id(row: Row, name: str) -> str:
    return f"{name}-{row.get('id') if row.get('id') is not None else row.key}"


def _meta(row: Row) -> dict[str, str]:
    return {key: row.data[key] for key in _META if isinstance(row.data.get(key), str)}
