"""A summary as a table on a terminal. Names and texts come from files of others, so nothing in them is acted upon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from eval.report.text import visible

MAX_GROUPS = 8
"""Groups of one kind that the table shows; the largest, in their order. The rest stand in summary.json."""
MAX_FIGURES = 16
"""Lines of the benchmark's own figures that are printed."""


def summary_table(summary: Mapping[str, Any], *, all_groups: bool = False) -> Table:
    """Return accuracy and further metrics, over all items and by group, with 95 % intervals and unreadable answers.

    Of a kind with very many groups the largest are shown, unless ``all_groups``.
    """
    metrics = list(summary["metrics"])
    title = Text(f"{summary['benchmark']}, {summary['variant']}")
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("")
    for heading in ("n", *metrics[:1], "95 %", *metrics[1:4], "unreadable"):
        table.add_column(visible(heading.replace("_", " "), 30), justify="right", no_wrap=heading == "95 %")
    table.add_row(*_cells("all", summary, metrics), style="bold")
    for key, groups in summary["groups"].items():
        table.add_section()
        table.add_row(Text(visible(key, 60), style="italic"))
        shown = groups if all_groups else _largest(groups)
        for name, part in shown.items():
            table.add_row(*_cells(name, part, metrics))
        if len(shown) < len(groups):
            table.add_row(Text(f"{len(groups) - len(shown)} more: --all-groups", style="dim"))
    return table


def _largest(groups: Mapping[str, Any]) -> dict[str, Any]:
    """Return at most :data:`MAX_GROUPS` groups, those with most items; one more rather than a line on one more."""
    if len(groups) <= MAX_GROUPS + 1:
        return dict(groups)
    kept = sorted(groups, key=lambda name: -groups[name]["n"])[:MAX_GROUPS]
    return {name: part for name, part in groups.items() if name in kept}


def _cells(name: str, part: Mapping[str, Any], metrics: list[str]) -> list[Text]:
    first = part["metrics"][metrics[0]]
    others = [part["metrics"].get(metric) for metric in metrics[1:4]]
    cells = [str(part["n"]), _number(first["mean"], first["mean"]), _interval(first)]
    cells += ["" if entry is None else _number(entry["mean"], entry["mean"]) for entry in others]
    return [Text(visible(name, 60)), *map(Text, cells), Text(f"{part['parse_failure_rate']:.1%}")]


def _interval(entry: Mapping[str, Any]) -> str:
    if entry["ci95"] is None:
        return ""
    low, high = entry["ci95"]
    return f"{_number(low, entry['mean'])} to {_number(high, entry['mean'])}"


def _number(value: float, like: float) -> str:
    """Shares as per cent, anything above 1 as it is."""
    return f"{100 * value:.1f}" if -1.0 <= like <= 1.0 else f"{value:.2f}"


def figure_lines(figures: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the benchmark's own figures, one a line: ``weighted accuracy: 0.442``."""
    lines = []
    for name, value in figures.items():
        if isinstance(value, Mapping):
            lines += figure_lines(value, f"{prefix}{name} ")
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            lines.append(visible(f"{prefix}{name}: {shown}".replace("_", " "), 200))
    return lines
