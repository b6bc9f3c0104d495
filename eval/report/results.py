"""One HTML file over a benchmark's scored items, of one run or of two side by side: filters, search, places drawn.

The page is static: figures and items stand in it as JSON, which the page's own script reads; it draws only the rows in
sight, so that ten thousand items stay quick. Pictures and clips are linked, not copied. Its content policy
names that script by checksum and allows no address but files beside it, so nothing in an output can run or fetch.
A page about a training run can link to it, and to one item as ``results.html#item=ID``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from eval.compare import compare_runs
from eval.item_views import bounded
from eval.report.results_load import ResultSet, ShownItem, ShownMedium, common_items
from eval.report.text import visible
from eval.score_summary import metric_entry
from eval.summary import format_p
from mmrl.files import write_text

MAX_OUTPUT = 3000
"""Characters of an output that the page shows: beginning and end of a longer one."""
MAX_TEXT = 1500
_MAX_MARKS = 100
_HERE = Path(__file__).parent


def write_results(runs: Sequence[ResultSet], out: Path) -> Path:
    """Write the page of one or two runs and return its path.

    Raises:
        InputError: two runs hold different items, or the disk refuses.
    """
    write_text(out, render_results(runs, out.parent))
    return out


def render_results(runs: Sequence[ResultSet], folder: Path) -> str:
    """Return the page as HTML; links to pictures are relative to ``folder``, where it will stand."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    comparison = compare_runs(runs[0].path, runs[1].path) if len(runs) > 1 else None
    script = (_HERE / "results.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = "".join((_HERE / name).read_text(encoding="utf-8") for name in ("report.css", "results.css"))
    return environment.get_template("results.html.j2").render(
        title=visible(" and ".join(run.name for run in runs), 200),
        runs=[run_facts(run, letter) for run, letter in zip(runs, "AB", strict=False)],
        verdict=verdict(comparison) if comparison else [],
        groups=group_rows(runs, comparison),
        warnings=[visible(warning, 400) for warning in _warnings(runs, comparison)],
        data=Markup(script_json(page_data(runs, folder))),
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
    )


def script_json(value: Any) -> str:
    """Return JSON for a script element: no text in it can end the element or open a comment."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


# ---------------------------------------------------------------------------------------------------- figures


def run_facts(run: ResultSet, letter: str) -> dict[str, Any]:
    """Return what stands at the head of the page about one run."""
    items = list(run.items.values())
    entry = _accuracy(items)
    facts = {
        "Benchmark": run.summary.get("benchmark") or run.settings.get("benchmark") or "dataset folders",
        "Scored by": run.summary.get("variant", ""),
        "Model": _model_name(run.settings),
        "Items": f"{len(items):,}",
        "Unreadable": f"{sum(item.status != 'ok' for item in items) / len(items):.1%}",
    }
    low, high = entry["ci95"] or (entry["mean"], entry["mean"])
    return {
        "letter": letter,
        "name": visible(run.name, 120),
        "accuracy": f"{100 * entry['mean']:.1f} %",
        "interval": f"{100 * low:.1f} to {100 * high:.1f}",
        "value": 100 * entry["mean"],
        "low": 100 * low,
        "width": 100 * (high - low),
        "facts": {name: visible(str(value), 120) for name, value in facts.items() if value},
    }


def _accuracy(items: Sequence[ShownItem]) -> dict[str, Any]:
    return metric_entry([item.accuracy for item in items], [f"{item.dataset}/{item.cluster}" for item in items])


def _model_name(settings: Mapping[str, Any]) -> str:
    facts = settings.get("facts")
    return str(facts.get("model", "")) if isinstance(facts, Mapping) else str(settings.get("model_type", ""))


def verdict(comparison: Mapping[str, Any]) -> list[str]:
    """Return sentences on what the paired comparison shows."""
    difference, low_high = comparison["difference"], comparison["difference"]["ci95"]
    first, second = comparison["only_first_better"], comparison["only_second_better"]
    exact, clustered = comparison["p_mcnemar"], comparison["p_clustered"]
    within = f" (95 %: {100 * low_high[0]:+.1f} to {100 * low_high[1]:+.1f})" if low_high else ""
    lines = [
        f"B minus A: {100 * difference['mean']:+.2f} points{within} on the same {comparison['n']:,} items.",
        f"Better in A only: {first:,}; better in B only: {second:,}. McNemar, exact: p = {exact:.3g}; "
        f"by cluster: p = {clustered:.3g}.",
    ]
    if comparison["detectable_change"] is not None:
        change = f"{100 * comparison['detectable_change']:.2f}"
        lines.append(f"With so many items, a true change of {change} points is found in 4 of 5 cases.")
    return lines


def group_rows(runs: Sequence[ResultSet], comparison: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return accuracy by group; of two runs both, their difference, and McNemar's p corrected over the kind."""
    parts: dict[str, dict[str, list[list[ShownItem]]]] = {}
    for place, run in enumerate(runs):
        for item in run.items.values():
            for kind, name in item.groups.items():
                parts.setdefault(kind, {}).setdefault(name, [[] for _ in runs])[place].append(item)
    return [
        {
            "kind": visible(kind, 60),
            "rows": [_group_row(kind, name, held, comparison) for name, held in sorted(named.items()) if all(held)],
        }
        for kind, named in parts.items()
        if len(named) > 1
    ]


def _group_row(
    kind: str, name: str, held: Sequence[Sequence[ShownItem]], comparison: Mapping[str, Any] | None
) -> dict[str, Any]:
    entries = [_accuracy(items) for items in held]
    paired = (comparison or {}).get("groups", {}).get(kind, {}).get(name)
    return {
        "kind": visible(kind, 200),
        "value": visible(name, 200),
        "name": visible(name, 80),
        "n": f"{len(held[0]):,}",
        "cells": [
            {
                "text": f"{100 * entry['mean']:.1f}",
                "value": 100 * entry["mean"],
                "low": 100 * (entry["ci95"] or (entry["mean"],))[0],
                "width": 100 * (entry["ci95"][1] - entry["ci95"][0]) if entry["ci95"] else 0.0,
            }
            for entry in entries
        ],
        "change": f"{100 * (entries[-1]['mean'] - entries[0]['mean']):+.1f}" if len(entries) > 1 else "",
        "p": format_p(paired["p_mcnemar_holm"]) if paired else "",
    }


def _warnings(runs: Sequence[ResultSet], comparison: Mapping[str, Any] | None) -> list[str]:
    stated = [str(warning) for run in runs for warning in run.summary.get("warnings") or ()]
    lost = sum(medium.path is None for item in runs[0].items.values() for medium in item.media)
    missing = [f"{lost:,} pictures or clips are not found; name their folder with --pictures"] if lost else []
    return list(dict.fromkeys([*stated, *(comparison["warnings"] if comparison else ()), *missing]))


# ---------------------------------------------------------------------------------------------------- items


def page_data(runs: Sequence[ResultSet], folder: Path) -> dict[str, Any]:
    """Return all that the script reads: names of runs, and items with one entry a run."""
    links = _Links(folder)
    return {
        "runs": [{"letter": letter, "name": visible(run.name, 120)} for run, letter in zip(runs, "AB", strict=False)],
        "items": [_item_data([run.items[key] for run in runs], links) for key in common_items(runs)],
    }


def _item_data(held: Sequence[ShownItem], links: _Links) -> dict[str, Any]:
    first = held[0]
    best = next((item for item in held if any(medium.path for medium in item.media)), first)
    return {
        "id": visible(first.id, 200),
        "key": f"{first.dataset}/{first.id}" if first.dataset else first.id,
        "question": visible(bounded(first.question, MAX_TEXT), 2 * MAX_TEXT),
        "choices": [[visible(letter, 20), visible(text, 400)] for letter, text in first.choices.items()],
        "gold": visible(first.gold, MAX_TEXT),
        "groups": {visible(kind, 200): visible(name, 200) for kind, name in first.groups.items()},
        "media": [links.medium(medium) for medium in best.media],
        "size": first.size,
        "marks": clean_marks(first.gold_marks),
        "runs": [_answer_data(item) for item in held],
    }


def _answer_data(item: ShownItem) -> dict[str, Any]:
    return {
        "accuracy": round(item.accuracy, 4),
        "scores": {visible(name, 40): round(value, 4) for name, value in item.scores.items() if name != "accuracy"},
        "status": visible(item.status, 40),
        "stop": visible(item.stop, 40),
        "parsed": visible(item.parsed, MAX_TEXT),
        "output": visible(bounded(item.output, MAX_OUTPUT), 2 * MAX_OUTPUT),
        "detail": visible(item.detail, 400),
        "marks": clean_marks(item.marks),
    }


class _Links:
    """Addresses of files, relative to the page."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._known: dict[Path, str] = {}

    def medium(self, medium: ShownMedium) -> dict[str, str]:
        """Return address, kind and name; no address where the file is not found."""
        link = self.address(medium.path) if medium.path else ""
        return {"url": link, "kind": medium.kind, "name": visible(medium.name, 200)}

    def address(self, path: Path) -> str:
        """Return the address of a file; its characters cannot be taken for anything but a path."""
        if path not in self._known:
            self._known[path] = quote(Path(os.path.relpath(path.resolve(), self._folder)).as_posix())
        return self._known[path]


def clean_marks(marks: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the marks that can be drawn, numbers finite and rounded; files of others may hold anything."""
    cleaned = (_clean(mark) for mark in marks[:_MAX_MARKS] if isinstance(mark, Mapping))
    return [mark for mark in cleaned if mark]


_COUNTS = {"box": 4, "point": 2, "interval": 2, "polygon": None, "trace": None}
_LEAST = {"polygon": 6, "trace": 4}


def _clean(mark: Mapping[str, Any]) -> dict[str, Any]:
    label = {"label": visible(str(mark["label"]), 60)} if mark.get("label") else {}
    for shape, count in _COUNTS.items():
        numbers = mark.get(shape)
        if isinstance(numbers, list) and (len(numbers) == count or (count is None and len(numbers) >= _LEAST[shape])):
            if all(isinstance(value, int | float) and math.isfinite(value) for value in numbers):
                return {shape: [round(value, 4) for value in numbers], **label}
            return {}
    if isinstance(mark.get("route"), list):
        legs = [leg for leg in mark["route"][:40] if isinstance(leg, Mapping)]
        names = ("line", "from", "to")
        return {"route": [[visible(str(leg.get(name, "")), 80) for name in names] for leg in legs]}
    return {}
