"""Completions sampled beside training: looked at, but neither compared inside their group nor trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from mmrl.trainer.conversation import conversation_of, shows_media
from mmrl.trainer.rewards import rollout_of
from mmrl.trainer.rollouts import Rollouts
from mmrl.types import Rollout


@torch.no_grad()
def sample_aside(trainer: Any, rows: Sequence[Mapping[str, Any]], size: int) -> list[list[list[int]]]:
    """Return the token ids of ``size`` completions for each row of this process.

    Every process must call it at once, with rows or without: where weights are spread over processes, sampling begins
    and ends together.
    """
    structured = any(shows_media(row) for row in rows)
    conversations = [conversation_of(row, place, structured=structured) for place, row in enumerate(rows)]
    prompts = trainer._prompt_processor().process_all(conversations)
    rollouts = Rollouts(
        inputs=[dict(row) for row in rows for _ in range(size)],
        conversations=[one for one in conversations for _ in range(size)],
        parts=[range(size * place, size * (place + 1)) for place in range(len(rows))],
        prompts=prompts,
    )
    sampled = trainer._sample(rollouts, keep_graph=False)
    return [[sampled[row] for row in part] for part in rollouts.parts]


def judged(trainer: Any, rewards: Any, row: Mapping[str, Any], token_ids: list[int]) -> tuple[Rollout, dict[str, Any]]:
    """Return a completion sampled aside as rewards see it, with the value of each term."""
    text = trainer._tokenizer.decode(token_ids, skip_special_tokens=True)
    what = (row["sample"], row["frame"], row["media_error"])
    rollout = rollout_of(text, token_ids, *what, style=rewards.style, ends=rewards.eos_ids)
    return rollout, rewards.rubric.values(row["sample"], rollout)


def with_clips(trainer: Any, row: Mapping[str, Any], change: Any) -> dict[str, Any]:
    """Return a row whose clips went through ``change``, a function of a :class:`VideoClip`; the row stays as it is."""
    clips = trainer._prompt_processor().clips.read(row["videos"], images=len(row["images"]), sample=row["sample"].id)
    return {**row, "videos": [change(clip) for clip in clips]}


def with_question(row: Mapping[str, Any], more: str, prompt: Any) -> dict[str, Any]:
    """Return a row whose question goes on with ``more``, a line of its own; what rewards judge by stays as it is.

    Args:
        row: the row.
        more: the line.
        prompt: makes messages of a sample and a frame.
    """
    sample = row["sample"]
    asked = replace(sample, question=f"{sample.question}\n{more}")
    return {**row, "prompt": prompt(asked, row["frame"])}
