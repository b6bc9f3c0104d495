"""Decoding with PyAV: only the stretches that are needed, each from the key frame before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mmrl.video.scan import Source, opened, unreadable
from mmrl.video.taking import FrameTaker
from mmrl.video.timeline import decoding_runs

if TYPE_CHECKING:
    from av import VideoFrame


def decode(source: Source, frames: FrameTaker) -> None:
    """Hand every wanted frame to ``frames``; where starting at a key frame misses one, decode from the beginning.

    At any moment one full-size frame is held, and those that the decoder's threads work on and refer to.

    Raises:
        InputError: a wanted frame is damaged or does not decode.
    """
    path, timeline = source.path, source.timeline
    numbers = {stamp: index for index, stamp in enumerate(timeline.stamps_F)} if timeline.keys else None
    missing: list[int] = []
    with opened(path) as (container, stream):
        for start, wanted in decoding_runs(frames.rows, timeline.keys):
            if start:
                container.seek(timeline.stamps_F[start], stream=stream)
            missing += _take_run(container.decode(stream), numbers, wanted, frames)
    if missing and timeline.keys:
        with opened(path) as (container, stream):
            missing = _take_run(container.decode(stream), numbers, missing, frames)
    if missing:
        second = timeline.times_F[missing[0]]
        raise unreadable(path, f"a damaged one (frame {missing[0]} at {second:.3f} s does not decode)")


def _take_run(
    decoded: Iterator[VideoFrame], numbers: dict[int, int] | None, wanted: list[int], frames: FrameTaker
) -> list[int]:
    """Take the wanted frames out of decoded ones, known by stamp or else by place; return those missing or damaged."""
    left = set(wanted)
    for place, frame in enumerate(decoded):
        index = place if numbers is None else numbers.get(-1 if frame.pts is None else frame.pts, -1)
        if index in left and not frame.is_corrupt:
            frames.take(index, turn_upright(frame.to_ndarray(format="rgb24"), _display_matrix(frame)))
            left.discard(index)
        if not left or index > wanted[-1]:
            break
    return sorted(left)


def is_mirrored(source: Source) -> bool:
    """Whether the clip is shown as in a mirror; its first frame that decodes tells."""
    with opened(source.path) as (container, stream):
        matrix = next((_display_matrix(frame) for frame in container.decode(stream)), (1, 0, 0, 1))
    a, b, c, d = matrix
    return a * d - b * c < 0


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
