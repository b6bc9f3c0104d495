"""What is asked about a script, and its exact answer."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from datasets_builders.video.demands import LETTERS, Demand
from datasets_builders.video.question import Question
from datasets_builders.video.questions_choice import (
    ask_before_after,
    ask_cause,
    ask_direction,
    ask_grounded,
    ask_moment,
)
from datasets_builders.video.script import Event, Script
from datasets_builders.video.words import beginning, name_of, when_question
from mmrl.geometry import original_frame
from mmrl.types import Box, Boxes, Number, Text


def ask(script: Script, demand: Demand, rng: Random) -> Question | None:
    """Return a question about ``script`` with the demanded answer, or None where it allows none."""
    return _ASKERS[demand.task](script, demand, rng)


def _localize(script: Script, demand: Demand, rng: Random) -> Question | None:
    """Ask for every stretch of an event; the question does not tell how many there are."""
    kinds = {part.kind for part in demand.wanted}
    able = [event for event in script.events if len(event.stretches) == demand.answer and event.kind in kinds]
    if not able:
        return None
    event = rng.choice(able)
    text = when_question(script, event)
    if text is None:
        return None
    meta = {"event": event.kind, "stretches": len(event.stretches)}
    return Question(demand.task, f"{text} Give every stretch of time.", script.intervals(event), meta=meta)


def _order(script: Script, demand: Demand, rng: Random) -> Question | None:
    """Ask for the order in which events begin; the gold order is the demanded permutation of the letters."""
    single = [event for event in script.events if len(event.stretches) == 1]
    order = [letter for letter in demand.answer if letter in LETTERS[: len(single)]]
    if len(order) < 2:
        return None
    picked = sorted(rng.sample(single, len(order)), key=lambda event: event.start)
    clauses = {letter: beginning(script, event) for letter, event in zip(order, picked, strict=True)}
    listed = "\n".join(f"{letter}) {clauses[letter]}" for letter in sorted(clauses))
    text = f"In what order do these begin?\n{listed}\nWrite the letters from first to last, separated by commas."
    return Question(demand.task, text, Text(value=", ".join(order)), meta={"order": list(order)})


def _count(script: Script, demand: Demand, rng: Random) -> Question | None:
    """Ask how often something happens."""
    able = [event for event in script.events if len(event.pulses) == demand.answer]
    if not able:
        return None
    event = rng.choice(able)
    if event.kind == "counter":
        text = "How many times does the number at the bottom change?"
    else:
        text = f"How many times does {name_of(script, event.actor)} {event.kind}?"
    return Question(demand.task, text, Number(value=demand.answer), meta={"event": event.kind})


def _track(script: Script, demand: Demand, rng: Random) -> Question | None:
    """Ask for the boxes of a moving shape at three times: before or after it moves, and on its way."""
    movers = [event for event in script.events if event.kind == "move"]
    if not movers:
        return None
    event = rng.choice(movers)
    frames = _watched(script, event, rng)
    boxes = []
    for frame in frames:
        assert event.actor is not None, "a shape moves"
        rect = script.pose(event.actor, frame).rect
        label = f"{script.seconds(frame):g} s"
        boxes.append(Box(x1=rect.x, y1=rect.y, x2=rect.right, y2=rect.bottom, label=label))
    times = [f"{script.seconds(frame):g}" for frame in frames]
    listed = f"{', '.join(times[:-1])} and {times[-1]}"
    text = (
        f"Where is {name_of(script, event.actor)} at {listed} seconds? "
        'Give one box for each time, with the time as its label: {"bbox_2d": box, "label": "TIME s"}.'
    )
    answer = Boxes(boxes=tuple(boxes), frame=original_frame(script.width, script.height))
    meta = {"rule": "iou50", "times": [script.seconds(frame) for frame in frames]}
    return Question(demand.task, text, answer, meta=meta)


def _watched(script: Script, event: Event, rng: Random) -> list[int]:
    """Return three frames on ticks, one of them on the way and one of them not."""
    start, end = event.stretches[0]
    ticks = range(0, script.frames, script.tick)
    moving = [frame for frame in ticks if start <= frame < end]
    calm = [frame for frame in ticks if not start <= frame < end]
    first, second = rng.choice(moving), rng.choice(calm)
    rest = [frame for frame in ticks if frame not in (first, second)]
    return sorted([first, second, rng.choice(rest)])


_ASKERS: dict[str, Callable[[Script, Demand, Random], Question | None]] = {
    "video/localize": _localize,
    "video/order": _order,
    "video/count": _count,
    "video/before_after": ask_before_after,
    "video/moment_choice": ask_moment,
    "video/grounded": ask_grounded,
    "video/track": _track,
    "video/direction": ask_direction,
    "video/cause": ask_cause,
}
