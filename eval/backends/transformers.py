"""Greedy decoding with a transformers model, batched with padding on the left, clips one by one.

One job in, one outcome out. A picture or clip that cannot be read, or that the processor refuses, becomes a failure
with its reason; it is scored as wrong and counted, never dropped. In fp32 the outputs do not depend on the batch size
beyond rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import GenerationConfig

from eval.decoding import Decoding, FailedPrediction
from mmrl.data import DatasetFolder
from mmrl.families import ClipReader, FrameRule
from mmrl.families.clips import chat_text, video_arguments
from mmrl.families.tokens import eos_token_ids, never_sampled
from mmrl.progress import Progress
from mmrl.prompts import build_prompt
from mmrl.types import Prediction, PromptStyle, Sample, StopReason
from mmrl.video import VideoClip

Outcome = tuple[str, StopReason] | str
"""Text and why it ended, or the reason why there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A prompt whose media are open."""

    messages: Sequence[Any]
    images: tuple[Image.Image, ...] = ()
    clips: tuple[VideoClip, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A prompt whose media are opened when its batch is due."""

    size: tuple[int, int]
    """Pixels, then characters: batches hold jobs of like size."""
    filmed: bool
    """Whether it shows clips."""
    open: Callable[[ClipReader], Opened]
    """Raises ``ValueError`` (``InputError`` included) where media cannot be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ready:
    """A job whose prompt is written out."""

    position: int
    text: str
    images: tuple[Image.Image, ...]
    clips: tuple[VideoClip, ...] = ()


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
    folder = DatasetFolder(root=root, samples=[], manifest={})
    jobs = [_sample_job(sample, folder, style, frame_of) for sample in samples]
    outcomes: dict[int, Outcome] = {}
    for batch in decode_jobs(model, processor, jobs, decoding):
        outcomes |= batch
        if progress:
            progress(len(outcomes), len(jobs))
    return [_prediction(sample.id, outcomes[position]) for position, sample in enumerate(samples)]


def decode_jobs(model: Any, processor: Any, jobs: Sequence[Job], decoding: Decoding) -> Iterator[dict[int, Outcome]]:
    """Yield outcomes by position of their jobs, a batch at a time; every position comes exactly once.

    Largest first, so that a batch that does not fit in memory fails at once; it is then done in halves, and a single
    job that does not fit is a failure.
    """
    order = sorted(range(len(jobs)), key=lambda position: jobs[position].size, reverse=True)
    waiting = list(_batches(jobs, order, decoding.batch_size))[::-1]
    while waiting:
        positions = waiting.pop()
        try:
            yield _decode_batch(model, processor, {position: jobs[position] for position in positions}, decoding)
        except torch.OutOfMemoryError as error:
            if len(positions) == 1:
                yield {positions[0]: f"the device has too little memory: {str(error).splitlines()[0]}"}
            else:
                half = len(positions) // 2
                waiting += [positions[half:], positions[:half]]


def _decode_batch(model: Any, processor: Any, batch: dict[int, Job], decoding: Decoding) -> dict[int, Outcome]:
    reader = ClipReader(processor=processor, request=decoding.video, reading=decoding.reading)
    ready, failures = _prepare(batch, reader)
    ready, inputs = _encode_accepted(processor, ready, failures)
    with _evaluation_mode(model), torch.no_grad():
        outputs = _decode(model, processor, ready, inputs, decoding.max_completion_length)
    outcomes: dict[int, Outcome] = {**failures, **outputs}
    assert outcomes.keys() == batch.keys(), "every job has an output or a failure"
    return outcomes


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


def _batches(jobs: Sequence[Job], order: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield positions in batches; jobs with clips alone, as processors cannot stack clips of unequal length."""
    still = [position for position in order if not jobs[position].filmed]
    yield from ([position] for position in order if jobs[position].filmed)
    yield from (still[start : start + size] for start in range(0, len(still), size))


def _sample_job(sample: Sample, folder: DatasetFolder, style: PromptStyle, frame_of: FrameRule) -> Job:
    def open_media(reader: ClipReader) -> Opened:
        images = tuple(folder.open_image(media) for media in sample.media if media.kind == "image")
        clips = [folder.open_video(media, reader.clip) for media in sample.media if media.kind == "video"]
        clips = reader.read(clips, images=len(images), sample=sample.id)
        frame = frame_of(sample.media[0]) if sample.media else None
        return Opened(messages=build_prompt(sample, style=style, frame=frame), images=images, clips=tuple(clips))

    return Job(
        size=(sum(media.width * media.height for media in sample.media), len(sample.question)),
        filmed=any(media.kind == "video" for media in sample.media),
        open=open_media,
    )


@contextmanager
def _evaluation_mode(model: Any) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


# ---------------------------------------------------------------------------------------------------- inputs


def _prepare(batch: dict[int, Job], reader: ClipReader) -> tuple[list[_Ready], dict[int, str]]:
    """Open media and write prompts; what cannot be opened comes back as position -> reason."""
    ready: list[_Ready] = []
    failures: dict[int, str] = {}
    for position, job in batch.items():
        try:
            opened = job.open(reader)
        except ValueError as error:  # InputError included: unreadable, of another size than stated, impossible shape
            failures[position] = str(error)
            continue
        text = chat_text(reader.processor, opened.messages, clips=len(opened.clips))
        ready.append(_Ready(position=position, text=text, images=opened.images, clips=opened.clips))
    return ready, failures


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
    # One list a prompt: the only form that every family's processor reads alike.
    images = [list(item.images) for item in ready]
    clips = [clip for item in ready for clip in item.clips]
    texts = [item.text for item in ready]
    if not texts:
        return None
    videos = video_arguments(processor, clips) if clips else {}
    return processor(
        text=texts,
        images=images if any(images) else None,
        padding=True,
        padding_side="left",
        return_tensors="pt",
        **videos,
    )


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


def _prediction(sample_id: str, outcome: Outcome) -> Prediction:
    if isinstance(outcome, str):
        return FailedPrediction(id=sample_id, prediction="", stop=StopReason.FAILED, reason=outcome)
    text, stop = outcome
    return Prediction(id=sample_id, prediction=text, stop=stop)
