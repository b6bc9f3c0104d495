"""A rubric: named reward terms with weights, composed into one reward that keeps its parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from mmrl.errors import InputError
from mmrl.rewards.composition.base import Composition
from mmrl.rewards.composition.sums import WeightedSum
from mmrl.rewards.groups import GroupScorer
from mmrl.rewards.mechanism import Gather, Stateful
from mmrl.rewards.shaping.base import Shaping
from mmrl.rewards.shaping.steps import Steps
from mmrl.rewards.shaping.temporal import TemporalContrast
from mmrl.types import AnswerKind, RewardBreakdown, Rollout, Sample, StopReason, answer_kind

RewardFunction = Callable[[Sample, Rollout], float | None]
"""Value of one completion of one sample; None abstains."""

ABSTAINED = "abstained"
"""Note of a breakdown where no term with a weight had a say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardTerm:
    """One part of a reward.

    Built-in functions return 0 to 1 and abstain on answer kinds that are not theirs.
    """

    name: str
    function: RewardFunction
    weight: float = 1.0
    kinds: frozenset[AnswerKind] | None = None
    """Kinds of gold answers that the term applies to; None for all."""
    verifies: bool = False
    """Whether the value tells if the answer is correct, so that the term can carry a task alone."""
    graded: bool = False
    """Whether a verifying term gives partial credit, so that a wrong answer can earn some of it."""
    prepare: Callable[[Sequence[tuple[Sample, Rollout]]], None] | None = None
    """Told of a whole batch before its completions are scored one by one, by terms that ask somebody else."""
    facts: Callable[[], Mapping[str, float]] | None = None
    """Returns counts to be logged since its last call, under the term's name."""

    def applies_to(self, kind: AnswerKind) -> bool:
        """Whether the term has a say on answers of this kind."""
        return self.kinds is None or kind in self.kinds


class Rubric:
    """Terms with weights, and what unusable completions get.

    Args:
        terms: at least one; names differ; weights are finite, not negative and not all zero. A term of weight 0 is
            computed and kept in the breakdown, for watching.
        truncated: reward of a completion cut off by the token limit; None scores it like any other.
        failed: reward where media or backend failed.
        composition: how the terms become one reward; None for their weighted sum.
        shaping: what is done to single terms before that, or to the reward after it, in order.

    Raises:
        InputError: the terms or the stated rewards are unusable, or a mechanism names a term that is not there.
    """

    def __init__(
        self,
        terms: Sequence[RewardTerm],
        *,
        truncated: float | None = 0.0,
        failed: float = 0.0,
        composition: Composition | None = None,
        shaping: Sequence[Shaping] = (),
    ) -> None:
        _check_terms(terms)
        for name, value in (("truncated", truncated), ("failed", failed)):
            if value is not None and not math.isfinite(value):
                raise InputError(f"a stated reward must be finite; found {value}; rubric.{name}; give a number")
        self.terms = tuple(terms)
        self.truncated = truncated
        self.failed = failed
        self.composition = composition
        self.shapings = tuple(shaping)
        self._folds = {one.term: one for one in shaping if isinstance(one, Steps)}
        self._groups: GroupScorer | None = None
        if composition is not None or shaping:
            self._groups = GroupScorer(composition or WeightedSum(), self.shapings, {t.name: t.weight for t in terms})

    def score(self, sample: Sample, rollout: Rollout) -> RewardBreakdown:
        """Return the reward with each term's unweighted value: the weighted sum of the terms that have a say.

        A failed or truncated completion gets the stated reward instead, its terms are not computed, and the note says
        so. Where every term with a weight abstains the total is 0 and the note says ``abstained``. With a composition
        or shaping the completion counts as a group of one.

        Raises:
            InputError: a term's value is not a finite number or None.
        """
        if self._groups is not None:
            return self.score_groups([sample], [rollout], group_size=1)[0]
        stated = self._stated_reward(rollout)
        if stated is not None:
            return stated
        values = {term.name: _value(term, sample, rollout) for term in self.terms}
        weighted = [
            term.weight * value for term in self.terms if term.weight and (value := values[term.name]) is not None
        ]
        return RewardBreakdown(total=math.fsum(weighted), terms=values, note="" if weighted else ABSTAINED)

    def score_groups(
        self,
        samples_N: Sequence[Sample],
        rollouts_N: Sequence[Rollout],
        *,
        group_size: int,
        step: int = 0,
        steps: int = 0,
        gather: Gather = list,
    ) -> list[RewardBreakdown]:
        """Return the rewards of whole groups, one group after another; compositions and shapings may compare members.

        Args:
            samples_N: the sample of each completion.
            rollouts_N: the completions.
            group_size: completions of a group.
            step: optimiser steps of the stage that are done.
            steps: those that it has; 0 where that is not known.
            gather: joins values over processes, for running statistics.

        Raises:
            InputError: a term's value is not a finite number or None.
        """
        rows = list(zip(samples_N, rollouts_N, strict=True))
        if self._groups is None:
            for term in self.terms:
                _prepare(term, [row for row in rows if self._stated_reward(row[1]) is None])
            return [self.score(sample, rollout) for sample, rollout in rows]
        stated_N = [self._stated_reward(rollout) for rollout in rollouts_N]
        values_N = self._values_N(rows, stated_N)
        progress = {"step": step, "progress": min(1.0, step / steps) if steps else 0.0}
        totals_N = self._groups.totals(samples_N, rollouts_N, values_N, group_size, progress, gather)
        return [
            stated
            or RewardBreakdown(total=total or 0.0, terms=values or {}, note="" if total is not None else ABSTAINED)
            for stated, total, values in zip(stated_N, totals_N, values_N, strict=True)
        ]

    @property
    def reads_entropies(self) -> bool:
        """Whether completions must come with the policy's entropy at each token."""
        return any(one.reads_entropies for one in self.shapings)

    @property
    def shuffled_group(self) -> TemporalContrast | None:
        """The shaping that compares with a group of shuffled frames; None where none does."""
        return next((one for one in self.shapings if isinstance(one, TemporalContrast)), None)

    def values(self, sample: Sample, rollout: Rollout) -> dict[str, float | None]:
        """Return the terms' values of one completion, neither shaped nor composed; nothing remembers it.

        None for all terms of one that failed or was cut off and has a stated reward.

        Raises:
            InputError: a term's value is not a finite number or None.
        """
        if self._stated_reward(rollout) is not None:
            return {term.name: None for term in self.terms}
        return {term.name: _value(term, sample, rollout, self._folds.get(term.name)) for term in self.terms}

    def stateful(self) -> dict[str, Stateful]:
        """Return the mechanisms that remember something from batch to batch, by their place."""
        return {f"shaping.{at}": one for at, one in enumerate(self.shapings) if isinstance(one, Stateful)}

    def folds(self, name: str) -> tuple[Steps, ...]:
        """Return what makes one number of a term that returns the scores of steps; nothing for other terms."""
        return (self._folds[name],) if name in self._folds else ()

    def _values_N(
        self, rows: Sequence[tuple[Sample, Rollout]], stated_N: Sequence[RewardBreakdown | None]
    ) -> list[dict[str, float | None] | None]:
        """Return the terms' values of all rows; deferred terms last, and only for rows whose composition wants them."""
        assert self._groups is not None
        composition = self._groups.composition
        later = composition.deferred()
        names = [term.name for term in self.terms]
        values_N = [None if stated else dict[str, float | None](dict.fromkeys(names)) for stated in stated_N]
        for term in sorted(self.terms, key=lambda term: term.name in later):
            wanted = [
                (row, values)
                for row, values in zip(rows, values_N, strict=True)
                if values is not None and (term.name not in later or composition.wants(term.name, values, row[0]))
            ]
            _prepare(term, [row for row, _ in wanted])
            for row, values in wanted:
                values[term.name] = _value(term, *row, self._folds.get(term.name))
        return values_N

    def _stated_reward(self, rollout: Rollout) -> RewardBreakdown | None:
        if rollout.stop is StopReason.FAILED:
            return self._stated(self.failed, "failed")
        if rollout.stop is StopReason.LENGTH and self.truncated is not None:
            return self._stated(self.truncated, "truncated")
        return None

    def _stated(self, total: float, note: str) -> RewardBreakdown:
        return RewardBreakdown(total=total, terms={term.name: None for term in self.terms}, note=note)

    def verifying(self, kind: AnswerKind) -> tuple[str, ...]:
        """Return the names of the terms with a weight that can tell whether an answer of this kind is correct."""
        return tuple(term.name for term in self.terms if term.verifies and term.weight and term.applies_to(kind))

    def shaping(self, kind: AnswerKind) -> tuple[str, ...]:
        """Return the names of the other terms with a weight that have a say on this kind."""
        return tuple(term.name for term in self.terms if not term.verifies and term.weight and term.applies_to(kind))

    def check_covers(self, samples: Iterable[Sample], *, where: str = "rubric") -> None:
        """Make sure that for every task in the data some term tells right answers from wrong ones.

        Raises:
            InputError: naming the tasks without such a term.
        """
        asked = {(sample.task, answer_kind(sample.answer)) for sample in samples}
        bare = sorted((task, kind) for task, kind in asked if not self.verifying(kind))
        if bare:
            listed = ", ".join(f"{task} ({kind})" for task, kind in bare)
            names = ", ".join(term.name for term in self.terms if term.weight)
            raise InputError(
                f"a rubric must have a term that verifies each task's answers; found only {names} for {listed}; "
                f"{where}; add accuracy, or say `verifies: true` for a plug-in that does"
            )


def _check_terms(terms: Sequence[RewardTerm]) -> None:
    if not terms:
        raise InputError("a rubric must have at least one term; found none; rubric.terms; add accuracy")
    names = [term.name for term in terms]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"term names must differ; found {name} {names.count(name)} times; rubric.terms; rename one"
            )
    for term in terms:
        if not math.isfinite(term.weight) or term.weight < 0:
            reason = f"a weight must be finite and 0 or more; found {term.weight}; rubric.terms.{term.name}; correct it"
            raise InputError(reason)
    if not any(term.weight for term in terms):
        raise InputError("at least one weight must be above 0; found only zeros; rubric.terms; give one a weight")


def _prepare(term: RewardTerm, rows: Sequence[tuple[Sample, Rollout]]) -> None:
    """Tell a term that asks somebody else of all rows that it has a say on, so that it asks about them at once."""
    if term.prepare is not None:
        term.prepare([row for row in rows if term.applies_to(answer_kind(row[0].answer))])


def _value(term: RewardTerm, sample: Sample, rollout: Rollout, fold: Steps | None = None) -> float | None:
    """Return a term's value as a float, scores of steps folded where that is asked for.

    A value that would poison the whole group's advantages is refused.
    """
    if not term.applies_to(answer_kind(sample.answer)):
        return None
    try:
        value: Any = term.function(sample, rollout)
    except Exception as error:  # whatever it is, it goes on upwards, with term and sample
        error.add_note(f"raised by reward term {term.name} on sample {sample.id}")
        raise
    if value is None:
        return None
    if fold is not None and isinstance(value, list | tuple) and all(isinstance(one, Real) for one in value):
        value = fold.fold([float(one) for one in value])
    if not isinstance(value, Real) or not math.isfinite(value):
        raise InputError(
            f"a reward term must return a finite number or None; found {value!r}; term {term.name}, sample "
            f"{sample.id}; correct its function"
        )
    return float(value)
