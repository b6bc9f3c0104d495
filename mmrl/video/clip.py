"""A sampled clip, and clips of frames that are decoded already."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from PIL import Image

from mmrl.errors import InputError
from mmrl.media import to_rgb
from mmrl.video.sampling import DEFAULT_REQUEST, PIXEL_FACTOR, VideoRequest, frame_indices, frame_size, frame_span


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class VideoClip:
    """Sampled frames of one clip with their true times, ready for any video processor of transformers.

    Give ``frames_FHWC`` and ``metadata()`` to the processor with ``do_sample_frames=False``.
    """

    frames_FHWC: np.ndarray
    """uint8 RGB, shape (frames, height, width, 3), upright."""
    indices: tuple[int, ...]
    """For each frame its number in the source, from 0; one that stays on screen for long can occur repeatedly."""
    times: tuple[float, ...]
    """For each frame when it is on screen, in seconds from the source's first frame."""
    source_fps: float
    """Frames a second of the source, its average where that varies."""
    source_frames: int
    """Frames in the whole source."""
    span_frames: int
    """Frames in the part that was sampled, at ``source_fps``: all, unless the request has a start or an end."""
    width: int
    """Pixels of the source, upright."""
    height: int
    """Pixels of the source, upright."""
    reader: str
    """What decoded the frames."""

    @property
    def sample_fps(self) -> float:
        """The rate of sampling: frames for each second of the sampled part (n / N * r, as qwen-vl-utils reports it)."""
        return len(self.indices) / self.span_frames * self.source_fps

    @property
    def duration(self) -> float:
        """Length of the sampled part in seconds."""
        return self.span_frames / self.source_fps

    def metadata(self) -> dict[str, Any]:
        """Return what transformers' ``VideoMetadata`` holds, such that its times are the times of this clip.

        A processor reckons with ``frames_indices`` / ``fps`` for a frame's time and with the number of sampled frames /
        ``total_num_frames`` * ``fps`` for the rate. So indices count frames from the source's start at its average
        rate, which are ``indices`` where the rate is constant, and ``total_num_frames`` counts the sampled part.
        """
        return {
            "total_num_frames": self.span_frames,
            "fps": self.source_fps,
            "frames_indices": [round(time * self.source_fps) for time in self.times],
            "duration": self.duration,
            "width": self.width,
            "height": self.height,
            "video_backend": self.reader,
        }


def clip_of_frames(
    frames: Sequence[Image.Image | np.ndarray] | np.ndarray,
    *,
    fps: float,
    request: VideoRequest = DEFAULT_REQUEST,
    factor: int = PIXEL_FACTOR,
) -> VideoClip:
    """Make a clip of decoded frames that follow one another at ``fps`` frames a second.

    Frames are pictures, or uint8 RGB arrays (height, width, 3); all of one size. Every frame is kept, an odd number
    too (processors repeat the last), unless the request names ``fps`` or ``num_frames``; start, end and the limits of
    size hold always.

    Raises:
        InputError: fewer than 2 frames, more than ``max_frames`` to keep, a frame of another kind or size, or ``fps``
            not above 0.
    """
    if not 0 < fps < math.inf:
        raise InputError(f"decoded frames must have a finite rate above 0; found fps={fps}; give their true rate")
    indices = _kept_frames(len(frames), fps, request)
    height, width = _sides(frames[0], 0)
    size = frame_size(height, width, len(indices), request, factor)
    taken = np.empty((len(indices), *size, 3), dtype=np.uint8)
    for row, index in enumerate(indices):
        if _sides(frames[index], index) != (height, width):
            found = "{1} x {0}".format(*_sides(frames[index], index))
            _refuse_frame(f"have the size of the first, {width} x {height}", found, index)
        taken[row] = fit_frame(frames[index], size)
    first, last = frame_span(len(frames), fps, request, where="the given frames")
    return VideoClip(
        frames_FHWC=taken,
        indices=tuple(indices),
        times=tuple(index / fps for index in indices),
        source_fps=fps,
        source_frames=len(frames),
        span_frames=last - first + 1,
        width=width,
        height=height,
        reader="frames",
    )


def frames_of_numbers(values: Any) -> np.ndarray:
    """Return frames (frames, height, width, 3) as uint8 of nested lists, tensors or arrays of whole numbers.

    Datasets hand out columns of arrays as nested lists, or as arrays and tensors of wider integers.

    Raises:
        InputError: other numbers than whole ones from 0 to 255, or another shape.
    """
    try:
        numbers = np.asarray(values)
    except (ValueError, TypeError, RuntimeError):  # lists of unequal lengths; a tensor that is elsewhere
        _refuse_numbers("lists or arrays of unequal sizes")
    if numbers.size == 0 or numbers.dtype.kind not in "uif" or numbers.ndim != 4 or numbers.shape[-1] != 3:
        _refuse_numbers(f"{numbers.dtype} of shape {numbers.shape}")
    if numbers.dtype.kind == "f" or numbers.min() < 0 or numbers.max() > 255:
        _refuse_numbers(f"{numbers.dtype} from {numbers.min():g} to {numbers.max():g}")
    return numbers.astype(np.uint8)


def _refuse_numbers(found: str) -> NoReturn:
    raise InputError(
        "decoded frames must be pictures, or whole numbers from 0 to 255 of shape (frames, height, width, 3); found "
        f"{found}; convert them, or give the path of the clip"
    )


def _kept_frames(total: int, fps: float, request: VideoRequest) -> list[int]:
    where = "the given frames"
    if request.fps is not None or request.num_frames is not None:
        return frame_indices(total, fps, request, where=where)
    first, last = frame_span(total, fps, request, where=where)
    if last - first + 1 > request.max_frames:
        raise InputError(
            f"decoded frames must be at most {request.max_frames} to keep them all; found {last - first + 1}; "
            "name fps or num_frames to sample them, or raise max_frames"
        )
    return list(range(first, last + 1))


def _sides(frame: Image.Image | np.ndarray, index: int) -> tuple[int, int]:
    """(height, width) of a frame, which is checked to be one."""
    if isinstance(frame, Image.Image):
        return frame.height, frame.width
    if not isinstance(frame, np.ndarray):
        _refuse_frame("be a picture or a uint8 array (height, width, 3)", type(frame).__name__, index)
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        _refuse_frame("be a uint8 array (height, width, 3)", f"{frame.dtype} {frame.shape}", index)
    return frame.shape[0], frame.shape[1]


def _refuse_frame(rule: str, found: str, index: int) -> None:
    raise InputError(f"a decoded frame must {rule}; found {found}; at frame {index}; convert the frames")


def fit_frame(frame: Image.Image | np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a frame as uint8 RGB of ``size`` (height, width): bicubic with antialiasing, as Qwen resizes.

    By torch's kernel for bytes, which rounds between its two passes as Pillow does, and is 2 levels at most from it;
    qwen-vl-utils has the same filter in floats, which differs by more at hard edges and by less than 1 on average.
    """
    pixels_HWC = np.array(to_rgb(frame)) if isinstance(frame, Image.Image) else frame
    if pixels_HWC.shape[:2] == size:
        return pixels_HWC
    import torch

    channels = torch.from_numpy(np.ascontiguousarray(pixels_HWC)).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(channels, size=size, mode="bicubic", antialias=True)
    return resized[0].permute(1, 2, 0).numpy()
