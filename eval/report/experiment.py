"""One page on an experiment of several arms: verdict, predictions, tables, charts with intervals over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from eval.report.charts import SCALE, Axis, Tick, nice_axis, nice_ticks
from eval.report.comparison import COLOURS
from eval.report.text import visible
from eval.seed_curves import Point, SeedMean, band
from mmrl.files import write_text

_HERE = Path(__file__).parent
MOST_SHOWN = 20_000
"""Characters of a text, such as an audit's output, that the page shows."""


@dataclass(frozen=True, slots=True)
class Unit:
    """How a quantity is written."""

    show: Callable[[float], str]
    from_zero: bool = False
    """Whether its axis begins at 0."""


PERCENT = Unit(lambda value: f"{round(100 * value, 1) + 0.0:.1f} %", from_zero=True)
TIMES = Unit(lambda value: f"{math.exp(value):.2f} ×")
"""Of a log ratio."""
NUMBER = Unit(lambda value: f"{value:.1f}", from_zero=True)


@dataclass(frozen=True, slots=True)
class CheckedClaim:
    """A prediction with what was measured; ``holds`` is None where the intervals do not decide, or nothing is there."""

    text: str
    found: str
    holds: bool | None

    @property
    def word(self) -> str:
        """For tables."""
        return {True: "shown", False: "not so", None: "not decided"}[self.holds]


def checked_claim(
    text: str,
    estimate: SeedMean | None,
    unit: Unit,
    holds: Callable[[SeedMean], bool] = lambda one: one.is_above,
    fails: Callable[[SeedMean], bool] = lambda one: one.is_below,
) -> CheckedClaim:
    """Return a prediction with its estimate; it holds, or fails, where the whole interval says so."""
    if estimate is None:
        return CheckedClaim(text, "not trained", None)
    return CheckedClaim(
        text, interval_text(estimate, unit), True if holds(estimate) else False if fails(estimate) else None
    )


@dataclass(frozen=True, slots=True)
class Table:
    """Text in rows and columns."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class BandChart:
    """A logged quantity of several arms."""

    title: str
    unit: Unit
    curves: Mapping[str, Mapping[int, Sequence[Point]]]
    """Title of an arm to a curve for each seed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """What the page shows."""

    title: str
    verdict: Sequence[str]
    claims: Sequence[CheckedClaim]
    tables: Sequence[Table]
    charts: Sequence[BandChart]
    texts: Sequence[tuple[str, str]] = ()
    """Title and plain text, shown as they are."""
    notes: Sequence[str] = ()
    window: int = 15
    """Steps in the moving mean of the curves."""


def interval_text(estimate: SeedMean | None, unit: Unit) -> str:
    """Return ``mean (low to high)``, the mean alone for one seed, or a dash for none."""
    if estimate is None:
        return "–"
    if estimate.seeds == 1:
        return unit.show(estimate.mean)
    return f"{unit.show(estimate.mean)} ({unit.show(estimate.low)} to {unit.show(estimate.high)})"


def markdown_table(table: Table) -> str:
    """Return a table for a documentation page."""
    lines = [table.columns, ["---"] * len(table.columns), *table.rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in lines)


def claims_table(claims: Sequence[CheckedClaim]) -> Table:
    """Return predictions and findings as a table."""
    rows = [[claim.text, claim.found, claim.word] for claim in claims]
    return Table("Predictions", ["Prediction", "Measured over seeds", "Verdict"], rows)


def write_experiment(experiment: Experiment, path: Path) -> Path:
    """Write the page, one self-contained HTML file, and return its path."""
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    drawn = [_draw(chart, experiment.window) for chart in experiment.charts]
    kinds = {True: "up", False: "down", None: ""}
    page = environment.get_template("experiment.html.j2").render(
        title=visible(experiment.title),
        verdict=[visible(line, 600) for line in experiment.verdict],
        claims=[
            {"text": one.text, "found": one.found, "word": one.word, "kind": kinds[one.holds]}
            for one in experiment.claims
        ],
        tables=experiment.tables,
        charts=[chart for chart in drawn if chart is not None],
        texts=[(visible(title), visible(text, MOST_SHOWN)) for title, text in experiment.texts],
        notes=[visible(note, 1000) for note in experiment.notes],
        style=Markup((_HERE / "report.css").read_text(encoding="utf-8")),
    )
    write_text(path, page)
    return path


# ---------------------------------------------------------------------------------------------------- curves


@dataclass(frozen=True, kw_only=True, slots=True)
class _Curve:
    title: str
    colour: str
    path: str
    spread: str
    """Outline of the interval; empty for one seed."""
    last: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Drawn:
    title: str
    curves: Sequence[_Curve]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]


def _draw(chart: BandChart, window: int) -> _Drawn | None:
    bands = {title: band(curves, window=window) for title, curves in chart.curves.items()}
    points = [(step, found.mean) for line in bands.values() for step, found in line]
    steps = {step for step, _ in points}
    if len(steps) < 2:
        return None
    values = [value for _, value in points]
    low, high = min(values), max(values)
    room = 0.15 * (high - low) + 1e-3
    x_axis = Axis(low=min(steps), high=max(steps))
    y_axis = nice_axis(0.0 if chart.unit.from_zero else low - room, high + room)
    curves = [
        _curve(title, COLOURS[place % len(COLOURS)], line, (x_axis, y_axis), chart.unit)
        for place, (title, line) in enumerate(bands.items())
        if line
    ]
    x_ticks = [tick for tick in nice_ticks(x_axis.low, x_axis.high) if x_axis.low <= tick <= x_axis.high]
    return _Drawn(
        title=visible(chart.title, 200),
        curves=curves,
        x_ticks=[Tick(at=x_axis.percent(tick), label=f"{tick:g}") for tick in x_ticks],
        y_ticks=[
            Tick(at=y_axis.percent(tick), label=chart.unit.show(tick)) for tick in nice_ticks(y_axis.low, y_axis.high)
        ],
    )


def _curve(
    title: str, colour: str, line: Sequence[tuple[float, SeedMean]], axes: tuple[Axis, Axis], unit: Unit
) -> _Curve:
    means = [_place(step, found.mean, axes) for step, found in line]
    spread = ""
    if all(found.seeds > 1 for _, found in line):
        upper = [_place(step, found.high, axes) for step, found in line]
        lower = [_place(step, found.low, axes) for step, found in reversed(line)]
        spread = "M" + "L".join([*upper, *lower]) + "Z"
    return _Curve(
        title=visible(title), colour=colour, path="M" + "L".join(means), spread=spread, last=unit.show(line[-1][1].mean)
    )


def _place(step: float, value: float, axes: tuple[Axis, Axis]) -> str:
    left = axes[0].percent(step) * SCALE / 100
    up = min(100.0, max(0.0, axes[1].percent(value)))
    return f"{left:.1f} {SCALE - up * SCALE / 100:.1f}"
