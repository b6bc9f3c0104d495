"""Greedy decoding of a dataset with a transformers model, batched with padding on the left.

One sample in, one prediction out, always and in the order given. A picture that cannot be read, or that the processor
refuses, becomes a prediction with ``StopReason.FAILED`` and its reason; it is scored as wrong and counted, never
dropped. In fp32 the outputs do not depend on the batch size beyond rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import GenerationConfig

from eval.decoding import Decoding, FailedPrediction
from mmrl.data import DatasetFolder
from mmrl.families import FrameRule
from mmrl.families.tokens import eos_token_ids, never_sampled
from mmrl.progress import Progress
from mmrl.prompts import build_prompt
from mmrl.types import Frame, Prediction, PromptStyle, Sample, StopReason


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ready:
    """A sample whose prompt is written and whose pictures are open."""

    position: int
    text: str
    images: tuple[Image.Image, ...]


def generate(
    model: Any,
    processor: Any,
    samples: Sequence[Sample],
    root: Path,
    *,
    style: PromptStyle,
    frame_of: FrameRule,
    decoding: Decoding,
    progress: Progress | None = None,
) -> list[Prediction]:
    """Return one prediction for each sample, in the given order.

    Args:
        model: an image-text-to-text model with ``generate``; put in evaluation mode meanwhile and back afterwards.
        processor: its processor, with chat template.
        samples: questions of one dataset folder.
        root: that folder.
        style: where answers are asked for.
        frame_of: the frame in which the model writes coordinates about a picture.
        decoding: batch size and token limit.
        progress: told after each batch.
    """
    predictions: list[Prediction | None] = [None] * len(samples)
    # Largest first: batches hold samples of like size, and a batch that does not fit in memory fails at once.
    order = sorted(range(len(samples)), key=lambda position: _size(samples[position]), reverse=True)
    with _evaluation_mode(model), torch.no_grad():
        for start in range(0, len(order), decoding.batch_size):
            batch = {position: samples[position] for position in order[start : start + decoding.batch_size]}
            ready, failures = _prepare(batch, processor, root, style=style, frame_of=frame_of)
            ready, inputs = _encode_accepted(processor, ready, failures)
            outputs = _decode(model, processor, ready, inputs, decoding.max_completion_length)
            for position, sample in batch.items():
                outcome = outputs.get(position) or failures.get(position)
                assert outcome is not None, f"sample {sample.id} has neither an output nor a failure"
                predictions[position] = _prediction(sample.id, outcome)
            if progress:
                progress(min(start + decoding.batch_size, len(order)), len(order))
    return [prediction for prediction in predictions if prediction is not None]


def greedy_config(model: Any, processor: Any, max_completion_length: int) -> GenerationConfig:
    """Return settings for plain greedy decoding: a checkpoint's own temperature or repetition penalty is put aside."""
    ends = eos_token_ids(model, processor.tokenizer)
    pad = processor.tokenizer.pad_token_id
    return GenerationConfig(
        do_sample=False,
        num_beams=1,
        temperature=1.0,
        top_p=1.0,
        top_k=50,
        repetition_penalty=1.0,
        no_repeat_ngram_size=0,
        max_new_tokens=max_completion_length,
        eos_token_id=list(ends),
        pad_token_id=ends[0] if pad is None else pad,
        suppress_tokens=never_sampled(model.config, processor.tokenizer, ends) or None,
        use_cache=True,
    )


def _size(sample: Sample) -> tuple[int, int]:
    return sum(media.width * media.height for media in sample.media), len(sample.question)


@contextmanager
def _evaluation_mode(model: Any) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


# ---------------------------------------------------------------------------------------------------- inputs


def _prepare(
    batch: dict[int, Sample], processor: Any, root: Path, *, style: PromptStyle, frame_of: FrameRule
) -> tuple[list[_Ready], dict[int, str]]:
    """Open pictures and write prompts; what cannot be opened comes back as position -> reason."""
    folder = DatasetFolder(root=root, samples=[], manifest={})
    ready: list[_Ready] = []
    failures: dict[int, str] = {}
    for position, sample in batch.items():
        if any(media.kind != "image" for media in sample.media):
            failures[position] = "this backend reads pictures only; the sample holds a video"
            continue
        try:
            images = tuple(folder.open_image(media) for media in sample.media)
            frame = frame_of(sample.media[0]) if sample.media else None
        except ValueError as error:  # InputError included: unreadable, of another size than stated, impossible shape
            failures[position] = str(error)
            continue
        ready.append(_Ready(position=position, text=_chat_text(processor, sample, style, frame), images=images))
    return ready, failures


def _chat_text(processor: Any, sample: Sample, style: PromptStyle, frame: Frame | None) -> str:
    messages = build_prompt(sample, style=style, frame=frame)
    return str(processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def _encode_accepted(processor: Any, ready: list[_Ready], failures: dict[int, str]) -> tuple[list[_Ready], Any]:
    """Return the samples that the processor accepts with their tensors, noting the others' reasons in ``failures``.

    Processors refuse a whole batch for one bad picture (an extreme aspect ratio); each is then tried alone.
    """
    try:
        return ready, _encode(processor, ready)
    except ValueError:
        accepted = []
        for item in ready:
            try:
                _encode(processor, [item])
            except ValueError as error:
                failures[item.position] = str(error)
            else:
                accepted.append(item)
        return accepted, _encode(processor, accepted)


def _encode(processor: Any, ready: list[_Ready]) -> Any:
    images = [image for item in ready for image in item.images]
    texts = [item.text for item in ready]
    if not texts:
        return None
    return processor(text=texts, images=images or None, padding=True, padding_side="left", return_tensors="pt")


# ---------------------------------------------------------------------------------------------------- outputs


def _decode(
    model: Any, processor: Any, ready: list[_Ready], inputs: Any, max_completion_length: int
) -> dict[int, tuple[str, StopReason]]:
    if inputs is None:
        return {}
    settings = greedy_config(model, processor, max_completion_length)
    sequences = model.generate(**inputs.to(model.device), generation_config=settings)
    completions = sequences[:, inputs["input_ids"].shape[1] :].tolist()
    stops = frozenset(settings.eos_token_id)
    return {
        item.position: _read_completion(processor.tokenizer, tokens, stops)
        for item, tokens in zip(ready, completions, strict=True)
    }


def _read_completion(tokenizer: Any, tokens_T: list[int], stops: frozenset[int]) -> tuple[str, StopReason]:
    """Cut a row at its first end token; a row without one was cut off by the limit."""
    end = next((place for place, token in enumerate(tokens_T) if token in stops), None)
    text = tokenizer.decode(tokens_T[:end], skip_special_tokens=True)
    return text, StopReason.LENGTH if end is None else StopReason.END


def _prediction(sample_id: str, outcome: tuple[str, StopReason] | str) -> Prediction:
    if isinstance(outcome, str):
        return FailedPrediction(id=sample_id, prediction="", stop=StopReason.FAILED, reason=outcome)
    text, stop = outcome
    return Prediction(id=sample_id, prediction=text, stop=stop)
