"""Self-certainty: how far the policy's own distributions are from uniform (Shop-R1's reward of rationales)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from mmrl.rewards.mechanism import Count, Flag, NotNegative, Scope
from mmrl.rewards.shaping.base import EachShaping


def certainty(entropy: float, vocabulary: int, *, divided: bool = False) -> float:
    """Return KL(p || U) = ln V - H(p), divided by V as Shop-R1 prints it where asked: then at most ln V / V.

    Args:
        entropy: of the distribution p over the vocabulary, in nats.
        vocabulary: its size V.
        divided: whether the double mean over tokens and vocabulary is taken at its word.
    """
    distance = math.log(vocabulary) - entropy
    return distance / vocabulary if divided else distance


def reverse_certainty(probabilities: Sequence[float]) -> float:
    """Return KL(U || p) = -(1/V) sum log(V p), the direction of other work: 0 for uniform, without bound."""
    size = len(probabilities)
    if any(p <= 0 for p in probabilities):
        return math.inf
    return -math.fsum(math.log(size * p) for p in probabilities) / size


class SelfCertainty(EachShaping):
    """Adds how sure the policy is of its own tokens, a reward without labels.

    Formula: R' = R + alpha * mean over tokens of (ln V - H_t), divided by V if `divided`
    Source: Shop-R1 (arXiv 2507.17842), through third-party notes; alpha 0.005.
    Deviation: over the whole completion, not its rationale alone; not divided by V, as printed, unless asked: at V =
        151,936 that is at most 7.9e-5 * alpha, nothing.
    """

    name: ClassVar[str] = "self_certainty"
    reads_entropies: ClassVar[bool] = True
    vocabulary: Count
    """V, tokens of the model's vocabulary."""
    alpha: NotNegative = 0.005
    divided: Flag = False
    """Whether to divide by V, as printed."""

    def one(self, value: float, scope: Scope, place: int) -> float:
        """Add the mean over the completion's tokens."""
        entropies_T = scope.rollouts_G[place].entropies_T
        assert entropies_T, "the trainer measures entropies where a rubric asks for them"
        sure = [certainty(entropy, self.vocabulary, divided=self.divided) for entropy in entropies_T]
        return value + self.alpha * math.fsum(sure) / len(sure)
