"""Typed answers as marks: what a page draws over a picture or beside a clip. The forms stand in ``eval.item_views``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmrl.answers import answer_from_json
from mmrl.geometry import convert_boxes, convert_point, original_frame
from mmrl.types import Action, Answer, Boxes, Frame, Intervals, Point, Route

Mark = dict[str, Any]


def answer_marks(answer: Answer, frame: Frame | None) -> list[Mark]:
    """Return the marks of an answer, places in ``frame``; without a frame, of boxes and points nothing."""
    if isinstance(answer, Intervals):
        return [{"interval": [part.start, part.end]} for part in answer.intervals]
    if isinstance(answer, Route):
        return [{"route": [{"line": leg.line, "from": leg.departure, "to": leg.arrival} for leg in answer.legs]}]
    if frame is None:
        return []
    if isinstance(answer, Boxes):
        boxes = convert_boxes(answer, frame).boxes
        return [{"box": [b.x1, b.y1, b.x2, b.y2]} | ({"label": b.label} if b.label else {}) for b in boxes]
    point = answer if isinstance(answer, Point) else answer.point if isinstance(answer, Action) else None
    if point is None:
        return []
    place = convert_point(point, frame)
    return [{"point": [place.x, place.y]}]


def stored_marks(answer_json: Mapping[str, Any] | None, size: tuple[int, int] | None) -> list[Mark]:
    """Return the marks of a stored answer in pixels of a picture of ``size``; nothing where it cannot be placed."""
    if answer_json is None:
        return []
    try:
        return answer_marks(answer_from_json(answer_json), original_frame(*size) if size else None)
    except ValueError:  # an impossible answer, which is shown as text only
        return []
