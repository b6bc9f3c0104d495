"""A stage's samples as the dataset that the trainer reads: prompts are built and media opened when a row is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import datasets
import numpy as np
from PIL import Image

from mmrl.curriculum.tracker import row_key
from mmrl.data import DatasetFolder
from mmrl.errors import InputError
from mmrl.families import ClipReader, FrameRule
from mmrl.families.clips import require_accepted
from mmrl.prompts import build_prompt
from mmrl.rewards.sample_weights import SampleWeight
from mmrl.types import Frame, PromptStyle, Sample
from mmrl.video import DEFAULT_REQUEST, PLAIN_READING, Reading, VideoClip, VideoRequest, clip_of_frames
from mmrl.video.sampling import DEFAULT_FPS

ROW_KEY = "row_key"
"""Column with the name under which a row is remembered over all stages."""
WEIGHT_COLUMN = "sample_weight"
"""Column with the weight of a row's policy loss."""

_BLANK_SIZE = 64
_BLANK_FRAMES = 4
_GREY = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class SourcedSample:
    """A sample with the dataset folder that holds its media."""

    sample: Sample
    folder: DatasetFolder
    dataset: str = ""
    """The dataset's name in the config; the folder's own where none is given."""

    @property
    def key(self) -> str:
        """Return by which name the row is remembered."""
        return row_key(self.dataset or self.folder.root.name, self.sample)


class RowOpener:
    """Turns row numbers into the trainer's rows: ``prompt``, ``images`` and ``videos``, and what the rewards need.

    Where a picture or clip cannot be opened, or has a shape that models refuse, grey ones take the place of the row's
    media and ``media_error`` says why; the rewards then give every completion the rubric's value for failed rollouts,
    so the group has no gradient and the run goes on.
    """

    def __init__(
        self,
        rows: Sequence[SourcedSample],
        *,
        style: PromptStyle,
        frame_rule: FrameRule,
        processor: Any,
        video: VideoRequest = DEFAULT_REQUEST,
        reading: Reading = PLAIN_READING,
        weight: SampleWeight | None = None,
    ) -> None:
        self.rows = list(rows)
        self.style = style
        self.frame_rule = frame_rule
        self.processor = processor
        self.video = video
        self.reading = reading
        self.weight = weight
        self._opened: dict[int, dict[str, Any]] = {}

    def __call__(self, batch: dict[str, list[int]]) -> dict[str, list[Any]]:
        """Return the columns of the rows asked for; ``batch`` has their numbers under ``row``."""
        numbers = batch["row"]
        # TRL loads a batch once for each micro-step that reuses it, so the last one is kept.
        reader = self.clip_reader()
        self._opened = {
            number: self._opened.get(number) or self.open_row(number, reader) for number in dict.fromkeys(numbers)
        }
        rows = [self._opened[number] for number in numbers]
        return {key: [row[key] for row in rows] for key in rows[0]}

    def clip_reader(self) -> ClipReader:
        """Return a reader of clips that reads each file once."""
        return ClipReader(processor=self.processor, request=self.video, reading=self.reading)

    def open_row(self, number: int, reader: ClipReader) -> dict[str, Any]:
        """Return one row; pictures are RGB, media of each kind in the order of the sample's."""
        sample, folder = self.rows[number].sample, self.rows[number].folder
        frame: Frame | None = None
        media_error = ""
        shown = [media for media in sample.media if media.kind == "image"]
        filmed = [media for media in sample.media if media.kind == "video"]
        try:
            images = [folder.open_image(media) for media in shown]
            clips = [folder.open_video(media, reader.clip) for media in filmed]
            clips = reader.read(clips, images=len(images), sample=sample.id)
            frame = self.frame_rule(sample.media[0]) if sample.media else None
        except InputError as error:
            media_error = str(error)
            images = [Image.new("RGB", (_BLANK_SIZE, _BLANK_SIZE), "grey") for _ in shown]
            clips = [blank_clip(reader) for _ in filmed]
        weight = {} if self.weight is None else {WEIGHT_COLUMN: self.weight(sample)}
        return {
            "prompt": build_prompt(sample, style=self.style, frame=frame),
            "images": images,
            "videos": clips,
            "sample": sample,
            ROW_KEY: self.rows[number].key,
            "frame": frame,
            "media_error": media_error,
            **weight,
        }


def blank_clip(reader: ClipReader) -> VideoClip:
    """Return a grey clip for one that cannot be read."""
    frames_FHWC = np.full((_BLANK_FRAMES, _BLANK_SIZE, _BLANK_SIZE, 3), _GREY, dtype=np.uint8)
    request = VideoRequest(max_pixels=_BLANK_SIZE * _BLANK_SIZE)
    return clip_of_frames(frames_FHWC, fps=DEFAULT_FPS, request=request, factor=reader.factor)


def stage_dataset(
    rows: Sequence[SourcedSample],
    *,
    style: PromptStyle,
    frame_rule: FrameRule,
    processor: Any,
    video: VideoRequest = DEFAULT_REQUEST,
    reading: Reading = PLAIN_READING,
    weight: SampleWeight | None = None,
) -> datasets.Dataset:
    """Return a dataset of ``len(rows)`` prompts in the given order that opens pictures and clips lazily.

    Args:
        rows: samples with the folders of their media.
        style: how the answer is asked for.
        frame_rule: the frame of the model's answers.
        processor: the model's; says which media it takes, and how frames are sized.
        video: which frames of a clip are shown.
        reading: how clips are read.
        weight: weight of a sample's policy loss; it becomes the column ``sample_weight``. None makes no column.

    Raises:
        InputError: a sample shows clips that the processor does not take.
    """
    require_media(rows, processor)
    dataset = datasets.Dataset.from_dict({"row": list(range(len(rows)))})
    opener = RowOpener(
        rows,
        style=style,
        frame_rule=frame_rule,
        processor=processor,
        video=video,
        reading=reading,
        weight=weight,
    )
    dataset.set_transform(opener)
    return dataset


def places_dataset(count: int) -> datasets.Dataset:
    """Return a dataset of ``count`` numbered places, whose rows are chosen when they are needed."""
    return datasets.Dataset.from_dict({"row": list(range(count))})


def require_media(rows: Sequence[SourcedSample], processor: Any) -> None:
    """Refuse samples whose media the processor does not take, with :class:`InputError`."""
    for row in rows:
        kinds = [media.kind for media in row.sample.media]
        place = f"{row.sample.id} of {row.folder.root}"
        require_accepted(processor, images=kinds.count("image"), clips=kinds.count("video"), sample=place)
