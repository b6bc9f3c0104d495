"""A rubric's rewards of many attempts at many samples, and what becomes of them as advantages."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from mmrl.audit.attempts import Attempt
from mmrl.rewards import RewardTerm, Rubric
from mmrl.rewards.advantage.base import deviation, standardised
from mmrl.rewards.advantage.baseline import mean_only
from mmrl.rewards.rubric import ABSTAINED
from mmrl.types import RewardBreakdown, Rollout, Sample

Phase = Literal["wrong", "mixed", "right"]
PHASES: tuple[Phase, ...] = get_args(Phase)
"""Groups at the start of training, where nothing is right yet; in between; and at its end."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """All attempts at one sample with their rewards, scored as one group."""

    sample: Sample
    attempts: Sequence[Attempt]
    breakdowns: Sequence[RewardBreakdown]

    @property
    def rewards(self) -> list[float]:
        """Totals, in the order of the attempts."""
        return [one.total for one in self.breakdowns]

    @property
    def gold(self) -> float:
        """What the gold answer earns."""
        return self.breakdowns[0].total

    @property
    def mute(self) -> bool:
        """Whether no term has a say on the gold answer."""
        return self.breakdowns[0].note == ABSTAINED


def judge(rubric: Rubric, sample: Sample, attempts: Sequence[Attempt], *, step: int = 0, steps: int = 0) -> Judged:
    """Score all attempts at a sample together, as after ``step`` of ``steps`` optimiser steps."""
    rollouts = [one.rollout for one in attempts]
    found = rubric.score_groups([sample] * len(rollouts), rollouts, group_size=len(rollouts), step=step, steps=steps)
    return Judged(sample=sample, attempts=attempts, breakdowns=found)


@dataclass(frozen=True, kw_only=True)
class SampledGroup:
    """Completions of one sample as training meets them."""

    phase: Phase
    sample: Sample
    rollouts: list[Rollout]
    rights: list[bool]
    """Whether each is right, by the data's own rule."""


def sampled_groups(judged: Sequence[Judged], size: int, rng: random.Random) -> list[SampledGroup]:
    """Return up to three groups a sample: all wrong as when training starts, mixed, all right as at its end."""
    groups = []
    for one in judged:
        right = [tried for tried in one.attempts if tried.right]
        wrong = [tried for tried in one.attempts if not tried.right]
        mixed = [*right[:1], *wrong[:1], *right[1:2], *rng.choices(one.attempts, k=size)]
        shuffled = rng.sample(wrong, len(wrong))
        members: dict[Phase, list[Attempt]] = {"wrong": shuffled, "mixed": mixed, "right": right}
        for phase, tried in members.items():
            if len(tried) > 1:
                taken = [tried[at % len(tried)] for at in range(size)]
                rollouts, rights = [each.rollout for each in taken], [each.right for each in taken]
                groups.append(SampledGroup(phase=phase, sample=one.sample, rollouts=rollouts, rights=rights))
    return groups


def advantages(rubric: Rubric, groups: Sequence[SampledGroup], scale: str) -> list[list[float]]:
    """Return each group's advantages, divided by its deviation, or else by that of all."""
    found = []
    for group in groups:
        size = len(group.rollouts)
        scored = rubric.score_groups([group.sample] * size, group.rollouts, group_size=size)
        rewards = [one.total for one in scored]
        found.append(standardised(rewards) if scale == "group" else mean_only(rewards))
    spread = deviation([value for group in found for value in group]) if scale != "group" else 1.0
    return [[value / (spread or 1.0) for value in group] for group in found]


def values_in(rubric: Rubric, term: RewardTerm, group: SampledGroup) -> list[float]:
    """Return what a term says about a group's completions, where it has a say."""
    alone = Rubric([replace(term, weight=1.0)], shaping=rubric.folds(term.name))
    values = [alone.score(group.sample, rollout).terms[term.name] for rollout in group.rollouts]
    return [value for value in values if value is not None]


def changed(rubric: Rubric, name: str, term: RewardTerm) -> Rubric:
    """Return the rubric with another term in place of the one called ``name``."""
    terms = [term if one.name == name else one for one in rubric.terms]
    return Rubric(
        terms,
        truncated=rubric.truncated,
        failed=rubric.failed,
        composition=rubric.composition,
        shaping=rubric.shapings,
    )


def held_constant(rubric: Rubric, name: str) -> Rubric:
    """Return the rubric with a term that says 1 wherever it has a say: what is left without its differences."""
    term = next(one for one in rubric.terms if one.name == name)

    def constant(sample: Sample, rollout: Rollout) -> float | None:
        return None if term.function(sample, rollout) is None else 1.0

    return changed(rubric, name, replace(term, function=constant))


def reweighted(rubric: Rubric, name: str, factor: float) -> Rubric:
    """Return the rubric with one weight multiplied."""
    term = next(one for one in rubric.terms if one.name == name)
    return changed(rubric, name, replace(term, weight=term.weight * factor))


def mean_change(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> float:
    """Return the mean absolute difference of two lists of groups' advantages."""
    pairs = [(a, b) for one, other in zip(first, second, strict=True) for a, b in zip(one, other, strict=True)]
    return sum(abs(a - b) for a, b in pairs) / len(pairs) if pairs else 0.0
