"""The stored stages of one evaluation: JSON lines, each file written whole or not at all, each redoable alone.

    evaluation.json     settings: datasets with their folders, prompt style, limits, versions
    prompts.jsonl       what was asked: messages, coordinate frame, gold answer, media
    predictions.jsonl   what the model wrote, and why it stopped
    scores.jsonl        what was read from it, and its scores
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmrl.errors import InputError
from mmrl.files import parse_json, write_text

SETTINGS_NAME = "evaluation.json"
PROMPTS_NAME = "prompts.jsonl"
PREDICTIONS_NAME = "predictions.jsonl"
SCORES_NAME = "scores.jsonl"

Key = tuple[str, str]
"""Dataset name and item id."""


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line, atomically."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows))


def read_rows(path: Path, required: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Read JSON lines whose objects all hold the ``required`` keys.

    Raises:
        InputError: the file is missing, or a line is no such object; file, line and key are named.
    """
    if not path.is_file():
        raise InputError(f"stored evaluation rows must be a file; found nothing; at {path}; run the evaluation first")
    rows = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if line.strip():
            rows.append(_read_row(line, f"{path}:{number}", required))
    return rows


def _read_row(line: bytes, where: str, required: Iterable[str]) -> dict[str, Any]:
    try:
        row = parse_json(line)
    except ValueError as error:
        raise InputError(f"a line must be JSON; found {error}; at {where}; run the evaluation again") from error
    if not isinstance(row, dict):
        raise InputError(f"a line must be a JSON object; found {type(row).__name__}; at {where}; run the evaluation again")
    for key in required:
        if key not in row:
            raise InputError(f"a row must hold {key!r}; found {', '.join(row)}; at {where}.{key}; run the evaluation again")
    return row


def rows_by_key(path: Path, required: Iterable[str] = ()) -> dict[Key, dict[str, Any]]:
    """Read rows into a mapping by dataset and id, in file order.

    Raises:
        InputError: as :func:`read_rows`, or two rows are of one item.
    """
    keyed: dict[Key, dict[str, Any]] = {}
    for row in read_rows(path, ("id", *required)):
        key = (str(row.get("dataset", "")), str(row["id"]))
        if key in keyed:
            raise InputError(f"an item must have one row; found two; at {path}, id {key[1]!r}; run the evaluation again")
        keyed[key] = row
    return keyed
