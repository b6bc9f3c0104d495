"""When a stage has done its work: rules that end it early, each of which allows for noise.

A rule looks at the stage every so often, and ends it only if what the rule asks for would be wrongly seen in no more
than one stage of twenty, however often it looks: each of the ``n`` looks that the stage allows has an error of
``ERROR / n`` (Bonferroni). Windows of successive looks share no step.

    reward      lower bound of the mean of the last ``over_steps`` steps >= ``reward_at_least``        (Student's t)
    plateau     upper bound of that mean's gain over as many steps before < ``min_gain``               (Welch's t)
    held_out    lower bound of the accuracy >= ``accuracy_at_least``                                   (Wilson)
    stalled     upper bound of the gain over the look ``patience`` looks before < ``min_gain``         (paired, below)

A plateau is thus never concluded from not seeing a gain, only from seeing that there was none of that size; a rule
whose windows are too short, or whose dataset is too small, for ``min_gain`` does not fire. Held-out looks ask the same
questions, so their gain is paired; a made-up gain and loss are counted in (after Agresti and Min 2005), since few items
that all stay the same prove little. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from mmrl.config.schema import HeldOutConfig, StopConfig
from mmrl.rewards.mechanism import Stateful

ERROR = 0.05
"""Chance that a rule fires in a stage where what it asks for is not so, over all its looks."""
ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """That a stage ends, and why."""

    rule: str
    """``reward``, ``plateau``, ``held_out`` or ``stalled``."""
    numbers: Mapping[str, float]
    """What was measured, its bound, and what was asked for."""


class Promotion(Stateful):
    """The rules of one stage with what they have seen so far."""

    def __init__(self, rule: StopConfig, steps: int) -> None:
        self.rule = rule
        self.steps = steps
        self._values: list[float | None] = []
        """Of every step: the watched mean; NaN where nothing was judged, None where nothing was generated."""
        self._held_out: list[list[float]] = []
        """Of every look: how right each item was, in the same order."""

    def note(self, value: float | None, *, is_new: bool = True) -> None:
        """Take in the watched mean of a step, in order of steps.

        Args:
            value: the mean, or None where nothing was judged.
            is_new: False for a step that trained once more on completions that an earlier one generated.
        """
        self._values.append((math.nan if value is None else value) if is_new else None)

    def note_held_out(self, scores: Sequence[float]) -> None:
        """Take in a look at the held-out dataset: how right each item was, 0 to 1."""
        self._held_out.append(list(scores))

    def looks_at_held_out(self, step: int) -> bool:
        """Whether the held-out dataset is to be answered after this step."""
        return self.rule.held_out is not None and step % self.rule.held_out.every == 0

    def decide(self, step: int) -> Decision | None:
        """Return the first rule that is met after this step, or None; steps and looks are noted by then."""
        rule, held_out = self.rule, self.rule.held_out
        decision = None
        if rule.reward_at_least is not None and self._is_look(step, rule.over_steps, rule.over_steps):
            decision = self._level(rule.reward_at_least)
        if decision is None and rule.plateau is not None and self._is_look(step, rule.plateau, 2 * rule.plateau):
            decision = self._plateau(rule.plateau)
        if decision is None and held_out is not None and self._is_look(step, held_out.every, held_out.every):
            decision = self._accuracy(held_out) or self._stalled(held_out)
        return decision

    def _is_look(self, step: int, every: int, first: int) -> bool:
        return step in looks(self.rule, self.steps, every=every, first=first)

    def _error(self, every: int, first: int) -> float:
        return ERROR / max(1, len(looks(self.rule, self.steps, every=every, first=first)))

    def _level(self, level: float) -> Decision | None:
        over = self.rule.over_steps
        values = new_values(self._values[-over:])
        bound = mean_bound(values, error=self._error(over, over))
        if not bound >= level - ROUNDING:
            return None
        return Decision(
            rule="reward", numbers={"mean": _mean(values), "lower_bound": bound, "at_least": level, "steps": over}
        )

    def _plateau(self, window: int) -> Decision | None:
        last, before = new_values(self._values[-window:]), new_values(self._values[-2 * window : -window])
        bound = gain_bound(before, last, error=self._error(window, 2 * window))
        if not bound < self.rule.min_gain:
            return None
        numbers = {"mean": _mean(last), "mean_before": _mean(before), "upper_bound_of_gain": bound}
        return Decision(rule="plateau", numbers={**numbers, "min_gain": self.rule.min_gain, "steps": window})

    def _accuracy(self, held_out: HeldOutConfig) -> Decision | None:
        level = held_out.accuracy_at_least
        if level is None:
            return None
        scores = self._held_out[-1]
        bound = accuracy_bound(scores, error=self._error(held_out.every, held_out.every))
        if not bound >= level - ROUNDING:
            return None
        numbers = {"accuracy": _mean(scores), "lower_bound": bound, "at_least": level, "items": len(scores)}
        return Decision(rule="held_out", numbers=numbers)

    def _stalled(self, held_out: HeldOutConfig) -> Decision | None:
        patience = held_out.patience
        if patience is None or len(self._held_out) <= patience:
            return None
        now, before = self._held_out[-1], self._held_out[-1 - patience]
        first = (patience + 1) * held_out.every
        bound = paired_gain_bound(before, now, error=self._error(held_out.every, first))
        if not bound < self.rule.min_gain:
            return None
        numbers = {"accuracy": _mean(now), "accuracy_before": _mean(before), "upper_bound_of_gain": bound}
        return Decision(rule="stalled", numbers={**numbers, "min_gain": self.rule.min_gain, "looks": patience})

    def state(self) -> dict[str, Any]:
        """Return what was seen, as JSON values; a NaN is written as text."""
        values = ["nan" if value is not None and math.isnan(value) else value for value in self._values]
        return {"values": values, "held_out": self._held_out}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` returned."""
        self._values = [math.nan if value == "nan" else value for value in state["values"]]
        self._held_out = [list(scores) for scores in state["held_out"]]


def looks(rule: StopConfig, steps: int, *, every: int, first: int) -> range:
    """Return the steps of a stage after which a rule looks: every so many, none before ``first`` or ``min_steps``."""
    begin = max(first, rule.min_steps)
    return range(every * math.ceil(begin / every), steps + 1, every)


def earliest_end(rule: StopConfig, steps: int) -> int:
    """Return the step after which a stage may end at the soonest; its last one where no rule can be met before."""
    held_out, firsts = rule.held_out, []
    if rule.reward_at_least is not None:
        firsts.append((rule.over_steps, rule.over_steps))
    if rule.plateau is not None:
        firsts.append((rule.plateau, 2 * rule.plateau))
    if held_out is not None and held_out.accuracy_at_least is not None:
        firsts.append((held_out.every, held_out.every))
    if held_out is not None and held_out.patience is not None:
        firsts.append((held_out.every, (held_out.patience + 1) * held_out.every))
    found = [next(iter(looks(rule, steps, every=every, first=first)), steps) for every, first in firsts]
    return min(found, default=steps)


# ---------------------------------------------------------------------------------------------------- bounds


def new_values(values: Sequence[float | None]) -> list[float]:
    """Return the values of steps that generated completions: others repeat what is counted already."""
    return [value for value in values if value is not None]


def mean_bound(values: Sequence[float], *, error: float) -> float:
    """Return the lower bound of the mean of independent values: m - t(n - 1) s / sqrt(n).

    Minus infinity where fewer than two values, or one that is NaN, leave it unknown.
    """
    if len(values) < 2 or any(math.isnan(value) for value in values):
        return -math.inf
    spread = _variance(values) / len(values)
    return _mean(values) - _t(1.0 - error, len(values) - 1) * math.sqrt(spread)


def gain_bound(before: Sequence[float], after: Sequence[float], *, error: float) -> float:
    """Return the upper bound of ``mean(after) - mean(before)``, by Welch's t with Satterthwaite's degrees of freedom.

    Infinite where fewer than two values on a side, or one that is NaN, leave it unknown.
    """
    if min(len(before), len(after)) < 2 or any(math.isnan(value) for value in (*before, *after)):
        return math.inf
    parts = [(_variance(values) / len(values), len(values) - 1) for values in (before, after)]
    spread = sum(part for part, _ in parts)
    gain = _mean(after) - _mean(before)
    if spread == 0.0:
        return gain
    freedom = spread**2 / sum(part**2 / degrees for part, degrees in parts)
    return gain + _t(1.0 - error, freedom) * math.sqrt(spread)


def accuracy_bound(scores: Sequence[float], *, error: float) -> float:
    """Return Wilson's lower bound of an accuracy, by the spread of right and wrong: partial credit has less."""
    if not scores:
        return -math.inf
    z, n, p = NormalDist().inv_cdf(1.0 - error), len(scores), _mean(scores)
    centre = p + z * z / (2 * n)
    return (centre - z * math.sqrt(p * (1.0 - p) / n + z * z / (4 * n * n))) / (1.0 + z * z / n)


def paired_gain_bound(before: Sequence[float], after: Sequence[float], *, error: float) -> float:
    """Return the upper bound of the mean gain on the same items.

    With gains d_i, and one of +1/sqrt(2) and one of -1/sqrt(2) put to them: m = sum d / n, v = sum d^2 / n - m^2, and
    the bound is m + z sqrt(v / n), with n counting those two. On right and wrong answers they are half a discordant
    pair each way and half a concordant one of each kind, as Agresti and Min (2005) add.
    """
    gains = [late - early for early, late in zip(before, after, strict=True)]
    n = len(gains) + 2
    mean = math.fsum(gains) / n
    variance = (math.fsum(gain * gain for gain in gains) + 1.0) / n - mean * mean
    return mean + NormalDist().inv_cdf(1.0 - error) * math.sqrt(variance / n)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _t(probability: float, degrees: float) -> float:
    from scipy.special import stdtrit  # takes a moment to load, and most runs have no rule

    return float(stdtrit(degrees, probability))
