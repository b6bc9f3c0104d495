"""What a file says about itself before pictures are decoded: its main stream, its frames' times, how it was held.

PyAV reads it, whichever library decodes: only packets tell which frame a decoder ought to give for a number, and each
library numbers frames in its own way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from mmrl.errors import DependencyError, InputError
from mmrl.media import check_image_size
from mmrl.video.timeline import Timeline, make_timeline

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

VIDEO_FORMATS = ("mov", "mp4", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "asf", "ogg", "gif")
"""Containers that are opened, by FFmpeg's names; it would also open text, single pictures and playlists."""

CHECKABLE = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flv")
"""Formats in which torchcodec and decord were seen to give the frames that packets say (``tests/video``)."""

SHORT_OF_DECLARED = 0.9
"""Share of the length in its header that a file must hold; headers are not exact."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A video file that was looked through, with nothing decoded."""

    path: Path
    timeline: Timeline
    stream: int
    """Number of its main stream in the file."""
    container: str
    """FFmpeg's name of its format."""

    @property
    def tells_frames_apart(self) -> bool:
        """Whether all libraries count its frames alike: its format gives each a time of its own.

        Transport and programme streams and AVI do not, and other libraries then give neighbours of a frame.
        """
        return bool(self.timeline.keys) and self.container in CHECKABLE


def scan(path: Path) -> Source:
    """Look through a file.

    Raises:
        InputError: it is missing, empty, no video of ``VIDEO_FORMATS``, truncated, or has frames above the size limit.
        DependencyError: PyAV is not installed.
    """
    with opened(path) as (container, stream):
        check_image_size(stream.width, stream.height, where=str(path))
        timeline = _timeline(container, stream, path)
        return Source(path=path, timeline=timeline, stream=stream.index, container=container.format.name)


def require_file(path: Path) -> None:
    """Refuse what is no file."""
    if not path.is_file():
        found = "something else" if path.exists() else "nothing"
        raise InputError(f"a video must be a file; found {found}; at {path}; restore it or correct the path")


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The open file and its main video stream; whatever FFmpeg finds wrong with it becomes one line."""
    av = _require_pyav()
    try:
        with _open(path) as container:
            stream = _main_stream(container, path)
            stream.thread_type = "AUTO"
            yield container, stream
    except av.FFmpegError as error:
        empty = path.stat().st_size == 0
        raise unreadable(path, "an empty file" if empty else f"a damaged one ({error.strerror})") from error


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
        raise unreadable(path, f"no {', '.join(VIDEO_FORMATS[:-1])} or {VIDEO_FORMATS[-1]} file") from error


def _main_stream(container: InputContainer, path: Path) -> VideoStream:
    best = container.streams.best("video")
    for stream in container.streams.video:
        cover = stream.disposition & stream.disposition.attached_pic
        if best is not None and stream.index == best.index and not cover:
            if stream.codec_context is None:
                raise unreadable(path, "a codec that this FFmpeg does not know")
            return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "no stream"
    raise unreadable(path, f"no moving picture in it ({kinds})")


def unreadable(path: Path, found: str) -> InputError:
    """Return the refusal of a file in which something was found."""
    return InputError(f"a video must be readable; found {found}; at {path}; replace it or leave it out")


def _timeline(container: InputContainer, stream: VideoStream, path: Path) -> Timeline:
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
        raise unreadable(path, "no frames in it")
    rates = [float(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate]
    seekable = bool(stamped) and "avi" not in container.format.name
    return make_timeline(stamped if seekable else packets, unit=stream.time_base, rates=rates, seekable=seekable)


def _check_whole(container: InputContainer, stream: VideoStream, path: Path, end: float) -> None:
    """Refuse a file that was cut off: its index reaches beyond it, or much less is there than its header declares."""
    size = path.stat().st_size
    reach = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
    if reach > size:
        raise unreadable(path, f"a truncated one ({size:,} of at least {reach:,} bytes)")
    begin = (container.start_time or 0) / 1_000_000
    declared = (container.duration or 0) / 1_000_000
    if container.format.name in ("avi", "matroska,webm") and end - begin < SHORT_OF_DECLARED * declared:
        raise unreadable(path, f"a truncated one ({end - begin:.3f} of {declared:.3f} s)")
