"""Even spread of wanted answers, so that no answer is a good guess."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def balanced(values: Sequence[T], rng: Random) -> Iterator[T]:
    """Yield ``values`` for ever in shuffled blocks: after every whole block, each has come equally often."""
    while True:
        yield from rng.sample(values, len(values))
