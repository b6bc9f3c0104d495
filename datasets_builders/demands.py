"""Wanted questions: an even spread of answers, and no question twice about one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Protocol, TypeVar

T = TypeVar("T")
D = TypeVar("D")


class Asked(Protocol):
    """Anything with the words of a question."""

    @property
    def text(self) -> str:
        """The question alone."""


Q = TypeVar("Q", bound=Asked)


def balanced(values: Sequence[T], rng: Random) -> Iterator[T]:
    """Yield ``values`` for ever in shuffled blocks: after every whole block, each has come equally often."""
    while True:
        yield from rng.sample(values, len(values))


def ask_each(demands: Iterable[D], ask: Callable[[D], Q | None]) -> list[Q | None]:
    """Ask for each demand in turn; None where ``ask`` finds nothing, or only what was asked before."""
    questions: list[Q | None] = []
    texts: set[str] = set()
    for demand in demands:
        question = ask(demand)
        if question is not None and question.text in texts:
            question = None
        if question is not None:
            texts.add(question.text)
        questions.append(question)
    return questions
