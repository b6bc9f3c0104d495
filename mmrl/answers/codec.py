"""Answers as JSON values, exactly: what a dataset row stores.

``{"kind": "boxes", "boxes": [{"x1": ..., "label": null}], "frame": {"kind": ..., "width": ..., "height": ...}}``: the
fields of the dataclasses under their own names. Reading checks everything, since rows may come from anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, get_args

from mmrl.errors import InputError
from mmrl.geometry import is_valid_box
from mmrl.types import (
    ANSWER_KINDS,
    Action,
    ActionType,
    Answer,
    Box,
    Boxes,
    Choice,
    Frame,
    FrameKind,
    Grounded,
    Interval,
    Intervals,
    Number,
    Point,
    Route,
    RouteLeg,
    Text,
    YesNo,
    answer_kind,
)


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """Return ``answer`` as JSON values, with its kind; ``answer_from_json`` gives back an equal answer."""
    return {"kind": answer_kind(answer), **_lists(asdict(answer))}


def _lists(value: Any) -> Any:
    """Turn tuples into lists, as JSON would, so that the value equals its own JSON round trip."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, tuple) else value


def answer_from_json(data: Mapping[str, Any]) -> Answer:
    """Return the answer that ``answer_to_json`` wrote.

    ``InputError`` names the field (``answer.boxes[0].x1``) where one is missing, unknown, of the wrong type or
    impossible.
    """
    fields = _Fields(data, "answer")
    kind = fields.text("kind", among=tuple(ANSWER_KINDS.values()))
    answer = _READERS[kind](fields)
    fields.done()
    return answer


class _Fields:
    """The fields of one JSON object, taken one by one; knows where it stands for messages."""

    def __init__(self, data: Any, where: str) -> None:
        if not isinstance(data, Mapping):
            raise _wrong(where, "a JSON object", data)
        self.left = dict(data)
        self.where = where

    def take(self, name: str) -> Any:
        if name not in self.left:
            raise InputError(f"an answer must have all its fields; found none named {name!r}; in {self.where}; add it")
        return self.left.pop(name)

    def text(self, name: str, among: tuple[str, ...] = ()) -> str:
        value = self.take(name)
        if not isinstance(value, str) or (among and value not in among):
            raise _wrong(f"{self.where}.{name}", f"one of {', '.join(among)}" if among else "a string", value)
        return value

    def optional_text(self, name: str) -> str | None:
        value = self.take(name)
        if value is None or isinstance(value, str):
            return value
        raise _wrong(f"{self.where}.{name}", "a string or null", value)

    def number(self, name: str) -> float:
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            raise _wrong(f"{self.where}.{name}", "a finite number", value)
        return float(value)

    def count(self, name: str) -> int | None:
        value = self.take(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        raise _wrong(f"{self.where}.{name}", "a whole number or null", value)

    def objects(self, name: str) -> list[_Fields]:
        value = self.take(name)
        if not isinstance(value, list | tuple) or not value:
            raise _wrong(f"{self.where}.{name}", "a list of one or more", value)
        return [_Fields(item, f"{self.where}.{name}[{i}]") for i, item in enumerate(value)]

    def strings(self, name: str) -> tuple[str, ...]:
        value = self.take(name)
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise _wrong(f"{self.where}.{name}", "a list of strings", value)

    def optional_strings(self, name: str) -> tuple[str, ...] | None:
        if self.left.get(name, ()) is not None:
            return self.strings(name)
        self.take(name)
        return None

    def done(self) -> None:
        if self.left:
            raise InputError(
                f"an answer has no other fields; found {sorted(map(str, self.left))}; in {self.where}; remove them"
            )


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the range of floats
        return False


def _wrong(where: str, wanted: str, found: Any) -> InputError:
    quoted = repr(found)
    return InputError(
        f"{where} must be {wanted}; found {quoted if len(quoted) <= 80 else quoted[:80] + '...'}; "
        f"in {where}; correct the row or build the dataset again"
    )


# ---------------------------------------------------------------------------------------------------- readers


def _yes_no(fields: _Fields) -> YesNo:
    value = fields.take("value")
    if not isinstance(value, bool):
        raise _wrong("answer.value", "true or false", value)
    return YesNo(value=value)


def _choice(fields: _Fields) -> Choice:
    letters = fields.strings("letters")
    known = all(len(letter) == 1 and "A" <= letter <= "Z" for letter in letters)
    if not letters or not known or list(letters) != sorted(set(letters)):
        raise _wrong("answer.letters", "upper-case letters, sorted, each once", letters)
    return Choice(letters=letters)


def _frame(fields: _Fields) -> Frame:
    inner = _Fields(fields.take("frame"), f"{fields.where}.frame")
    kind = inner.text("kind", among=get_args(FrameKind))
    frame = Frame(kind=kind, width=inner.number("width"), height=inner.number("height"))  # type: ignore[arg-type]
    inner.done()
    if min(frame.width, frame.height) <= 0:
        raise _wrong(inner.where, "a frame of positive width and height", f"{frame.width} x {frame.height}")
    return frame


def _point(fields: _Fields) -> Point:
    return Point(x=fields.number("x"), y=fields.number("y"), frame=_frame(fields))


def _box(fields: _Fields) -> Box:
    x1, y1, x2, y2 = (fields.number(edge) for edge in ("x1", "y1", "x2", "y2"))
    box = Box(x1=x1, y1=y1, x2=x2, y2=y2, label=fields.optional_text("label"))
    fields.done()
    if not is_valid_box(box):
        raise _wrong(fields.where, "a box with x1 < x2 and y1 < y2", [x1, y1, x2, y2])
    return box


def _boxes(fields: _Fields) -> Boxes:
    return Boxes(boxes=tuple(_box(item) for item in fields.objects("boxes")), frame=_frame(fields))


def _interval(fields: _Fields) -> Interval:
    interval = Interval(start=fields.number("start"), end=fields.number("end"))
    fields.done()
    if not 0 <= interval.start <= interval.end:
        raise _wrong(fields.where, "an interval with 0 <= start <= end", [interval.start, interval.end])
    return interval


def _intervals(fields: _Fields) -> Intervals:
    return Intervals(intervals=tuple(_interval(item) for item in fields.objects("intervals")))


def _grounded(fields: _Fields) -> Grounded:
    choice = _Fields(fields.take("choice"), "answer.choice")
    times = _Fields(fields.take("intervals"), "answer.intervals")
    answer = Grounded(choice=_choice(choice), intervals=_intervals(times))
    choice.done()
    times.done()
    return answer


def _leg(fields: _Fields) -> RouteLeg:
    leg = RouteLeg(
        line=fields.text("line"),
        departure=fields.text("departure"),
        arrival=fields.text("arrival"),
        via_count=fields.count("via_count"),
        via=fields.optional_strings("via"),
    )
    fields.done()
    return leg


def _action(fields: _Fields) -> Action:
    kind = fields.text("type", among=get_args(ActionType))
    point = fields.take("point")
    return Action(
        type=kind,  # type: ignore[arg-type]
        point=None if point is None else _whole_point(_Fields(point, "answer.point")),
        text=fields.optional_text("text"),
    )


def _whole_point(fields: _Fields) -> Point:
    point = _point(fields)
    fields.done()
    return point


_READERS: dict[str, Callable[[_Fields], Answer]] = {
    "yes_no": _yes_no,
    "choice": _choice,
    "number": lambda fields: Number(value=fields.number("value")),
    "text": lambda fields: Text(value=fields.text("value")),
    "point": _point,
    "boxes": _boxes,
    "intervals": _intervals,
    "grounded": _grounded,
    "route": lambda fields: Route(legs=tuple(_leg(item) for item in fields.objects("legs"))),
    "action": _action,
}
