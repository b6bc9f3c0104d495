"""Geometry of charts: numbers in, positions in per cent of the plotting area and SVG path text out.

Labels are laid over the drawing as HTML, so they keep their size on a narrow screen while the drawing stretches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_POINTS = 400
"""Points of a curve; longer runs are averaged in equal groups of steps."""
_MAX_VALUE = 1e300
"""Sums of values up to here stay finite, and quotients of values from its inverse on."""
SCALE = 1000
"""Width and height of the drawing's own coordinates."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A labelled position on an axis."""

    at: float
    """Per cent from the left or from the bottom."""
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A stage's stretch of the horizontal axis."""

    name: str
    left: float
    """Per cent."""
    width: float
    """Per cent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A curve over optimiser steps, ready to draw."""

    title: str
    unit: str
    raw: str
    """SVG path of the values as logged."""
    smooth: str
    """SVG path of their centred moving mean, within stages."""
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    spans: tuple[Span, ...]
    points: tuple[tuple[float, float, str, str], ...]
    """Per cent from the left and from the bottom, step and value as text: what pointing at the curve shows."""
    window: int
    """Points in the moving mean."""
    last: str
    """The value at the end, smoothed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """A linear axis from ``low`` to ``high``."""

    low: float
    high: float

    def percent(self, value: float) -> float:
        """Return the position of ``value`` in per cent of the axis."""
        return 100.0 * (value - self.low) / (self.high - self.low)


def line_chart(
    steps: Sequence[Mapping[str, Any]],
    key: str,
    *,
    title: str,
    unit: str = "",
    share: bool = False,
    unit_if_fits: bool = False,
) -> Chart | None:
    """Return the chart of one logged quantity over all steps, or None where fewer than two steps have it.

    ``share`` marks a quantity between 0 and 1, drawn from zero and in per cent, to 100 % unless it stays below half.
    ``unit_if_fits`` draws any other quantity from 0 to 1 as long as its values lie there, so that charts compare.
    """
    points = [point for point in _points(steps, key) if point[2] is not None]
    if len(points) < 2:
        return None
    points = _thinned(points)
    values = [value for _, _, value in points]
    window = 2 * (len(points) // 40) + 1
    smooth = _moving_mean(points, window)
    x_axis = Axis(low=float(steps[0]["global_step"]), high=float(steps[-1]["global_step"]))
    y_axis = _value_axis(values, share=share, unit_if_fits=unit_if_fits)
    show = (lambda value: f"{100 * value:.3g} %") if share else _number
    return Chart(
        title=title,
        unit=unit,
        raw=_path([(x, stage, y) for x, stage, y in points], x_axis, y_axis),
        smooth=_path(smooth, x_axis, y_axis),
        x_ticks=tuple(Tick(at=x_axis.percent(x), label=f"{x:g}") for x in _inner_ticks(x_axis)),
        y_ticks=tuple(Tick(at=y_axis.percent(y), label=show(y)) for y in nice_ticks(y_axis.low, y_axis.high)),
        spans=_spans(steps, x_axis),
        points=tuple((x_axis.percent(x), y_axis.percent(y), f"{x:g}", show(y)) for x, _, y in points),
        window=window,
        last=show(smooth[-1][2]),
    )


def _value_axis(values: Sequence[float], *, share: bool, unit_if_fits: bool) -> Axis:
    low, high = min(values), max(values)
    if share and high <= 0.5:
        return nice_axis(0.0, max(high, 0.01))
    if share or (unit_if_fits and low >= 0.0 and high <= 1.0):
        return Axis(low=0.0, high=1.0)
    return nice_axis(low, high)


Point = tuple[float, int, float]
"""Step, stage index, value."""


def _points(steps: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    return [(float(step["global_step"]), step.get("stage_index", 0), finite(step.get(key))) for step in steps]


def finite(value: Any) -> float | None:
    """Return a logged value as a number; None for what is missing, null, no number or too large for an axis."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _MAX_VALUE:
        return None
    return float(value) if abs(value) >= 1 / _MAX_VALUE else 0.0


def _thinned(points: list[Point]) -> list[Point]:
    size = math.ceil(len(points) / MAX_POINTS)
    if size == 1:
        return points
    thinned: list[Point] = []
    for group in _by_stage(points):
        for start in range(0, len(group), size):
            part = group[start : start + size]
            thinned.append((_mean([p[0] for p in part]), part[0][1], _mean([p[2] for p in part])))
    return thinned


def _by_stage(points: Sequence[Point]) -> list[list[Point]]:
    groups: list[list[Point]] = []
    for point in points:
        if not groups or groups[-1][-1][1] != point[1]:
            groups.append([])
        groups[-1].append(point)
    return groups


def _moving_mean(points: Sequence[Point], window: int) -> list[Point]:
    """Centred moving mean over what lies in the window, never across the border of a stage."""
    smooth: list[Point] = []
    for group in _by_stage(points):
        for place, (x, stage, _) in enumerate(group):
            near = group[max(0, place - window // 2) : place + window // 2 + 1]
            smooth.append((x, stage, _mean([value for _, _, value in near])))
    return smooth


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _path(points: Sequence[Point], x_axis: Axis, y_axis: Axis) -> str:
    parts = []
    for group in _by_stage(points):
        for place, (x, _, y) in enumerate(group):
            left = x_axis.percent(x) * SCALE / 100
            top = SCALE - y_axis.percent(y) * SCALE / 100
            parts.append(f"{'M' if place == 0 else 'L'}{left:.1f} {top:.1f}")
        if len(group) == 1:
            parts.append("h0.1")  # a lone step is a dot, given the line's round caps
    return "".join(parts)


def _spans(steps: Sequence[Mapping[str, Any]], x_axis: Axis) -> tuple[Span, ...]:
    """Return the stages that the axis covers; a border lies between the last step of one and the first of the next."""
    firsts = [
        (max(0.0, x_axis.percent(float(step["global_step"]) - 0.5)), str(step.get("stage", "")))
        for place, step in enumerate(steps)
        if place == 0 or step.get("stage_index") != steps[place - 1].get("stage_index")
    ]
    firsts = [(left, name) for left, name in firsts if left < 100.0]
    ends = [left for left, _ in firsts[1:]] + [100.0]
    return tuple(Span(name=name, left=left, width=end - left) for (left, name), end in zip(firsts, ends, strict=True))


def nice_axis(low: float, high: float) -> Axis:
    """Return an axis that holds ``low`` to ``high`` between round numbers, zero included where it is near."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # equal, perhaps but for the last digits
        low, high = (low - abs(low) / 2, high + abs(high) / 2) if low else (0.0, 1.0)
    if 0 < low < 0.6 * high:
        low = 0.0
    elif 0.6 * low < high < 0:
        high = 0.0
    step = _nice_step((high - low) / 4)
    return Axis(low=_tidy(math.floor(low / step + 1e-9) * step), high=_tidy(math.ceil(high / step - 1e-9) * step))


def _tidy(value: float) -> float:
    """Undo the last digits' rounding, so that 3 * 0.2 is 0.6."""
    return float(f"{value:.12g}")


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Return round numbers from ``low`` to ``high``, about ``count`` apart."""
    step = _nice_step((high - low) / count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [_tidy(place * step) for place in range(first, last + 1)]


def _nice_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= rough * (1 - 1e-9))


def _inner_ticks(axis: Axis) -> list[float]:
    """Whole steps only: a step has no fraction."""
    return [x for x in nice_ticks(axis.low, axis.high, 5) if x == round(x)]


def _number(value: float) -> str:
    if 1e3 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.1e}".replace("e-0", "e-")
