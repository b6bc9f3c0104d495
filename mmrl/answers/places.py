"""Readers of structured answers: points, boxes, stretches of time, actions.

All are JSON, in one of a few shapes that models write natively. Other keys of an object (``label`` of a point,
``confidence``) are passed over. Python literals, tuples within tuples and prose around the value are refused.
"""

from __future__ import annotations

from typing import Any, get_args

from mmrl.answers.refusal import Refused, bad_format
from mmrl.answers.strict_json import read_json
from mmrl.answers.words import read_choice
from mmrl.geometry import is_valid_box
from mmrl.types import Action, ActionType, Box, Boxes, Frame, Grounded, Interval, Intervals, ParseStatus, Point

MAX_COORDINATE = 1e6
"""Larger coordinates or times are impossible; the limit also keeps areas well inside the range of floats."""

MAX_CANDIDATES = 16
"""Points that one answer may list; the check for straight lines looks at every three of them."""

_ACTION_TYPES: tuple[ActionType, ...] = get_args(ActionType)


def read_structure(text: str) -> Any:
    """Return the JSON list or object that makes up ``text``; ``(x, y)`` counts as a list, a final full stop as none."""
    text = text.strip()
    if text.endswith(("].", "}.", ").")):
        text = text[:-1]
    if text.startswith("(") and text.endswith(")"):
        text = f"[{text[1:-1]}]"
    if not text.startswith(("[", "{")):
        raise bad_format("a list or an object in JSON", text)
    return read_json(text)


def _only(value: Any, wanted: str) -> Any:
    """Take a list of one for its element; ``MANY_ANSWERS`` for more, ``NO_ANSWER`` for none."""
    if not isinstance(value, list):
        return value
    if not value:
        raise Refused(ParseStatus.NO_ANSWER, f"the list of answers is empty; expected {wanted}")
    if len(value) > 1:
        raise Refused(ParseStatus.MANY_ANSWERS, f"{len(value)} answers are listed; expected {wanted}")
    return value[0]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(value: Any, count: int, wanted: str) -> list[float]:
    """Return ``count`` numbers; ``BAD_FORMAT`` for another shape, ``OUT_OF_RANGE`` for NaN and impossible sizes."""
    if not (isinstance(value, list) and len(value) == count and all(map(_is_number, value))):
        raise bad_format(wanted, value)
    # Integers are compared before conversion: one with 400 digits has no float.
    if not all(-MAX_COORDINATE <= number <= MAX_COORDINATE for number in value):
        raise Refused(ParseStatus.OUT_OF_RANGE, f"a number in {wanted} is NaN or beyond {MAX_COORDINATE:g}")
    return [float(number) for number in value]


# ---------------------------------------------------------------------------------------------------- places


def read_point(value: Any, frame: Frame) -> Point:
    """Read ``[x, y]`` or ``{"point_2d": [x, y]}``, alone or as the only element of a list."""
    wanted = "one point [x, y]"
    if isinstance(value, list) and all(isinstance(item, list | dict) for item in value):
        value = _only(value, wanted)
    if isinstance(value, dict):
        value = value.get("point_2d")
    x, y = _numbers(value, 2, wanted)
    return Point(x=x, y=y, frame=frame)


def read_points(value: Any, frame: Frame) -> tuple[Point, ...]:
    """Read a list of 2 to ``MAX_CANDIDATES`` points, each as :func:`read_point` reads it."""
    if not (isinstance(value, list) and 2 <= len(value) <= MAX_CANDIDATES) or any(map(_is_number, value)):
        raise bad_format(f"a list of 2 to {MAX_CANDIDATES} points", value)
    return tuple(read_point(item, frame) for item in value)


def read_boxes(value: Any, frame: Frame) -> Boxes:
    """Read ``[x1, y1, x2, y2]`` or ``{"bbox_2d": [...], "label": "..."}``, alone or in a list of one or more."""
    if isinstance(value, dict) or (isinstance(value, list) and any(map(_is_number, value))):
        value = [value]
    if not isinstance(value, list):
        raise bad_format("boxes [x1, y1, x2, y2]", value)
    if not value:
        raise Refused(ParseStatus.NO_ANSWER, "the list of boxes is empty")
    return Boxes(boxes=tuple(_read_box(item) for item in value), frame=frame)


def _read_box(value: Any) -> Box:
    label = None
    if isinstance(value, dict):
        label, value = value.get("label"), value.get("bbox_2d")
    if not (label is None or isinstance(label, str)):
        raise bad_format("a label that is a string", label)
    x1, y1, x2, y2 = _numbers(value, 4, "a box [x1, y1, x2, y2]")
    box = Box(x1=x1, y1=y1, x2=x2, y2=y2, label=label)
    if not is_valid_box(box):
        raise Refused(ParseStatus.OUT_OF_RANGE, f"a box is inverted or empty: {[x1, y1, x2, y2]}")
    return box


# ---------------------------------------------------------------------------------------------------- time


def read_intervals(value: Any) -> Intervals:
    """Read ``[start, end]`` or ``{"start": s, "end": e}`` in seconds, alone or in a list of one or more."""
    if isinstance(value, dict) or (isinstance(value, list) and any(map(_is_number, value))):
        value = [value]
    if not isinstance(value, list):
        raise bad_format("intervals [start, end]", value)
    if not value:
        raise Refused(ParseStatus.NO_ANSWER, "the list of intervals is empty")
    return Intervals(intervals=tuple(_read_interval(item) for item in value))


def _read_interval(value: Any) -> Interval:
    if isinstance(value, dict):
        value = [value.get("start"), value.get("end")]
    start, end = _numbers(value, 2, "an interval [start, end]")
    if start < 0 or end < start:
        raise Refused(ParseStatus.OUT_OF_RANGE, f"an interval ends before it starts or starts before 0: {[start, end]}")
    return Interval(start=start, end=end)


def read_grounded(value: Any) -> Grounded:
    """Read ``{"answer": "B", "times": [[start, end], ...]}``, alone or as the only element of a list."""
    value = _only(value, "one option with its times")
    if not (isinstance(value, dict) and isinstance(value.get("answer"), str) and "times" in value):
        raise bad_format('an object with "answer", a letter, and "times"', value)
    return Grounded(choice=read_choice(value["answer"]), intervals=read_intervals(value["times"]))


# ---------------------------------------------------------------------------------------------------- actions


def read_action(value: Any, frame: Frame) -> Action:
    """Read ``{"action": "click", "point_2d": [x, y], "text": "..."}``, alone or as the only element of a list."""
    value = _only(value, "one action")
    kind = value.get("action") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _ACTION_TYPES:
        raise bad_format(f'an object with "action" among {", ".join(_ACTION_TYPES)}', value if kind is None else kind)
    point, text = value.get("point_2d"), value.get("text")
    if not (text is None or isinstance(text, str)):
        raise bad_format('"text" that is a string', text)
    return Action(type=kind, point=None if point is None else read_point(point, frame), text=text)
