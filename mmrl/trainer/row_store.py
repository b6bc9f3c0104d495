"""Rows that come a batch at a time, kept on disk so that neither a kill nor another process is ever asked twice.

rows.jsonl           of a process on its own, and of all once every row is there
rows-2-of-4.jsonl    of the second of four processes, until then

A batch counts once all its rows are stored; what a kill left of one is dropped, and the batch is made again, with the
same result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrl.errors import InputError
from mmrl.files import append_line, parse_json, write_text


@dataclass(frozen=True, kw_only=True)
class RowStore:
    """The rows of one job, named ``ids`` in their order and made ``batch`` at a time."""

    folder: Path
    stem: str
    """``rows`` for ``rows.jsonl``."""
    ids: Sequence[str]
    batch: int
    share: tuple[int, int] = (1, 1)
    """Which of how many processes this one is, from 1; batches go round in turn."""

    @property
    def path(self) -> Path:
        """The file of all rows."""
        return self.folder / f"{self.stem}.jsonl"

    @property
    def part(self) -> Path:
        """The file to which this process appends."""
        number, count = self.share
        return self.path if count == 1 else self.folder / f"{self.stem}-{number}-of-{count}.jsonl"

    def open(self) -> list[range]:
        """Return the places of this process's batches that are not stored yet, and drop what is left of half ones.

        Raises:
            InputError: a stored line is no row.
        """
        stored = self.stored()
        batches = self._batches()
        whole = [all(self.ids[place] in stored for place in one) for one in batches]
        kept = {self.ids[place] for one, done in zip(batches, whole, strict=True) if done for place in one}
        own = lines_of(self.part)
        if own.keys() - kept:
            write_text(self.part, "".join(f"{line}\n" for name, line in own.items() if name in kept))
        number, count = self.share
        # A batch is always the same process's, so what the others are storing meanwhile does not matter.
        return [one for at, one in enumerate(batches) if not whole[at] and at % count == number - 1]

    def append(self, lines: Sequence[str]) -> None:
        """Store a batch in one write."""
        append_line(self.part, "\n".join(lines))

    def stored(self, *others: Path) -> dict[str, str]:
        """Return all rows that are stored, by id, those of other processes and of other folders included."""
        found: dict[str, str] = {}
        for folder in (self.folder, *others):
            for path in [folder / self.path.name, *sorted(folder.glob(f"{self.stem}-*-of-*.jsonl"))]:
                found = {**lines_of(path), **found}
        return found

    def finish(self, *others: Path) -> int:
        """Write the one file once every row is there, parts removed; returns how many rows are missing."""
        stored = self.stored(*others)
        missing = sum(name not in stored for name in self.ids)
        if not missing:
            write_text(self.path, "".join(f"{stored[name]}\n" for name in self.ids))
            for part in self.folder.glob(f"{self.stem}-*-of-*.jsonl"):
                part.unlink(missing_ok=True)
        return missing

    def _batches(self) -> list[range]:
        starts = range(0, len(self.ids), self.batch)
        return [range(start, min(start + self.batch, len(self.ids))) for start in starts]


def fill(store: RowStore, make: Callable[[range], Sequence[str]], progress: Callable[[int, int], None] | None) -> None:
    """Make and store what is left of this process's batches; ``progress`` is told of rows done and rows to do."""
    left = store.open()
    done, total = 0, sum(map(len, left))
    for places in left:
        store.append(make(places))
        done += len(places)
        if progress:
            progress(done, total)


def lines_of(path: Path) -> dict[str, str]:
    """Return a file's lines by the ``id`` in them; a last line torn by a kill, and a file that is absent, are nothing.

    Raises:
        InputError: a whole line is no JSON object with an id.
    """
    if not path.is_file():
        return {}
    found = {}
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        found[str(_row(line, f"{path}:{number}")["id"])] = line.decode()
    return found


def _row(line: bytes, where: str) -> Mapping[str, Any]:
    try:
        row = parse_json(line)
    except ValueError as error:
        raise InputError(f"a stored row must be JSON; found {error}; at {where}; remove the line") from error
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise InputError(f"a stored row must be a JSON object with an id; found {line[:40]!r}; at {where}; remove it")
    return row
