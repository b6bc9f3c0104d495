"""Verdicts kept by content: the model, the wording and all that it read decide where one is found."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

from mmrl.errors import InputError
from mmrl.files import parse_json, write_text
from mmrl.judges.base import Said


class VerdictCache:
    """A dictionary in memory, and a folder of one small file a verdict where one is named; failures are not kept."""

    def __init__(self, folder: Path | None) -> None:
        if folder is not None and folder.exists() and not folder.is_dir():
            raise InputError(f"a judge's cache must be a folder; found a file; at {folder}; choose another place")
        self.folder = folder
        self._known: dict[str, Said] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> Said | None:
        """Return what is kept; a damaged file counts as none."""
        with self._lock:
            if key in self._known:
                return self._known[key]
        path = self._path(key)
        if path is None or not path.is_file():
            return None
        try:
            row = parse_json(path.read_bytes())
            said = Said(yes=min(1.0, max(0.0, float(row["yes"]))), source=str(row["source"]))
        except (ValueError, KeyError, TypeError):
            return None
        with self._lock:
            return self._known.setdefault(key, said)

    def put(self, key: str, said: Said) -> None:
        """Keep a verdict; the file is written whole or not at all."""
        with self._lock:
            self._known[key] = said
        path = self._path(key)
        if path is not None:
            write_text(path, json.dumps({"yes": said.yes, "source": said.source}) + "\n")

    def _path(self, key: str) -> Path | None:
        return None if self.folder is None else self.folder / key[:2] / f"{key}.json"


def content_key(*parts: Any) -> str:
    """Return the SHA-256 of JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
