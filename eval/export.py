"""Scored items as files for others: CSV, a table of Weights & Biases, results of VLMEvalKit and of lmms-eval.

The last two hold what those toolkits read of a finished inference, so that their own scoring can be run on our outputs;
:mod:`eval.result_files` reads both back.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from eval.report.results_load import ResultSet, ShownItem
from eval.result_files import FAILURE_MARKER
from eval.scored import FAILED, MISSING
from mmrl.errors import DependencyError, InputError
from mmrl.files import explain_write_errors, write_bytes, write_text

_CELL_LIMIT = 32_767
"""Characters that a cell of .xlsx holds."""
_FIXED = ("question", "choices", "gold", "output", "parsed", "status", "stop", "detail")
Row = dict[str, Any]


def export_results(results: ResultSet, target: str, out: Path) -> Path:
    """Write scored items in the format ``target`` (see :data:`TARGETS`) and return where they are.

    Raises:
        InputError: no such format, a suffix that it cannot have, or a disk that refuses.
    """
    if target not in TARGETS:
        raise InputError(f"--to must be one of {', '.join(TARGETS)}; found {target!r}")
    TARGETS[target](results, out)
    return out


def plain_rows(results: ResultSet) -> list[Row]:
    """Return one flat row an item: id, groups, texts, status, and every metric under its own name."""
    items = list(results.items.values())
    kinds = list(dict.fromkeys(kind for item in items for kind in item.groups))
    metrics = list(dict.fromkeys(name for item in items for name in item.scores))
    return [_plain_row(item, kinds, metrics) for item in items]


def _plain_row(item: ShownItem, kinds: Sequence[str], metrics: Sequence[str]) -> Row:
    texts = {name: getattr(item, name) for name in _FIXED}
    texts["choices"] = json.dumps(dict(item.choices), ensure_ascii=False) if item.choices else ""
    groups = {f"group.{kind}": item.groups.get(kind, "") for kind in kinds}
    scores = {f"score.{name}": item.scores.get(name) for name in metrics}
    return {"id": item.id, "dataset": item.dataset, **groups, **texts, **scores, "cluster": item.cluster}


def _write_csv(results: ResultSet, out: Path) -> None:
    _require_suffix(out, (".csv",))
    write_text(out, _table_text(plain_rows(results), ","))


def _table_text(rows: Sequence[Row], delimiter: str) -> str:
    buffer = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(buffer, names, delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _require_suffix(out: Path, suffixes: Sequence[str]) -> None:
    if out.suffix.lower() not in suffixes:
        raise InputError(f"--out must end in {' or '.join(suffixes)}; found {out.name!r}; choose another name")
    if out.is_dir():
        raise InputError(f"--out must be a file; found a folder; at {out}; choose another name")


# ---------------------------------------------------------------------------------------------------- Weights & Biases


def _write_wandb(results: ResultSet, out: Path) -> None:
    """Log a table and the means as a run; offline unless WANDB_MODE says otherwise, ``out`` holds the run's folder."""
    try:
        import wandb
    except ImportError:
        raise DependencyError("--to wandb needs the package wandb; found none; pip install wandb") from None
    if out.exists() and not out.is_dir():
        raise InputError(f"--out must be a folder for wandb; found a file; at {out}; choose another place")
    rows = plain_rows(results)
    with explain_write_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    mode: Any = os.environ.get("WANDB_MODE", "offline")
    settings = wandb.Settings(silent=True, console="off", disable_git=True, save_code=False)
    name = results.name.replace("/", "-")[:120]
    with wandb.init(project="mmrl", name=name, dir=str(out), mode=mode, job_type="eval", settings=settings) as run:
        run.config.update({key: value for key, value in results.summary.items() if key in ("benchmark", "variant")})
        columns = list(rows[0])
        table = wandb.Table(columns=[*columns], data=[[row[column] for column in columns] for row in rows])
        run.log({"items": table})
        metrics = [column for column in rows[0] if column.startswith("score.")]
        run.summary.update({name.removeprefix("score."): _mean(row[name] for row in rows) for name in metrics})
        run.summary["items_scored"] = len(rows)


def _mean(values: Iterable[float | None]) -> float:
    held = [value for value in values if value is not None]
    return sum(held) / len(held)


# ---------------------------------------------------------------------------------------------------- VLMEvalKit


def _write_vlmevalkit(results: ResultSet, out: Path) -> None:
    """Write ``index``, the question's columns and ``prediction``, in the format of the suffix."""
    _require_suffix(out, (".xlsx", ".tsv"))
    rows = [_vlmevalkit_row(item) for item in results.items.values()]
    if out.suffix.lower() == ".xlsx":
        write_bytes(out, _workbook(rows, out))
    else:
        write_text(out, _table_text(rows, "\t"))


def _vlmevalkit_row(item: ShownItem) -> Row:
    letters = [letter for letter in item.choices if item.gold == letter or item.gold.startswith(f"{letter}. ")]
    return {
        "index": _number_or_text(item.id),
        "question": item.question,
        **item.choices,
        "answer": letters[0] if letters else item.gold,
        **{kind: value for kind, value in item.groups.items() if kind not in ("index", "question", "answer")},
        "prediction": FAILURE_MARKER if item.status == FAILED else item.output,
        "hit": item.accuracy,
    }


def _number_or_text(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and str(int(text)) == text else text


def _workbook(rows: Sequence[Row], out: Path) -> bytes:
    try:
        from openpyxl import Workbook
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    except ImportError:
        raise DependencyError(".xlsx needs the package openpyxl; found none; write .tsv, or pip install it") from None
    _require_short_cells(rows, out)
    names = list(dict.fromkeys(name for row in rows for name in row))
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(names)

    def cell_of(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value))
        cell.data_type = "s"  # text that begins with "=" is no formula
        return cell

    for row in rows:
        sheet.append([cell_of(row.get(name)) for name in names])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _require_short_cells(rows: Sequence[Row], out: Path) -> None:
    for row in rows:
        for name, value in row.items():
            if isinstance(value, str) and len(value) > _CELL_LIMIT:
                raise InputError(
                    f"a cell of .xlsx must hold at most {_CELL_LIMIT:,} characters; found {len(value):,}; at "
                    f"{out.name}, index {row['index']!r}, {name}; write .tsv instead"
                )


# ---------------------------------------------------------------------------------------------------- lmms-eval


def _write_lmms_eval(results: ResultSet, out: Path) -> None:
    """Write a sample log: one JSON object a line; items without any prediction are left out, as nobody asked them."""
    _require_suffix(out, (".jsonl",))
    asked = (pair for pair in enumerate(results.items.values()) if pair[1].status != MISSING)
    lines = (json.dumps(_sample(place, item), ensure_ascii=False) for place, item in asked)
    write_text(out, "".join(f"{line}\n" for line in lines))


def _sample(place: int, item: ShownItem) -> Row:
    doc = {"id": item.id, "question": item.question, "answer": item.gold} | dict(item.groups)
    stored = json.dumps(doc, sort_keys=True, ensure_ascii=False)
    return {
        "doc_id": place,
        "doc": doc,
        "input": item.question,
        "target": item.gold,
        "resps": [[item.output]],
        "filtered_resps": [item.parsed or item.output],
        "doc_hash": hashlib.sha256(stored.encode("utf-8")).hexdigest(),
        **{name: value for name, value in item.scores.items() if name not in ("doc", "doc_id", "target", "input")},
    }


TARGETS: dict[str, Callable[[ResultSet, Path], None]] = {
    "csv": _write_csv,
    "wandb": _write_wandb,
    "vlmevalkit": _write_vlmevalkit,
    "lmms-eval": _write_lmms_eval,
}
"""Formats by name."""
