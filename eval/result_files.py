"""Result files of other toolkits as predictions: VLMEvalKit's tables and lmms-eval's sample logs.

VLMEvalKit writes its input's columns with ``prediction`` beside ``index``, as .xlsx, .tsv or .csv, and the marker below
where a model failed. lmms-eval writes a JSON object a line with ``doc_id``, ``resps`` (what the model wrote) and
``filtered_resps`` (what its filters left of it). Raw texts are read, so that they are scored by our rules alone.
"""

from __future__ import annotations

import csv
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmrl.errors import DependencyError, InputError

TABLE_SUFFIXES = (".xlsx", ".tsv", ".csv")
FAILURE_MARKER = "Failed to obtain answer via API."
"""What VLMEvalKit writes as the prediction of a request that failed."""
ID_COLUMNS = ("id", "index")
_DOC_IDS = ("id", "index", "question_id", "data_id")

Row = dict[str, Any]


def table_rows(path: Path) -> list[tuple[str, Row]]:
    """Return ``file:row`` and ``{"id", "prediction", "stop"}`` of each row of a table.

    Raises:
        InputError: the file is damaged, has no rows, or lacks the columns ``prediction`` and ``index`` or ``id``.
        DependencyError: the package that reads .xlsx is missing.
    """
    rows = list(enumerate(_xlsx_rows(path) if path.suffix.lower() == ".xlsx" else _text_rows(path), start=1))
    if not rows:
        raise InputError(f"--predictions must hold at least one row; found none; at {path}; run the model first")
    columns = [str(name) for name in rows[0][1]]
    key = next((name for name in ID_COLUMNS if name in columns), None)
    if key is None or "prediction" not in columns:
        raise InputError(
            f"a table of predictions must have the columns prediction and index (or id); found "
            f"{', '.join(columns)[:80] or 'none'}; at {path}; give the file that holds the model's outputs"
        )
    return [(f"{path}:{number}", _table_row(row, key)) for number, row in rows]


def _table_row(row: Mapping[str, Any], key: str) -> Row:
    prediction = row["prediction"]
    text = "" if prediction is None else str(prediction)
    return {"id": row[key], "prediction": text, "stop": "failed" if text.startswith(FAILURE_MARKER) else "end"}


def _text_rows(path: Path) -> Iterator[Row]:
    csv.field_size_limit(sys.maxsize)  # pictures stand in such tables
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            yield from csv.DictReader(file, delimiter=delimiter)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"a table must be UTF-8 text; found {error}; at {path}; write the file again") from None


def _xlsx_rows(path: Path) -> Iterator[Row]:
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError:
        raise DependencyError("reading .xlsx needs the package openpyxl; found none; pip install openpyxl") from None
    try:
        sheet = load_workbook(path, read_only=True, data_only=True).worksheets[0]
        lines = sheet.iter_rows(values_only=True)
        header = [str(name) for name in next(lines, ())]
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"an .xlsx file must be one; found {reason}; at {path}; write the file again") from None
    for line in lines:
        if any(value is not None for value in line):
            yield dict(zip(header, line, strict=False))


# ---------------------------------------------------------------------------------------------------- lmms-eval


def is_sample_line(row: Any) -> bool:
    """Whether an object is a line of lmms-eval's sample log."""
    return isinstance(row, Mapping) and "doc_id" in row and ("resps" in row or "filtered_resps" in row)


def sample_prediction(row: Mapping[str, Any], where: str) -> Row:
    """Return ``{"id", "prediction"}`` of a line; the id is that of the stored row, where it holds one, else ``doc_id``.

    Raises:
        InputError: the line holds no reply, or several.
    """
    doc = row.get("doc")
    stated = (doc[name] for name in _DOC_IDS if doc.get(name) is not None) if isinstance(doc, Mapping) else ()
    texts = list(_texts(row["resps"] if "resps" in row else row["filtered_resps"]))
    if len(texts) != 1:
        raise InputError(
            f"a line must hold one reply; found {len(texts)}; at {where}.resps; run with one repetition an item"
        )
    return {"id": next(iter(stated), row["doc_id"]), "prediction": texts[0]}


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of nested lists, in order."""
    if isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str):
        yield value
