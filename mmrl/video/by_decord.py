"""Decoding with decord, which numbers frames and does not say which one it gave.

Its seeking gives other frames than asked for where groups of pictures are open, in HEVC as x265 writes it by default,
and in transport streams; skipping frames fails likewise where some are stored out of order (seen with 0.6.0). So it
does neither here: every frame is decoded, from the first to the last that is wanted.
"""

from __future__ import annotations

import numpy as np

from mmrl.video.by_pyav import is_mirrored
from mmrl.video.reader_faults import ReaderFault
from mmrl.video.scan import Source
from mmrl.video.taking import FrameTaker


def decode(source: Source, frames: FrameTaker) -> None:
    """Hand every wanted frame to ``frames``; holds the frames that its decoding queue keeps, at full size.

    Raises:
        ReaderFault: it cannot open the clip, or would give other frames than the packets say.
    """
    from decord import DECORDError, VideoReader

    timeline = source.timeline
    if not source.tells_frames_apart:
        raise ReaderFault("its format does not give every frame a time by which decord's frames could be checked")
    if is_mirrored(source):
        raise ReaderFault("it is held as in a mirror, which decord leaves out")
    try:
        reader = VideoReader(str(source.path))
        _require_same_frames(reader, timeline.times_F, timeline.rate)
        for index in range(max(frames.rows) + 1):
            frame = reader.next()
            if index in frames.rows:
                frames.take(index, frame.asnumpy())
    except (DECORDError, StopIteration) as error:
        raise ReaderFault(f"decord fails: {_last_words(error)}") from error


def _require_same_frames(reader: object, times_F: tuple[float, ...], rate: float) -> None:
    """Refuse a clip that decord counts otherwise, or whose times it tells otherwise by half a frame or more."""
    total = len(reader)  # type: ignore[arg-type]
    if total != len(times_F):
        raise ReaderFault(f"decord counts {total} frames in it, and its packets are {len(times_F)}")
    starts = reader.get_frame_timestamp(range(total))[:, 0]  # type: ignore[attr-defined]
    apart = float(np.abs(starts - starts[0] - np.array(times_F)).max())
    if not apart < 0.5 / rate:
        raise ReaderFault(f"decord's times are up to {apart:.3f} s from those of its packets")


def _last_words(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if "rror" in line), lines[0] if lines else type(error).__name__)
    return told.rsplit("] ", 1)[-1][:200]
