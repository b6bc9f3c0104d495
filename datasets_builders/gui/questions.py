"""What is asked about a window, and its exact answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from random import Random

from datasets_builders.demands import balanced
from datasets_builders.gui.config import GuiConfig
from datasets_builders.gui.layout import Widget, Window
from datasets_builders.gui.words import KINDS, LABELS, SHARED_LABELS, SHORT_WORDS

OTHER_KIND_CHANCE = 0.6
"""How often a denial about a label of every kind names the label that is there, on another kind."""


@dataclass(frozen=True)
class Demand:
    """A question that is wanted, with the answer it should have."""

    task: str
    present: bool | None
    """Whether the named widget is to be there; None where the question takes that for granted."""


@dataclass(frozen=True)
class Question:
    """A question about one window."""

    task: str
    text: str
    target: Widget | None
    """The widget that is named, or None where no such widget is there."""


def plan_demands(config: GuiConfig, rng: Random) -> Iterator[Demand]:
    """Yield wanted questions for ever: tasks in turn, as many absent widgets as present ones."""
    present = balanced((True, False), rng)
    for task in cycle(config.asked_tasks):
        yield Demand(task, next(present) if task == "gui/role" else None)


def ask(window: Window, demand: Demand, rng: Random) -> Question:
    """Return a question of the demanded kind about the window."""
    if demand.present is False:
        kind, label = _absent_widget(window, rng)
        return Question(demand.task, f"Is there {_article(label)} {label} {kind}?", None)
    target = rng.choice(window.widgets)
    name = f"{target.label} {target.kind}"
    if demand.task == "gui/role":
        return Question(demand.task, f"Is there {_article(target.label)} {name}?", target)
    return Question(demand.task, f"Where is the {name}?", target)


def _absent_widget(window: Window, rng: Random) -> tuple[str, str]:
    """Name a widget that is not there: a label that is there on another kind, or another label on a kind that is.

    Only labels that suit every kind move to another: a "Volume button" would be known to be absent without looking.
    """
    near = rng.choice(window.widgets)
    everywhere = SHORT_WORDS if window.small else SHARED_LABELS
    if near.label in everywhere and rng.random() < OTHER_KIND_CHANCE:
        return rng.choice([kind for kind in KINDS if kind != near.kind]), near.label
    shown = {widget.label for widget in window.widgets}
    vocabulary = everywhere if near.label in everywhere else LABELS[near.kind]
    return near.kind, rng.choice([label for label in vocabulary if label not in shown])


def _article(label: str) -> str:
    return "an" if label[0] in "AEIOU" else "a"
