"""Wrong options that tell nothing: over a dataset, what is offered is right as often as its share of the options."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from random import Random
from typing import TypeVar

H = TypeVar("H", bound=Hashable)


class Evener:
    """Counts what was offered and was right or wrong, and offers next what was right too often.

    Tables are kept apart by their names, e.g. one a task and form.
    """

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self._surplus: dict[str, Counter[Hashable]] = {}
        self._used: dict[str, Counter[int]] = {}

    def wrong(self, table: str, candidates: Iterable[H], number: int) -> list[H]:
        """Return ``number`` candidates or all there are: those first that were right most beyond their share."""
        surplus = self._surplus.setdefault(table, Counter())
        unique = list(dict.fromkeys(candidates))
        shuffled = self.rng.sample(unique, len(unique))
        return sorted(shuffled, key=lambda one: -surplus[one])[:number]

    def offered(self, table: str, right: Iterable[Hashable], wrong: Iterable[Hashable]) -> None:
        """Note what one question offers: a yes offers one right thing, a no one wrong thing, a choice some of both."""
        surplus = self._surplus.setdefault(table, Counter())
        rights, wrongs = list(right), list(wrong)
        share = len(wrongs) / len(rights) if rights and wrongs else 1.0
        for one in rights:
            surplus[one] += share  # type: ignore[assignment]
        for one in wrongs:
            surplus[one] -= 1

    def turn(self, table: str, places: Iterable[int]) -> int:
        """Return the least used of some places, by lot among equals, and count it as used."""
        used = self._used.setdefault(table, Counter())
        choices = list(places)
        place = min(self.rng.sample(choices, len(choices)), key=lambda one: used[one])
        used[place] += 1
        return place
