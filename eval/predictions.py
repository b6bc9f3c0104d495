"""A file of predictions: JSON lines ``{"id": ..., "prediction": "raw text"}``, checked against the items.

Result files of VLMEvalKit (.xlsx, .tsv, .csv) and lmms-eval (JSON lines) are read too, see :mod:`eval.result_files`.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.benchmarks.files import id_text
from eval.result_files import TABLE_SUFFIXES, is_sample_line, sample_prediction, table_rows
from mmrl.errors import InputError
from mmrl.types import StopReason

_NAMED = 3
"""Ids that a message spells out; the rest are counted."""


@dataclass(frozen=True, slots=True)
class GivenPrediction:
    """One line of a predictions file."""

    text: str
    """Raw output; half characters (lone surrogates), which nothing can store, became U+FFFD."""
    stop: StopReason
    """Why it ended; ``end`` where the line does not say. ``failed`` means that there is no usable output."""


def read_predictions(path: Path, known: Collection[str]) -> dict[str, GivenPrediction]:
    """Read predictions by id. Items without one are the caller's business; other keys of a line are ignored.

    Raises:
        InputError: no such file, no lines, a line that is no such object, a prediction that is no text, an id given
            twice, or ids that are not in ``known``; with counts.
    """
    if not path.is_file():
        raise InputError(f"--predictions must be a file; found none; at {path}; check the path")
    rows = table_rows(path) if path.suffix.lower() in TABLE_SUFFIXES else _line_rows(path)
    _refuse(path, "text as prediction", [w for w, row in rows if not isinstance(row["prediction"], str)], 'write ""')
    ids = [_id(row["id"], where) for where, row in rows]
    repeated = [repr(item) for item, count in Counter(ids).items() if count > 1]
    _refuse(path, "each id once", repeated, "keep one prediction for each item")
    unknown = [repr(item) for item in ids if item not in known]
    _refuse(path, "ids of the data", unknown, "give the predictions of this benchmark's file")
    return {item: _given(row, where) for item, (where, row) in zip(ids, rows, strict=True)}


def _line_rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    lines = [
        (number, line)
        for number, line in enumerate(path.read_bytes().removeprefix(BOM_UTF8).split(b"\n"), start=1)
        if line.strip()
    ]
    if not lines:
        raise InputError(f"--predictions must hold at least one line; found none; at {path}; run the model first")
    return [(f"{path}:{number}", _row(line, f"{path}:{number}")) for number, line in lines]


def _refuse(path: Path, wanted: str, offenders: Sequence[str], advice: str) -> None:
    if offenders:
        named = ", ".join(f"{offender:.60}" for offender in offenders[:_NAMED])
        more = f" and {len(offenders) - _NAMED} more" if len(offenders) > _NAMED else ""
        raise InputError(
            f"predictions must hold {wanted}; found {len(offenders)} that do not: {named}{more}; at {path}; {advice}"
        )


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        reason = "nesting too deep" if isinstance(error, RecursionError) else error
        raise InputError(f"each line must be a JSON object; found {reason}; at {where}; write the file again") from None
    if is_sample_line(row):
        return sample_prediction(row, where)
    for key in ("id", "prediction"):
        if not isinstance(row, dict) or key not in row:
            found = ", ".join(map(str, row))[:80] if isinstance(row, dict) else type(row).__name__
            raise InputError(
                f'each line must be {{"id": ..., "prediction": "..."}}; found {found or "no keys"}; at {where}.{key}; '
                "write the file again"
            )
    return row


def _id(value: Any, where: str) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise InputError(f"an id must be text or a number; found {value!r:.60}; at {where}.id; write the file again")
    return whole_characters(id_text(value))


def _given(row: dict[str, Any], where: str) -> GivenPrediction:
    try:
        stop = StopReason(row.get("stop") or "end")
    except ValueError:
        raise InputError(
            f"'stop' must be one of {', '.join(StopReason)}; found {row['stop']!r:.60}; at {where}.stop; leave it out"
        ) from None
    return GivenPrediction(whole_characters(row["prediction"]), stop)


def whole_characters(text: str) -> str:
    """Return ``text`` with half characters (lone surrogates) replaced by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
