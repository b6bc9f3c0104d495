"""Scoring of clicks, as the ScreenSpot family does it: the point, or the centre of the box, lies in the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eval.benchmarks.base import Item, Outcome
from eval.benchmarks.places import PlaceOptions, hits_box, pixel_box
from mmrl.answers.free_places import Reading, read_first, read_only, read_vlm_r1_box, read_vlm_r1_click
from mmrl.scoring.regions import released_iou
from mmrl.types import Box, ParseStatus

VARIANTS = ("official", "fixed", "vlm_r1_click", "vlm_r1")
NOTES = (
    "official: first point, or centre of the first box, of the answer; edges included; nothing read is wrong. "
    "fixed: the only place that is stated, outside thoughts. vlm_r1_click: first whole pair in <answer>, unread text "
    "is the point (0, 0). vlm_r1: last whole box in <answer>, IoU above 0.5."
)
REFUSAL = {"refusal": True}

Hit = Callable[[Item, tuple[float, float], PlaceOptions], bool]


def read_place(text: str, variant: str) -> Reading:
    """Read a place by the rule of a variant of this family."""
    readers = {"fixed": read_only, "vlm_r1_click": read_vlm_r1_click, "vlm_r1": read_vlm_r1_box}
    return readers.get(variant, read_first)(text)


def score_click(item: Item, text: str, variant: str, options: PlaceOptions, *, whole: bool = False) -> Outcome:
    """Score a click on the item's box, or under ``vlm_r1`` a box; ``whole`` rounds centres of whole boxes down."""
    reading = read_place(text, variant)
    if variant == "vlm_r1":
        return box_outcome(item, reading, options)
    point = reading.pixel if whole else reading.point
    return click_outcome(item, reading, point, options, zero_point=variant == "vlm_r1_click")


def refusal_outcome(text: str, variant: str) -> Outcome:
    """Score an item without a target: only a refusal is right."""
    reading = read_place(text, variant)
    scores = {"accuracy": float(reading.refused)}
    return Outcome(parsed=parsed_place(reading), status=reading.status, scores=scores, detail=reading.detail)


def click_outcome(
    item: Item,
    reading: Reading,
    point: tuple[float, float] | None,
    options: PlaceOptions,
    *,
    hit: Hit = hits_box,
    zero_point: bool = False,
) -> Outcome:
    """Return 1 where ``point`` hits; ``zero_point`` takes an unread text for a click at the origin."""
    detail = reading.detail or item.row["target"]["warning"]
    if point is None and zero_point:
        point, detail = (0.0, 0.0), f"{detail}; taken for the point (0, 0)"
    right = point is not None and hit(item, point, options)
    return Outcome(
        parsed=parsed_place(reading), status=reading.status, scores={"accuracy": float(right)}, detail=detail
    )


def box_outcome(item: Item, reading: Reading, options: PlaceOptions) -> Outcome:
    """Score a box by VLM-R1's rule: its IoU, with overlaps of one pixel left out, is above 0.5; no box counts as 0."""
    x1, y1, x2, y2 = item.row["target"]["box"]
    numbers = reading.numbers or (0.0,) * 4
    iou = released_iou(pixel_box(item, numbers, options), Box(x1=x1, y1=y1, x2=x2, y2=y2))
    return Outcome(
        parsed=parsed_place(reading),
        status=reading.status,
        scores={"accuracy": float(iou > 0.5), "iou": iou},
        detail=reading.detail or item.row["target"]["warning"],
    )


def parsed_place(reading: Reading) -> dict[str, Any] | None:
    """Return what was read as JSON: ``{"point": [x, y]}``, ``{"box": [...]}``, ``{"refusal": true}`` or None."""
    if reading.refused:
        return dict(REFUSAL)
    if not reading.numbers:
        return None
    return {"point" if len(reading.numbers) == 2 else "box": list(reading.numbers)}


# ---------------------------------------------------------------------------------------------------- figures


def click_figures(scored: Sequence[tuple[Item, Outcome]], cells: Sequence[str]) -> dict[str, Any]:
    """Return micro and macro accuracy and the rates of refusals and wrong formats.

    ``micro`` is the mean over items, ``macro`` the mean over the cells that the groups named in ``cells`` make.
    """
    by_cell: dict[str, list[Outcome]] = {}
    for item, outcome in scored:
        names = [item.groups[name] for name in cells if name in item.groups]
        by_cell.setdefault("/".join(names) or "all", []).append(outcome)
    table = {name: counted(outcomes) for name, outcomes in sorted(by_cell.items())}
    outcomes = [outcome for _, outcome in scored]
    refused = sum(outcome.parsed == REFUSAL for outcome in outcomes)
    unread = sum(outcome.status is not ParseStatus.OK for outcome in outcomes)
    return {
        "micro": counted(outcomes),
        "macro": mean([cell["accuracy"] for cell in table.values()]),
        "cells": table,
        "refusals": refused,
        "refusal_rate": refused / max(1, len(outcomes)),
        "wrong_format": unread,
        "wrong_format_rate": unread / max(1, len(outcomes)),
    }


def counted(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return n, the number correct and the accuracy."""
    correct = sum(outcome.scores["accuracy"] for outcome in outcomes)
    return {"n": len(outcomes), "correct": round(correct, 9), "accuracy": correct / max(1, len(outcomes))}


def grouped(scored: Sequence[tuple[Item, Outcome]], name: str) -> Mapping[str, list[Outcome]]:
    """Return the outcomes of each value of a group, sorted by value."""
    parts: dict[str, list[Outcome]] = {}
    for item, outcome in scored:
        parts.setdefault(item.groups.get(name, "unknown"), []).append(outcome)
    return dict(sorted(parts.items()))


def mean(values: Sequence[float]) -> float:
    """Return the plain mean; 0 for none."""
    return sum(values) / len(values) if values else 0.0


def click_messages(instruction: str, ask: str, options: PlaceOptions) -> list[dict[str, Any]]:
    """Return one user turn: the picture, then ``ask`` with the instruction and the unit of coordinates filled in."""
    unit = {"original": "pixels", "unit": "shares from 0 to 1", "permille": "thousandths from 0 to 1000"}
    text = ask.format(instruction=instruction, unit=unit.get(options.coordinates, "the model's own coordinates"))
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
