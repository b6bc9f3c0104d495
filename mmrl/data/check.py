"""Checking a dataset folder: every row proved, every picture and clip opened, every count and checksum compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mmrl.data.gold import faults_of
from mmrl.data.manifest import CARD_NAME, MANIFEST_NAME, RowCounts, read_manifest
from mmrl.data.reader import LONGEST_SHAPE, SeenIds, is_too_long, require_folder, video_size
from mmrl.data.rows import MEDIA_FOLDER, METADATA_NAME, RowError, decode_row, read_lines
from mmrl.errors import InputError
from mmrl.files import sha256_file
from mmrl.media import open_image
from mmrl.progress import Progress
from mmrl.types import Media, Sample


@dataclass(frozen=True)
class Problem:
    """Something wrong with a dataset folder."""

    row: int | None
    """Line in ``metadata.jsonl``, from 1; None where the folder as a whole is meant."""
    field: str
    """Column of the row, or file and field of the folder: ``manifest.json.tasks``."""
    reason: str
    """What must hold and what was found."""

    def __str__(self) -> str:
        place = self.field if self.row is None else f"{METADATA_NAME}:{self.row}.{self.field}".rstrip(".")
        return f"{place}: {self.reason}"


def check_folder(path: str | Path, progress: Progress | None = None) -> list[Problem]:
    """Prove a dataset folder and return what is wrong with it, in the order of the rows; an empty list is a proof.

    For every row: its columns are valid and agree; its gold answer, written as a perfect model would write it, reads
    back equal in every prompt style and earns full accuracy, 1.0; everything that rewards need is there; boxes and
    points lie inside the picture; options are valid; its pictures and clips open, have the stated size and checksum and
    a shape that processors accept. Of a clip all packets are read and the first and last frame decoded. For the folder:
    the manifest's counts and checksums match.

    Rows are read one at a time and each picture is opened once, so any folder fits in memory.

    Raises:
        InputError: ``path`` is no folder with ``metadata.jsonl``, so there is nothing to check.
    """
    check = _Check(require_folder(path))
    total = sum(1 for _ in read_lines(check.metadata))
    problems: list[Problem] = []
    for done, (number, line) in enumerate(read_lines(check.metadata), start=1):
        problems += [Problem(number, field, reason) for field, reason in check.row_faults(number, line)]
        if progress is not None:
            progress(done, total)
    problems += [Problem(None, field, reason) for field, reason in check.folder_faults(total)]
    return problems


@dataclass(frozen=True)
class _MediaFacts:
    """What the file of a picture or clip turned out to be."""

    width: int = 0
    height: int = 0
    sha256: str = ""
    error: str = ""
    """Why it cannot be used; the other fields then say nothing."""


class _Check:
    """What one pass over a folder's rows has to remember."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.metadata = root / METADATA_NAME
        self._ids = SeenIds()
        self._counts = RowCounts()
        self._facts_by_path: dict[str, _MediaFacts] = {}
        self._unreadable_rows = 0

    def row_faults(self, number: int, line: bytes) -> Iterator[tuple[str, str]]:
        try:
            sample = decode_row(line)
        except RowError as error:
            self._unreadable_rows += 1
            yield error.field, error.reason
            return
        self._counts.add(sample)
        try:
            self._ids.add(sample.id, number)
        except RowError as error:
            yield error.field, error.reason
        yield from faults_of(sample)
        yield from self._media_faults(sample)

    def _media_faults(self, sample: Sample) -> Iterator[tuple[str, str]]:
        for media in sample.media:
            if media.path not in self._facts_by_path:
                self._facts_by_path[media.path] = _measure(self.root, media)
            facts = self._facts_by_path[media.path]
            if facts.error:
                yield "media", facts.error
                continue
            if is_too_long(media):
                yield "media", f"{LONGEST_SHAPE}; found {media.width} x {media.height}"
            if (facts.width, facts.height) != (media.width, media.height):
                found = f"{facts.width} x {facts.height}"
                yield "media", f"{media.path} must have {media.width} x {media.height} pixels; found {found}"
            if facts.sha256 != media.sha256:
                yield "media", f"{media.path} must have the checksum {media.sha256}; found {facts.sha256}"

    def folder_faults(self, total: int) -> Iterator[tuple[str, str]]:
        if total == 0:
            yield METADATA_NAME, "a dataset must hold at least one row; found none"
        try:
            manifest = read_manifest(self.root)
        except InputError as error:
            yield MANIFEST_NAME, str(error)
            return
        if self._unreadable_rows == 0:  # otherwise tasks and pictures of some rows are unknown
            yield from self._count_faults(manifest)
            yield from self._stray_media_faults(manifest["checksums"])
        yield from self._checksum_faults(manifest["checksums"])

    def _count_faults(self, manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
        for name, counted in self._counts.as_fields().items():
            if manifest[name] != counted:
                yield f"{MANIFEST_NAME}.{name}", f"must be {counted} as in the rows; found {manifest[name]}"

    def _stray_media_faults(self, stated: dict[str, Any]) -> Iterator[tuple[str, str]]:
        beside = self._beside(stated)
        for path in sorted((self.root / MEDIA_FOLDER).rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if path.is_file() and name not in self._facts_by_path and name not in beside:
                yield name, "every file in media must belong to a row; found none that names it"

    def _beside(self, stated: dict[str, Any]) -> list[str]:
        """Return the stated files that stand beside a row's picture under its name."""
        pictures = {str(PurePosixPath(path).with_suffix("")) for path in self._facts_by_path}
        others = stated.keys() - self._facts_by_path.keys()
        return [name for name in sorted(others) if str(PurePosixPath(name).with_suffix("")) in pictures]

    def _checksum_faults(self, stated: dict[str, Any]) -> Iterator[tuple[str, str]]:
        actual = {path: facts.sha256 for path, facts in self._facts_by_path.items() if not facts.error}
        for name in (METADATA_NAME, CARD_NAME, *self._beside(stated)):
            if (self.root / name).is_file():
                actual[name] = sha256_file(self.root / name)
        for name in sorted(stated.keys() | actual.keys()):
            if name in self._facts_by_path and self._facts_by_path[name].error:
                continue  # reported with its rows
            if stated.get(name) != actual.get(name):
                found = stated.get(name, "no entry")
                yield (
                    f"{MANIFEST_NAME}.checksums",
                    f"{name} must be listed with {actual.get(name, 'no row')}; found {found}",
                )


def _measure(root: Path, media: Media) -> _MediaFacts:
    """Open one picture or clip; a failure is data here, to be reported with every row that asks about it."""
    path = root / media.path
    try:
        width, height = open_image(path).size if media.kind == "image" else video_size(path)
    except InputError as error:
        return _MediaFacts(error=str(error))
    return _MediaFacts(width=width, height=height, sha256=sha256_file(path))
