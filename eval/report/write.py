"""Put the page together: one HTML file that needs nothing else.

Everything from the run is data to the template, which escapes it; only the page's own style and script enter as they
are, and the page's content policy names that script by its checksum, so no other script runs in it whatever a
completion holds.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from eval.report.accuracy import accuracy_rows, headline
from eval.report.alarms import alarm_rows
from eval.report.charts import Chart
from eval.report.cost import training_cost
from eval.report.gallery import build_gallery
from eval.report.load import RunRecord, load_run
from eval.report.text import visible
from eval.report.training import bad_media, curves, remarks, stage_rows
from mmrl.files import write_text

REPORT_NAME = "report.html"
_HERE = Path(__file__).parent


def write_report(run: Path) -> Path:
    """Write ``report.html`` into a run folder, atomically, and return its path.

    Whatever the run does not hold yet is named in the page instead.

    Raises:
        InputError: there is no folder at ``run``, or the disk refuses.
    """
    page = render_report(load_run(run))
    write_text(run / REPORT_NAME, page)
    return run / REPORT_NAME


def render_report(record: RunRecord) -> str:
    """Return the page of a run as HTML."""
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["chart_points"] = chart_points
    rows = accuracy_rows(record.summary) if record.summary else []
    script = (_HERE / "report.js").read_text(encoding="utf-8")
    return environment.get_template("report.html.j2").render(
        name=visible(record.path.resolve().name),
        facts=[(label, visible(value)) for label, value in facts(record).items()],
        notices=[visible(notice) for notice in record.notices],
        rows=rows,
        headline=headline(rows) if rows else "",
        clustered=_is_clustered(record.summary),
        stages=stage_rows(record),
        curves=curves(record.steps, record.events),
        cost=training_cost(record.steps),
        alarms=alarm_rows(record.events),
        remarks=remarks(record.events),
        bad_media=bad_media(record.events),
        gallery=build_gallery(record),
        evaluations=[when for when in ("before", "after") if getattr(record, when)],
        config_text=visible(record.config_text, limit=40_000),
        style=Markup((_HERE / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
    )


def facts(record: RunRecord) -> dict[str, str]:
    """Return the few facts that stand under the title."""
    found: dict[str, str] = {}
    for label, key in (("Model", "model_name_or_path"), ("Seed", "seed")):
        if key in record.config:
            found[label] = str(record.config[key])
    if record.steps:
        stages = len({step.get("stage_index", 0) for step in record.steps})
        found["Training"] = f"{len(record.steps):,} steps in {stages} stage{'s' if stages > 1 else ''}"
    items = len(record.after or record.before)
    if items:
        found["Held-out items"] = f"{items:,}"
    return found


def _is_clustered(summary: Mapping[str, Any] | None) -> bool:
    """Whether any items share a picture, so that the page has to say how that was counted."""
    entries = summary["tasks"].values() if summary else ()
    return any(entry.get("clusters", entry["n"]) < entry["n"] for entry in entries)


def chart_points(chart: Chart) -> str:
    """Return a chart's points as JSON text for an attribute, which the template escapes."""
    return json.dumps([[round(x, 2), round(y, 2), step, value] for x, y, step, value in chart.points])
