"""What changes advantages once rewards are known: the interface of these mechanisms. Lists of numbers, no tensors.

Legend: ``_N`` completions of the whole batch over all processes, group by group; ``_P`` groups.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mmrl.rewards.mechanism import Mechanism

Spread = Literal["group", "batch", "none"]
EPS = 1e-4
"""Added to a spread before dividing by it, as the trainer's advantages do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known of one completion beside its rewards."""

    task: str
    answer: str
    """Canonical writing of its answer; one text for all that cannot be read."""
    text: str
    gold: str
    """The gold answer, written as a model would."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rewards of a batch of whole groups."""

    group_size: int
    rewards_N: Sequence[float]
    """NaN where no term judged."""
    terms: Mapping[str, Sequence[float]]
    """Unweighted values of each term; NaN where it abstained, the stated reward where a completion was cut off."""
    facts_N: Sequence[Facts]
    scale: Spread = "group"

    @property
    def groups(self) -> list[slice]:
        """The completions of each group."""
        return [slice(at, at + self.group_size) for at in range(0, len(self.rewards_N), self.group_size)]


class AdvantageMechanism(Mechanism, ABC):
    """Changes the advantages of a batch; listed in ``training.advantage``, applied in order."""

    @abstractmethod
    def apply(self, advantages_N: Sequence[float], batch: Batch) -> list[float]:
        """Return the new advantages."""


def mean(values: Sequence[float]) -> float:
    """Return the mean of what is not NaN; 0 for nothing."""
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else 0.0


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation (divided by n - 1) of what is not NaN; 0 for fewer than two, or all equal."""
    known = [value for value in values if not math.isnan(value)]
    if len(known) < 2 or max(known) == min(known):
        return 0.0
    centre = math.fsum(known) / len(known)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in known) / (len(known) - 1))


def standardised(values: Sequence[float], eps: float = EPS) -> list[float]:
    """Return (v - mean) / (std + eps); 0 for NaN, and where all are equal."""
    spread = deviation(values)
    if spread == 0.0:
        return [0.0] * len(values)
    centre = mean(values)
    return [0.0 if math.isnan(value) else (value - centre) / (spread + eps) for value in values]


def has_effect(rewards_N: Sequence[float], changed_N: Sequence[float], group_size: int) -> bool:
    """Whether a change of rewards reaches the advantages once they are divided by their group's deviation.

    A factor or a constant on a whole group's rewards does not: it must sit on the advantage.
    """
    for start in range(0, len(rewards_N), group_size):
        before = standardised(rewards_N[start : start + group_size])
        after = standardised(changed_N[start : start + group_size])
        if any(abs(one - other) > 0.01 for one, other in zip(before, after, strict=True)):
            return True
    return False
