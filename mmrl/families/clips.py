"""Clips for a processor: read once a batch, sized for the model, with their true times.

A processor is told never to sample frames again, and not to resize where frames were sized by its family's own rule
(Qwen).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmrl.errors import InputError
from mmrl.video import (
    DEFAULT_REQUEST,
    PIXEL_FACTOR,
    PLAIN_READING,
    Reading,
    VideoClip,
    VideoRequest,
    clip_of_frames,
    frames_of_numbers,
    read_video,
)
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


def chat_text(
    processor: Any, messages: Sequence[Mapping[str, Any]], *, clips: int, template: Mapping[str, Any] | None = None
) -> str:
    """Return messages as the text that a processor takes, up to where the model's turn begins.

    The processor's own template is named, since SmolVLM's processor puts another in its place for prompts with clips;
    that one is taken where the own has no place for clips.

    Args:
        messages: with empty media parts.
        clips: how many clips they show.
        template: further arguments of the chat template.
    """
    given = {"tokenize": False, "add_generation_prompt": True, **(template or {})}
    named = {"chat_template": getattr(processor, "chat_template", None), **given}
    text = str(processor.apply_chat_template(messages, **named))
    if clips and "chat_template" not in given and processor.video_token not in text:
        text = str(processor.apply_chat_template(messages, **given))
    return text


def require_accepted(processor: Any, *, images: int, clips: int, sample: str) -> None:
    """Refuse a prompt's pictures and clips, where a processor takes no clips, or none beside pictures.

    SmolVLM's processor puts both into one tensor, of which one overwrites the other.

    Raises:
        InputError: the sample is named.
    """
    name = type(processor).__name__
    if clips and getattr(processor, "video_processor", None) is None:
        raise InputError(
            f"a prompt with clips needs a processor that takes them; found {name}, which takes pictures only; "
            f"sample {sample}; give its frames as pictures, or choose another model"
        )
    if clips and images and name == "SmolVLMProcessor":
        raise InputError(
            "a prompt for SmolVLM must show pictures or clips, not both, as its processor mixes them up; "
            f"found {images} pictures and {clips} clips; sample {sample}; split the row, or leave it out"
        )


def _require_one_length(processor: Any, clips: Sequence[VideoClip], sample: str) -> None:
    lengths = [len(clip.indices) for clip in clips]
    if side_factor(processor) is None and len(set(lengths)) > 1:
        raise InputError(
            f"all clips of a prompt must have as many frames for {type(processor).__name__}; "
            f"found {', '.join(map(str, lengths))}; sample {sample}; split the row, or set video_max_frames"
        )


def clip_request(args: Any) -> VideoRequest:
    """Return which frames a trainer's options show of a clip; TRL's own configuration has none of them.

    Raises:
        InputError: a value out of range.
    """
    return VideoRequest(
        fps=getattr(args, "video_fps", None),
        max_frames=getattr(args, "video_max_frames", DEFAULT_REQUEST.max_frames),
        max_pixels=getattr(args, "video_max_pixels", None),
    )


def clip_reading(args: Any) -> Reading:
    """Return how a trainer's options read clips; TRL's own configuration has none of them.

    Raises:
        InputError: a value out of range.
    """
    cache = getattr(args, "video_cache", None)
    return Reading(
        reader=getattr(args, "video_reader", "auto"),
        timeout_s=getattr(args, "video_timeout_s", None),
        cache=None if cache is None else Path(cache),
    )


@dataclass(kw_only=True)
class ClipReader:
    """Reads the clips of a batch; a file that several prompts show is read once."""

    processor: Any
    request: VideoRequest = DEFAULT_REQUEST
    """Which frames of a file are shown, and how large."""
    reading: Reading = PLAIN_READING
    """By which library, within which time, and where frames are kept."""
    _read: dict[Path, VideoClip] = field(default_factory=dict)

    def __post_init__(self) -> None:
        least, asked = self.factor**2, self.request.max_pixels
        if asked is not None and asked < least:
            raise InputError(
                f"a frame's most pixels (max_pixels, of a trainer video_max_pixels) must be at least {least}, one "
                f"square of {self.factor} pixels; found {asked}; raise it, or leave it out"
            )

    @property
    def factor(self) -> int:
        """The pixels of which both sides of a frame are multiples."""
        return side_factor(self.processor) or PIXEL_FACTOR

    @classmethod
    def of(cls, processor: Any, args: Any) -> ClipReader:
        """Return a reader with a trainer's options."""
        return cls(processor=processor, request=clip_request(args), reading=clip_reading(args))

    def read(self, videos: Sequence[Any], *, images: int, sample: str) -> list[VideoClip]:
        """Return a prompt's clips.

        Args:
            videos: paths, clips, or decoded frames (pictures, or numbers as lists, arrays or tensors); frames are
                taken all, as following one another at the request's rate (2 a second where it names none): for
                another rate give a ``VideoClip``.
            images: how many pictures the prompt shows besides.
            sample: how messages name the row.

        Raises:
            InputError: a clip that cannot be read, or that this processor cannot take beside the prompt's others.
        """
        if not videos:
            return []
        require_accepted(self.processor, images=images, clips=len(videos), sample=sample)
        try:
            clips = [self.clip(video) for video in videos]
        except InputError as error:
            raise InputError(f"{error}; sample {sample}") from error
        _require_one_length(self.processor, clips, sample)
        return clips

    def clip(self, video: Any) -> VideoClip:
        """Return one clip, of the kinds that :meth:`read` takes."""
        if isinstance(video, VideoClip):
            return video
        if isinstance(video, (str, Path)):
            path = Path(video)
            if path not in self._read:
                how = self.reading
                self._read[path] = read_video(
                    path, self.request, factor=self.factor, reader=how.reader, timeout_s=how.timeout_s, cache=how.cache
                )
            return self._read[path]
        is_several = isinstance(video, (list, tuple)) or hasattr(video, "__array__")
        if not is_several or len(video) == 0:
            found = f"an empty {type(video).__name__}" if is_several else type(video).__name__
            raise InputError(
                "a video must be a path, a VideoClip, or decoded frames (pictures, or numbers from 0 to 255); "
                f"found {found}; give one of these"
            )
        is_frames = isinstance(video[0], Image.Image) or getattr(video[0], "dtype", None) == np.uint8
        frames = video if is_frames else frames_of_numbers(video)
        rate = self.request.fps or DEFAULT_FPS
        limits = VideoRequest(max_frames=self.request.max_frames, max_pixels=self.request.max_pixels)
        return clip_of_frames(frames, fps=rate, request=limits, factor=self.factor)
