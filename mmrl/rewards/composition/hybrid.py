"""Routing between a rule and a reward model, by item (HARMO)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, get_args

from mmrl.rewards.composition.base import EachComposition, rest_of, weighted_sum
from mmrl.rewards.mechanism import Scope, Term, Values
from mmrl.types import AnswerKind, Sample, answer_kind


def is_verifiable(sample: Sample, open_kinds: tuple[AnswerKind, ...]) -> bool:
    """Whether a rule can check an item: its ``meta["verifiable"]``, or else that its answer is of no open kind."""
    stated = sample.meta.get("verifiable")
    return stated if isinstance(stated, bool) else answer_kind(sample.answer) not in open_kinds


class Hybrid(EachComposition):
    """Scores an item by the rule where it is verifiable and by the model where not, and adds the other aspects.

    Formula: R = w_rule * rule or w_model * model, by item, + sum of the other weighted terms
    Source: HARMO, Beyond Monolithic Rewards (arXiv 2510.05283), through reviews; its length aspect is the shaping
        `group_length`, its mean-only advantage `training.scale_rewards: none`.
    Deviation: our reconstruction. The routing test could not be read: the item decides here, never the response, and
        each aspect has a declared weight where the paper adds plainly.
    """

    name: ClassVar[str] = "hybrid"
    rule: Term = "accuracy"
    model: Term
    """A term that asks a reward model; not computed for items that the rule can check."""
    open_kinds: tuple[AnswerKind, ...] = ("text",)
    """Kinds of gold answers that go to the model unless ``meta["verifiable"]`` says otherwise."""

    def terms_read(self) -> Iterator[tuple[str, str]]:
        """Yield both routes."""
        yield "rule", self.rule
        yield "model", self.model

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Something must be left for the rule."""
        if set(self.open_kinds) == set(get_args(AnswerKind)):
            yield "open_kinds", "must leave some kind to the rule; found all of them"

    def deferred(self) -> tuple[str, ...]:
        """The model is asked last."""
        return (self.model,)

    def wants(self, name: str, values: Values, sample: Sample) -> bool:  # noqa: ARG002
        """Whether the item goes to the model."""
        return not is_verifiable(sample, self.open_kinds)

    def total(self, values: Values, scope: Scope) -> float | None:
        """Add the route's term to all but the other one."""
        skipped = self.model if is_verifiable(scope.sample, self.open_kinds) else self.rule
        return weighted_sum(values, scope.weights, rest_of(scope.weights, [skipped]))
