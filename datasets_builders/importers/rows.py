"""Rows of published annotation files: JSON, JSON lines, or a folder of JSON files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrl.box_conventions import Convention, Size, StatedBox
from mmrl.errors import InputError
from mmrl.files import parse_json


@dataclass(frozen=True, slots=True)
class Row:
    """One object of a file."""

    data: dict[str, Any]
    where: str
    """File and number, for messages: ``screenspot_web.json:12`` counts from 1."""
    key: str
    """Its name among the rows of the same call: ``screenspot_web-12``."""

    def get(self, *names: str) -> Any:
        """Return the first of the columns that is there and not null; None if none is."""
        return next((self.data[name] for name in names if self.data.get(name) is not None), None)

    def text(self, *names: str) -> str:
        """Return the first of the columns as text; ``InputError`` where there is none, or it is blank or no text."""
        value = self.get(*names)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise self.wrong(names[0], "text that is not blank", value)

    def numbers(self, count: int, *names: str) -> tuple[float, ...]:
        """Return a column's ``count`` finite numbers."""
        value = self.get(*names)
        if not (isinstance(value, list) and len(value) == count and all(map(is_number, value))):
            raise self.wrong(names[0], f"a list of {count} numbers", value)
        return tuple(float(number) for number in value)

    def all_numbers(self, *names: str) -> tuple[float, ...]:
        """Return a column's finite numbers, however many."""
        value = self.get(*names)
        if not (isinstance(value, list) and all(map(is_number, value))):
            raise self.wrong(names[0], "a list of numbers", value)
        return tuple(float(number) for number in value)

    def box(self, convention: Convention, *names: str) -> StatedBox:
        """Return a column's four numbers as a box of that convention."""
        return StatedBox(self.where, self.numbers(4, *names), convention, self.size())  # type: ignore[arg-type]

    def size(self) -> Size | None:
        """Return the picture's width and height as the row states them; None where it does not."""
        if self.get("img_size", "image_size") is not None:
            width, height = self.numbers(2, "img_size", "image_size")
        elif self.get("width") is not None and self.get("height") is not None:
            width, height = self.data["width"], self.data["height"]
        else:
            return None
        if not (is_number(width) and is_number(height) and min(width, height) > 0):
            raise self.wrong("img_size", "a width and height above 0", [width, height])
        return float(width), float(height)

    def wrong(self, column: str, wanted: str, found: Any) -> InputError:
        """Return the error of a column that holds something else than it must."""
        return InputError(
            f"{column!r} must be {wanted}; found {found!r:.60}; at {self.where}.{column}; "
            "give the file as its authors publish it"
        )


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def read_rows(path: Path) -> list[Row]:
    """Return the objects of a file, or of every JSON file in a folder, in order.

    Raises:
        InputError: nothing there, no JSON, or no list of objects.
    """
    if path.is_dir():
        files = sorted(path.glob("*.json"))
    elif path.is_file():
        files = [path]
    else:
        raise InputError(f"annotations must be a file or a folder; found nothing; at {path}; check the path")
    rows = [row for file in files for row in _file_rows(file)]
    if not rows:
        raise InputError(f"annotations must hold rows; found none; at {path}; is it the right file?")
    return rows


def read_object(path: Path) -> dict[str, Any]:
    """Return the one JSON object of a file; ``InputError`` where it is something else."""
    value = _parsed(path)
    if not isinstance(value, dict):
        raise InputError(
            f"{path.name} must be one JSON object; found {type(value).__name__}; at {path}; check the file"
        )
    return value


def _file_rows(path: Path) -> Iterator[Row]:
    if path.suffix in (".jsonl", ".ndjson"):
        lines = path.read_bytes().splitlines()
        values = [_json(line, f"{path.name}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    else:
        values = _parsed(path)
        if isinstance(values, dict):  # a list under some name, as result files have it
            lists = [value for value in values.values() if isinstance(value, list)]
            values = lists[0] if len(lists) == 1 else [values]
    for number, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            raise InputError(
                f"annotations must be objects; found {type(value).__name__}; at {path.name}:{number}; check the file"
            )
        yield Row(value, f"{path.name}:{number}", f"{path.stem}-{number}")


def _parsed(path: Path) -> Any:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"annotations must be readable; found {error.strerror}; at {path}; check the path") from None
    return _json(data, str(path))


def _json(data: bytes, where: str) -> Any:
    try:
        return parse_json(data)
    except ValueError as error:
        raise InputError(f"annotations must be JSON; found {error}; at {where}; download the file again") from None
