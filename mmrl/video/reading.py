"""Reading a video file: which frames its packets say there are, decoded by the library that is asked for."""

from __future__ import annotations

from pathlib import Path

from mmrl.video.clip import VideoClip
from mmrl.video.readers import Reader, decode
from mmrl.video.sampling import DEFAULT_REQUEST, PIXEL_FACTOR, VideoRequest
from mmrl.video.scan import scan
from mmrl.video.taking import FrameTaker
from mmrl.video.timeline import pick_frames


def read_video(
    path: str | Path,
    request: VideoRequest = DEFAULT_REQUEST,
    *,
    factor: int = PIXEL_FACTOR,
    reader: Reader = "auto",
) -> VideoClip:
    """Read the requested frames of a video file, upright, resized for a model whose sides are multiples of ``factor``.

    Of several streams the one that FFmpeg holds for the main one is read. A rotation or reflection in the metadata is
    applied, to the nearest quarter turn; a pixel aspect ratio is not. Frames with a varying rate are
    taken as :func:`~mmrl.video.timeline.pick_frames` says. The same frames come with every ``reader``: where one would
    give others for a clip, another reads that clip, which is logged once.

    Memory: the clip (frames x height x width x 3 bytes, at most 2 x 115,200 x factor^2 x 3, 542 MB for a factor of 28,
    unless the request raises ``min_pixels``), and full-size frames: one, with those that the decoder's threads hold, and
    with torchcodec 64 MiB of them.

    Raises:
        InputError: the file is missing, empty, no video of ``VIDEO_FORMATS``, truncated or damaged where frames are
            needed, or has too few frames for the request.
        DependencyError: ``reader`` does not work on this machine.
    """
    path = Path(path)
    source = scan(path)
    picks = pick_frames(source.timeline, request, where=str(path))
    frames = FrameTaker(picks.indices, request, factor)
    used = decode(source, frames, reader)
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
