"""One row of ``metadata.jsonl``: from a sample to a line and back.

The row's ``answer`` is for people and for other tools; ``answer_json`` is exact. Columns whose shape depends on the
task are JSON text, so that rows of all tasks have one schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from mmrl.answers import answer_from_json, answer_to_json, write_answer
from mmrl.errors import InputError
from mmrl.files import parse_json, plain_json
from mmrl.media import MAX_IMAGE_PIXELS
from mmrl.types import (
    ANSWER_KINDS,
    Answer,
    Boxes,
    Choice,
    Grounded,
    Intervals,
    Level,
    Media,
    Route,
    Sample,
    Text,
    answer_kind,
)

METADATA_NAME = "metadata.jsonl"
MEDIA_FOLDER = "media"

COLUMNS = (
    "images_file_names",
    "id",
    "task",
    "question",
    "answer",
    "answer_kind",
    "answer_json",
    "choices",
    "difficulty",
    "meta",
    "media",
)
_LEVELS = get_args(Level)
_MEDIA_KINDS = ("image", "video")
_TASK_PATTERN = re.compile(r"[^/\s]+/[^/\s]+")
_MAX_NAME_BYTES = 255
"""What every file system takes as one name."""
_SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")


class RowError(Exception):
    """A row cannot be used: which field, and what must hold and was found there."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason

    def at(self, path: Path, line: int) -> InputError:
        """Return the error for the user, naming file, line and field."""
        place = f"{path}:{line}.{self.field}" if self.field else f"{path}:{line}"
        return InputError(f"{self.reason}; at {place}; repair the row or build the dataset again")


# ---------------------------------------------------------------------------------------------------- writing


def encode_row(sample: Sample) -> str:
    """Return a sample as one line of JSON, without the newline.

    Raises:
        RowError: the sample has no answer, no medium, or anything else that :func:`row_to_sample` refuses.
    """
    if type(sample.answer) not in ANSWER_KINDS or _says_nothing(sample.answer):
        raise RowError("answer", f"a row must have an answer; found {sample.answer!r}")
    exact = _json_text(answer_to_json(sample.answer), "answer")
    try:
        answer_from_json(parse_json(exact))
    except InputError as error:
        raise RowError("answer", str(error)) from error
    row = {
        "images_file_names": _picture_paths(sample.media),
        "id": sample.id,
        "task": sample.task,
        "question": sample.question,
        "answer": write_answer(sample.answer),
        "answer_kind": answer_kind(sample.answer),
        "answer_json": exact,
        "choices": list(sample.choices),
        "difficulty": sample.difficulty,
        "meta": _json_text(sample.meta, "meta"),
        "media": _json_text([_media_to_json(media) for media in sample.media], "media"),
    }
    row_to_sample(row)
    return _json_text(row, "row")


def _json_text(value: Any, field: str) -> str:
    try:
        text = json.dumps(plain_json(value, field), ensure_ascii=False, allow_nan=False)
        text.encode("utf-8")
    except InputError as error:
        raise RowError(field, str(error)) from error
    except UnicodeEncodeError as error:
        raise RowError(field, f"text must be encodable as UTF-8; found {error.reason}") from error
    return text


def _picture_paths(media: Iterable[Media]) -> list[str]:
    """Return what plain ``datasets`` decodes; clips stand in ``media`` alone, as it would take them for pictures."""
    return [medium.path for medium in media if medium.kind == "image"]


def _media_to_json(media: Media) -> dict[str, Any]:
    return {name: getattr(media, name) for name in ("path", "kind", "width", "height", "sha256")}


# ---------------------------------------------------------------------------------------------------- reading


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the number, from 1, and the bytes of each line that is not blank."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line


def decode_row(line: bytes) -> Sample:
    """Read one line of ``metadata.jsonl``; ``RowError`` where it is not JSON or not a usable row."""
    try:
        row = parse_json(line)
    except ValueError as error:
        raise RowError("", f"a row must be JSON; found {error}") from error
    if not isinstance(row, dict):
        raise RowError("", f"a row must be a JSON object; found {type(row).__name__}")
    return row_to_sample(row)


def row_to_sample(row: Mapping[str, Any]) -> Sample:
    """Return the sample of a row.

    Raises:
        RowError: a column is missing or of the wrong type, the row has no answer or no medium, or columns disagree.
    """
    for column in COLUMNS:
        if column not in row:
            hint = "; a row must have an answer" if column.startswith("answer") else ""
            raise RowError(column, f"the column must be there; found none{hint}")
    media = _read_media(row)
    return Sample(
        id=_text(row, "id"),
        task=_matching(row, "task", _TASK_PATTERN, "family/name"),
        question=_text(row, "question"),
        media=media,
        answer=_read_answer(row),
        choices=tuple(_text_list(row, "choices")),
        difficulty=_level(row),
        meta=_json_column(row, "meta", dict),
    )


def _read_answer(row: Mapping[str, Any]) -> Answer:
    for column in ("answer", "answer_json"):
        if row[column] is None or row[column] == "":
            raise RowError(column, f"a row must have an answer; found {row[column]!r}")
    kinds = tuple(ANSWER_KINDS.values())
    if row["answer_kind"] not in kinds:
        raise RowError("answer_kind", f"must be one of {', '.join(kinds)}; found {row['answer_kind']!r}")
    try:
        answer = answer_from_json(_json_column(row, "answer_json", dict))
    except InputError as error:
        raise RowError("answer_json", str(error)) from error
    if _says_nothing(answer):
        raise RowError("answer_json", f"a row must have an answer; found {row['answer_json']}")
    if answer_kind(answer) != row["answer_kind"]:
        raise RowError(
            "answer_kind", f"must be {answer_kind(answer)!r} as in answer_json; found {row['answer_kind']!r}"
        )
    if write_answer(answer) != row["answer"]:
        raise RowError("answer", f"must be {write_answer(answer)!r} as in answer_json; found {row['answer']!r}")
    return answer


def _says_nothing(answer: Answer) -> bool:
    match answer:
        case Text(value=text):
            return not text.strip()
        case Choice(letters=parts) | Boxes(boxes=parts) | Intervals(intervals=parts) | Route(legs=parts):
            return not parts
        case Grounded(choice=choice, intervals=intervals):
            return _says_nothing(choice) or _says_nothing(intervals)
    return False


def _read_media(row: Mapping[str, Any]) -> tuple[Media, ...]:
    media = tuple(_media_from_json(facts) for facts in _json_column(row, "media", list))
    if not media:
        raise RowError(
            "media", "a row must have at least one picture or clip, text alone is not a task here; found none"
        )
    names = _text_list(row, "images_file_names")
    if names != _picture_paths(media):
        raise RowError("images_file_names", f"must list the paths in media, those of clips left out; found {names!r}")
    return media


def _media_from_json(facts: Any) -> Media:
    if not isinstance(facts, dict) or set(facts) != {"path", "kind", "width", "height", "sha256"}:
        raise RowError("media", f"must give path, kind, width, height and sha256; found {facts!r}")
    if facts["kind"] not in _MEDIA_KINDS:
        raise RowError("media", f"kind must be 'image' or 'video'; found {facts['kind']!r}")
    if not _is_plain_relative(facts["path"]):
        raise RowError("media", f"a path must be relative and stay inside the folder; found {facts['path']!r}")
    if any(len(name.encode()) > _MAX_NAME_BYTES for name in PurePosixPath(facts["path"]).parts):
        raise RowError("media", f"names must be of at most {_MAX_NAME_BYTES} bytes; found {facts['path']!r:.60}")
    if not all(type(facts[side]) is int and 0 < facts[side] <= MAX_IMAGE_PIXELS for side in ("width", "height")):
        raise RowError(
            "media",
            f"a size must be whole pixels, at most {MAX_IMAGE_PIXELS:,} a side; "
            f"found {facts['width']!r} x {facts['height']!r}",
        )
    if not isinstance(facts["sha256"], str) or not _SHA256_PATTERN.fullmatch(facts["sha256"]):
        raise RowError("media", f"sha256 must be 64 hexadecimal digits; found {facts['sha256']!r}")
    return Media(**facts)


def _is_plain_relative(path: Any) -> bool:
    if not isinstance(path, str) or not path or "\\" in path or "\0" in path:
        return False
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and pure.as_posix() == path and path != "."


def _text(row: Mapping[str, Any], column: str) -> str:
    if not isinstance(row[column], str) or not row[column].strip():
        raise RowError(column, f"must be text that is not blank; found {row[column]!r}")
    return row[column]


def _matching(row: Mapping[str, Any], column: str, pattern: re.Pattern[str], form: str) -> str:
    if not isinstance(row[column], str) or not pattern.fullmatch(row[column]):
        raise RowError(column, f"must have the form {form}; found {row[column]!r}")
    return row[column]


def _text_list(row: Mapping[str, Any], column: str) -> list[str]:
    value = row[column]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RowError(column, f"must be a list of text; found {value!r}")
    return value


def _level(row: Mapping[str, Any]) -> Level:
    if row["difficulty"] not in _LEVELS:
        raise RowError("difficulty", f"must be one of {', '.join(_LEVELS)}; found {row['difficulty']!r}")
    return row["difficulty"]


def _json_column(row: Mapping[str, Any], column: str, kind: type) -> Any:
    try:
        value = parse_json(_text(row, column))
    except ValueError as error:
        raise RowError(column, f"must be JSON text; found {error}") from error
    if not isinstance(value, kind):
        raise RowError(column, f"must be the JSON text of a {kind.__name__}; found {row[column][:40]!r}")
    return value
