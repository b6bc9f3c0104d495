"""Sampling outside of a training loop: several completions of each of some rows, for probes and for stages that learn
from what they write themselves.

The completions of a batch of rows are decided by the model, the settings and the batch's seed alone, so a batch can be
sampled again, in another process or after a kill, with the same result.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig

from mmrl.engine import decode
from mmrl.engine.passes import Group, GroupPass, Prefilled, install, sharing_attention
from mmrl.engine.prompts import Prompt
from mmrl.engine.support import TESTED, reason_not_to_share
from mmrl.errors import InputError
from mmrl.families import ClipReader, family_of, frame_rule
from mmrl.families.tokens import eos_token_ids, never_sampled
from mmrl.trainer.conversation import conversation_of
from mmrl.trainer.processing import PromptProcessor
from mmrl.trainer.stage_data import RowOpener, SourcedSample
from mmrl.types import Frame, PromptStyle
from mmrl.video import DEFAULT_REQUEST, VideoRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingSettings:
    """How completions are drawn."""

    style: PromptStyle
    group_size: int = 1
    """Completions of each row."""
    temperature: float | None = 1.0
    """None decodes greedily, which makes one completion a row."""
    max_completion_length: int = 256
    """Tokens."""
    video: VideoRequest = DEFAULT_REQUEST


@dataclass(frozen=True, kw_only=True, slots=True)
class SampledRow:
    """A row with what was sampled from it."""

    row: SourcedSample
    texts_G: tuple[str, ...]
    """Empty where the row's media could not be used."""
    ids_G: tuple[tuple[int, ...], ...]
    frame: Frame | None
    """In which the model writes coordinates."""
    media_error: str = ""


class Sampler:
    """Samples from one model in this process; prompts are computed once a row where the model allows it."""

    def __init__(self, model: Any, processor: Any, settings: SamplingSettings) -> None:
        """Take a loaded model on its device; it is put into evaluation mode."""
        self.model, self.processor, self.settings = model.eval(), processor, settings
        self.eos_ids = eos_token_ids(model, processor.tokenizer)
        # A model that tests do not cover is sampled plainly: nothing here compares it with the packed pass.
        self.shares = reason_not_to_share(model) is None and model.config.model_type in TESTED
        if self.shares:
            install(model)
        self._rule = frame_rule(family_of(model.config.model_type), processor)
        self._generation = self._generation_config()

    def drawing(self, settings: SamplingSettings) -> Sampler:
        """Return a sampler of the same model with other settings."""
        other = copy.copy(self)
        other.settings = settings
        other._generation = other._generation_config()
        return other

    def sample(self, rows: Sequence[SourcedSample], *, seed: str) -> list[SampledRow]:
        """Sample every row of a batch; rows whose media cannot be used have no completions but a reason.

        Raises:
            InputError: a prompt that the processor refuses, or too little memory for the batch.
        """
        opened = self._open(rows)
        usable = [number for number, row in enumerate(opened) if not row["media_error"]]
        sampled: dict[int, list[list[int]]] = {}
        if usable:
            with _seeded(seed), torch.no_grad():
                prompts = self._prompts([opened[number] for number in usable])
                sampled = dict(zip(usable, self._complete(prompts), strict=True))
        return [self._sampled(row, opened[number], sampled.get(number, [])) for number, row in enumerate(rows)]

    def _open(self, rows: Sequence[SourcedSample]) -> list[dict[str, Any]]:
        opener = RowOpener(
            rows,
            style=self.settings.style,
            frame_rule=self._rule,
            processor=self.processor,
            video=self.settings.video,
        )
        columns = opener({"row": list(range(len(rows)))})
        return [{name: values[number] for name, values in columns.items()} for number in range(len(rows))]

    def _prompts(self, opened: Sequence[dict[str, Any]]) -> list[Prompt]:
        processing = PromptProcessor(
            processor=self.processor,
            model=self.model,
            room=self.settings.max_completion_length,
            clips=ClipReader(processor=self.processor, request=self.settings.video),
        )
        conversations = [conversation_of(row, place, structured=True) for place, row in enumerate(opened)]
        return [one.prompt for one in processing.process_all(conversations)]

    def _complete(self, prompts: Sequence[Prompt]) -> list[list[list[int]]]:
        """Return the token ids of each prompt's completions."""
        size = self.settings.group_size
        try:
            if not self.shares:
                return [self._plainly(prompt) for prompt in prompts]
            with sharing_attention(self.model):
                groups = [Group(prompt=prompt, completions=[]) for prompt in prompts]
                prefilled: Prefilled = self.model(group_pass=GroupPass(groups=groups, prefill=True)).prefilled
                ids = decode.sample(self.model, prompts, prefilled, group_size=size, generation_config=self._generation)
        except torch.OutOfMemoryError as error:
            raise InputError(
                f"the device must have memory for {len(prompts)} prompts with {size} completions each; "
                f"found: {str(error).splitlines()[0]}; sample fewer rows together, or lower max_pixels"
            ) from error
        return [ids[start : start + size] for start in range(0, len(ids), size)]

    def _plainly(self, prompt: Prompt) -> list[list[int]]:
        """Sample with transformers' own cache."""
        fields = {name: value.to(self.model.device) for name, value in prompt.fields.items()}
        ids = prompt.ids_P.unsqueeze(0).to(self.model.device)
        output = self.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), **fields, generation_config=self._generation
        )
        ends = set(self.eos_ids)
        rows = output[:, ids.shape[1] :].tolist()
        return [next((row[: at + 1] for at, token in enumerate(row) if token in ends), row) for row in rows]

    def _generation_config(self) -> GenerationConfig:
        """Return settings of plain sampling: a checkpoint's own temperature or repetition penalty is put aside."""
        settings, pad = self.settings, self.processor.tokenizer.pad_token_id
        drawn = settings.temperature is not None
        return GenerationConfig(
            do_sample=drawn,
            temperature=settings.temperature if drawn else 1.0,
            top_p=1.0,
            top_k=0 if drawn else 50,
            num_beams=1,
            num_return_sequences=1 if self.shares else settings.group_size,
            repetition_penalty=1.0,
            no_repeat_ngram_size=0,
            max_new_tokens=settings.max_completion_length,
            eos_token_id=list(self.eos_ids),
            pad_token_id=self.eos_ids[0] if pad is None else pad,
            suppress_tokens=never_sampled(self.model.config, self.processor.tokenizer, self.eos_ids) or None,
            use_cache=True,
        )

    def _sampled(self, row: SourcedSample, opened: dict[str, Any], ids_G: Sequence[list[int]]) -> SampledRow:
        texts = self.processor.tokenizer.batch_decode(list(ids_G), skip_special_tokens=True) if ids_G else []
        return SampledRow(
            row=row,
            texts_G=tuple(texts),
            ids_G=tuple(tuple(ids) for ids in ids_G),
            frame=opened["frame"],
            media_error=opened["media_error"],
        )


@contextlib.contextmanager
def _seeded(seed: str) -> Iterator[None]:
    """Draw from generators seeded by a text, and put the process's own back afterwards."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:7])
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(number)
        yield
