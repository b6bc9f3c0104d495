"""Reading a video file: which frames its packets say there are, decoded by the library that is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from mmrl.errors import InputError
from mmrl.video.cache import FrameCache, cache_key
from mmrl.video.clip import VideoClip
from mmrl.video.limited import read_limited
from mmrl.video.readers import Reader, decode
from mmrl.video.sampling import DEFAULT_REQUEST, PIXEL_FACTOR, VideoRequest
from mmrl.video.scan import require_file, scan
from mmrl.video.taking import FrameTaker
from mmrl.video.timeline import pick_frames

DEFAULT_TIMEOUT_S = 300.0
"""Seconds for a clip in a run: decoding an hour of full HD takes some minutes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How clips are read; what is read of them is the request's business.

    Raises:
        InputError: a time limit that is not above 0.
    """

    reader: Reader = "auto"
    """The library; ``auto`` takes the first that works on this machine."""
    timeout_s: float | None = None
    """Seconds for a clip, in a process of its own; None reads here, without a limit."""
    cache: Path | None = None
    """Folder in which sampled frames are kept, up to 20 GiB; None keeps none."""

    def __post_init__(self) -> None:
        if self.timeout_s is not None and not 0 < self.timeout_s < math.inf:
            raise InputError(
                f"a time limit must be a finite number of seconds above 0; found {self.timeout_s}; at video_timeout_s; "
                "correct it, or leave it out to read without a limit"
            )


PLAIN_READING = Reading()
"""In this process, by the first library that works, nothing kept."""


def read_video(
    path: str | Path,
    request: VideoRequest = DEFAULT_REQUEST,
    *,
    factor: int = PIXEL_FACTOR,
    reader: Reader = "auto",
    timeout_s: float | None = None,
    cache: str | Path | None = None,
) -> VideoClip:
    """Read the requested frames of a video file, upright, resized for a model whose sides are multiples of ``factor``.

    Of several streams the one that FFmpeg holds for the main one is read. A rotation or reflection in the metadata is
    applied, to the nearest quarter turn; a pixel aspect ratio is not. Frames with a varying rate are
    taken as :func:`~mmrl.video.timeline.pick_frames` says. The same frames come with every ``reader``: where one would
    give others for a clip, another reads that clip, which is logged once.

    Memory: the clip (frames x height x width x 3 bytes, at most 2 x 115,200 x factor^2 x 3, 542 MB for a factor of 28,
    unless the request raises ``min_pixels``), and full-size frames: one, with those that the decoder's threads hold;
    with torchcodec 64 MiB of them or one.

    Args:
        path: of the file.
        request: which frames, and how large.
        factor: sides are multiples of it.
        reader: the library that decodes; ``auto`` takes the first that works here.
        timeout_s: seconds after which reading is given up; it then happens in a process of its own, which may use
            4 GiB of memory beyond its libraries.
        cache: folder of sampled frames, found by the file's content and the request; at most 20 GiB.

    Raises:
        InputError: the file is missing, empty, no video of ``VIDEO_FORMATS``, truncated or damaged where frames are
            needed, has too few frames for the request, or takes longer than ``timeout_s``.
        DependencyError: ``reader`` does not work on this machine.
    """
    path = Path(path)
    how = Reading(reader=reader, timeout_s=timeout_s, cache=None if cache is None else Path(cache))
    require_file(path)
    if how.cache is None:
        return _read(path, request, factor, how)
    kept, key = FrameCache(folder=how.cache), cache_key(path, request, factor=factor, reader=reader)
    clip = kept.get(key)
    if clip is None:
        clip = _read(path, request, factor, how)
        kept.put(key, clip)
    return clip


def _read(path: Path, request: VideoRequest, factor: int, how: Reading) -> VideoClip:
    if how.timeout_s is not None:
        return read_limited(path, request, factor=factor, reader=how.reader, timeout_s=how.timeout_s)
    source = scan(path)
    picks = pick_frames(source.timeline, request, where=str(path))
    frames = FrameTaker(picks.indices, request, factor)
    used = decode(source, frames, how.reader)
    return VideoClip(
        frames_FHWC=frames.taken,
        indices=picks.indices,
        times=picks.times,
        source_fps=source.timeline.rate,
        source_frames=len(source.timeline.stamps_F),
        span_frames=picks.span_frames,
        width=frames.width,
        height=frames.height,
        reader=used,
    )
