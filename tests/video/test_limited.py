"""Reading in a process of its own: the same clip, a hanging reader stopped, a dying one survived, nothing left."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from mmrl.errors import DependencyError, InputError
from mmrl.video import VideoRequest, limited
from mmrl.video.reading import Reading, read_video
from tests.video.clips import numbers_of, set_display_matrix, write_clip
from tests.video.test_reading import request


@pytest.fixture(autouse=True)
def own_reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process for each test, so that one test's signals do not reach another's."""
    limited.end_reader()
    monkeypatch.setattr(limited, "_TOO_SLOW", {})
    yield
    limited.end_reader()


def held() -> limited._Process:
    return limited._HELD[os.getpid()]


def test_the_clip_is_the_same_and_the_process_reads_again(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 60)
    here = read_video(path, request(fps=3.0))
    there = read_video(path, request(fps=3.0), timeout_s=60)
    for field in fields(here):
        if field.name != "frames_FHWC":
            assert getattr(here, field.name) == getattr(there, field.name)
    np.testing.assert_array_equal(here.frames_FHWC, there.frames_FHWC)
    first = held().popen.pid
    assert numbers_of(read_video(path, request(num_frames=2), timeout_s=60).frames_FHWC) == [0, 59]
    assert held().popen.pid == first
    assert not [name for folder in held().folders for name in Path(folder).iterdir()]
    with pytest.raises(InputError, match=r"found 60, asked for 80; at .*a\.mp4"):
        read_video(path, request(num_frames=80), timeout_s=60)
    with pytest.raises(InputError, match=r"found nothing; at .*absent\.mp4"):
        read_video(tmp_path / "absent.mp4", request(), timeout_s=60)
    assert held().popen.pid == first


def test_a_reader_that_hangs_is_stopped_and_replaced(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 60)
    other = write_clip(tmp_path / "other.mp4", 20)
    read_video(other, request(), timeout_s=60)
    hung = held()
    os.kill(hung.popen.pid, signal.SIGSTOP)
    with pytest.raises(InputError, match=r"be read within 0\.5 s; found that it takes longer; at .*a\.mp4"):
        read_video(path, request(), timeout_s=0.5)
    assert hung.popen.returncode == -signal.SIGKILL
    assert not any(Path(folder).exists() for folder in hung.folders)
    assert numbers_of(read_video(other, request(num_frames=2), timeout_s=60).frames_FHWC) == [0, 19]
    # The clip is remembered: no process is stopped for it again, and another limit is another attempt.
    before = held().clips
    with pytest.raises(InputError, match=r"within 0\.5 s"):
        read_video(path, request(), timeout_s=0.5)
    assert held().clips == before
    assert read_video(path, request(), timeout_s=60).source_frames == 60


def test_a_clip_that_takes_too_long_is_an_ordinary_failure(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "long.mp4", 250, size=(1024, 512))
    with pytest.raises(InputError, match=r"within 0\.001 s"):
        read_video(path, request(num_frames=250), timeout_s=0.001)


def test_a_process_that_dies_while_reading_fails_that_clip_alone(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 60)
    read_video(path, request(), timeout_s=60)
    pid = held().popen.pid
    os.kill(pid, signal.SIGSTOP)
    killer = threading.Timer(0.5, os.kill, (pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(InputError, match=r"ends the process that reads \(exit code -9.*a\.mp4"):
        read_video(path, request(), timeout_s=60)
    killer.join()
    assert numbers_of(read_video(path, request(num_frames=2), timeout_s=60).frames_FHWC) == [0, 59]


def test_a_process_that_died_in_between_is_replaced(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 60)
    read_video(path, request(), timeout_s=60)
    first = held()
    first.popen.kill()
    first.popen.wait()
    assert read_video(path, request(), timeout_s=60).source_frames == 60
    assert held() is not first


def test_a_process_is_replaced_after_its_share_of_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited, "CLIPS_PER_PROCESS", 2)
    path = write_clip(tmp_path / "a.mp4", 12)
    pids = []
    for _ in range(3):
        read_video(path, request(), timeout_s=60)
        pids.append(held().popen.pid)
    assert pids[0] == pids[1] != pids[2]


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux")
def test_memory_is_limited(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 60, size=(1024, 512))
    read_video(path, request(), timeout_s=60)
    pid = held().popen.pid
    limit = next(line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith("Max data"))
    assert 4 << 30 < int(limit.split()[3]) < 64 << 30
    # 60 frames enlarged to 6,000 x 3,000 pixels would take 6.5 GB.
    with pytest.raises(InputError, match=r"in 4 GiB of memory; found that it needs more; at .*a\.mp4"):
        read_video(path, VideoRequest(num_frames=60, min_pixels=36_000_000), timeout_s=120)
    assert read_video(path, request(), timeout_s=60).source_frames == 60


def test_what_is_logged_there_is_logged_here(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from mmrl.video.readers import reader_state

    if not reader_state("decord").works:
        pytest.skip("needs decord")
    path = set_display_matrix(write_clip(tmp_path / "mirror.mp4", 20), -1, 0, 0, 1)
    with caplog.at_level(logging.WARNING):
        read_video(path, request(), reader="decord", timeout_s=60)
    assert "mirror" in caplog.text


def test_the_process_ends_with_the_one_that_asks(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 12)
    program = (
        "import os, sys\nfrom mmrl.video import limited, read_video\n"
        f"read_video({str(path)!r}, timeout_s=60)\n"
        "print(limited._HELD[os.getpid()].popen.pid, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    reader = Path(f"/proc/{int(done.stdout)}")
    until = time.monotonic() + 60
    while reader.exists() and "Z" not in (reader / "stat").read_text().split()[2] and time.monotonic() < until:
        time.sleep(0.05)
    assert not reader.exists() or "Z" in (reader / "stat").read_text().split()[2]


def test_settings_are_checked() -> None:
    for wrong in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(InputError, match="video_timeout_s"):
            Reading(timeout_s=wrong)


def test_a_process_that_cannot_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "a.mp4", 12)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DependencyError, match="does not start"):
        read_video(path, request(), timeout_s=60)
