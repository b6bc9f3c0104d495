"""Three libraries behind one request: each gives the frames that the packets say, or leaves the clip to another."""

from __future__ import annotations

import logging
from fractions import Fraction

import av
import numpy as np
import pytest

from mmrl import machine
from mmrl.errors import DependencyError, InputError
from mmrl.video import by_pyav, readers
from mmrl.video.readers import reader_state, reader_states
from mmrl.video.reading import read_video
from mmrl.video.sampling import VideoRequest
from mmrl.video.scan import Source
from mmrl.video.taking import FrameTaker
from tests.video.clips import numbers_of, set_display_matrix, trim_without_encoding, write_clip
from tests.video.test_reading import CONTAINERS, UPRIGHT, corner, request

OTHERS = ("torchcodec", "decord")


@pytest.fixture(params=OTHERS)
def reader(request: pytest.FixtureRequest) -> str:
    state = reader_state(request.param)
    if not state.works:
        pytest.skip(f"{state.name} does not read video here: {state.fault}")
    return state.name


def test_pyav_works_everywhere() -> None:
    assert [state.name for state in reader_states()] == ["pyav", *OTHERS]
    assert reader_state("pyav").works
    assert reader_state("pyav").version


@pytest.mark.parametrize(("name", "codec", "options"), CONTAINERS, ids=[row[0] for row in CONTAINERS])
def test_all_give_the_same_frames_and_times(tmp_path, reader, name, codec, options) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    path = write_clip(tmp_path / name, 100, codec=codec, options=options)
    for wanted in (request(num_frames=4), request(num_frames=14), request(start=1.0, end=2.5, fps=30.0)):
        ours, theirs = read_video(path, wanted), read_video(path, wanted, reader=reader)
        assert numbers_of(theirs.frames_FHWC) == list(theirs.indices) == list(ours.indices)
        assert (theirs.times, theirs.metadata() | {"video_backend": ""}) == (
            ours.times,
            ours.metadata() | {"video_backend": ""},
        )
        assert np.abs(theirs.frames_FHWC.astype(int) - ours.frames_FHWC).max() <= 3
    assert ours.reader == "pyav"
    if name in ("a.mp4", "a.mkv", "a.flv"):  # plain files are read with what was asked for
        assert theirs.reader == reader


@pytest.mark.parametrize("matrix", [row[0] for row in UPRIGHT])
def test_all_turn_frames_upright(tmp_path, reader, matrix) -> None:
    path = tmp_path / "held.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 80, "yuv420p"
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(corner(160, 80), "rgb24")))
        container.mux(stream.encode())
    set_display_matrix(path, *matrix)
    ours, theirs = read_video(path, request()), read_video(path, request(), reader=reader)
    assert (theirs.width, theirs.height) == (ours.width, ours.height)
    assert np.abs(theirs.frames_FHWC.astype(int) - ours.frames_FHWC).max() <= 3
    mirrored = matrix[0] * matrix[3] - matrix[1] * matrix[2] < 0
    assert theirs.reader == ("pyav" if mirrored else reader)


@pytest.mark.parametrize("name", ["varying.mp4", "varying.mkv"])
def test_all_keep_the_times_of_a_varying_rate(tmp_path, reader, name) -> None:
    path = write_clip(tmp_path / name, 10, stamps=[0, 3000, 4000, 5000, 6000, 6100, 6200, 6300, 6400, 9900])
    clip = read_video(path, request(num_frames=10), reader=reader)
    assert numbers_of(clip.frames_FHWC) == list(clip.indices) == [0, 0, 0, 0, 1, 2, 3, 8, 8, 8]
    assert clip.reader == reader


def test_all_start_where_an_edit_list_says(tmp_path, reader) -> None:
    whole = write_clip(tmp_path / "whole.mp4", 60)
    path = trim_without_encoding(whole, tmp_path / "part.mp4", Fraction(10, 30))
    clip = read_video(path, request(num_frames=4), reader=reader)
    assert numbers_of(clip.frames_FHWC) == [10, 26, 43, 59]


def test_another_reader_takes_over_and_that_is_told_once(tmp_path, reader, caplog) -> None:
    path = write_clip(tmp_path / "mirror.mp4", 20)
    set_display_matrix(path, -1, 0, 0, 1)
    with caplog.at_level(logging.WARNING, logger=readers.__name__):
        clips = [read_video(path, request(), reader=reader) for _ in range(2)]
    assert {clip.reader for clip in clips} == {"pyav"}
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert str(path) in told[0]
    assert reader in told[0]
    assert "mirror" in told[0]


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_all_refuse_truncated_files_alike(tmp_path, reader, share) -> None:
    path = write_clip(tmp_path / "cut.mp4", 100)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match=r"a (truncated|damaged) one .*cut\.mp4"):
        read_video(path, request(), reader=reader)


def test_all_refuse_damaged_frames(tmp_path, reader) -> None:
    path = write_clip(tmp_path / "a.mp4", 60, group=60)
    with av.open(str(path)) as container:
        sizes = [(entry.pos, entry.size) for entry in container.streams.video[0].index_entries]
    data = bytearray(path.read_bytes())
    for position, size in sizes[20:]:
        data[position : position + size] = b"\xff" * size
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged one"):
        read_video(path, request(), reader=reader)


def test_a_reader_must_be_known_and_work(tmp_path, monkeypatch) -> None:
    path = write_clip(tmp_path / "a.mp4", 8)
    with pytest.raises(InputError, match="one of auto, pyav, torchcodec, decord; found 'opencv'"):
        read_video(path, request(), reader="opencv")  # type: ignore[arg-type]
    absent = readers.ReaderState(name="decord", version="", fault="not installed")
    monkeypatch.setattr(readers, "reader_state", lambda name: absent if name == "decord" else reader_state(name))
    with pytest.raises(DependencyError, match="found decord: not installed; choose auto"):
        read_video(path, request(), reader="decord")


def test_a_reader_that_is_broken_is_found_out(monkeypatch) -> None:
    """A library that gives a neighbour of each frame is not used: here each frame's predecessor."""
    by_decord = pytest.importorskip("mmrl.video.by_decord")
    pytest.importorskip("decord")

    def neighbours(source: Source, frames: FrameTaker) -> None:
        by_pyav.decode(source, frames)
        frames.taken = np.roll(frames.taken, 1, axis=0)

    monkeypatch.setattr(by_decord, "decode", neighbours)
    reader_state.cache_clear()
    try:
        assert "wrong frames" in reader_state("decord").fault
        told = {finding.part: finding for finding in machine._video()}
        assert told["video: pyav"].usable
        assert not told["video: decord"].usable
        assert "wrong frames" in told["video: decord"].found
    finally:
        reader_state.cache_clear()


def test_sizes_are_the_same_for_all(tmp_path, reader) -> None:
    path = write_clip(tmp_path / "odd.mp4", 30, size=(127, 65))
    wanted = VideoRequest(min_pixels=127 * 65, num_frames=4)
    ours, theirs = (read_video(path, wanted, factor=1, reader=name) for name in ("pyav", reader))
    assert ours.frames_FHWC.shape == theirs.frames_FHWC.shape == (4, 65, 127, 3)
    assert np.abs(theirs.frames_FHWC.astype(int) - ours.frames_FHWC).max() <= 3
