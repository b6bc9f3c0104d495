"""Clips for a processor: read once a batch, sized for the model, with their true times.

A processor is told never to sample frames again, and not to resize where frames were sized by its family's own rule
(Qwen).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmrl.errors import InputError
from mmrl.video import DEFAULT_REQUEST, PIXEL_FACTOR, VideoClip, VideoRequest, clip_of_frames, read_video
from mmrl.video.sampling import DEFAULT_FPS


def side_factor(processor: Any) -> int | None:
    """Return the pixels of which a frame's sides must be multiples (28 or 32 for Qwen); None where any size goes."""
    videos = getattr(processor, "video_processor", None)
    patch, merge = getattr(videos, "patch_size", None), getattr(videos, "merge_size", None)
    return patch * merge if isinstance(patch, int) and isinstance(merge, int) else None


def video_arguments(processor: Any, clips: Sequence[VideoClip]) -> dict[str, Any]:
    """Return the arguments with which a processor takes the clips of one prompt."""
    options: dict[str, Any] = {"do_sample_frames": False, "video_metadata": [clip.metadata() for clip in clips]}
    if side_factor(processor) is not None:
        options["do_resize"] = False
    return {"videos": [clip.frames_FHWC for clip in clips], "videos_kwargs": options}


@dataclass(kw_only=True)
class ClipReader:
    """Reads the clips of a batch; a file that several prompts show is read once."""

    processor: Any
    request: VideoRequest = DEFAULT_REQUEST
    """Which frames of a file are shown, and how large."""
    _read: dict[Path, VideoClip] = field(default_factory=dict)

    @classmethod
    def of(cls, processor: Any, args: Any) -> ClipReader:
        """Return a reader with a trainer's options; TRL's own configuration has none of them."""
        request = VideoRequest(
            fps=getattr(args, "video_fps", None),
            max_frames=getattr(args, "video_max_frames", DEFAULT_REQUEST.max_frames),
            max_pixels=getattr(args, "video_max_pixels", None),
        )
        return cls(processor=processor, request=request)

    def read(self, videos: Sequence[Any], *, images: int, sample: str) -> list[VideoClip]:
        """Return a prompt's clips.

        Args:
            videos: paths, clips, or lists or arrays of decoded frames; these are taken all, as following one another
                at the request's rate (2 a second where it names none): for another rate give a ``VideoClip``.
            images: how many pictures the prompt shows besides.
            sample: how messages name the row.

        Raises:
            InputError: a clip that cannot be read, or that this processor cannot take beside the prompt's others.
        """
        if not videos:
            return []
        if getattr(self.processor, "video_processor", None) is None:
            raise InputError(
                f"a prompt with clips needs a processor that takes them; found {type(self.processor).__name__}, "
                f"which takes pictures only; sample {sample}; give its frames as pictures, or choose another model"
            )
        try:
            clips = [self._clip(video) for video in videos]
        except InputError as error:
            raise InputError(f"{error}; sample {sample}") from error
        _require_one_kind(self.processor, clips, images, sample)
        return clips

    def _clip(self, video: Any) -> VideoClip:
        if isinstance(video, VideoClip):
            return video
        factor = side_factor(self.processor) or PIXEL_FACTOR
        if isinstance(video, (str, Path)):
            path = Path(video)
            if path not in self._read:
                self._read[path] = read_video(path, self.request, factor=factor)
            return self._read[path]
        if (
            isinstance(video, (list, tuple, np.ndarray))
            and len(video)
            and isinstance(video[0], (Image.Image, np.ndarray))
        ):
            rate = self.request.fps or DEFAULT_FPS
            limits = VideoRequest(max_frames=self.request.max_frames, max_pixels=self.request.max_pixels)
            return clip_of_frames(video, fps=rate, request=limits, factor=factor)
        raise InputError(
            "a video must be a path, a VideoClip, or a list of decoded frames; "
            f"found {type(video).__name__}; give one of these"
        )


def _require_one_kind(processor: Any, clips: Sequence[VideoClip], images: int, sample: str) -> None:
    """Refuse what SmolVLM's processor mixes up: it puts pictures and clips, of whatever length, into one tensor."""
    if type(processor).__name__ != "SmolVLMProcessor":
        return
    lengths = [len(clip.indices) for clip in clips]
    if images or len(set(lengths)) > 1:
        raise InputError(
            "a prompt for SmolVLM must show pictures, or clips of one length, as its processor mixes them up; "
            f"found {images} pictures and clips of {', '.join(map(str, lengths))} frames; sample {sample}; "
            "split the row, or leave it out"
        )
