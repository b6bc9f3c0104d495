"""Answers near the gold one and far from it, by kind; and answers that sprawl over everything."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from mmrl.types import (
    Action,
    Answer,
    Box,
    Boxes,
    Choice,
    Frame,
    Grounded,
    Interval,
    Intervals,
    Number,
    Point,
    Route,
    Sample,
    Text,
    YesNo,
)

SEARCHED = 12
"""Places that are tried at random around a gold box, point or interval."""


def honest_mistakes(sample: Sample, rng: random.Random) -> Sequence[Answer]:
    """Return other answers of the sample's kind, near ones and far ones; some may be right by the data's own rule."""
    gold = sample.answer
    match gold:
        case YesNo(value=value):
            return [YesNo(value=not value)]
        case Choice():
            return [Choice(letters=(letter,)) for letter in _letters(sample) if (letter,) != gold.letters][:4]
        case Number(value=value):
            return [Number(value=value + 1), Number(value=value - 1), Number(value=10 * value + 7)]
        case Text(value=text):
            return [Text(value="something else"), Text(value=f"{text} or something else")]
        case Point():
            return [_moved_point(gold, rng) for _ in range(SEARCHED)]
        case Boxes():
            return _moved_boxes(gold, rng)
        case Intervals():
            return [_moved_intervals(gold, rng) for _ in range(SEARCHED)]
        case Grounded(choice=choice, intervals=times):
            wrong = [Choice(letters=(letter,)) for letter in _letters(sample) if (letter,) != choice.letters][:4]
            found: list[Answer] = [Grounded(choice=other, intervals=times) for other in wrong]
            return found + [Grounded(choice=choice, intervals=_moved_intervals(times, rng)) for _ in range(SEARCHED)]
        case Route():
            return _other_routes(gold)
        case Action():
            return _other_actions(gold, rng)
    raise AssertionError(f"no mistakes for {type(gold).__name__}")


def sprawling_answers(sample: Sample) -> Iterator[tuple[str, Answer]]:
    """Yield answers that cover everything, next to nothing, or many things at once."""
    gold = sample.answer
    match gold:
        case Choice():
            yield "all_options", Choice(letters=tuple(_letters(sample)))
        case Boxes(boxes=boxes, frame=frame):
            whole = Box(x1=0, y1=0, x2=frame.width, y2=frame.height, label=boxes[0].label)
            yield "giant_box", Boxes(boxes=(whole,), frame=frame)
            yield "tiny_box", Boxes(boxes=(_tiny(boxes[0], frame),), frame=frame)
            yield "many_boxes", Boxes(boxes=tuple(_grid(frame, boxes[0].label)), frame=frame)
        case Intervals():
            yield "whole_video", _whole_video(gold)
        case Grounded(choice=choice, intervals=times):
            yield "whole_video", Grounded(choice=choice, intervals=_whole_video(times))
        case Point(frame=frame):
            yield "centre_point", Point(x=frame.width / 2, y=frame.height / 2, frame=frame)


def _whole_video(gold: Intervals) -> Intervals:
    end = max(one.end for one in gold.intervals)
    return Intervals(intervals=(Interval(start=0.0, end=2 * end + 10),))


def _letters(sample: Sample) -> list[str]:
    count = len(sample.choices) or 4
    return [chr(ord("A") + place) for place in range(count)]


def _tiny(box: Box, frame: Frame) -> Box:
    """Return a box of a hundredth of the picture at the gold box's centre."""
    x, y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
    dx, dy = frame.width / 200, frame.height / 200
    return Box(x1=x - dx, y1=y - dy, x2=x + dx, y2=y + dy, label=box.label)


def _grid(frame: Frame, label: str | None, side: int = 5) -> Iterator[Box]:
    for row in range(side):
        for column in range(side):
            x, y = column * frame.width / side, row * frame.height / side
            yield Box(x1=x, y1=y, x2=x + frame.width / side, y2=y + frame.height / side, label=label)


def _moved_boxes(gold: Boxes, rng: random.Random) -> list[Answer]:
    found: list[Answer] = []
    for _ in range(2 * SEARCHED):
        moved = tuple(_moved_box(box, gold.frame, rng) for box in gold.boxes)
        found.append(Boxes(boxes=moved, frame=gold.frame))
    return found


def _moved_box(box: Box, frame: Frame, rng: random.Random) -> Box:
    """Return the box shifted by up to its size and scaled between a quarter and double."""
    width, height = box.x2 - box.x1, box.y2 - box.y1
    reach, scale = rng.choice((0.1, 0.4, 1.0)), rng.choice((0.25, 0.6, 1.0, 1.5, 2.0))
    x = (box.x1 + box.x2) / 2 + rng.uniform(-reach, reach) * width
    y = (box.y1 + box.y2) / 2 + rng.uniform(-reach, reach) * height
    x, y = min(max(x, 1.0), frame.width - 1), min(max(y, 1.0), frame.height - 1)
    dx, dy = scale * width / 2, scale * height / 2
    low_x, low_y = max(0.0, x - dx), max(0.0, y - dy)
    return Box(x1=low_x, y1=low_y, x2=min(frame.width, x + dx), y2=min(frame.height, y + dy), label=box.label)


def _moved_point(gold: Point, rng: random.Random) -> Point:
    reach = rng.choice((0.02, 0.1, 0.5))
    x = gold.x + rng.uniform(-reach, reach) * gold.frame.width
    y = gold.y + rng.uniform(-reach, reach) * gold.frame.height
    return Point(x=min(max(x, 0.0), gold.frame.width), y=min(max(y, 0.0), gold.frame.height), frame=gold.frame)


def _moved_intervals(gold: Intervals, rng: random.Random) -> Intervals:
    moved = []
    for one in gold.intervals:
        length = max(one.end - one.start, 1.0)
        start = max(0.0, one.start + rng.uniform(-1, 1) * rng.choice((0.2, 1.0)) * length)
        moved.append(Interval(start=start, end=start + length * rng.choice((0.3, 1.0, 2.0))))
    return Intervals(intervals=tuple(sorted(moved, key=lambda one: one.start)))


def _other_routes(gold: Route) -> list[Answer]:
    legs = gold.legs
    first, last = legs[0], legs[-1]
    turned = first.__class__(line=first.line, departure=last.arrival, arrival=first.departure)
    found: list[Answer] = [Route(legs=(turned,))]
    if len(legs) > 1:
        found += [Route(legs=legs[:-1]), Route(legs=legs[1:])]
        found.append(Route(legs=(first.__class__(line=first.line, departure=first.departure, arrival=last.arrival),)))
    lost = first.__class__(line=first.line, departure=first.departure, arrival=first.departure + " North")
    return [*found, Route(legs=(lost,)), Route(legs=(*legs, turned))]


def _other_actions(gold: Action, rng: random.Random) -> list[Answer]:
    other = Action(type="wait" if gold.type != "wait" else "done")
    found: list[Answer] = [other]
    if gold.point is not None:
        found += [Action(type=gold.type, point=_moved_point(gold.point, rng), text=gold.text) for _ in range(SEARCHED)]
    if gold.text is not None:
        found.append(Action(type=gold.type, point=gold.point, text=f"{gold.text} again"))
    return found
