"""What a rejection stage keeps of what it has sampled, how it mixes that, and when its weights are refused. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmrl.config import RejectionConfig
from mmrl.curriculum import order_stage
from mmrl.types import Level

SIGNIFICANCE = 0.05
"""A fall counts as confirmed where chance alone would show one as clear less often than this."""
_ROUNDING = 1e-9
"""Of sums of rewards."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One completion of a prompt."""

    id: str
    """Of the row: ``dataset/id``."""
    source: str
    """Name of its dataset."""
    task: str
    difficulty: Level
    text: str
    reward: float
    ended: bool
    """Whether the model ended it by itself; what the token limit cut off is never kept."""


def keep_best(groups: Sequence[Sequence[Candidate]], rule: RejectionConfig) -> list[Candidate]:
    """Return what is kept of each prompt's completions, prompt by prompt.

    Kept are completions that ended by themselves and earn the threshold, no two of a prompt with the same text (white
    space aside), at most ``rule.keep`` of a prompt: the best first, of equal ones those sampled first.
    """
    kept: list[Candidate] = []
    for group in groups:
        good = [one for one in group if one.ended and one.reward >= rule.reward_at_least - _ROUNDING]
        distinct: dict[str, Candidate] = {}
        for one in sorted(good, key=lambda one: -one.reward):
            distinct.setdefault(" ".join(one.text.split()), one)
        kept += list(distinct.values())[: rule.keep]
    return kept


def share_of(one: Candidate, rule: RejectionConfig) -> str:
    """Return the group with which a kept completion shares examples: its dataset, task or level."""
    return {"mix": one.source, "task": one.task, "difficulty": str(one.difficulty)}[rule.balance]


def kept_counts(kept: Sequence[Candidate], rule: RejectionConfig) -> dict[str, int]:
    """Return how many completions each group has, groups sorted."""
    return dict(sorted(Counter(share_of(one, rule) for one in kept).items()))


def mix_examples(
    kept: Sequence[Any],
    groups: Sequence[str],
    general: Mapping[str, Sequence[Any]],
    rule: RejectionConfig,
    *,
    mix: Mapping[str, float],
    total: int,
    seed: int,
) -> list[Any]:
    """Line up ``total`` examples: general data by their stated shares, the rest shared by the kept ones' groups.

    With ``balance: mix`` the groups are datasets, with their weights in the stage's mix; else each has as much. Small
    groups are gone through more often. The same arguments give the same list.

    Args:
        kept: examples of what was kept.
        groups: the group of each.
        general: examples by the dataset's name.
        rule: the stage's.
        mix: the stage's weights by dataset.
        total: examples of the whole stage.
        seed: of the order.
    """
    sources: dict[str, list[Any]] = defaultdict(list)
    for one, group in zip(kept, groups, strict=True):
        sources[f"own {group}"].append(one)
    weights = {name: mix.get(name.removeprefix("own "), 0.0) if rule.balance == "mix" else 1.0 for name in sources}
    own, whole = 1.0 - math.fsum(rule.general.values()), math.fsum(weights.values())
    shares = {name: own * weight / whole for name, weight in weights.items()}
    for name, share in rule.general.items():
        sources[f"general {name}"], shares[f"general {name}"] = list(general[name]), share
    return order_stage(sources, shares, order="shuffled", total=total, seed=seed)


# ---------------------------------------------------------------------------------------------------- the guard


@dataclass(frozen=True, kw_only=True, slots=True)
class FallTest:
    """Accuracy of the same items before and after, and whether it fell."""

    before: float
    after: float
    items: int
    worse: int
    """Pictures or clips whose items do worse on the whole."""
    better: int
    p: float
    """Chance of so many worse ones, or more, if worse and better were as likely."""

    @property
    def fall(self) -> float:
        """Fall of the accuracy; negative where it rose."""
        return self.before - self.after

    def refuses(self, max_drop: float) -> bool:
        """Whether the accuracy fell by more than is allowed, and the fall is no chance."""
        return self.fall > max_drop + _ROUNDING and self.p < SIGNIFICANCE


def fall_test(before: Sequence[float], after: Sequence[float], clusters: Sequence[Hashable]) -> FallTest:
    """Compare accuracies of the same items, 0..1, in pairs.

    The exact one-sided sign test: p = sum_{i >= w} C(w + b, i) / 2^(w + b) with w clusters that are worse on the whole
    and b that are better; equal ones do not enter. Items about one picture are no independent witnesses, so a cluster
    counts once.
    """
    changes: dict[Hashable, list[float]] = defaultdict(list)
    for old, new, cluster in zip(before, after, clusters, strict=True):
        changes[cluster].append(new - old)
    sums = [math.fsum(one) for one in changes.values()]
    worse, better = sum(one < -_ROUNDING for one in sums), sum(one > _ROUNDING for one in sums)
    tail = sum(math.comb(worse + better, i) for i in range(worse, worse + better + 1))
    return FallTest(
        before=math.fsum(before) / len(before),
        after=math.fsum(after) / len(after),
        items=len(before),
        worse=worse,
        better=better,
        p=tail / 2 ** (worse + better),
    )
