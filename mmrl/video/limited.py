"""Reading with a time limit: in a process of its own, which is ended when a clip takes too long, and then replaced.

A decoder that hangs in C cannot be interrupted from Python, so nothing less helps. The process is started anew (never
forked), once, and reads one clip after another; it is replaced after ``CLIPS_PER_PROCESS`` too, since decoders leak.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np

from mmrl.errors import DependencyError, InputError
from mmrl.video.clip import VideoClip
from mmrl.video.sampling import VideoRequest

CLIPS_PER_PROCESS = 500
"""Clips after which the process is replaced."""

START_LIMIT_S = 300.0
"""Seconds in which the process must have loaded its libraries; not counted against any clip."""

SHARED_MEMORY = Path("/dev/shm")

_LOG = logging.getLogger(__name__)
_LOCK = threading.Lock()
_HELD: dict[int, _Process] = {}
"""The process of this one, by this one's id: after a fork the copy starts its own."""
_TOO_SLOW: dict[tuple[Any, ...], str] = {}
"""Why clips failed at the limit; they are not tried again by this process."""


def read_limited(path: Path, request: VideoRequest, *, factor: int, reader: str, timeout_s: float) -> VideoClip:
    """Read a clip as ``read_video`` does, in another process and within ``timeout_s`` seconds.

    That process may use 4 GiB more than its libraries. Frames come back through a file in shared memory where there
    is room, else in the temporary folder, which is mapped and not copied.

    Raises:
        InputError: as ``read_video``; or reading takes longer, needs more memory, or ends the process that reads.
        DependencyError: as ``read_video``; or that process cannot be started.
    """
    facts = path.stat()
    key = (str(path), facts.st_mtime_ns, facts.st_size, request, factor, reader, timeout_s)
    if key in _TOO_SLOW:
        raise InputError(_TOO_SLOW[key])
    asked = {"path": str(path.absolute()), "request": asdict(request), "factor": factor, "reader": reader}
    with _LOCK:
        process = _process()
        try:
            reply = process.ask(asked, timeout_s)
        except TimeoutError:
            process.end()
            slow = _refusal(path, f"be read within {timeout_s:g} s", "that it takes longer", "raise the time limit")
            _TOO_SLOW[key] = slow
            raise InputError(slow) from None
        except EOFError:
            found = f"that reading it ends the process that reads ({process.end()})"
            raise InputError(_refusal(path, "be readable", found, "replace it")) from None
        except BaseException:  # interrupted: its reply would be taken for that to the next request
            process.end()
            raise
        for told in reply["told"]:
            _LOG.warning("%s", told)
        return _clip(reply) if "clip" in reply else _refuse(path, reply)


def end_reader() -> None:
    """End the process that reads, if there is one; the next clip starts another."""
    with _LOCK:
        if process := _HELD.pop(os.getpid(), None):
            process.end()


def _refusal(path: Path, rule: str, found: str, advice: str) -> str:
    return f"a video must {rule}; found {found}; at {path}; {advice} or leave it out"


def _refuse(path: Path, reply: dict[str, Any]) -> VideoClip:
    if reply["kind"] == "MemoryError":
        raise InputError(_refusal(path, "be readable in 4 GiB of memory", "that it needs more", "lower its resolution"))
    raise (DependencyError if reply["kind"] == "DependencyError" else InputError)(reply["error"])


def _clip(reply: dict[str, Any]) -> VideoClip:
    path = Path(reply["file"])
    frames_FHWC = np.asarray(np.load(path, mmap_mode="c"))
    path.unlink()  # the mapping stays
    facts = reply["clip"] | {name: tuple(reply["clip"][name]) for name in ("indices", "times")}
    return VideoClip(frames_FHWC=frames_FHWC, **facts)


def _process() -> _Process:
    held = _HELD.get(os.getpid())
    if held is not None and (held.clips >= CLIPS_PER_PROCESS or held.has_ended()):
        held.end()
        held = None
    if held is None:
        held = _HELD[os.getpid()] = _Process()
    return held


class _Process:
    """A process that reads, and the folders through which frames come back."""

    def __init__(self) -> None:
        self.clips = 0
        roots = [str(SHARED_MEMORY)] if os.access(SHARED_MEMORY, os.W_OK) else []
        self.folders = [tempfile.mkdtemp(prefix="mmrl-frames-", dir=root) for root in [*roots, None]]
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in end()
        paths = os.pathsep.join(str(Path(entry or ".").absolute()) for entry in sys.path)
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "mmrl.video.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,  # Ctrl-C is this process's business, which then ends that one
        )
        try:
            self._line(START_LIMIT_S)
        except (TimeoutError, EOFError):
            told = self.end()
            raise DependencyError(
                f"reading video with a time limit needs a process of its own; found that it does not start ({told}); "
                "read without a time limit"
            ) from None

    def ask(self, asked: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Send a request and return the reply; ``TimeoutError`` without one in time, ``EOFError`` where it ended."""
        self.clips += 1
        assert self.popen.stdin is not None
        try:
            self.popen.stdin.write(json.dumps(asked | {"folders": self.folders}).encode() + b"\n")
        except BrokenPipeError:
            raise EOFError from None
        return dict(json.loads(self._line(timeout_s)))

    def _line(self, timeout_s: float) -> bytes:
        assert self.popen.stdout is not None
        line, until = b"", time.monotonic() + timeout_s
        while not line.endswith(b"\n"):
            if not select.select([self.popen.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError
            part = os.read(self.popen.stdout.fileno(), 1 << 16)
            if not part:
                raise EOFError
            line += part
        return line

    def has_ended(self) -> bool:
        """Whether it ended by itself, or was ended from outside."""
        return self.popen.poll() is not None

    def end(self) -> str:
        """End it, remove its folders, and tell how it ended, with the last line that it wrote."""
        _HELD.pop(os.getpid(), None)
        code = self.popen.poll()
        self.popen.kill()
        self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe is not None:
                pipe.close()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        self.errors.seek(0)
        words = self.errors.read().decode(errors="replace").strip().splitlines()
        self.errors.close()
        last = f", {words[-1].strip()[:200]}" if words else ""
        return f"exit code {self.popen.returncode if code is None else code}{last}"


atexit.register(end_reader)
