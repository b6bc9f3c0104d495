"""What a file's packets say about its frames before any is decoded: their times, and where decoding can start. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median

from mmrl.video.sampling import VideoRequest, frame_indices, frame_span

CLOCK_ROUNDING = 0.001
"""Seconds; Matroska and FLV round times to it, so a frame may be written so much later than it is shown."""

SEEK_GAIN = 24
"""Frames; seeking empties the decoder, so it is done only where it leaves out more than so many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """The frames of a video stream in the order in which they are shown."""

    stamps_F: tuple[int, ...]
    """Presentation time stamps in the stream's own unit, rising."""
    times_F: tuple[float, ...]
    """The same in seconds from the first."""
    keys: tuple[int, ...]
    """Numbers of the frames at which decoding can start, rising; empty where stamps do not tell frames apart."""
    rate: float
    """Frames a second: the constant rate, or the average."""
    constant: bool
    """Whether every frame lies within half a frame of its place at ``rate``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picks:
    """The frames to take."""

    indices: tuple[int, ...]
    """Numbers of source frames, not falling."""
    times: tuple[float, ...]
    """When each is on screen, in seconds from the first frame."""
    span_frames: int
    """Frames in the requested part at the average rate."""


def make_timeline(
    packets: Sequence[tuple[int, int, bool]], *, unit: Fraction, rates: Sequence[float], seekable: bool
) -> Timeline:
    """Put packets into the order of their frames.

    Where several packets have one stamp (MPEG programme streams), stamps are worth nothing and the claimed rate holds.

    Args:
        packets: (presentation stamp, duration or 0 where unknown, starts a group of pictures) of each, one or more.
        unit: seconds of a stamp's unit.
        rates: frames a second that the file claims, the most trusted first; one that fits the stamps is taken.
        seekable: whether the stamps are the frames' own.
    """
    ordered = sorted(packets)
    stamps = [stamp for stamp, _, _ in ordered]
    distinct = len(set(stamps)) == len(stamps)
    if distinct or not rates:
        times = [float((stamp - stamps[0]) * unit) for stamp in stamps]
    else:
        times = [index / rates[0] for index in range(len(stamps))]
    average = _average_rate(stamps, ordered[-1][1], unit)
    fitting = [rate for rate in (*rates, average) if is_constant(times, rate)]
    return Timeline(
        stamps_F=tuple(stamps),
        times_F=tuple(times),
        keys=tuple(index for index, packet in enumerate(ordered) if packet[2]) if seekable and distinct else (),
        rate=fitting[0] if fitting else average,
        constant=bool(fitting),
    )


def _average_rate(stamps: Sequence[int], last_duration: int, unit: Fraction) -> float:
    """Frames a second; a last frame of unknown duration is given the median of the others."""
    gaps = [later - stamp for stamp, later in pairwise(stamps)]
    length = stamps[-1] - stamps[0] + (last_duration or (median(gaps) if gaps else 0))
    return len(stamps) / float(length * unit) if length > 0 else 1.0


def is_constant(times_F: Sequence[float], rate: float) -> bool:
    """Whether each time lies within half a frame of its place at a constant ``rate`` (frames a second)."""
    return rate > 0 and all(abs(time * rate - index) < 0.5 for index, time in enumerate(times_F))


def pick_frames(timeline: Timeline, request: VideoRequest, *, where: str) -> Picks:
    """Choose frames by the rule of :func:`~mmrl.video.sampling.frame_indices`.

    Where the rate varies, that rule, which numbers frames, would crowd samples where frames are dense and call their
    times evenly spaced. There its numbers mean moments, ``number / rate`` seconds, and what is on screen at
    each moment is taken: times stay evenly spaced, and a frame that stays on screen is taken again.
    """
    total = len(timeline.stamps_F)
    numbers = frame_indices(total, timeline.rate, request, where=where)
    first, last = frame_span(total, timeline.rate, request, where=where)
    if timeline.constant:
        indices, times = numbers, [timeline.times_F[number] for number in numbers]
    else:
        times = [number / timeline.rate for number in numbers]
        indices = [bisect_right(timeline.times_F, time + CLOCK_ROUNDING) - 1 for time in times]
    return Picks(indices=tuple(indices), times=tuple(times), span_frames=last - first + 1)


def decoding_runs(wanted: Iterable[int], keys: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Split the wanted frames into stretches to decode: (frame to start at, wanted frames) of each, in order.

    A stretch starts at the last key frame before its first wanted frame; without key frames there is one, from 0.
    A new one begins only where it leaves out more than ``SEEK_GAIN`` frames.
    """
    runs: list[tuple[int, list[int]]] = []
    for frame in sorted(set(wanted)):
        place = bisect_right(keys, frame)
        start = keys[place - 1] if place else 0
        if runs and start - runs[-1][1][-1] <= SEEK_GAIN:
            runs[-1][1].append(frame)
        else:
            runs.append((start if runs or start > SEEK_GAIN else 0, [frame]))
    return runs
