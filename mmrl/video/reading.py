"""Reading a video file with PyAV: the packets first, for true times, then only the stretches that are needed.

At any moment one full-size frame is held (and those the decoder refers to); a wanted frame is resized when decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from mmrl.errors import DependencyError, InputError
from mmrl.media import check_image_size
from mmrl.video.clip import VideoClip, fit_frame
from mmrl.video.sampling import DEFAULT_REQUEST, PIXEL_FACTOR, VideoRequest, frame_size
from mmrl.video.timeline import Timeline, decoding_runs, make_timeline, pick_frames

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

VIDEO_FORMATS = ("mov", "mp4", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "asf", "ogg", "gif")
"""Containers that are opened, by FFmpeg's names; it would also open text, single pictures and playlists."""

SHORT_OF_DECLARED = 0.9
"""Share of the length in its header that a file must hold; headers are not exact."""


def read_video(path: str | Path, request: VideoRequest = DEFAULT_REQUEST, *, factor: int = PIXEL_FACTOR) -> VideoClip:
    """Read the requested frames of a video file, upright, resized for a model whose sides are multiples of ``factor``.

    Of several streams the one that FFmpeg holds for the main one is read. A rotation or reflection in the metadata is
    applied, to the nearest quarter turn; a pixel aspect ratio is not. Frames with a varying rate are
    taken as :func:`~mmrl.video.timeline.pick_frames` says.

    Raises:
        InputError: the file is missing, empty, no video of ``VIDEO_FORMATS``, truncated or damaged where frames are
            needed, or has too few frames for the request.
        DependencyError: PyAV is not installed.
    """
    path = Path(path)
    if not path.is_file():
        found = "something else" if path.exists() else "nothing"
        raise InputError(f"a video must be a file; found {found}; at {path}; restore it or correct the path")
    with _opened(path) as (container, stream):
        check_image_size(stream.width, stream.height, where=str(path))
        timeline = _scan(container, stream, path)
    picks = pick_frames(timeline, request, where=str(path))
    frames = _Collector(picks.indices, request, factor)
    _decode(path, timeline, frames)
    return VideoClip(
        frames_FHWC=frames.taken,
        indices=picks.indices,
        times=picks.times,
        source_fps=timeline.rate,
        source_frames=len(timeline.stamps_F),
        span_frames=picks.span_frames,
        width=frames.width,
        height=frames.height,
        reader="pyav",
    )


class _Collector:
    """Takes wanted frames as they are decoded, in whatever order, and keeps them resized."""

    def __init__(self, indices: tuple[int, ...], request: VideoRequest, factor: int) -> None:
        self.rows: dict[int, list[int]] = {}
        for row, index in enumerate(indices):
            self.rows.setdefault(index, []).append(row)
        self.count, self.request, self.factor = len(indices), request, factor
        self.taken = np.empty((0, 0, 0, 3), dtype=np.uint8)
        self.width = self.height = 0

    def take(self, index: int, frame: VideoFrame) -> None:
        """Keep one frame in each of its rows; the first one taken fixes the size of all."""
        pixels = turn_upright(frame.to_ndarray(format="rgb24"), _display_matrix(frame))
        if not self.width:
            self.height, self.width = pixels.shape[:2]
            size = frame_size(self.height, self.width, self.count, self.request, self.factor)
            self.taken = np.empty((self.count, *size, 3), dtype=np.uint8)
        self.taken[self.rows[index]] = fit_frame(pixels, (self.taken.shape[1], self.taken.shape[2]))


# ---------------------------------------------------------------------------------------------------- opening


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The open file and its main video stream; whatever FFmpeg finds wrong with it becomes one line."""
    av = _require_pyav()
    try:
        with _open(path) as container:
            stream = _main_stream(container, path)
            stream.thread_type = "AUTO"
            yield container, stream
    except av.FFmpegError as error:
        empty = path.stat().st_size == 0
        raise _unreadable(path, "an empty file" if empty else f"a damaged one ({error.strerror})") from error


def _require_pyav() -> ModuleType:
    try:
        import av
    except ImportError as error:
        raise DependencyError(f"reading video needs PyAV; found none ({error}); install the package av") from error
    return av


def _open(path: Path) -> InputContainer:
    import av

    options = {"format_whitelist": ",".join(VIDEO_FORMATS), "protocol_whitelist": "file"}
    try:
        return av.open(str(path), options=options, metadata_errors="replace")
    except av.ArgumentError as error:  # what another format gives
        raise _unreadable(path, f"no {', '.join(VIDEO_FORMATS[:-1])} or {VIDEO_FORMATS[-1]} file") from error


def _main_stream(container: InputContainer, path: Path) -> VideoStream:
    best = container.streams.best("video")
    for stream in container.streams.video:
        cover = stream.disposition & stream.disposition.attached_pic
        if best is not None and stream.index == best.index and not cover:
            if stream.codec_context is None:
                raise _unreadable(path, "a codec that this FFmpeg does not know")
            return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "no stream"
    raise _unreadable(path, f"no moving picture in it ({kinds})")


def _unreadable(path: Path, found: str) -> InputError:
    return InputError(f"a video must be readable; found {found}; at {path}; replace it or leave it out")


def _scan(container: InputContainer, stream: VideoStream, path: Path) -> Timeline:
    """Read all packets without decoding, which gives the number and the times of the frames.

    AVI has no presentation stamps, and those that FFmpeg derives are wrong where frames are stored out of order. There,
    and where no packet has one, a frame is known by its place. Elsewhere a packet without a stamp begins no frame.
    """
    packets: list[tuple[int, int, bool]] = []
    stamped: list[tuple[int, int, bool]] = []
    end = 0.0
    for packet in container.demux():
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None or packet.time_base is None:  # the mark that a stream ends
            continue
        end = max(end, float((stamp + (packet.duration or 0)) * packet.time_base))
        if packet.stream.index == stream.index and not packet.is_discard:
            packets.append((stamp, packet.duration or 0, packet.is_keyframe))
            if packet.pts is not None:
                stamped.append(packets[-1])
    _check_whole(container, stream, path, end)
    if not packets or stream.time_base is None:
        raise _unreadable(path, "no frames in it")
    rates = [float(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate]
    seekable = bool(stamped) and "avi" not in container.format.name
    return make_timeline(stamped if seekable else packets, unit=stream.time_base, rates=rates, seekable=seekable)


def _check_whole(container: InputContainer, stream: VideoStream, path: Path, end: float) -> None:
    """Refuse a file that was cut off: its index reaches beyond it, or much less is there than its header declares."""
    size = path.stat().st_size
    reach = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
    if reach > size:
        raise _unreadable(path, f"a truncated one ({size:,} of at least {reach:,} bytes)")
    begin = (container.start_time or 0) / 1_000_000
    declared = (container.duration or 0) / 1_000_000
    if container.format.name in ("avi", "matroska,webm") and end - begin < SHORT_OF_DECLARED * declared:
        raise _unreadable(path, f"a truncated one ({end - begin:.3f} of {declared:.3f} s)")


# ---------------------------------------------------------------------------------------------------- decoding


def _decode(path: Path, timeline: Timeline, frames: _Collector) -> None:
    """Hand every wanted frame to ``frames``; where starting at a key frame misses one, decode from the beginning."""
    numbers = {stamp: index for index, stamp in enumerate(timeline.stamps_F)} if timeline.keys else None
    missing: list[int] = []
    with _opened(path) as (container, stream):
        for start, wanted in decoding_runs(frames.rows, timeline.keys):
            if start:
                container.seek(timeline.stamps_F[start], stream=stream)
            missing += _take_run(container.decode(stream), numbers, wanted, frames)
    if missing and timeline.keys:
        with _opened(path) as (container, stream):
            missing = _take_run(container.decode(stream), numbers, missing, frames)
    if missing:
        second = timeline.times_F[missing[0]]
        raise _unreadable(path, f"a damaged one (frame {missing[0]} at {second:.3f} s does not decode)")


def _take_run(
    decoded: Iterator[VideoFrame], numbers: dict[int, int] | None, wanted: list[int], frames: _Collector
) -> list[int]:
    """Take the wanted frames out of decoded ones, known by stamp or else by place; return those missing or damaged."""
    left = set(wanted)
    for place, frame in enumerate(decoded):
        index = place if numbers is None else numbers.get(-1 if frame.pts is None else frame.pts, -1)
        if index in left and not frame.is_corrupt:
            frames.take(index, frame)
            left.discard(index)
        if not left or index > wanted[-1]:
            break
    return sorted(left)


def _display_matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
    """a, b, c, d of the display matrix: a pixel (x, y) is shown at (a x + c y, b x + d y), up to a shift."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return 1, 0, 0, 1
    a, b, _, c, d = np.frombuffer(bytes(data), dtype=np.int32)[:5].tolist()
    return a, b, c, d


def turn_upright(pixels_HWC: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """Return the picture as its display matrix (a, b, c, d) shows it, to the nearest quarter turn, reflected or not."""
    a, b, c, d = matrix
    if abs(b) > abs(a):  # x is shown as y: swap the sides first
        pixels_HWC, a, d = pixels_HWC.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(pixels_HWC[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
