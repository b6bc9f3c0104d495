"""JSON as it may stand in a completion: read without surprises, written so that it fits into any prompt style."""

from __future__ import annotations

import json
import re
from typing import Any

from mmrl.answers.refusal import Refused, bad_format, shown
from mmrl.types import ParseStatus

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_STYLE_MARKS = re.compile(r"[<>`{}\x7f-\x9f\u2028\u2029]")
"""Characters that could be taken for a tag, a fence, the end of a box or of a line."""


def read_json(text: str) -> Any:
    """Return the one JSON value in ``text``.

    Raises ``Refused``: ``MANY_ANSWERS`` where a second value follows or an object states a key twice, ``BAD_FORMAT``
    for anything else that is not JSON, nesting beyond the interpreter's stack included.
    """
    text = text.strip()
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    try:
        value, end = decoder.raw_decode(text)
    except RecursionError:
        raise bad_format("JSON of reasonable depth", text) from None
    except ValueError:  # a JSONDecodeError, or an integer with more digits than the interpreter converts
        raise bad_format("JSON", text) from None
    rest = text[end:]
    if rest.strip():
        status = ParseStatus.MANY_ANSWERS if re.search(r"[\[{(]", rest) else ParseStatus.BAD_FORMAT
        raise Refused(status, f"more text follows the JSON value: {shown(rest.strip())}")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise Refused(ParseStatus.MANY_ANSWERS, "an object states the same key twice")
    return value


def is_json(text: str) -> bool:
    """Whether ``text`` is exactly one JSON value."""
    try:
        read_json(text)
    except Refused:
        return False
    return True


def read_quoted(text: str) -> str | None:
    """Return the value of a JSON string that makes up the whole of ``text``, or None where it is something else."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return None
    try:
        value = read_json(text)
    except Refused:
        return None
    return value if isinstance(value, str) else None


def write_json(value: Any) -> str:
    """Return ``value`` as JSON on one line; inside strings, marks of the prompt styles are written as ``\\uXXXX``."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _STRING.sub(lambda string: _STYLE_MARKS.sub(_escape, string[0]), text)


def _escape(mark: re.Match[str]) -> str:
    return f"\\u{ord(mark[0]):04x}"


def json_number(value: float) -> int | float:
    """Return a whole number as int, so that it is written without ``.0``; equal to ``value`` in any case."""
    return int(value) if value == int(value) and abs(value) < 1e15 else value
