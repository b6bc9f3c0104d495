"""What is wanted of a clip: a task, the answer it should have, and the events that make it possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, permutations
from random import Random
from typing import Any

from datasets_builders.demands import balanced
from datasets_builders.video.compose import RECURRING, Ingredient
from datasets_builders.video.config import VideoConfig

_LASTING = ("show", "hide", "move", "recolor", "reshape", "caption", "slide")
"""Kinds of events with a clear start and end."""


@dataclass(frozen=True)
class Demand:
    """A question that is wanted."""

    task: str
    answer: Any
    """What the answer should be, in the task's own terms; answers are spread evenly."""
    wanted: tuple[Ingredient, ...] = ()
    """Events that the clip must have for it."""


def plan_demands(config: VideoConfig, rng: Random) -> Iterator[Demand]:
    """Yield wanted questions for ever: tasks in turn, answers spread evenly within each task."""
    values = {
        "video/localize": (1, 1, 1, 2),  # stretches
        "video/order": tuple(permutations("ABC"[: min(3, config.max_events)])),
    }
    spread = {task: balanced(values[task], rng) for task in config.asked_tasks}
    for task in cycle(config.asked_tasks):
        answer = next(spread[task])
        yield Demand(task, answer, _INGREDIENTS[task](answer, rng))


def _localize(stretches: int, rng: Random) -> tuple[Ingredient, ...]:
    kinds = sorted(RECURRING) if stretches > 1 else _LASTING
    return (Ingredient(kind=rng.choice(kinds), stretches=stretches),)  # type: ignore[arg-type]


def _nothing(answer: Any, rng: Random) -> tuple[Ingredient, ...]:  # noqa: ARG001
    return ()


_INGREDIENTS: dict[str, Callable[[Any, Random], tuple[Ingredient, ...]]] = {
    "video/localize": _localize,
    "video/order": _nothing,
}
