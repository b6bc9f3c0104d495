"""A stage's samples as the dataset that TRL reads: prompts are built and pictures opened when a row is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import datasets
from PIL import Image

from mmrl.data import DatasetFolder
from mmrl.errors import InputError
from mmrl.families import FrameRule
from mmrl.prompts import build_prompt
from mmrl.types import Frame, Level, PromptStyle, Sample

WEIGHT_COLUMN = "sample_weight"
"""Column with the weight of a row's policy loss."""

_BLANK_SIZE = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class SourcedSample:
    """A sample with the dataset folder that holds its media."""

    sample: Sample
    folder: DatasetFolder


class RowOpener:
    """Turns row numbers into TRL's rows: ``prompt`` and ``images``, and what the rewards need.

    A picture that cannot be opened, or has a shape that models refuse, is replaced by a grey one and ``media_error``
    says why; the rewards then give every completion the rubric's value for failed rollouts, so the group has no
    gradient and the run goes on.
    """

    def __init__(
        self,
        rows: Sequence[SourcedSample],
        *,
        style: PromptStyle,
        frame_rule: FrameRule,
        weights: Mapping[Level, float] | None = None,
    ) -> None:
        self.rows = list(rows)
        self.style = style
        self.frame_rule = frame_rule
        self.weights = weights
        self._opened: dict[int, dict[str, Any]] = {}

    def __call__(self, batch: dict[str, list[int]]) -> dict[str, list[Any]]:
        """Return the columns of the rows asked for; ``batch`` has their numbers under ``row``."""
        numbers = batch["row"]
        # TRL loads a batch once for each micro-step that reuses it, so the last one is kept.
        self._opened = {number: self._opened.get(number) or self.open_row(number) for number in dict.fromkeys(numbers)}
        rows = [self._opened[number] for number in numbers]
        return {key: [row[key] for row in rows] for key in rows[0]}

    def open_row(self, number: int) -> dict[str, Any]:
        """Return one row; pictures are RGB, in the order of the sample's media."""
        sample, folder = self.rows[number].sample, self.rows[number].folder
        frame: Frame | None = None
        media_error = ""
        try:
            images = [folder.open_image(media) for media in sample.media]
            frame = self.frame_rule(sample.media[0]) if sample.media else None
        except InputError as error:
            media_error = str(error)
            images = [Image.new("RGB", (_BLANK_SIZE, _BLANK_SIZE), "grey") for _ in sample.media]
        weight = {} if self.weights is None else {WEIGHT_COLUMN: float(self.weights.get(sample.difficulty, 1.0))}
        return {
            "prompt": build_prompt(sample, style=self.style, frame=frame),
            "images": images,
            "sample": sample,
            "frame": frame,
            "media_error": media_error,
            **weight,
        }


def stage_dataset(
    rows: Sequence[SourcedSample],
    *,
    style: PromptStyle,
    frame_rule: FrameRule,
    weights: Mapping[Level, float] | None = None,
) -> datasets.Dataset:
    """Return a dataset of ``len(rows)`` prompts in the given order that opens pictures lazily.

    Args:
        rows: samples with the folders of their media.
        style: how the answer is asked for.
        frame_rule: the frame of the model's answers.
        weights: weight of a sample's policy loss by its difficulty, 1 for levels that it does not name; it becomes the
            column ``sample_weight``. None makes no column.

    Raises:
        InputError: a sample asks about a video, which TRL's trainer would drop.
    """
    for row in rows:
        if any(media.kind != "image" for media in row.sample.media):
            raise InputError(
                f"training samples must have images only; found a video; at sample {row.sample.id} of "
                f"{row.folder.root}; leave its task out with the stage's tasks"
            )
    dataset = datasets.Dataset.from_dict({"row": list(range(len(rows)))})
    dataset.set_transform(RowOpener(rows, style=style, frame_rule=frame_rule, weights=weights))
    return dataset
