"""Preference as reward: a score becomes the probability of beating reference answers (PAR)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar

from mmrl.errors import InputError
from mmrl.rewards.mechanism import Count, Positive, Real, Scope
from mmrl.rewards.shaping.base import EachShaping, sigmoid


def preference(score: float, references: Sequence[float], steepness: float = 1.0) -> float:
    """Return the mean over references of sigmoid(k (r - r_ref)): in (0, 1), steepest at the reference."""
    assert references, "a preference needs a reference"
    return math.fsum(sigmoid(steepness * (score - reference)) for reference in references) / len(references)


class CentredSigmoid(EachShaping):
    """Turns a score into the probability of beating reference answers to the same question; bounded, centred.

    Formula: r' = mean_m sigmoid(k (r - r_ref,m))
    Source: PAR (arXiv 2502.18770), code PorUna-byte/PAR trainers/reward_shaper.py; k = 1, up to M = 10 references.
    Deviation: references are read from `meta["reference_scores"]` of a sample, or are the same for all.
    """

    name: ClassVar[str] = "centred_sigmoid"
    steepness: Positive = 1.0
    references: tuple[Real, ...] = ()
    """Scores of reference answers, for samples without `meta["reference_scores"]`."""
    most: Count = 10
    """References of a sample that are used, from the first."""

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Scores belong to a term."""
        if self.term is None:
            yield "term", "must name the term whose score is shaped; found none"

    def one(self, value: float, scope: Scope, place: int) -> float:  # noqa: ARG002
        """Compare with the sample's references."""
        stored = scope.sample.meta.get("reference_scores", self.references)
        references = [one for one in stored if isinstance(one, int | float)] if isinstance(stored, list | tuple) else []
        if not references or len(references) != len(stored):
            raise InputError(
                f"centred_sigmoid must have reference scores, numbers all; found {stored!r}; sample {scope.sample.id}; "
                'put them into meta["reference_scores"], or give references in the config'
            )
        return preference(value, references[: self.most], self.steepness)
