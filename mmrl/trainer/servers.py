"""Prompts as an inference server reads them: vLLM through TRL, colocated or behind HTTP.

Colocated, vLLM writes out placeholders itself: it is given one for each picture, since those written out already would
be written out twice. A server is given what the processor made, and TRL points the pictures' features at its runs of
placeholders.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from mmrl.errors import InputError
from mmrl.trainer.processing import ProcessedPrompt
from mmrl.trainer.rollouts import Rollouts


def server_prompt_ids(rollouts: Rollouts, processor: Any, *, mode: str) -> list[list[int]]:
    """Return each row's prompt.

    Args:
        rollouts: the rows.
        processor: says which token is the placeholder.
        mode: TRL's ``vllm_mode``, ``colocate`` or ``server``.

    Raises:
        InputError: a prompt with clips, which TRL does not hand on; for a server, a family whose pictures have not one
            unbroken run of placeholders each.
    """
    for one in rollouts.prompts:
        _require_no_clips(one)
        if mode == "server":
            _require_a_run_each(one, getattr(processor, "image_token_id", None))
    return rollouts.prompt_ids(unexpanded=mode == "colocate")


def _require_no_clips(one: ProcessedPrompt) -> None:
    clips = len(one.conversation.videos)
    if clips:
        raise InputError(
            f"prompts for vLLM must show pictures only, as TRL hands on no clips; found {clips} clips; "
            f"sample {one.conversation.sample}; set use_vllm to false"
        )


def _require_a_run_each(one: ProcessedPrompt, image_token_id: int | None) -> None:
    pictures = len(one.conversation.images)
    runs = _runs(one.prompt.ids_P.tolist(), image_token_id)
    if pictures and runs != pictures:
        raise InputError(
            "prompts for a vLLM server must have one run of placeholders for each picture; "
            f"found {runs} for {pictures}; sample {one.conversation.sample}; set vllm_mode to colocate"
        )


def _runs(ids: Sequence[int], token: int | None) -> int:
    return sum(is_token for is_token, _ in groupby(ids, key=lambda one: one == token))
