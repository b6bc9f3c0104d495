"""A rubric: named reward terms with weights, composed into one reward that keeps its parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real

from mmrl.errors import InputError
from mmrl.types import AnswerKind, RewardBreakdown, Rollout, Sample, StopReason, answer_kind

RewardFunction = Callable[[Sample, Rollout], float | None]
"""Value of one completion of one sample; None abstains."""


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

    Raises:
        InputError: the terms or the stated rewards are unusable.
    """

    def __init__(self, terms: Sequence[RewardTerm], *, truncated: float | None = 0.0, failed: float = 0.0) -> None:
        _check_terms(terms)
        for name, value in (("truncated", truncated), ("failed", failed)):
            if value is not None and not math.isfinite(value):
                raise InputError(f"a stated reward must be finite; found {value}; rubric.{name}; give a number")
        self.terms = tuple(terms)
        self.truncated = truncated
        self.failed = failed

    def score(self, sample: Sample, rollout: Rollout) -> RewardBreakdown:
        """Return the weighted sum of the terms that have a say, with each term's unweighted value.

        A failed or truncated completion gets the stated reward instead, its terms are not computed, and the note says
        so. Where every term with a weight abstains the total is 0 and the note says ``abstained``.

        Raises:
            InputError: a term's value is not a finite number or None.
        """
        if rollout.stop is StopReason.FAILED:
            return self._stated(self.failed, "failed")
        if rollout.stop is StopReason.LENGTH and self.truncated is not None:
            return self._stated(self.truncated, "truncated")
        values = {term.name: _value(term, sample, rollout) for term in self.terms}
        weighted = [
            term.weight * value for term in self.terms if term.weight and (value := values[term.name]) is not None
        ]
        return RewardBreakdown(total=math.fsum(weighted), terms=values, note="" if weighted else "abstained")

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


def _value(term: RewardTerm, sample: Sample, rollout: Rollout) -> float | None:
    """Return a term's value as a float; a value that would poison the whole group's advantages is refused."""
    if not term.applies_to(answer_kind(sample.answer)):
        return None
    try:
        value = term.function(sample, rollout)
    except Exception as error:  # whatever it is, it goes on upwards, with term and sample
        error.add_note(f"raised by reward term {term.name} on sample {sample.id}")
        raise
    if value is None:
        return None
    if not isinstance(value, Real) or not math.isfinite(value):
        raise InputError(
            f"a reward term must return a finite number or None; found {value!r}; term {term.name}, sample "
            f"{sample.id}; correct its function"
        )
    return float(value)
