"""The headline: accuracy by task before and after, with intervals, and what it says in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eval.report.text import visible
from eval.summary import family_name, format_p

Verdict = Literal["up", "down", "open"]
"""Whether the paired interval lies above zero, below it, or holds it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A value with its interval, in per cent, 0 to 100."""

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """Length of the interval."""
        return self.high - self.low

    @property
    def text(self) -> str:
        """The value as text."""
        return f"{self.value:.1f} %"


@dataclass(frozen=True, kw_only=True, slots=True)
class AccuracyRow:
    """One task family, or one task below it."""

    name: str
    is_family: bool
    n: int
    before: Span
    after: Span
    gain: str
    gain_interval: str
    verdict: Verdict
    p_value: str
    parse_failures: str
    """Share of unreadable answers, before and after."""
    lost: str
    """What else went wrong, where anything did: cut off or failed items."""


def accuracy_rows(summary: Mapping[str, Any]) -> list[AccuracyRow]:
    """Return families, each followed by its tasks; a family's only task is left out, as it says the same."""
    rows = []
    for family, numbers in summary["tasks"].items():
        rows.append(_row(family, numbers, is_family=True))
        tasks = {task: part for task, part in summary["subtasks"].items() if family_name(task) == family}
        if len(tasks) > 1:
            rows += [_row(task.split("/", 1)[-1], part, is_family=False) for task, part in tasks.items()]
    return rows


def _row(name: str, numbers: Mapping[str, Any], *, is_family: bool) -> AccuracyRow:
    low, high = numbers["gain_ci95"]
    return AccuracyRow(
        name=visible(name),
        is_family=is_family,
        n=numbers["n"],
        before=_span(numbers, "before"),
        after=_span(numbers, "after"),
        gain=f"{signed(numbers['after'] - numbers['before'])}",
        gain_interval=f"{signed(low)} to {signed(high)}",
        verdict=verdict_of(low, high),
        p_value=format_p(numbers["p_value"]) if "p_value" in numbers else "",
        parse_failures=_change(numbers, "parse_failures"),
        lost=_lost(numbers),
    )


def _span(numbers: Mapping[str, Any], when: str) -> Span:
    value = numbers[when]
    low, high = numbers.get(f"{when}_ci95", (value, value))
    return Span(value=100 * value, low=100 * low, high=100 * high)


def signed(fraction: float) -> str:
    """Write a difference of fractions in percentage points with its sign, a true minus for negative ones."""
    points = round(100 * fraction, 1)
    return "0.0" if points == 0 else f"{points:+.1f}".replace("-", "\N{MINUS SIGN}")


def verdict_of(low: float, high: float) -> Verdict:
    """Read a gain's interval."""
    return "up" if low > 0 else "down" if high < 0 else "open"


def _change(numbers: Mapping[str, Any], name: str) -> str:
    if f"{name}_before" not in numbers or f"{name}_after" not in numbers:
        return ""
    return f"{100 * numbers[f'{name}_before']:.1f} → {100 * numbers[f'{name}_after']:.1f} %"


def _lost(numbers: Mapping[str, Any]) -> str:
    parts = []
    if numbers.get("truncated_before", 0) or numbers.get("truncated_after", 0):
        parts.append(f"cut off {_change(numbers, 'truncated')}")
    if numbers.get("failed_before", 0) or numbers.get("failed_after", 0):
        parts.append(f"could not be run {numbers.get('failed_before', 0)} → {numbers.get('failed_after', 0)}")
    return ", ".join(parts)


def headline(rows: Sequence[AccuracyRow]) -> str:
    """Say in one or two sentences what the families' intervals say."""
    families = [row for row in rows if row.is_family]
    risen = [row for row in families if row.verdict == "up"]
    fallen = [row for row in families if row.verdict == "down"]
    unclear = [row for row in families if row.verdict == "open"]
    count = f"{len(families)} task famil{'y' if len(families) == 1 else 'ies'}"
    if not risen and not fallen:
        return f"No clear change of held-out accuracy in {count}, each interval holds zero{_gains(unclear)}."
    parts = [
        f"Held-out accuracy rose in {len(risen) or 'none'} of {count}{_gains(risen)}.",
        f"It fell in {len(fallen) or 'none'}{_gains(fallen)}.",
    ]
    if unclear:
        parts.append(f"Unclear, since the interval holds zero, in {len(unclear)}{_gains(unclear)}.")
    return " ".join(parts)


def _gains(rows: Sequence[AccuracyRow]) -> str:
    return ": " + ", ".join(f"{row.name} {row.gain} points" for row in rows) if rows else ""
