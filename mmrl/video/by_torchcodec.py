"""Decoding with torchcodec, which tells the time of every frame that it gives, so that each is checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmrl.video.by_pyav import is_mirrored
from mmrl.video.reader_faults import ReaderFault
from mmrl.video.scan import Source
from mmrl.video.taking import FrameTaker

CHUNK_BYTES = 64 << 20
"""Full-size frames that are asked for at once, in bytes; at least one frame."""


def decode(source: Source, frames: FrameTaker) -> None:
    """Hand every wanted frame to ``frames``; holds ``CHUNK_BYTES`` of full-size frames, and those of its decoder.

    Raises:
        ReaderFault: it cannot open the clip, or gives other frames than the packets say.
    """
    from torchcodec.decoders import VideoDecoder

    timeline = source.timeline
    if not source.tells_frames_apart:
        raise ReaderFault("its format does not give every frame a time by which torchcodec's frames could be checked")
    if is_mirrored(source):
        raise ReaderFault("it is held as in a mirror, which torchcodec leaves out")
    try:
        decoder = VideoDecoder(
            str(source.path), stream_index=source.stream, dimension_order="NHWC", num_ffmpeg_threads=0
        )
        if len(decoder) != len(timeline.times_F):
            raise ReaderFault(f"torchcodec counts {len(decoder)} frames in it, its packets {len(timeline.times_F)}")
        wanted = sorted(frames.rows)
        size = 3 * (decoder.metadata.width or 1) * (decoder.metadata.height or 1)
        step = max(1, CHUNK_BYTES // size)
        for start in range(0, len(wanted), step):
            _take(decoder, wanted[start : start + step], source, frames)
    except (RuntimeError, ValueError, IndexError) as error:
        words = str(error).strip().splitlines() or [type(error).__name__]
        raise ReaderFault(f"torchcodec fails: {words[0][:200]}") from error


def _take(decoder: Any, wanted: list[int], source: Source, frames: FrameTaker) -> None:
    timeline = source.timeline
    dense = wanted[-1] - wanted[0] == len(wanted) - 1
    batch = decoder.get_frames_in_range(wanted[0], wanted[-1] + 1) if dense else decoder.get_frames_at(wanted)
    given = batch.pts_seconds.numpy() - decoder.metadata.begin_stream_seconds
    apart = np.abs(given - np.array([timeline.times_F[index] for index in wanted]))
    if not apart.max() < 0.5 / timeline.rate:
        index = wanted[int(apart.argmax())]
        raise ReaderFault(f"torchcodec gives a frame that is {apart.max():.3f} s off for frame {index}")
    for index, pixels in zip(wanted, batch.data, strict=True):
        frames.take(index, pixels.numpy())
