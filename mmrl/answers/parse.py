"""From a completion to a typed answer, or to the reason why there is none."""

from __future__ import annotations

from typing import Any

from mmrl.answers.layout import find_answers, without_fence
from mmrl.answers.places import (
    read_action,
    read_boxes,
    read_grounded,
    read_intervals,
    read_point,
    read_points,
    read_structure,
)
from mmrl.answers.refusal import Refused, bad_format
from mmrl.answers.routes import read_route, read_route_value
from mmrl.answers.strict_json import is_json, read_json
from mmrl.answers.words import finite_number, read_choice, read_number, read_text, read_yes_no
from mmrl.errors import InputError
from mmrl.types import Answer, AnswerKind, Choice, Frame, Parsed, ParseStatus, Point, PromptStyle, Text, YesNo

FRAMED_KINDS: frozenset[AnswerKind] = frozenset({"point", "boxes", "action"})
"""Kinds that hold coordinates, which mean nothing without a frame."""


def parse_completion(text: str, *, kind: AnswerKind, style: PromptStyle, frame: Frame | None = None) -> Parsed:
    """Read the answer of the given kind from a completion; never raises because of what the completion says.

    ``frame`` is the frame in which the model writes coordinates; ``InputError`` where the kind needs one and none is
    given. Several answer places are one answer if all of them say the same, else ``MANY_ANSWERS``.
    """
    if frame is None and kind in FRAMED_KINDS:
        raise InputError(
            f"an answer of kind {kind!r} needs the frame in which the model writes coordinates; "
            "found none; in parse_completion; pass frame=answer_frame(...)"
        )
    if not text.strip():
        return Parsed(status=ParseStatus.EMPTY, detail="nothing was written")
    well_formed = False
    try:
        layout = find_answers(text, style)
        well_formed = layout.well_formed and bool(layout.payloads)
        answer = _agreed(layout.payloads, kind, style, frame)
    except Refused as refusal:
        candidates = _candidates(text, style, frame) if kind == "point" and frame is not None else ()
        return Parsed(status=refusal.status, detail=refusal.detail, well_formed=well_formed, candidates=candidates)
    return Parsed(status=ParseStatus.OK, answer=answer, well_formed=well_formed)


def _candidates(text: str, style: PromptStyle, frame: Frame) -> tuple[Point, ...]:
    """Return the points of the one list that is answered; none where it is no such list."""
    try:
        (payload,) = set(find_answers(text, style).payloads) or {""}
        return read_points(read_structure(without_fence(payload)), frame)
    except (Refused, ValueError):  # several places, none, or something else in it
        return ()


def _agreed(payloads: tuple[str, ...], kind: AnswerKind, style: PromptStyle, frame: Frame | None) -> Answer:
    """Return what all places say."""
    distinct = list(dict.fromkeys(payloads))
    if not distinct:
        raise Refused(ParseStatus.NO_ANSWER, f"no answer place of style {style!r}")
    first, *others = distinct
    try:
        answer = _read(first, kind, style, frame)
        if all(_read(other, kind, style, frame) == answer for other in others):
            return answer
    except Refused:
        if not others:
            raise
    raise Refused(ParseStatus.MANY_ANSWERS, f"{len(payloads)} answer places do not say the same")


def _read(payload: str, kind: AnswerKind, style: PromptStyle, frame: Frame | None) -> Answer:
    if style == "json" and is_json(payload):
        value = read_json(payload)
        if isinstance(value, dict) and value.keys() == {"answer"}:
            value = value["answer"]
        return read_value(value, kind, frame)
    return read_payload(without_fence(payload), kind, frame)


def read_payload(text: str, kind: AnswerKind, frame: Frame | None) -> Answer:
    """Read bare text that should hold one answer; raises ``Refused``."""
    match kind:
        case "yes_no":
            return read_yes_no(text)
        case "choice":
            return read_choice(text)
        case "number":
            return read_number(text)
        case "text":
            return read_text(text)
        case "route":
            return read_route(text)
    return read_value(read_structure(text), kind, frame)


def read_value(value: Any, kind: AnswerKind, frame: Frame | None) -> Answer:
    """Read a JSON value that should be one answer; raises ``Refused``."""
    if kind == "text" and isinstance(value, str):
        return Text(value=value)
    if isinstance(value, str):
        return read_payload(value, kind, frame)
    match kind:
        case "intervals":
            return read_intervals(value)
        case "grounded":
            return read_grounded(value)
        case "route":
            return read_route_value(value)
        case "yes_no" | "choice" | "number" | "text":
            return _read_plain_value(value, kind)
    assert frame is not None, "checked where the completion comes in"
    if kind == "point":
        return read_point(value, frame)
    return read_boxes(value, frame) if kind == "boxes" else read_action(value, frame)


def _read_plain_value(value: Any, kind: AnswerKind) -> Answer:
    if kind == "yes_no" and isinstance(value, bool):
        return YesNo(value=value)
    if kind == "number" and isinstance(value, int | float) and not isinstance(value, bool):
        return finite_number(value)
    if kind == "choice" and isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return Choice(letters=read_choice(", ".join(value)).letters)
    raise bad_format(f"an answer of kind {kind!r}", value)
