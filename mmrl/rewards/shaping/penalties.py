"""Length and repetition."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar

from mmrl.rewards.composition.fallback import ngrams
from mmrl.rewards.mechanism import Count, NotNegative, Positive, Scope, Term
from mmrl.rewards.shaping.base import EachShaping, Shaping


def excess_penalty(length: int, free: int = 300, per_token: float = 0.01) -> float:
    """Return what tokens beyond ``free`` cost: ``per_token`` each."""
    return per_token * max(0, length - free)


def repeated_share(text: str, size: int = 3) -> float:
    """Return 1 - distinct / all runs of ``size`` words; 0 for texts with fewer words."""
    runs = ngrams(text.split(), size)
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def shortness_terms(correct_G: Sequence[bool], lengths_G: Sequence[int], tau: float, most: float) -> list[float]:
    """Return the length term of each completion: see :class:`GroupLength`."""
    right = [length for length, correct in zip(lengths_G, correct_G, strict=True) if correct]
    if not right:
        return [0.0] * len(lengths_G)
    bound = tau * math.fsum(right) / len(right)
    return [
        0.0 if correct or length >= bound else -most * (1 - length / bound)
        for length, correct in zip(lengths_G, correct_G, strict=True)
    ]


class Length(EachShaping):
    """Takes a price for every token beyond a free length off a score or off the reward.

    Formula: r' = r - min(most, per_token * max(0, length - free))
    Source: PAR's preparation of scores (arXiv 2502.18770), code PorUna-byte/PAR; 0.01 per token beyond 300, no bound.
    Deviation: `most` may bound the price, so that no right answer falls under a wrong one.
    """

    name: ClassVar[str] = "length"
    free: Count = 300
    """Tokens."""
    per_token: Positive = 0.01
    most: NotNegative | None = None
    """Greatest price; null for none, as published."""

    def one(self, value: float, scope: Scope, place: int) -> float:
        """Take the price off."""
        price = excess_penalty(len(scope.rollouts_G[place].token_ids_T), self.free, self.per_token)
        return value - (price if self.most is None else min(self.most, price))


class Repetition(EachShaping):
    """Takes a price for repeated runs of words off a score or off the reward.

    Formula: r' = r - weight * (1 - distinct n-grams / all n-grams)
    Source: the distinct-n measure (arXiv 1510.03055) as a penalty; n = 3, weight 0.1 are ours.
    """

    name: ClassVar[str] = "repetition"
    size: Count = 3
    """Words of a run."""
    weight: Positive = 0.1

    def one(self, value: float, scope: Scope, place: int) -> float:
        """Take the price off."""
        return value - self.weight * repeated_share(scope.rollouts_G[place].text, self.size)


class GroupLength(Shaping):
    """Fines wrong answers that are far shorter than the group's right ones, so that giving up early does not pay.

    Formula: a wrong answer of length L < tau * Lc gets -most * (1 - L / (tau * Lc)), Lc = mean length of right ones;
        0 for right answers, and for groups without any
    Source: HARMO's length aspect (arXiv 2510.05283), known from reviews: group-relative, needs a right answer, has
        settings P_max and tau.
    Deviation: the formula is our reconstruction; tau 0.5 and most 0.5 are ours.
    """

    name: ClassVar[str] = "group_length"
    tau: Positive = 0.5
    most: Positive = 0.5
    """HARMO's P_max."""
    correct: Term = "accuracy"
    """The term whose value 1 says that an answer is right."""

    def terms_read(self) -> Iterator[tuple[str, str]]:
        """Yield the term that says what is right."""
        yield from super().terms_read()
        yield "correct", self.correct

    def shape(self, values_G: Sequence[float | None], scope: Scope) -> list[float | None]:
        """Fine short wrong answers."""
        correct_G = [values.get(self.correct) == 1.0 for values in scope.values_G]
        lengths_G = [len(rollout.token_ids_T) for rollout in scope.rollouts_G]
        fines_G = shortness_terms(correct_G, lengths_G, self.tau, self.most)
        return [None if value is None else value + fine for value, fine in zip(values_G, fines_G, strict=True)]
