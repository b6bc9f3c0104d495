"""Prompts with the completions to learn, as batches for TRL's SFT trainer.

TRL's own collator for pictures drops clips, cuts long rows in the middle of a picture, and teaches what the chat
template writes behind the end of a turn (a line break for Qwen). This one makes prompts as they are made for sampling,
and ends a completion as sampling ends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import datasets
import torch
from torch import Tensor

from mmrl.answers import write_completion
from mmrl.engine.prompts import NOT_MEDIA
from mmrl.errors import InputError
from mmrl.families import FrameRule
from mmrl.families.clips import chat_text, video_arguments
from mmrl.families.tokens import eos_token_ids
from mmrl.geometry import convert_boxes, convert_point, is_valid_box
from mmrl.trainer.faults import one_line
from mmrl.trainer.processing import REFUSALS
from mmrl.trainer.stage_data import RowOpener, SourcedSample
from mmrl.types import Action, Answer, Box, Boxes, Frame, Point, PromptStyle
from mmrl.video import VideoRequest

IGNORED = -100
"""Label of tokens that are not learned."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A row and what is to be written about it."""

    row: SourcedSample
    completion: str | None = None
    """None for the gold answer, in the prompt style and in the frame of the model."""


def gold_completion(answer: Answer, frame: Frame | None, style: PromptStyle) -> str:
    """Return a gold answer as the model should write it: coordinates in its frame, rounded as it writes them.

    Whole pixels and thousandths; where a box would lose its area by that, as many decimals as it needs.
    """
    if frame is not None:
        answer = _placed(answer, frame)
    return write_completion(answer, style=style)


def _placed(answer: Answer, frame: Frame) -> Answer:
    digits = 3 if frame.kind == "unit" else 0
    match answer:
        case Boxes():
            moved = convert_boxes(answer, frame)
            return Boxes(boxes=tuple(_rounded(box, digits) for box in moved.boxes), frame=frame)
        case Point():
            point = convert_point(answer, frame)
            return replace(point, x=round(point.x, digits), y=round(point.y, digits))
        case Action(point=Point() as point):
            moved_point = _placed(point, frame)
            assert isinstance(moved_point, Point)
            return replace(answer, point=moved_point)
    return answer


def _rounded(box: Box, digits: int) -> Box:
    for more in range(digits, digits + 4):
        edges = {name: round(getattr(box, name), more) for name in ("x1", "y1", "x2", "y2")}
        if is_valid_box(small := replace(box, **edges)):
            return small
    return box


class ExampleOpener(RowOpener):
    """Opens rows as prompts do for sampling, with the ``completion`` to learn beside them."""

    def __init__(self, examples: Sequence[Example], **options: Any) -> None:
        super().__init__([one.row for one in examples], **options)
        self.completions = [one.completion for one in examples]

    def open_row(self, number: int, reader: Any) -> dict[str, Any]:
        """Return one row; ``InputError`` never: media that cannot be used are noted in ``media_error``."""
        row = super().open_row(number, reader)
        written = self.completions[number]
        gold = gold_completion(row["sample"].answer, row["frame"], self.style) if written is None else written
        return {**row, "completion": gold}


def example_dataset(
    examples: Sequence[Example], *, style: PromptStyle, frame_rule: FrameRule, processor: Any, video: VideoRequest
) -> datasets.Dataset:
    """Return a dataset of the examples in their order, which opens pictures and clips lazily."""
    dataset = datasets.Dataset.from_dict({"row": list(range(len(examples)))})
    opener = ExampleOpener(examples, style=style, frame_rule=frame_rule, processor=processor, video=video)
    dataset.set_transform(opener)
    return dataset


class ExampleCollator:
    """Turns opened rows into a batch: prompts as for sampling, then completions, padded on the right.

    ``input_ids``, ``attention_mask``, ``labels`` and the processor's other fields with an entry a token are (B, T);
    labels are -100 but for completions and their end token. Rows whose media could not be used teach nothing and are
    noted in ``failures``.
    """

    def __init__(self, processor: Any, model: Any) -> None:
        self.processor, self.tokenizer = processor, processor.tokenizer
        self.end = turn_end(processor, eos_token_ids(model, self.tokenizer))
        self.limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self.failures: dict[str, str] = {}
        """Samples whose media could not be used, with the reason, since they were last taken."""

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Return the batch.

        Raises:
            InputError: the processor refuses a prompt, or prompt and completion are longer than the model's positions.
        """
        self.failures |= {row["sample"].id: row["media_error"] for row in rows if row["media_error"]}
        fields = self._prompts(rows)
        real = fields.pop("attention_mask").bool()
        learned = [
            [*self.tokenizer(row["completion"], add_special_tokens=False)["input_ids"], self.end] for row in rows
        ]
        lengths = [int(mask.sum()) + len(ids) for mask, ids in zip(real, learned, strict=True)]
        self._require_fit(rows, lengths)
        batch = {
            name: _joined(fields.pop(name), real, learned, fill=self._fill(name), own=name == "input_ids")
            for name in list(fields)
            if name in NOT_MEDIA
        }
        shape = batch["input_ids"].shape
        places = torch.arange(shape[1]).expand(shape)
        ends = torch.tensor(lengths).unsqueeze(1)
        starts = real.sum(1, keepdim=True)
        unusable = torch.tensor([bool(row["media_error"]) for row in rows]).unsqueeze(1)
        hidden = (places < starts) | (places >= ends) | unusable
        batch["attention_mask"] = (places < ends).long()
        batch["labels"] = batch["input_ids"].masked_fill(hidden, IGNORED)
        return {**batch, **fields}

    def take_failures(self) -> list[tuple[str, str]]:
        """Return what is in ``failures``, and forget it."""
        failures, self.failures = list(self.failures.items()), {}
        return failures

    def _fill(self, name: str) -> int:
        pad = self.tokenizer.pad_token_id
        return (self.end if pad is None else int(pad)) if name == "input_ids" else 0

    def _prompts(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        images, clips = [row["images"] for row in rows], [clip for row in rows for clip in row["videos"]]
        try:
            texts = [chat_text(self.processor, row["prompt"], clips=len(row["videos"])) for row in rows]
            bos = self.tokenizer.bos_token
            written = {"add_special_tokens": False} if bos is not None and texts[0].startswith(bos) else {}
            made = self.processor(
                text=texts,
                images=images if any(images) else None,
                padding=True,
                padding_side="left",
                return_tensors="pt",
                **(video_arguments(self.processor, clips) if clips else {}),
                **written,
            )
        except REFUSALS as error:
            names = ", ".join(row["sample"].id for row in rows)
            advice = "set per_device_train_batch_size to 1, or leave the row out" if clips else "leave the row out"
            raise InputError(
                f"the processor must accept a batch of prompts; found: {one_line(error)}; samples {names}; {advice}"
            ) from error
        return dict(made)

    def _require_fit(self, rows: Sequence[Mapping[str, Any]], lengths: Sequence[int]) -> None:
        longest = max(range(len(rows)), key=lambda place: lengths[place])
        if self.limit is not None and lengths[longest] > self.limit:
            raise InputError(
                f"prompt and completion must fit the model's {self.limit} positions; found {lengths[longest]} tokens; "
                f"sample {rows[longest]['sample'].id}; lower max_pixels, or leave the row out"
            )


def _joined(field: Tensor, real: Tensor, learned: Sequence[Sequence[int]], *, fill: int, own: bool) -> Tensor:
    """Put completions behind prompts that are padded on the left: (B, P) becomes (B, T), padded on the right.

    Other fields than the token ids are 0 over completions.
    """
    rows = [
        torch.cat([values[mask], torch.tensor(ids) if own else values.new_zeros(len(ids))])
        for values, mask, ids in zip(field, real, learned, strict=True)
    ]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=fill)


def turn_end(processor: Any, ends: Sequence[int]) -> int:
    """Return the token that the chat template writes behind an answer; the first of ``ends`` where it writes none."""
    marker = "Z9"
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": marker}]},
    ]
    text = processor.apply_chat_template(messages, tokenize=False)
    tail = processor.tokenizer(text.rpartition(marker)[2], add_special_tokens=False)["input_ids"]
    return next((token for token in tail if token in ends), ends[0])
