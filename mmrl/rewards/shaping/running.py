"""Running statistics of a score over training, and what is normalised by them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import PrivateAttr

from mmrl.rewards.mechanism import Gather, Positive, Scope, Stateful
from mmrl.rewards.shaping.base import EachShaping


@dataclass(kw_only=True, slots=True)
class Moments:
    """Count, mean, sum of squared deviations and range of all that was seen (Chan's update of batches)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def add(self, values: Sequence[float]) -> None:
        """Take a batch in; the result is that of all batches together."""
        if not values:
            return
        size, mean = len(values), math.fsum(values) / len(values)
        squares = math.fsum((value - mean) ** 2 for value in values)
        total, difference = self.count + size, mean - self.mean
        self.squares += squares + difference**2 * self.count * size / total
        self.mean += difference * size / total
        self.count = total
        self.low, self.high = min(self.low, *values), max(self.high, *values)

    @property
    def std(self) -> float:
        """Standard deviation, divided by n; 0 for nothing seen."""
        return math.sqrt(self.squares / self.count) if self.count else 0.0


class RunningNorm(EachShaping, Stateful):
    """Normalises a score by what was seen of it so far, this batch included.

    Formula: standard: (r - mean) / (std + eps); clip: r held within mean +- limit * std; range: (r - min) / (max - min)
    Source: PAR's alternatives (arXiv 2502.18770), code PorUna-byte/PAR trainers/reward_shaper.py; limit 1.
    Deviation: over all processes and over the whole stage; a checkpoint keeps the statistics.
    """

    name: ClassVar[str] = "running"
    rule: Literal["standard", "clip", "range"] = "standard"
    limit: Positive = 1.0
    """Standard deviations, for ``clip``."""
    eps: Positive = 1e-8
    _moments: Moments = PrivateAttr(default_factory=lambda: Moments())

    def observe(self, values_N: Sequence[float | None], gather: Gather) -> None:
        """Take the batches of all processes in."""
        self._moments.add([value for value in gather(list(values_N)) if value is not None])

    def one(self, value: float, scope: Scope, place: int) -> float:  # noqa: ARG002
        """Apply the rule."""
        seen = self._moments
        if self.rule == "standard":
            return (value - seen.mean) / (seen.std + self.eps)
        if self.rule == "clip":
            reach = self.limit * seen.std
            return min(seen.mean + reach, max(seen.mean - reach, value))
        return (value - seen.low) / (seen.high - seen.low) if seen.high > seen.low else 0.5

    def state(self) -> dict[str, Any]:
        """Return the statistics; nothing where nothing was seen."""
        seen = self._moments
        return {key: getattr(seen, key) for key in Moments.__slots__} if seen.count else {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's statistics."""
        self._moments = Moments(**state)
