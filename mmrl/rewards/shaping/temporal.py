"""Video-R1's two bonuses: for needing the order of the frames, and for a length within bounds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar

from mmrl.rewards.mechanism import Count, NotNegative, Positive, Scope, Share, Term, number
from mmrl.rewards.shaping.base import Shaping


def contrast_holds(ordered_G: Sequence[float], shuffled: float, share: float) -> bool:
    """Whether the mean over ordered frames reaches ``share`` of that over shuffled ones."""
    return bool(ordered_G) and math.fsum(ordered_G) / len(ordered_G) >= share * shuffled


def in_window(lengths_G: Sequence[int], right_G: Sequence[bool], low: int, high: int) -> list[bool]:
    """Return which completions are right and from ``low`` to ``high`` tokens long; none where fewer than two are right.

    With one right answer alone its length would say nothing about what right answers need.
    """
    several = sum(right_G) > 1
    return [several and right and low <= length <= high for length, right in zip(lengths_G, right_G, strict=True)]


class _Right(Shaping):
    """A bonus for right answers alone."""

    correct: Term = "accuracy"
    """The term that says what is right."""
    above: Share = 0.1
    """An answer is right where that term is above this."""

    def terms_read(self) -> Iterator[tuple[str, str]]:
        """Yield the term that says what is right."""
        yield from super().terms_read()
        yield "correct", self.correct

    def right_values(self, scope: Scope) -> list[float]:
        """Return each completion's value of that term."""
        return [number(values.get(self.correct)) for values in scope.values_G]


class TemporalContrast(_Right):
    """Adds a bonus to right answers where the group does at least as well as one that saw the frames shuffled.

    Formula: r' = r + bonus * [value > above] * [mean value over ordered frames >= share * mean value over shuffled]
    Source: T-GRPO, Video-R1 (arXiv 2503.21776): bonus 0.3, G / 2 shuffled completions; its code has a share of 0.8.
    Deviation: one group at a time, where the release compares whole batches; completions cut off count on neither
        side; the shuffled frames keep the times of the ordered ones.
    """

    name: ClassVar[str] = "temporal_contrast"
    bonus: NotNegative = 0.3
    share: Positive = 1.0
    """0.8 in the released code."""
    size: Count | None = None
    """Completions of the shuffled group; null for half of the group."""

    def shape(self, values_G: Sequence[float | None], scope: Scope) -> list[float | None]:
        """Add the bonus; pictures have no shuffled group, and nothing is added."""
        right_G = self.right_values(scope)
        means = next((one.shuffled_means for one in scope.rollouts_G if one.shuffled_means is not None), None)
        if means is None or not contrast_holds(right_G, means.get(self.correct, 0.0), self.share):
            return list(values_G)
        pairs = zip(values_G, right_G, strict=True)
        return [None if value is None else value + self.bonus * (right > self.above) for value, right in pairs]


class LengthWindow(_Right):
    """Adds a bonus to right answers whose length lies in a window, where the group has more than one right answer.

    Formula: r' = r + bonus * [value > above] * [low <= tokens <= high]
    Source: Video-R1 (arXiv 2503.21776): bonus 0.2, 320 to 512 tokens.
    """

    name: ClassVar[str] = "length_window"
    bonus: NotNegative = 0.2
    low: Count = 320
    """Tokens."""
    high: Count = 512
    """Tokens."""

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Refuse an empty window."""
        if self.low > self.high:
            yield "high", f"must be at least low, {self.low}; found {self.high}"

    def shape(self, values_G: Sequence[float | None], scope: Scope) -> list[float | None]:
        """Add the bonus."""
        right_G = [value > self.above for value in self.right_values(scope)]
        lengths_G = [len(rollout.token_ids_T) for rollout in scope.rollouts_G]
        inside_G = in_window(lengths_G, right_G, self.low, self.high)
        pairs = zip(values_G, inside_G, strict=True)
        return [None if value is None else value + self.bonus * inside for value, inside in pairs]
