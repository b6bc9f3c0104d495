"""What is asked about a script, and its exact answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from datasets_builders.video.demands import Demand
from datasets_builders.video.script import Script
from datasets_builders.video.words import beginning, when_question
from mmrl.types import Answer, Text

LETTERS = "ABCD"


@dataclass(frozen=True)
class Question:
    """A question that a script answers."""

    task: str
    text: str
    answer: Answer
    choices: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


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
    order = demand.answer[: len(single)] if len(single) < len(demand.answer) else demand.answer
    if len(order) < 2 or set(order) != set("ABC"[: len(order)]):
        return None
    picked = sorted(rng.sample(single, len(order)), key=lambda event: event.start)
    clauses = {letter: beginning(script, event) for letter, event in zip(order, picked, strict=True)}
    listed = "\n".join(f"{letter}) {clauses[letter]}" for letter in sorted(clauses))
    text = f"In what order do these begin?\n{listed}\nWrite the letters from first to last, separated by commas."
    return Question(demand.task, text, Text(value=", ".join(order)), meta={"order": list(order)})


_ASKERS: dict[str, Callable[[Script, Demand, Random], Question | None]] = {
    "video/localize": _localize,
    "video/order": _order,
}
