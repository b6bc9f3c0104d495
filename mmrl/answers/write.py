"""Answers as text: what a perfect model would write. Everything written here is read back as an equal answer."""

from __future__ import annotations

from typing import Any

from mmrl.answers.routes import is_plain, route_value, write_route
from mmrl.answers.strict_json import json_number, write_json
from mmrl.types import (
    Action,
    Answer,
    Box,
    Boxes,
    Choice,
    Grounded,
    Intervals,
    Number,
    Point,
    PromptStyle,
    Route,
    Text,
    YesNo,
)

THOUGHT = "I look at the picture."
"""Stands between the think tags, which must not be empty."""


def write_answer(answer: Answer) -> str:
    """Return the bare canonical text: ``yes``, ``A, C``, ``3``, ``[12, 30, 52, 46]``, ``Red: A > C; Blue: C > F``.

    A free text that would be misread bare (outer blanks, quotes, tags, braces ...) is written as a JSON string.
    """
    match answer:
        case Text(value=value):
            return value if is_plain(value) else write_json(value)
        case Route():
            return write_route(answer)
        case YesNo() | Choice():
            return str(_value(answer))
        case Boxes(boxes=(Box(label=None) as box,)):
            return write_json(_edges(box))
    return write_json(_value(answer))


def write_completion(answer: Answer, *, style: PromptStyle) -> str:
    """Return the whole completion in ``style``; it parses to an equal answer and is well-formed."""
    match style:
        case "direct":
            return f"<answer>{write_answer(answer)}</answer>"
        case "think":
            return f"<think>{THOUGHT}</think>\n<answer>{write_answer(answer)}</answer>"
        case "boxed":
            return f"\\boxed{{{write_answer(answer)}}}"
        case "json":
            return f"```json\n{write_json(_value(answer))}\n```"


def _value(answer: Answer) -> Any:
    """Return the answer as the JSON value that a model is asked to write."""
    match answer:
        case YesNo(value=value):
            return "yes" if value else "no"
        case Choice(letters=letters):
            return ", ".join(letters)
        case Number(value=number):
            return json_number(number)
        case Text(value=text):
            return text
        case Point():
            return [json_number(answer.x), json_number(answer.y)]
        case Boxes(boxes=boxes):
            return [_box_value(box) for box in boxes]
        case Intervals(intervals=intervals):
            return [[json_number(interval.start), json_number(interval.end)] for interval in intervals]
        case Grounded(choice=choice, intervals=times):
            return {"answer": _value(choice), "times": _value(times)}
        case Route():
            return route_value(answer)
        case Action():
            return _action_value(answer)


def _edges(box: Box) -> list[float]:
    return [json_number(edge) for edge in (box.x1, box.y1, box.x2, box.y2)]


def _box_value(box: Box) -> dict[str, Any]:
    return {"bbox_2d": _edges(box)} | ({} if box.label is None else {"label": box.label})


def _action_value(action: Action) -> dict[str, Any]:
    value: dict[str, Any] = {"action": action.type}
    if action.point is not None:
        value["point_2d"] = _value(action.point)
    if action.text is not None:
        value["text"] = action.text
    return value
