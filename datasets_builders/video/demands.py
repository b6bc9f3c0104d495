"""What is wanted of a clip: a task, the answer it should have, and the events that make it possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, permutations, product
from random import Random
from typing import Any

from datasets_builders.demands import balanced
from datasets_builders.video.compose import PULSING, RECURRING, Ingredient
from datasets_builders.video.config import VideoConfig
from datasets_builders.video.script import DIRECTIONS, Direction, EventKind

LETTERS = "ABCD"
LASTING: frozenset[EventKind] = frozenset({"show", "hide", "move", "recolor", "reshape", "caption", "slide"})
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
    values: dict[str, Sequence[Any]] = {
        "video/localize": (1, 1, 1, 2),  # stretches
        "video/order": tuple(permutations("ABC"[: min(3, config.max_events)])),
        "video/count": range(1, config.most_count + 1),
        "video/before_after": tuple(product(("before", "after"), LETTERS)),
        "video/moment_choice": tuple(product(("when", "what"), LETTERS)),
        "video/grounded": LETTERS,
        "video/track": (None,),
        "video/direction": tuple(product(DIRECTIONS, LETTERS)),
        "video/cause": tuple(product(("bump", "bump", "bump", "alone"), LETTERS)),
    }
    spread = {task: balanced(values[task], rng) for task in config.asked_tasks}
    for task in cycle(config.asked_tasks):
        answer = next(spread[task])
        yield Demand(task, answer, _INGREDIENTS[task](answer, rng))


def _localize(stretches: int, rng: Random) -> tuple[Ingredient, ...]:
    kinds = sorted(RECURRING) if stretches > 1 else sorted(LASTING)
    return (Ingredient(kind=rng.choice(kinds), stretches=stretches),)


def _count(count: int, rng: Random) -> tuple[Ingredient, ...]:
    return (Ingredient(kind=rng.choice(sorted(PULSING)), count=count),)


def _direction(answer: tuple[Direction, str], rng: Random) -> tuple[Ingredient, ...]:
    return (Ingredient(kind=rng.choice(("move", "move", "move", "slide")), direction=answer[0]),)


def _cause(answer: tuple[str, str], rng: Random) -> tuple[Ingredient, ...]:
    if answer[0] == "bump":
        return (Ingredient(kind="bump"),)
    return (Ingredient(kind=rng.choice(("move", "recolor"))),)


def _one_of(*kinds: EventKind) -> Callable[[Any, Random], tuple[Ingredient, ...]]:
    return lambda answer, rng: (Ingredient(kind=rng.choice(kinds)),) if kinds else ()  # noqa: ARG005


_INGREDIENTS: dict[str, Callable[[Any, Random], tuple[Ingredient, ...]]] = {
    "video/localize": _localize,
    "video/order": _one_of(),
    "video/count": _count,
    "video/before_after": _one_of(),
    "video/moment_choice": _one_of(*sorted(LASTING)),
    "video/grounded": _one_of("move", "recolor", "reshape", "caption"),
    "video/track": _one_of("move"),
    "video/direction": _direction,
    "video/cause": _cause,
}
