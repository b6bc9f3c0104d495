"""Several ways of training, each from several seeds, side by side: means, intervals over seeds, claims on their order.

An *arm* is one way of training. All runs are evaluated on the same items. Runs of one seed share data and order and
are paired; what differs between seeds is chance, so intervals are over seeds, not over items: with few seeds they are
wide, and say so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.statistics import GainEstimate, paired_gain_interval

Point = tuple[float, float]
"""Optimiser step, value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One way of training and what came of it."""

    name: str
    title: str
    """For people: what is trained, in a few words."""
    scores: Mapping[int, Sequence[float]]
    """Score of every item in 0..1, in the same order for all arms and seeds, by seed."""
    curves: Mapping[int, Sequence[Point]]
    """A logged quantity over training, by seed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """That one arm does better than another."""

    better: str
    worse: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A claim with the difference that was measured, over the seeds that both arms have."""

    claim: Claim
    estimate: GainEstimate
    """Better less worse, with its 95 % interval."""
    seeds: int

    @property
    def is_shown(self) -> bool:
        """Whether the whole interval is on the claim's side."""
        return self.estimate.low > 0

    @property
    def holds_in_mean(self) -> bool:
        """Whether the difference has the claim's sign."""
        return self.estimate.gain > 0


def arm_estimate(arm: Arm) -> GainEstimate:
    """Return an arm's mean score with its 95 % interval over seeds (Student's t), cut to 0..1."""
    flat = [(seed, value) for seed, values in sorted(arm.scores.items()) for value in values]
    estimate = paired_gain_interval([0.0] * len(flat), [value for _, value in flat], [seed for seed, _ in flat])
    low, high = max(0.0, estimate.low), min(1.0, estimate.high)
    return GainEstimate(gain=estimate.gain, low=low, high=high, estimate=estimate.estimate)


def difference(better: Arm, worse: Arm) -> GainEstimate | None:
    """Return the paired difference of two arms over the seeds that both have, or None where there is none."""
    seeds = sorted(better.scores.keys() & worse.scores.keys())
    pairs = [(seed, *pair) for seed in seeds for pair in zip(worse.scores[seed], better.scores[seed], strict=True)]
    if not pairs:
        return None
    return paired_gain_interval([pair[1] for pair in pairs], [pair[2] for pair in pairs], [pair[0] for pair in pairs])


def findings(arms: Sequence[Arm], claims: Sequence[Claim]) -> list[Finding]:
    """Return what was measured about each claim whose arms have a seed in common."""
    by_name = {arm.name: arm for arm in arms}
    found = []
    for claim in claims:
        first, second = by_name.get(claim.better), by_name.get(claim.worse)
        estimate = difference(first, second) if first and second else None
        if estimate is not None:
            found.append(Finding(claim=claim, estimate=estimate, seeds=estimate.estimate.clusters))
    return found


def verdict(found: Sequence[Finding], claims: Sequence[Claim], *, order: str) -> str:
    """Return one honest sentence on whether an order appears, computed from the findings.

    Args:
        found: of :func:`findings`.
        claims: all that the order consists of.
        order: what it is called: "the paper's order (...)".
    """
    missing = len(claims) - len(found)
    if missing or not found:
        return f"No verdict on {order} yet: {missing} of {len(claims)} comparisons are not trained."
    seeds = min(finding.seeds for finding in found)
    base = f"over {seeds} seed{'s' if seeds != 1 else ''}"
    shown = [finding for finding in found if finding.is_shown]
    against = [finding for finding in found if not finding.holds_in_mean]
    if len(shown) == len(found):
        return f"Appears: {order} shows in all {len(found)} comparisons {base}, with every 95 % interval above zero."
    if not against and not shown:
        return (
            f"Not shown: all {len(found)} differences have the sign of {order} {base}, but every 95 % interval "
            "includes zero, so nothing is told apart from chance."
        )
    if not against:
        return (
            f"Suggested, not shown: all {len(found)} differences have the sign of {order} {base}, but only "
            f"{len(shown)} of their 95 % intervals lie above zero."
        )
    refuted = [finding for finding in against if finding.estimate.high < 0]
    named = ", ".join(f"{one.claim.better} is not above {one.claim.worse}" for one in against)
    strength = f"{len(refuted)} of these with its 95 % interval below zero" if refuted else "all within chance"
    return f"Does not appear: {order} fails {base} in {len(against)} of {len(found)} comparisons ({named}; {strength})."


def mean_curve(arm: Arm, *, window: int) -> list[Point]:
    """Return the mean over seeds at the steps that all of them have, smoothed by a centred moving mean."""
    curves = [dict(curve) for curve in arm.curves.values() if curve]
    if not curves:
        return []
    steps = sorted(set.intersection(*(set(curve) for curve in curves)))
    means = [math.fsum(curve[step] for curve in curves) / len(curves) for step in steps]
    half = window // 2
    near = [means[max(0, place - half) : place + half + 1] for place in range(len(steps))]
    return [(step, math.fsum(values) / len(values)) for step, values in zip(steps, near, strict=True)]
