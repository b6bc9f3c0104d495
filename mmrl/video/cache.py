"""Sampled frames on the disk, found again by what the file holds and what was asked of it.

Entries are whole or absent: each is written beside its place and renamed. So several processes may share a folder; two
that write the same entry write the same clip.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import secrets
import zipfile
from dataclasses import asdict, dataclass, fields
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from mmrl.files import sha256_file
from mmrl.video.clip import VideoClip
from mmrl.video.sampling import VideoRequest

CACHE_BYTES = 20 << 30
"""Default limit of a cache folder, 20 GiB."""

_FORMAT = 1
"""Part of every key; raised when reading or resizing gives other bytes."""
_SUFFIX = ".npz"
_STALE_S = 3600
"""Age in seconds at which a half-written entry belongs to a process that died."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameCache:
    """A folder of clips of at most ``max_bytes``; beyond that the entries that were unused the longest are removed."""

    folder: Path
    max_bytes: int = CACHE_BYTES

    def get(self, key: str) -> VideoClip | None:
        """Return a clip, or None where there is none; a damaged entry is removed."""
        path = self._path(key)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                facts = json.loads(stored["facts"].tobytes())
                frames_FHWC = stored["frames"]
            os.utime(path)  # it is now the entry used last
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            _tell_once(self.folder, f"a damaged entry was removed ({error})")
            path.unlink(missing_ok=True)
            return None
        facts |= {name: tuple(facts[name]) for name in ("indices", "times")}
        return VideoClip(frames_FHWC=frames_FHWC, **facts)

    def put(self, key: str, clip: VideoClip) -> None:
        """Keep a clip, unless it alone is above the limit; a disk that refuses costs the entry and is logged once."""
        if clip.frames_FHWC.nbytes > self.max_bytes:
            return
        path = self._path(key)
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
        facts = {field.name: getattr(clip, field.name) for field in fields(clip) if field.name != "frames_FHWC"}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("xb") as file:
                np.savez(file, frames=clip.frames_FHWC, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8))
            partial.replace(path)
            self._evict()
        except OSError as error:
            _tell_once(self.folder, f"it cannot be written ({error.strerror}); clips are read without it")
        finally:
            with contextlib.suppress(OSError):  # what made writing fail was told
                partial.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _evict(self) -> None:
        """Remove entries until the rest is within the limit; another process may remove the same ones."""
        entries = sorted(_entries(self.folder))
        newest = entries[-1][0] if entries else 0.0
        total = sum(size for _, size, _ in entries)
        for used, size, path in entries:
            stale = path.suffix == ".partial" and newest - used > _STALE_S
            if stale or (total > self.max_bytes and path.suffix == _SUFFIX):
                path.unlink(missing_ok=True)
                total -= size


def _entries(folder: Path) -> list[tuple[float, int, Path]]:
    found = []
    for path in folder.iterdir():
        if path.suffix in (_SUFFIX, ".partial"):
            try:
                facts = path.stat()
            except FileNotFoundError:  # another process removed it
                continue
            found.append((facts.st_mtime, facts.st_size, path))
    return found


def cache_key(path: Path, request: VideoRequest, *, factor: int, reader: str) -> str:
    """Return a key of the file's bytes, wherever it lies and whatever its name, and of all that decides the frames."""
    facts = path.stat()
    content = _content(path, facts.st_size, facts.st_mtime_ns, facts.st_ino)
    asked = {"format": _FORMAT, "file": content, "request": asdict(request), "factor": factor, "reader": reader}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=65536)
def _content(path: Path, size: int, modified: int, inode: int) -> str:  # noqa: ARG001 - they tell when to hash again
    return sha256_file(path)


@cache
def _tell_once(folder: Path, told: str) -> None:
    _LOG.warning("the frame cache %s: %s", folder, told)
