"""Which frames of a clip a model sees, and at what size: the rules of qwen-vl-utils 0.0.14, as pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mmrl.errors import InputError
from mmrl.geometry import smart_resize

DEFAULT_FPS = 2.0
"""Frames a second where a request names neither rate nor number."""

FRAME_FACTOR = 2
"""Qwen's vision towers take frames in pairs, so the number of frames is even; it is also the least number."""

PIXEL_FACTOR = 28
"""Patch size times merge size of Qwen2-VL and Qwen2.5-VL (Qwen3-VL: 32): both sides of a frame are multiples of it."""

MIN_FRAME_TOKENS = 128
"""Default lower limit of a frame's size, in squares of ``factor`` pixels."""
MAX_FRAME_TOKENS = 768
"""Upper limit of a frame's size, in the same unit."""
MAX_CLIP_TOKENS = 128_000 * 0.9
"""Upper limit of a clip's size, in the same unit for each pair of frames."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoRequest:
    """Which part of a clip to sample, how densely, and how large a frame may be.

    Raises:
        InputError: ``fps`` and ``num_frames`` are both given, or a value is out of its range.
    """

    fps: float | None = None
    """Frames to take from each second; ``DEFAULT_FPS`` where ``num_frames`` is not given either."""
    num_frames: int | None = None
    """Frames to take in all, rounded to the nearest even number, ties to the multiple of 4."""
    min_frames: int = 4
    """At least so many with ``fps``, where the clip has them."""
    max_frames: int = 768
    """At most so many with ``fps``; it prevails over ``min_frames``."""
    max_pixels: int | None = None
    """Upper limit of a frame's width times height; it can only lower Qwen's own limit."""
    min_pixels: int | None = None
    """Lower limit of a frame's width times height: smaller frames are enlarged."""
    start: float | None = None
    """Seconds from the first frame; frames before are left out."""
    end: float | None = None
    """Seconds from the first frame; frames after are left out."""

    def __post_init__(self) -> None:
        self._check_density()
        self._check_limits()

    def _check_density(self) -> None:
        if self.fps is not None and self.num_frames is not None:
            _refuse("name fps or num_frames, not both", f"fps={self.fps} and num_frames={self.num_frames}")
        if self.fps is not None and not 0 < self.fps < math.inf:
            _refuse("have a finite fps above 0", f"fps={self.fps}")
        if self.num_frames is not None and self.num_frames < FRAME_FACTOR:
            _refuse(f"ask for at least {FRAME_FACTOR} frames", f"num_frames={self.num_frames}")
        if self.min_frames < 1 or self.max_frames < FRAME_FACTOR:
            found = f"min_frames={self.min_frames}, max_frames={self.max_frames}"
            _refuse(f"have min_frames >= 1 and max_frames >= {FRAME_FACTOR}", found)

    def _check_limits(self) -> None:
        low, high = self.min_pixels, self.max_pixels
        if (low is not None and low < 1) or (high is not None and high < 1) or (low or 1) > (high or math.inf):
            _refuse("have 0 < min_pixels <= max_pixels", f"min_pixels={low}, max_pixels={high}")
        start, end = self.start, self.end
        finite = all(value is None or math.isfinite(value) for value in (start, end))
        if not finite or (end is not None and end <= (start or 0.0)):
            _refuse("have finite seconds with start before end", f"start={start}, end={end}")


DEFAULT_REQUEST = VideoRequest()
"""Two frames a second, Qwen's limits, the whole clip."""


def _refuse(rule: str, found: str) -> None:
    raise InputError(f"a video request must {rule}; found {found}; correct the request")


def frame_span(total_frames: int, source_fps: float, request: VideoRequest, *, where: str = "clip") -> tuple[int, int]:
    """Return the first and the last frame that lie within the request's start and end (both included).

    Times before 0 or beyond the clip mean its start or end, as in qwen-vl-utils.

    Raises:
        InputError: fewer than two frames lie there.
    """
    duration = total_frames / source_fps
    first, last = 0, total_frames - 1
    if request.start is not None:
        first = math.ceil(min(max(request.start, 0.0), duration) * source_fps)
    if request.end is not None:
        last = min(math.floor(min(max(request.end, 0.0), duration) * source_fps), last)
    if last - first + 1 < FRAME_FACTOR:
        window = "" if request.start is None and request.end is None else f" from {request.start} to {request.end} s"
        raise InputError(
            f"a clip must have at least {FRAME_FACTOR} frames; found {max(0, last - first + 1)}{window} "
            f"({total_frames} in its {duration:.3f} s); at {where}; give a longer clip or part of it"
        )
    return first, last


def frame_indices(total_frames: int, source_fps: float, request: VideoRequest, *, where: str = "clip") -> list[int]:
    """Return the frames to take of a clip of constant rate: evenly spaced, first and last included, in order.

    With N frames in the requested part and r frames a second: n = N / r * fps, held to ``min_frames`` (rounded up to
    even), then ``max_frames`` and N (rounded down to even), then itself rounded down to even; or ``num_frames`` rounded
    to even. The positions are round(linspace(0, N - 1, n)), half to even.

    Source: ``smart_nframes`` of qwen-vl-utils 0.0.14; positions are computed in 64-bit floats, there in 32-bit.

    Raises:
        InputError: the requested part has fewer than 2 frames, or fewer than ``num_frames``.
    """
    first, last = frame_span(total_frames, source_fps, request, where=where)
    available = last - first + 1
    count = _frame_count(available, source_fps, request)
    if count > available:
        raise InputError(
            f"a clip must have the frames that are asked for; found {available}, asked for {count}; at {where}; "
            "lower num_frames or give fps instead"
        )
    return [int(position) for position in np.linspace(first, last, count).round()]


def _frame_count(available: int, source_fps: float, request: VideoRequest) -> int:
    if request.num_frames is not None:
        return round(request.num_frames / FRAME_FACTOR) * FRAME_FACTOR
    fewest = math.ceil(request.min_frames / FRAME_FACTOR) * FRAME_FACTOR
    most = math.floor(min(request.max_frames, available) / FRAME_FACTOR) * FRAME_FACTOR
    wanted = available / source_fps * (request.fps or DEFAULT_FPS)
    return math.floor(min(max(wanted, fewest), most) / FRAME_FACTOR) * FRAME_FACTOR


def frame_size(
    height: int, width: int, frames: int, request: VideoRequest, factor: int = PIXEL_FACTOR
) -> tuple[int, int]:
    """Return the (height, width) in pixels to which each of ``frames`` sampled frames is resized.

    Both sides are multiples of f = ``factor``. Their product is at least ``min_pixels`` (default 128 f^2) and at most
    max(min(768 f^2, 2 * 0.9 * 128000 f^2 / frames), 1.05 * min_pixels), which ``max_pixels`` can lower.

    Source: ``fetch_video`` of qwen-vl-utils 0.0.14. Two deviations: limits are whole pixels, and a ``max_pixels`` given
    without ``min_pixels`` prevails over the default lower limit, where qwen-vl-utils refuses or exceeds it. No side
    falls below ``factor``, so a smaller ``max_pixels`` than its square is exceeded.

    Raises:
        InputError: a side below 1, an aspect ratio above 200, or a ``factor`` below 1.
    """
    if factor < 1 or frames < 1:
        _refuse("be sized for factor >= 1 and frames >= 1", f"factor={factor}, frames={frames}")
    square = factor * factor
    low = MIN_FRAME_TOKENS * square if request.min_pixels is None else request.min_pixels
    share = math.floor(MAX_CLIP_TOKENS * square / frames * FRAME_FACTOR)
    high = max(min(MAX_FRAME_TOKENS * square, share), int(low * 1.05))
    if request.max_pixels is not None:
        high = min(high, request.max_pixels)
    size = smart_resize(height, width, factor=factor, min_pixels=min(low, high), max_pixels=high)
    if request.min_pixels is None and request.max_pixels is not None and size[0] * size[1] > high:
        size = smart_resize(height, width, factor=factor, min_pixels=1, max_pixels=high)
    return size
