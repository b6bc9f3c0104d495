"""Phase-entropy penalty: calm thinking earns more than wandering thinking, among right answers (PEAR)."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from mmrl.rewards.mechanism import NotNegative, Real, Scope, Term
from mmrl.rewards.shaping.base import EachShaping

END_OF_THINKING = "</think>"


def phase_penalty(thinking: float, answer: float, alpha: float = 1.0) -> float:
    """Return max(0, H_think - alpha * H_answer), entropies in nats a token."""
    return max(0.0, thinking - alpha * answer)


def phase_means(entropies_T: Sequence[float], phases: tuple[int, int] | None) -> tuple[float, float]:
    """Return the mean entropy of the thinking tokens, and of those of the answer; 0 for a phase without any.

    Args:
        entropies_T: of the completion's own tokens: prompt, pictures and padding are not among them.
        phases: how many tokens think, and the place of the answer's first one; the closing tag between the two counts
            for neither. None where there is no tag: all is thinking.
    """
    if phases is None:
        return _mean(entropies_T), 0.0
    return _mean(entropies_T[: phases[0]]), _mean(entropies_T[phases[1] :])


def phases_of(length: int, decode: Callable[[int], str], tag: str = END_OF_THINKING) -> tuple[int, int] | None:
    """Return how many tokens stand before the closing tag, and the place of the first one after it; None without tag.

    Args:
        length: tokens of the completion.
        decode: returns the text of the first so many tokens.
    """
    text = decode(length)
    start = text.find(tag)
    if start < 0:
        return None
    before = bisect.bisect_right(range(length + 1), start, key=lambda count: len(decode(count))) - 1
    after = bisect.bisect_left(range(length + 1), start + len(tag), key=lambda count: len(decode(count)))
    return before, after


def entropy(probabilities: Sequence[float]) -> float:
    """Return the entropy of a distribution in nats."""
    return -math.fsum(p * math.log(p) for p in probabilities if p > 0)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


class PhaseEntropy(EachShaping):
    """Takes the excess of thinking entropy over answer entropy off a right answer's reward; wrong ones keep theirs.

    Formula: R' = min(1, max(floor, R - max(0, H_think - alpha * H_answer))) where right, else R
    Source: PEAR (arXiv 2510.08026), through notes; alpha = 1 best of -1, 0, 0.5, 1, 2.
    Deviation: the floor: as published a right answer can fall below a wrong one; set it just above what a wrong answer
        may earn. Rewards above 1 are cut to `most`, 1 as published.
    """

    name: ClassVar[str] = "phase_entropy"
    reads_entropies: ClassVar[bool] = True
    alpha: Real = 1.0
    floor: Real
    """Least reward of a right answer; above the greatest of a wrong one."""
    most: Real = 1.0
    correct: Term = "accuracy"
    """The term whose value 1 says that an answer is right."""
    weight: NotNegative = 1.0
    """Factor of the penalty; 1 as published."""

    def terms_read(self) -> Iterator[tuple[str, str]]:
        """Yield the term that says what is right."""
        yield from super().terms_read()
        yield "correct", self.correct

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """The penalty is the whole reward's."""
        if self.term is not None:
            yield "term", "must be left out, as the penalty is the whole reward's"
        if self.floor >= self.most:
            yield "floor", f"must be below most {self.most:g}; found {self.floor:g}"

    def one(self, value: float, scope: Scope, place: int) -> float:
        """Take the penalty off, not below the floor."""
        if scope.values_G[place].get(self.correct) != 1.0:
            return value
        rollout = scope.rollouts_G[place]
        assert rollout.entropies_T is not None, "the trainer measures entropies where a rubric asks for them"
        thinking, answer = phase_means(rollout.entropies_T, rollout.phases)
        penalty = self.weight * phase_penalty(thinking, answer, self.alpha)
        return min(self.most, max(self.floor, value - penalty))
