"""What is asked about a scene, and its exact answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from random import Random

from datasets_builders.demands import balanced
from datasets_builders.scenes.config import ScenesConfig
from datasets_builders.scenes.draw import COLORS, KINDS, Item
from mmrl.types import Answer, Choice, Number, YesNo

LETTERS = "ABCD"


@dataclass(frozen=True)
class Demand:
    """A question that is wanted, with the answer it should have."""

    task: str
    answer: bool | int | str | None
    """Yes or no, the count, or the letter of the right option; None where any answer will do."""


@dataclass(frozen=True)
class Question:
    """A question that a set of items can answer."""

    task: str
    text: str
    answer: Answer | int
    """The answer, or the index of the item whose box answers."""
    choices: tuple[str, ...] = ()


def plan_demands(config: ScenesConfig, rng: Random) -> Iterator[Demand]:
    """Yield wanted questions for ever: tasks in turn, answers spread evenly within each task."""
    wanted: dict[str, Iterator[bool | int | str | None]] = {
        "scenes/exists": balanced((True, False), rng),
        "scenes/count": balanced(range(config.max_count + 1), rng),
        "scenes/color": balanced(LETTERS, rng),
        "scenes/locate": cycle((None,)),
    }
    for task in cycle(config.asked_tasks):
        yield Demand(task, next(wanted[task]))


def ask(items: Sequence[Item], demand: Demand, rng: Random) -> Question | None:
    """Return a question about ``items`` with the demanded answer, or None where they allow none."""
    if demand.task == "scenes/exists":
        return _ask_exists(items, demand.answer is True, rng)
    if demand.task == "scenes/count":
        return _ask_count(items, int(demand.answer or 0), rng)
    if demand.task == "scenes/color":
        return _ask_color(items, str(demand.answer), rng)
    return _ask_locate(items, rng)


def _ask_exists(items: Sequence[Item], present: bool, rng: Random) -> Question | None:
    """Ask for an item that is there, or for one that shares its colour, its shape or both with items that are."""
    if present:
        named = rng.choice(items)
    else:
        absent = [item for item in (Item(c, k) for c in COLORS for k in KINDS) if item not in items]
        shared = {item: _shared(item, items) for item in absent}
        wanted = rng.choice((1, 2))
        near = [item for item in absent if shared[item] == wanted] or [item for item in absent if shared[item]]
        if not near:
            return None
        named = rng.choice(near)
    return Question("scenes/exists", f"Is there a {named.name}?", YesNo(value=present))


def _shared(item: Item, items: Sequence[Item]) -> int:
    """How many of an absent item's two properties occur in the scene."""
    return any(item.color == other.color for other in items) + any(item.kind == other.kind for other in items)


def _ask_count(items: Sequence[Item], count: int, rng: Random) -> Question | None:
    colors, kinds = Counter(item.color for item in items), Counter(item.kind for item in items)
    by_color = [f"{color} shapes" for color in COLORS if colors[color] == count]
    by_kind = [f"{kind}s" for kind in KINDS if kinds[kind] == count]
    groups = [group for group in (by_color, by_kind) if group]
    if not groups:
        return None
    subject = rng.choice(rng.choice(groups))
    return Question("scenes/count", f"How many {subject} are there?", Number(value=count))


def _ask_color(items: Sequence[Item], letter: str, rng: Random) -> Question | None:
    kinds = Counter(item.kind for item in items)
    single = [item for item in items if kinds[item.kind] == 1]
    if not single:
        return None
    target = rng.choice(single)
    # Wrong options that occur in the picture come first: they cannot be ruled out by looking for the colour alone.
    others = [color for color in COLORS if color != target.color]
    seen = {item.color for item in items}
    wrong = sorted(rng.sample(others, len(others)), key=lambda color: color not in seen)[: len(LETTERS) - 1]
    options = rng.sample(wrong, len(wrong))
    options.insert(LETTERS.index(letter), target.color)
    text = f"What color is the {target.kind}?"
    return Question("scenes/color", text, Choice(letters=(letter,)), tuple(options))


def _ask_locate(items: Sequence[Item], rng: Random) -> Question | None:
    names = Counter(items)
    single = [index for index, item in enumerate(items) if names[item] == 1]
    if not single:
        return None
    target = rng.choice(single)
    return Question("scenes/locate", f"Where is the {items[target].name}?", target)
