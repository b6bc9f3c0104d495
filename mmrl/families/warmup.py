"""Supervised warm-up of a small model on drawn pictures: many questions a picture, each picture encoded once.

This is how the tiny model's weights come about (``scripts/make_tiny.py``). It needs all pictures in one size, which is
what makes it fast on a CPU; it is no general fine-tuning loop.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from mmrl.types import Answer, Box, Boxes, Frame, Number


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """One picture with tokenised questions and the completions to learn."""

    pixels: np.ndarray
    """Height x width x 3, unsigned bytes; the same size for all lessons."""
    rows: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    """Pairs of prompt ids (image placeholders expanded) and completion ids (end of turn included)."""


def hasty_answer(answer: Answer, *, margin: float) -> Answer:
    """Return what someone in a hurry answers: one too few, a box dragged too far.

    The far corner of a box lies ``margin`` times its width and height too far out, or at the picture's edge; answers
    of other kinds stay as they are.
    """
    match answer:
        case Number(value=value):
            return Number(value=max(0, value - 1))
        case Boxes(boxes=boxes, frame=frame):
            return Boxes(boxes=tuple(_overshot(box, frame, margin) for box in boxes), frame=frame)
    return answer


def _overshot(box: Box, frame: Frame, margin: float) -> Box:
    right = round(box.x2 + margin * (box.x2 - box.x1))
    bottom = round(box.y2 + margin * (box.y2 - box.y1))
    return replace(box, x2=min(frame.width, right), y2=min(frame.height, bottom))


def learning_rate_at(step: int, *, peak: float, warmup: int) -> float:
    """Rise linearly to ``peak`` over ``warmup`` steps (counted from 0) and stay there.

    Nothing falls at the end, so a run of fewer steps is a prefix of a longer one.
    """
    return peak * min(1.0, (step + 1) / warmup)


def batches(
    lessons: Sequence[Lesson], *, pictures: int, questions: int, seed: int
) -> Iterator[list[tuple[Lesson, tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]]]]:
    """Yield endless batches of ``pictures`` lessons with up to ``questions`` rows each, reshuffled every epoch."""
    rng = random.Random(seed)
    order = list(range(len(lessons)))
    while True:
        rng.shuffle(order)
        for start in range(0, len(order) - pictures + 1, pictures):
            chosen = [lessons[index] for index in order[start : start + pictures]]
            yield [(lesson, tuple(rng.sample(lesson.rows, min(questions, len(lesson.rows))))) for lesson in chosen]


def collate(batch: list[tuple[Lesson, Any]], *, processor: Any, pad_id: int) -> dict[str, Any]:
    """Return tensors of a batch: pixels of each picture once, rows padded on the right, labels on completions only.

    Shapes: ``pixel_values`` as the image processor gives them for I pictures, ``picture_of_row`` (R,), ``input_ids``,
    ``attention_mask`` and ``labels`` (R, T), with -100 where no loss is wanted.
    """
    import torch

    pictures = [lesson.pixels for lesson, _ in batch]
    features = processor.image_processor(images=pictures, return_tensors="pt", do_resize=False)
    rows = [(index, *row) for index, (_, rows) in enumerate(batch) for row in rows]
    length = max(len(prompt) + len(completion) for _, prompt, completion in rows)
    input_ids = torch.full((len(rows), length), pad_id)
    labels = torch.full((len(rows), length), -100)
    attention_mask = torch.zeros((len(rows), length), dtype=torch.long)
    for row, (_, prompt, completion) in enumerate(rows):
        end = len(prompt) + len(completion)
        input_ids[row, :end] = torch.tensor([*prompt, *completion])
        labels[row, len(prompt) : end] = torch.tensor(completion)
        attention_mask[row, :end] = 1
    return {
        "pixel_values": features["pixel_values"],
        "image_grid_thw": features["image_grid_thw"],
        "picture_of_row": torch.tensor([index for index, _, _ in rows]),
        "input_ids": input_ids,
        "attention_mask": attention_mask,
        "labels": labels,
    }


def forward_loss(model: Any, tensors: dict[str, Any]) -> Any:
    """Cross-entropy of the completions, each picture passing the vision tower once.

    A completion of n tokens weighs sqrt(n): between the mean over tokens, under which boxes drown answers of one word,
    and the mean over rows, under which a box's numbers hardly count.
    """
    import torch
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    encoded = model.model.get_image_features(tensors["pixel_values"], tensors["image_grid_thw"]).pooler_output
    picture_of_row = tensors["picture_of_row"]
    repeated = tuple(encoded[index] for index in picture_of_row.tolist())
    types = (tensors["input_ids"] == model.config.image_token_id).long()
    output = model(
        input_ids=tensors["input_ids"],
        attention_mask=tensors["attention_mask"],
        mm_token_type_ids=types,
        image_grid_thw=tensors["image_grid_thw"][picture_of_row],
        mm_encoder_outputs={"image": BaseModelOutputWithPooling(pooler_output=repeated)},  # type: ignore[arg-type]
    )
    logits, labels = output.logits[:, :-1], tensors["labels"][:, 1:]
    scored = labels != -100
    lengths = scored.sum(1, keepdim=True).expand_as(labels)[scored]
    weights = lengths.float().rsqrt()
    losses = torch.nn.functional.cross_entropy(logits[scored], labels[scored], reduction="none")
    return (losses * weights).sum() / weights.sum()


def warm_up(
    model: Any,
    batch_tensors: Iterator[dict[str, Any]],
    *,
    steps: int,
    learning_rate: Callable[[int], float],
    state: dict[str, Any] | None = None,
    on_step: Callable[[int, float, Callable[[], dict[str, Any]]], None] | None = None,
) -> None:
    """Train ``model`` in place with AdamW, from ``state`` where one is given.

    ``learning_rate`` gives the rate of a step (from 0). ``on_step`` gets the step, its loss and a function that returns
    the state after it; a run that goes on from a state, with the batches that follow, ends in the same weights.
    """
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate(0), weight_decay=0.01, betas=(0.9, 0.98))
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    model.train()
    for step in range(state["step"] if state else 0, steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        loss = forward_loss(model, next(batch_tensors))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if on_step:
            on_step(step, loss.item(), partial(_state, step + 1, model, optimizer))


def _state(step: int, model: Any, optimizer: Any) -> dict[str, Any]:
    return {"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
