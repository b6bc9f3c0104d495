"""Even spreads and distinct questions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from random import Random

from datasets_builders.demands import ask_each, balanced


def test_balanced_is_even_after_every_whole_block_and_not_in_a_fixed_order() -> None:
    drawn = list(islice(balanced("ABCD", Random(1)), 40))
    assert all(Counter(drawn[start : start + 4]) == Counter("ABCD") for start in range(0, 40, 4))
    assert len({tuple(drawn[start : start + 4]) for start in range(0, 40, 4)}) > 3


@dataclass(frozen=True)
class _Question:
    text: str


def test_ask_each_keeps_order_and_drops_repetitions_and_impossible_ones() -> None:
    answers = {1: _Question("a"), 2: None, 3: _Question("a"), 4: _Question("b")}
    assert ask_each([1, 2, 3, 4], answers.__getitem__) == [_Question("a"), None, None, _Question("b")]
