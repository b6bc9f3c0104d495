"""GRPO on TRL's trainer, with the group (one prompt, its media, G completions) as the unit of work.

A script written for TRL switches by changing its import. What differs: groups stay whole in every micro-batch, the
processor runs once a distinct prompt instead of 2 G times, generation encodes each distinct picture once, special
tokens can never be sampled, and a reward that is not a number stops the run.

From a sample to a gradient: ``_prepare_inputs`` asks ``_generate_and_score_completions`` for a generation batch
(tokenise, generate, reward, advantage), permutes its groups and cuts it into micro-batches; TRL's ``_compute_loss``
runs the forward pass on each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import trl
from transformers import PreTrainedModel, TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from trl.trainer.utils import split_pixel_values_by_grid, split_tensor_dict, unsplit_pixel_values_by_grid

from mmrl.errors import InputError
from mmrl.families.tokens import eos_token_ids, never_sampled
from mmrl.runs import mark_complete, saving_checkpoint
from mmrl.trainer.finite import refuse_non_finite
from mmrl.trainer.groups import permute_groups, repeat_processed, require_whole_groups


@dataclass
class GRPOConfig(trl.GRPOConfig):
    """TRL's options; batch sizes that would split a group over micro-batches are refused.

    Raises:
        InputError: ``per_device_train_batch_size`` is no multiple of ``num_generations``.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_whole_groups(self)


def _require_whole_groups(args: Any) -> None:
    require_whole_groups(
        per_device_train_batch_size=args.per_device_train_batch_size, num_generations=args.num_generations
    )
    evaluated = args.num_generations_eval or args.num_generations
    if args.eval_strategy != "no" and args.per_device_eval_batch_size % evaluated:
        raise InputError(
            "per_device_eval_batch_size must be a multiple of the number of generations in evaluation; "
            f"found {args.per_device_eval_batch_size} and {evaluated}; set num_generations_eval to 1"
        )


class _MicroStep(TrainerCallback):
    """Sets the count of micro-steps when training begins, so that a resumed run generates where it would have."""

    def __init__(self, trainer: GRPOTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Count on from the step that training starts at."""
        self.trainer._step = state.global_step * args.gradient_accumulation_steps
        self.trainer._buffered_inputs = None


class _OncePerPrompt:
    """Stands in for a processor on rows in groups of G: distinct prompts are processed, the outputs repeated."""

    def __init__(self, processor: Any, group_size: int) -> None:
        self._processor = processor
        self._group_size = group_size

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)

    def __call__(self, *, images: list[Any], text: list[str], **options: Any) -> Any:
        distinct_images = images[:: self._group_size]
        fields = self._processor(images=distinct_images, text=text[:: self._group_size], **options)
        images_P = [len(pictures) if pictures else 0 for pictures in distinct_images]
        repeated = repeat_processed(fields, images_P, self._group_size)
        return self._processor(images=images, text=text, **options) if repeated is None else repeated


class GRPOTrainer(trl.GRPOTrainer):
    """TRL's trainer with whole groups; takes the same arguments.

    Raises:
        InputError: batch sizes that would split a group, or a reward that is not finite.
    """

    # TRL annotates these loosely, or not at all.
    model: Any
    args: Any
    processing_class: Any
    num_generations: int
    num_generations_eval: int
    _buffered_inputs: Any

    def __init__(
        self, model: Any, reward_funcs: Any = None, args: trl.GRPOConfig | None = None, *rest: Any, **options: Any
    ) -> None:
        if args is not None:
            _require_whole_groups(args)
        functions = reward_funcs if isinstance(reward_funcs, list) else [reward_funcs] if reward_funcs else []
        super().__init__(model, [refuse_non_finite(function) for function in functions], args, *rest, **options)
        self.add_callback(_MicroStep(self))
        self._forbid_special_tokens()

    def _send_telemetry(self) -> None:
        """Send nothing: what is trained here is no one else's business."""

    def _forbid_special_tokens(self) -> None:
        eos = eos_token_ids(self.accelerator.unwrap_model(self.model), self._tokenizer)
        forbidden = never_sampled(self.model.config, self._tokenizer, eos)
        if self.use_vllm:
            # vLLM has no list of suppressed tokens; its logit bias reaches both the colocated engine and a server.
            bias = {str(token): -100.0 for token in forbidden} | (self.args.generation_kwargs or {}).get(
                "logit_bias", {}
            )
            self.vllm_generation.generation_kwargs["logit_bias"] = bias
            return
        asked = self.generation_config.suppress_tokens or []
        self.generation_config.suppress_tokens = sorted({*asked, *forbidden})
        self.generation_kwargs["suppress_tokens"] = self.generation_config.suppress_tokens

    # ------------------------------------------------------------------------------------------ whole groups

    @property
    def _group_size(self) -> int:
        return self.num_generations if self.model.training else self.num_generations_eval

    @property
    def _shares_prompts(self) -> bool:
        """Whether rows of a group have the same prompt throughout; tools and environments change it on the way."""
        return not (self.tools or self.environment_factories or self.rollout_func)

    def _prepare_inputs(self, generation_batch: Any) -> dict[str, Any]:
        """Return the next micro-batch; generate, score and cut a new generation batch where the last is used up."""
        if not self.model.training:
            return self._generate_and_score_completions(generation_batch)
        generate_every = self.args.steps_per_generation * self.num_iterations
        if self._step % generate_every == 0 or self._buffered_inputs is None:
            scored: Any = split_pixel_values_by_grid(self._generate_and_score_completions(generation_batch))
            groups = len(scored["prompt_ids"]) // self.num_generations
            scored = permute_groups(scored, torch.randperm(groups).tolist(), self.num_generations)
            micro_batches: Any = split_tensor_dict(scored, self.args.steps_per_generation)
            self._buffered_inputs = [unsplit_pixel_values_by_grid(batch) for batch in micro_batches]
        return self._buffered_inputs[self._step % self.args.steps_per_generation]

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Generate G completions of each prompt, reward them and compute advantages, with one processing a prompt."""
        if not self._shares_prompts:
            return super()._generate_and_score_completions(inputs)
        _require_group_rows(inputs, self._group_size)
        with self._processing_once_per_prompt():
            return super()._generate_and_score_completions(inputs)

    @contextlib.contextmanager
    def _processing_once_per_prompt(self) -> Iterator[None]:
        processor = self.processing_class
        self.processing_class = _OncePerPrompt(processor, self._group_size)
        try:
            yield
        finally:
            self.processing_class = processor

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], list[Any] | None, dict[str, Any]]:
        """Tokenise distinct prompts; ids and images are repeated for each row, processed media are not."""
        if not self._shares_prompts:
            return super()._tokenize_prompts(prompts)
        size = self._group_size
        prompt_ids, images, media_fields = super()._tokenize_prompts(prompts[::size])
        repeated_images = None if images is None else [row for row in images for _ in range(size)]
        return [ids for ids in prompt_ids for _ in range(size)], repeated_images, media_fields

    def _generate_single_turn(
        self,
        prompt_ids: list[list[int]],
        images: list[Any] | None,
        multimodal_fields: dict[str, Any],
        num_generations: int,
        has_tool_images: bool = False,
    ) -> tuple[list[list[int]], Any]:
        """Generate from distinct prompts with G return sequences, so that each picture is encoded once."""
        if self._shares_prompts and not (self.use_vllm or self.use_transformers_continuous_batching):
            self.generation_config.num_return_sequences = num_generations
            prompt_ids = prompt_ids[::num_generations]
            images = images and images[::num_generations]
        return super()._generate_single_turn(prompt_ids, images, multimodal_fields, num_generations, has_tool_images)

    # ------------------------------------------------------------------------------------------ checkpoints

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load the weights of a checkpoint into the model, every one of them.

        transformers saves a model under its public weight names, which for vision-language models differ from the
        module's own, and on resuming loads by the module's names without complaint: nothing of the language model
        would be restored. ``from_pretrained`` knows both.
        """
        target = self.model if model is None else model
        if self.is_fsdp_enabled or not isinstance(target, PreTrainedModel):
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        saved = type(target).from_pretrained(resume_from_checkpoint, dtype=target.dtype)
        target.load_state_dict(saved.state_dict())

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Save a checkpoint; the list of its files with checksums is written last, so that half a one is told apart."""
        folder = Path(self.args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
        with saving_checkpoint(folder):
            super()._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                mark_complete(folder)


def _require_group_rows(inputs: list[dict[str, Any]], group_size: int) -> None:
    """Assert that rows come in whole groups of one prompt, as the sampler promises."""
    assert len(inputs) % group_size == 0, f"{len(inputs)} rows do not make whole groups of {group_size}"
    for start in range(0, len(inputs), group_size):
        first = inputs[start]["prompt"]
        assert all(row["prompt"] == first for row in inputs[start + 1 : start + group_size]), "a group mixes prompts"
