"""Writing files so that a kill or a full disk never leaves half of one under its real name."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmrl.errors import InputError

_CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write ``path`` (full disk, no permission) into an ``InputError``."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"writing needs a writable disk with room; found {os.strerror(error.errno or 0)!r}; at {path}; "
            "free some space or choose another place"
        ) from error


def sha256_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes; ``OSError`` where it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sync_path(path: Path) -> None:
    """Wait until a file's bytes, or a folder's list of names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file or nothing: readers see the old content or the new, whenever the process dies.

    The bytes go to a hidden file beside ``path``, are forced to the disk and renamed. Missing folders are made.

    Raises:
        InputError: the disk is full or does not allow it; ``path`` is then as it was.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_path(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8; whole or not at all, like :func:`write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, data: Any) -> None:
    """Write indented JSON with a final newline; whole or not at all, like :func:`write_bytes`.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot say.
    """
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def append_line(path: Path, line: str) -> None:
    """Append one line in a single write; a torn line that a killed process left at the end is cut off first.

    Raises:
        InputError: the disk is full or does not allow it; the file then ends after its last whole line.
    """
    data = line.encode("utf-8") + b"\n"
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+", buffering=0) as file:
            end = _end_of_whole_lines(path)
            file.truncate(end)
            try:
                written = file.write(data)
                if written < len(data):  # the disk took a part only: the next attempt names the reason
                    file.write(data[written:])
            except OSError:
                file.truncate(end)
                raise


def _end_of_whole_lines(path: Path) -> int:
    """Return the offset behind the last newline, reading backwards, so that a long log costs nothing."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        while position > 0:
            start = max(0, position - 4096)
            file.seek(start)
            newline = file.read(position - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            position = start
    return 0


def parse_json(text: str | bytes) -> Any:
    """Read strict JSON: what comes back can be written again by this module.

    So NaN, Infinity and bytes that are not UTF-8 are refused, and half a surrogate pair, as a character or an escape.

    Raises:
        ValueError: with the reason; nesting too deep to read counts as bad JSON.
    """
    try:
        data = text if isinstance(text, bytes) else text.encode("utf-8")
        value = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeEncodeError as error:
        raise ValueError(f"{error.object[error.start]!r}, half a character (a lone surrogate)") from None
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def plain_json(value: Any, where: str) -> Any:
    """Return ``value`` as plain dicts, lists and scalars, so that reading its JSON gives it back exactly.

    Mappings become dicts and tuples lists. ``where`` names the value in the error: ``config``, ``meta``.

    Raises:
        InputError: something inside is not a JSON value (a set, a NaN, a key that is no string), with its dotted path.
    """
    if isinstance(value, Mapping):
        wrong = [key for key in value if not isinstance(key, str)]
        if wrong:
            raise InputError(f"JSON keys must be text; found the key {wrong[0]!r}; at {where}; write it as text")
        return {key: plain_json(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item, f"{where}[{position}]") for position, item in enumerate(value)]
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise InputError(
        f"values must be JSON: text, finite numbers, true, false, null, lists, mappings; found {value!r}; at {where}; "
        "convert it first"
    )


def without_nonfinite(value: Any) -> Any:
    """Return ``value`` with null for each NaN or infinite number, which JSON cannot say; for logs."""
    if isinstance(value, Mapping):
        return {key: without_nonfinite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nonfinite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
