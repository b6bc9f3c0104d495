"""The frame cache: found by content and request alone, whole or absent, bounded, shared."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from mmrl.video import VideoRequest, read_video, reading
from mmrl.video.cache import FrameCache, cache_key
from mmrl.video.clip import VideoClip, clip_of_frames
from tests.video.clips import numbered, numbers_of, write_clip
from tests.video.test_reading import request


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "a.mp4", 40)


def same(one: VideoClip, other: VideoClip) -> bool:
    facts = [field.name for field in fields(one) if field.name != "frames_FHWC"]
    return np.array_equal(one.frames_FHWC, other.frames_FHWC) and all(
        getattr(one, name) == getattr(other, name) for name in facts
    )


def forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> str:
        raise AssertionError("decoded")

    monkeypatch.setattr(reading, "decode", decode)


def test_a_clip_is_decoded_once_for_a_content_and_a_request(tmp_path, path, monkeypatch) -> None:
    folder = tmp_path / "cache"
    first = read_video(path, request(fps=3.0), cache=folder)
    assert same(first, read_video(path, request(fps=3.0)))
    copy = tmp_path / "elsewhere" / "other.name"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    forbid_decoding(monkeypatch)
    assert same(first, read_video(path, request(fps=3.0), cache=folder))
    assert same(first, read_video(copy, request(fps=3.0), cache=folder))
    for other in ({"request": request(fps=4.0)}, {"factor": 32}, {"reader": "pyav"}):
        with pytest.raises(AssertionError, match="decoded"):
            read_video(path, **{"request": request(fps=3.0), **other}, cache=folder)
    path.write_bytes(path.read_bytes() + b"\0" * 8)
    with pytest.raises(AssertionError, match="decoded"):
        read_video(path, request(fps=3.0), cache=folder)


def test_a_file_that_changes_in_place_is_another(path) -> None:
    before = cache_key(path, VideoRequest(), factor=28, reader="auto")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(1, 1))
    assert cache_key(path, VideoRequest(), factor=28, reader="auto") != before


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 and no more", None])
def test_a_damaged_entry_is_made_anew(tmp_path, path, damage) -> None:
    folder = tmp_path / "cache"
    first = read_video(path, request(), cache=folder)
    (entry,) = folder.iterdir()
    entry.write_bytes(entry.read_bytes()[:-40] if damage is None else damage)
    assert same(first, read_video(path, request(), cache=folder))
    (again,) = folder.iterdir()
    assert same(first, FrameCache(folder=folder).get(again.stem) or pytest.fail("no entry"))


def clip_of(number: int) -> VideoClip:
    return clip_of_frames([numbered(number, 56, 28)] * 2, fps=1.0, request=VideoRequest(max_pixels=56 * 28))


def test_entries_unused_the_longest_go_first(tmp_path) -> None:
    size = FrameCache(folder=tmp_path / "one")
    size.put("k", clip_of(0))
    (entry,) = size.folder.iterdir()
    cache = FrameCache(folder=tmp_path / "cache", max_bytes=3 * entry.stat().st_size + 200)
    for number in range(3):
        cache.put(str(number), clip_of(number))
        os.utime(cache.folder / f"{number}.npz", (1000 + number, 1000 + number))
    assert cache.get("0") is not None  # now used last
    cache.put("3", clip_of(3))
    assert sorted(entry.stem for entry in cache.folder.iterdir()) == ["0", "2", "3"]
    (cache.folder / ".dead.npz.1.partial").write_bytes(b"x")
    os.utime(cache.folder / ".dead.npz.1.partial", (1, 1))
    cache.put("4", clip_of(4))
    assert not list(cache.folder.glob(".*"))
    replace(cache, folder=tmp_path / "small", max_bytes=100).put("k", clip_of(0))
    assert not (tmp_path / "small").exists()


def test_a_folder_that_cannot_be_written_costs_only_the_entry(tmp_path, path, caplog) -> None:
    (tmp_path / "file").touch()
    clip = read_video(path, request(num_frames=2), cache=tmp_path / "file" / "cache")
    assert numbers_of(clip.frames_FHWC) == [0, 39]
    assert "read without it" in caplog.text


def test_processes_share_a_folder(tmp_path, path) -> None:
    program = (
        "import sys\nfrom mmrl.video import VideoRequest, read_video\n"
        "for n in range(2, 20, 2):\n"
        "    wanted = VideoRequest(num_frames=n, max_pixels=784, min_pixels=784)\n"
        "    clip = read_video(sys.argv[1], wanted, cache=sys.argv[2])\n"
        "    assert len(clip.indices) == n\n"
    )
    command = [sys.executable, "-c", program, str(path), str(tmp_path / "cache")]
    running = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert len(list((tmp_path / "cache").iterdir())) == 9
