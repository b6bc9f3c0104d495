"""What the monitors of training saw, for the page: numbers and steps, a row a sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.report.charts import finite
from eval.report.text import visible

MEANINGS = {
    "divergence": "reward up while what it stands for fell",
    "held_out": "reward up while held-out accuracy fell",
    "variance_collapse": "rewards of a group nearly equal",
    "length": "completions twice or half as long",
    "box_area": "boxes twice or half as large",
    "class_collapse": "nearly all answers of one class",
}
"""Every sign that is watched for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmRow:
    """One sign."""

    stage: str
    step: str
    """Of the whole run, from 1."""
    sign: str
    meaning: str
    before: str
    now: str
    message: str


def alarm_rows(events: Sequence[Mapping[str, Any]]) -> list[AlarmRow]:
    """Return the alarms of a log, in order."""
    return [_row(event) for event in events if event.get("event") == "alarm"]


def _row(event: Mapping[str, Any]) -> AlarmRow:
    sign = str(event.get("sign", ""))
    return AlarmRow(
        stage=visible(str(event.get("stage", ""))),
        step=visible(str(event.get("global_step", ""))),
        sign=visible(sign.replace("_", " ")),
        meaning=MEANINGS.get(sign, ""),
        before=_number(event.get("before")),
        now=_number(event.get("now")),
        message=visible(str(event.get("message", ""))),
    )


def _number(value: Any) -> str:
    found = finite(value)
    return "" if found is None else f"{found:.3g}"
