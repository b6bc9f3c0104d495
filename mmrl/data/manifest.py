"""``manifest.json``: where a dataset folder comes from and what it holds.

It states no time and nothing of the machine, so that the same config and seed give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from mmrl.data.rows import MEDIA_FOLDER, METADATA_NAME
from mmrl.errors import InputError
from mmrl.files import parse_json
from mmrl.types import Media, Sample

MANIFEST_NAME = "manifest.json"
CARD_NAME = "README.md"
FORMAT = "mmrl dataset folder"
FORMAT_VERSION = 1

FIELDS: dict[str, type] = {
    "format": str,
    "format_version": int,
    "builder": str,
    "version": str,
    "config": dict,
    "seed": int,
    "source": str,
    "licence": str,
    "rows": int,
    "tasks": dict,
    "difficulties": dict,
    "checksums": dict,
}
"""Every field with its type; ``checksums`` maps relative paths to SHA-256, the two before it names to rows."""


class RowCounts:
    """Counts rows by task and by difficulty as they pass."""

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        self._tasks: Counter[str] = Counter()
        self._difficulties: Counter[str] = Counter()
        for sample in samples:
            self.add(sample)

    def add(self, sample: Sample) -> None:
        """Count one row."""
        self._tasks[sample.task] += 1
        self._difficulties[sample.difficulty] += 1

    def as_fields(self) -> dict[str, Any]:
        """Return the manifest's ``rows``, ``tasks`` and ``difficulties``, names sorted."""
        return {
            "rows": self._tasks.total(),
            "tasks": dict(sorted(self._tasks.items())),
            "difficulties": dict(sorted(self._difficulties.items())),
        }


def companion(path: str, suffix: str) -> str:
    """Return the name of the file of some suffix (``.svg``) that stands beside a picture."""
    return str(PurePosixPath(path).with_suffix(suffix))


def dataset_card(media: Iterable[Media], *, beside: bool = False) -> str | None:
    """Return the card of a folder with clips, one picture, or files beside pictures: what ``datasets`` is to read.

    Without it ``datasets`` guesses from the most frequent suffix and takes such a folder for one of videos or JSON. A
    folder of two pictures or more and nothing beside them needs none.
    """
    kinds = Counter(medium.kind for medium in media)
    if kinds["image"] > 1 and "video" not in kinds and not beside:
        return None
    pictures = [f'      - "{MEDIA_FOLDER}/*.png"'] if "image" in kinds else []
    files = ["configs:", "- config_name: default", "  data_files:", "  - split: train", "    path:"]
    return "\n".join(["---", *files, f"      - {METADATA_NAME}", *pictures, "---", ""])


def read_manifest(root: Path) -> dict[str, Any]:
    """Read a folder's manifest.

    Raises:
        InputError: it is missing, not JSON, not of this format, or lacks a field.
    """
    path = root / MANIFEST_NAME
    if not path.is_file():
        raise InputError(f"a dataset folder must hold {MANIFEST_NAME}; found none; at {path}; build the dataset again")
    try:
        manifest = parse_json(path.read_bytes())
    except ValueError as error:
        raise InputError(f"a manifest must be JSON; found {error}; at {path}; build the dataset again") from error
    _require_fields(manifest, path)
    return manifest


def _require_fields(manifest: Any, path: Path) -> None:
    if not isinstance(manifest, Mapping) or manifest.get("format") != FORMAT:
        raise InputError(f"a manifest must say format {FORMAT!r}; found another file; at {path}; correct the path")
    if manifest.get("format_version") != FORMAT_VERSION:
        found = manifest.get("format_version")
        raise InputError(
            f"format_version must be {FORMAT_VERSION}; found {found!r}; at {path}.format_version; "
            "build the dataset again"
        )
    for name, kind in FIELDS.items():
        if type(manifest.get(name)) is not kind:
            raise InputError(
                f"a manifest field must be of type {kind.__name__}; found {manifest.get(name)!r}; at {path}.{name}; "
                "build the dataset again"
            )


def foreign_file(root: Path, manifest: Mapping[str, Any]) -> Path | None:
    """Return a path below ``root`` that the manifest does not account for, or None."""
    own = {root / name for name in (MANIFEST_NAME, METADATA_NAME, *manifest["checksums"])}
    own |= {folder for path in own for folder in path.parents}
    return next((path for path in sorted(root.rglob("*")) if path not in own), None)
