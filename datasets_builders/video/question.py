"""A question about a script, before it is a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from datasets_builders.video.demands import LETTERS
from mmrl.types import Answer


@dataclass(frozen=True)
class Question:
    """A question that a script answers."""

    task: str
    text: str
    answer: Answer
    choices: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


def options(right: str, wrong: Sequence[str], letter: str, rng: Random) -> tuple[str, ...] | None:
    """Return four options with the right one at a letter; None where there are fewer than three wrong ones."""
    wrong = [text for text in dict.fromkeys(wrong) if text != right]
    if len(wrong) < len(LETTERS) - 1:
        return None
    placed = rng.sample(wrong[: len(LETTERS) - 1], len(LETTERS) - 1)
    placed.insert(LETTERS.index(letter), right)
    return tuple(placed)
