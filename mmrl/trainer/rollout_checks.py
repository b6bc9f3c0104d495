"""What a user's rollout function returns is looked at before anything computes with it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmrl.engine.prompts import ENCODERS
from mmrl.errors import InputError
from mmrl.trainer.faults import one_line

REQUIRED = ("prompt_ids", "completion_ids", "logprobs")
"""What TRL asks of a rollout function: token ids of prompts and completions, and log-probabilities or None."""


def checked_rollout(function: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Wrap a rollout function ``(prompts, trainer)`` so that it raises one clear line; None stays None."""
    if function is None:
        return None

    @functools.wraps(function)
    def checked(prompts: list[Any], trainer: Any, *args: Any, **options: Any) -> Any:
        try:
            output = function(prompts, trainer, *args, **options)
        except InputError:
            raise
        except Exception as error:  # a user's function may raise anything; the cause stays attached
            raise InputError(
                f"a rollout function must return completions; found {type(error).__name__}: {one_line(error)}; "
                "correct that function"
            ) from error
        _require_columns(output, len(prompts))
        output = {**output, **{name: [_integers(ids) for ids in output[name]] for name in REQUIRED[:2]}}
        for row in range(len(prompts)):
            _require_row(output, row, trainer)
        return output

    return checked


def _integers(ids: Any) -> list[int]:
    """Return token ids as plain numbers, whether they come as a list or as a tensor."""
    return [int(token) for token in (ids.tolist() if hasattr(ids, "tolist") else ids)]


def _require_columns(output: Any, rows: int) -> None:
    if not isinstance(output, Mapping) or not set(REQUIRED) <= output.keys():
        found = sorted(output) if isinstance(output, Mapping) else f"a {type(output).__name__}"
        raise InputError(
            f"a rollout function must return a mapping with {', '.join(REQUIRED)}; found {found}; correct that function"
        )
    for name in REQUIRED:
        values = output[name]
        if name == "logprobs" and values is None:
            continue
        if not isinstance(values, Sequence) or len(values) != rows:
            found = f"{len(values)}" if isinstance(values, Sequence) else f"a {type(values).__name__}"
            raise InputError(
                f"a rollout function must return {name} for each of {rows} prompts; found {found}; "
                "correct that function"
            )


def _require_row(output: Mapping[str, Any], row: int, trainer: Any) -> None:
    config = trainer.accelerator.unwrap_model(trainer.model).config
    text = config.get_text_config()
    prompt, completion = output["prompt_ids"][row], output["completion_ids"][row]
    if len(completion) == 0:
        raise _refused("a completion must have at least one token", "an empty one", row, trainer)
    outside = [token for token in completion if not 0 <= token < text.vocab_size]
    if outside:
        raise _refused(f"token ids must be from 0 to {text.vocab_size - 1}", str(outside[0]), row, trainer)
    for modality in ENCODERS:
        placeholder = getattr(config, f"{modality}_token_id", None)
        if placeholder is not None and placeholder in completion:
            found = f"placeholder token {placeholder} at place {list(completion).index(placeholder)}"
            raise _refused(
                f"a completion must hold no {modality} placeholder, as it has no {modality}", found, row, trainer
            )
    limit = getattr(text, "max_position_embeddings", None)
    if limit is not None and len(prompt) + len(completion) > limit:
        found = f"{len(prompt)} and {len(completion)} tokens"
        raise _refused(f"prompt and completion must fit the model's {limit} positions", found, row, trainer)
    for name in ("logprobs", "env_mask"):
        values = output.get(name)
        if values is not None and len(values[row]) != len(completion):
            found = f"{len(values[row])} for {len(completion)} tokens"
            raise _refused(f"{name} must have one value for each token of a completion", found, row, trainer)


def _refused(rule: str, found: str, row: int, trainer: Any) -> InputError:
    sample = trainer._rollouts.conversations[row].sample
    return InputError(
        f"{rule}; found {found}; sample {sample}, completion {row} of the batch; correct the rollout function"
    )
