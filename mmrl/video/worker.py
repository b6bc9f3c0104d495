"""The process that reads clips for another one: one request a line, one reply a line, frames in a file beside.

Run by :mod:`mmrl.video.limited` as ``python -m mmrl.video.worker``; ends when its input does. Its memory is limited
to what it needs before the first clip and ``MEMORY_BYTES`` more (on Linux), so a clip that needs more fails alone.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import sys
import threading
import time
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mmrl.errors import MmrlError
from mmrl.video.clip import VideoClip
from mmrl.video.reading import read_video
from mmrl.video.sampling import VideoRequest

MEMORY_BYTES = 4 << 30
"""Memory that reading may take beyond that of the libraries, 4 GiB."""


def main() -> None:
    """Serve requests from standard input; whatever a library prints goes to the error stream."""
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    import torch  # before the limit, and before decord, which must not be the first of the two

    torch.set_num_threads(max(1, min(4, torch.get_num_threads())))
    _limit_memory()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    told = _Told()
    logging.getLogger("mmrl").addHandler(told)
    logging.getLogger("mmrl").propagate = False
    _reply(replies, {"ready": True})
    for line in sys.stdin.buffer:
        _reply(replies, _serve(json.loads(line)) | {"told": told.take()})


class _Told(logging.Handler):
    """Keeps what is logged, for the process that asked."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


def _end_with(parent: int) -> None:
    """End when the process that asks does, in the middle of a clip too."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _serve(asked: dict[str, Any]) -> dict[str, Any]:
    try:
        clip = read_video(
            asked["path"], VideoRequest(**asked["request"]), factor=asked["factor"], reader=asked["reader"]
        )
        return {"clip": _facts(clip), "file": _hand_over(clip.frames_FHWC, asked["folders"])}
    except MmrlError as error:
        return {"error": str(error), "kind": type(error).__name__}
    except MemoryError:
        return {"error": "", "kind": "MemoryError"}


def _facts(clip: VideoClip) -> dict[str, Any]:
    return {field.name: getattr(clip, field.name) for field in fields(clip) if field.name != "frames_FHWC"}


def _hand_over(frames_FHWC: np.ndarray, folders: list[str]) -> str:
    """Write frames into the first folder with room (shared memory, then the disk), else the last; return the path."""
    roomy = (folder for folder in folders if shutil.disk_usage(folder).free > 2 * frames_FHWC.nbytes)
    path = Path(next(roomy, folders[-1])) / f"{secrets.token_hex(8)}.npy"
    np.save(path, frames_FHWC)
    return str(path)


def _reply(replies: BinaryIO, data: dict[str, Any]) -> None:
    replies.write(json.dumps(data).encode() + b"\n")


def _limit_memory() -> None:
    status = Path("/proc/self/status")
    if not status.is_file():
        return
    import resource

    held = next(line for line in status.read_text().splitlines() if line.startswith("VmData:"))
    most = int(held.split()[1]) * 1024 + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


if __name__ == "__main__":
    main()
