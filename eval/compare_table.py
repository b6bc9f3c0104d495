"""A comparison of two runs as a table on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from eval.report.text import visible
from eval.summary import format_p

_MAX_GROUPS = 24
_WIDEST = 200
_MAX_IDS = 5
_NAME_WIDTH = 28
"""Characters of a group's name that stay on one line, however narrow the terminal is."""


def name_lines(comparison: Mapping[str, Any]) -> list[str]:
    """Return which run is first and which second, in full: a table would cut long names."""
    return [f"{side:6} {visible(comparison[side], 1000)}" for side in ("first", "second")]


def comparison_table(comparison: Mapping[str, Any]) -> Table:
    """Return both means, the paired difference with its interval, wins and losses, and p-values, by group too."""
    title = Text(visible(f"{comparison['metric']}: second minus first, on the same items", 100))
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    names = [name for groups in comparison["groups"].values() for name in groups]
    widest = max(map(len, names), default=0)
    table.add_column("", overflow="fold", min_width=min(widest, _NAME_WIDTH), max_width=_NAME_WIDTH)
    for heading in ("n", "first", "second", "change", "95 %", "lost/won", "p\nexact", "p by\ncluster"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row(*_cells("all", comparison), style="bold")
    for name, groups in comparison["groups"].items():
        table.add_section()
        table.add_row(Text(visible(name, 60), style="italic"))
        for group, entry in list(groups.items())[:_MAX_GROUPS]:
            table.add_row(*_cells(group, entry))
        if len(groups) > _MAX_GROUPS:
            table.add_row(f"{len(groups) - _MAX_GROUPS} more in the JSON file")
    return table


def print_table(console: Console, table: Table) -> None:
    """Print a table; where the terminal is narrower than its columns need, lines run over rather than being cut."""
    needed = Measurement.get(console, console.options.update(max_width=_WIDEST), table).maximum
    if needed > console.width:
        console = Console(width=needed, file=console.file)
    console.print(table)


def _cells(name: str, entry: Mapping[str, Any]) -> list[Text]:
    first, second, difference = entry["before"]["mean"], entry["after"]["mean"], entry["difference"]
    shares = max(abs(first), abs(second)) <= 1.0
    ends = difference["ci95"]
    cells = [
        str(entry["n"]),
        _number(first, shares),
        _number(second, shares),
        _signed(difference["mean"], shares),
        "" if ends is None else f"{_signed(ends[0], shares, 1)} to {_signed(ends[1], shares, 1)}",
        f"{entry['only_first_better']}/{entry['only_second_better']}",
        format_p(entry.get("p_mcnemar_holm", entry["p_mcnemar"])) + ("*" if "p_mcnemar_holm" in entry else ""),
        format_p(entry["p_clustered"]),
    ]
    return [Text(visible(name, 60)), *map(Text, cells)]


def _number(value: float, shares: bool) -> str:
    return f"{100 * value:.2f}" if shares else f"{value:.3f}"


def _signed(value: float, shares: bool, digits: int = 2) -> str:
    return f"{100 * value:+.{digits}f}" if shares else f"{value:+.{digits + 1}f}"


def comparison_lines(comparison: Mapping[str, Any]) -> list[str]:
    """Return what stands below the table: the bootstrap, unreadable answers, disagreements, warnings."""
    shares = max(abs(comparison[side]["mean"]) for side in ("before", "after")) <= 1.0
    low, high = (_signed(end, shares) for end in comparison["bootstrap_ci95"])
    lines = [
        "p exact: McNemar, items taken as independent; by cluster: signs flipped picture by picture",
        f"paired bootstrap, 95 %: {low} to {high} ({comparison['draws']:,} draws of {comparison['clusters']:,} "
        f"clusters, seed {comparison['seed']})",
        f"unreadable: first {comparison['parse_failures_before']:.1%}, second {comparison['parse_failures_after']:.1%}",
    ]
    if comparison["detectable_change"] is not None:
        change = _number(comparison["detectable_change"], shares)
        lines.append(f"smallest true change that such a comparison finds in 4 of 5 cases: {change}")
    if comparison["groups"]:
        lines.append("*: corrected over the groups of one kind (Holm)")
    for side in ("first", "second"):
        lines += _ids(f"better in the {side} only", comparison[f"only_{side}"])
    return lines + [visible(f"warning: {warning}", 400) for warning in comparison["warnings"]]


def _ids(title: str, ids: Sequence[str]) -> list[str]:
    if not ids:
        return []
    shown = ", ".join(visible(item, 40) for item in ids[:_MAX_IDS])
    return [f"{title}: {shown}{f' and {len(ids) - _MAX_IDS} more' if len(ids) > _MAX_IDS else ''}"]
