"""GRPO on TRL's trainer, with the group (one prompt, its media, G completions) as the unit of work.

A script written for TRL switches by changing its import. A prompt and its media are processed and computed once
however many completions follow; groups stay together; a faulty reward function stops the run by name.

From a sample to a gradient: ``_prepare_inputs`` asks ``_generate_and_score_completions`` for a generation batch
(process, generate, reward, advantage), cuts it into micro-batches, and ``_compute_loss`` runs the packed forward pass
on each and hands log-probabilities to the pure loss of :mod:`mmrl.trainer.losses`.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import trl
from accelerate.utils import gather_object
from transformers import PreTrainedModel, TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from trl.models.utils import disable_gradient_checkpointing, unwrap_model_for_generation

from mmrl.engine.head import HeadOptions
from mmrl.engine.memory import keep_freed_memory
from mmrl.engine.passes import Prefilled
from mmrl.errors import InputError
from mmrl.families.clips import ClipReader
from mmrl.families.loading import TINY, resolve_model
from mmrl.families.tokens import eos_token_ids, never_sampled
from mmrl.rewards.mechanism import Stateful
from mmrl.runs import mark_complete, saving_checkpoint
from mmrl.trainer import freezing, scoring
from mmrl.trainer.advantage_rule import AdvantageRule, save_states
from mmrl.trainer.augment import Augmenter
from mmrl.trainer.batch import MicroBatch, ScoredBatch, ScoredGroup, micro_batches
from mmrl.trainer.conversation import conversation_of, sample_name, shows_media
from mmrl.trainer.entropies import note_entropies
from mmrl.trainer.faults import naming_step, readable_rows
from mmrl.trainer.finite import checked_reward, tell_unjudged, without_dump
from mmrl.trainer.loss_types import LossSpec
from mmrl.trainer.micro import MicroBatchLoss
from mmrl.trainer.options import GRPOConfig, check_options
from mmrl.trainer.policy import Passes, join, may_reuse_prompts
from mmrl.trainer.processing import ProcessedPrompt, PromptProcessor
from mmrl.trainer.rollout_checks import checked_rollout
from mmrl.trainer.rollouts import Rollouts, parts_of
from mmrl.trainer.servers import server_prompt_ids
from mmrl.trainer.shuffled import ShuffledGroups
from mmrl.trainer.telemetry import PhaseClock, TelemetryCallback, timed
from mmrl.trainer.tracking import RowTracking


class _Steps(TrainerCallback):
    """Sets the count of micro-steps when training begins."""

    def __init__(self, trainer: GRPOTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Count on from the step that training starts at, so that a resumed run generates where it would have."""
        self.trainer._step = state.global_step * args.gradient_accumulation_steps
        self.trainer._buffered_inputs = None


class GRPOTrainer(trl.GRPOTrainer):
    """TRL's trainer with shared prompts and whole groups; takes the same arguments, and ``tiny`` as a model.

    Tools and environments change prompts on the way: with them everything is TRL's.

    Raises:
        InputError: options that do not go together; while training, rows or rewards that cannot be used.
    """

    # TRL annotates these loosely, or not at all.
    model: Any
    args: Any  # TRL's configuration or ours
    ref_model: Any
    processing_class: Any
    num_generations: int
    num_generations_eval: int
    _buffered_inputs: Any
    advantage_rule: AdvantageRule | None = None
    """What changes advantages once rewards are known; None for nothing."""
    augmentation: Augmenter | None = None
    """What changes prompts that are too easy or too hard; None for nothing."""
    shuffled: ShuffledGroups | None = None
    """What samples a second group with shuffled frames, for rewards that compare with it; None for nothing."""
    reads_entropies: bool = False
    """Whether rewards look at the policy's entropy at each token."""
    tracking: RowTracking | None = None
    """What remembers how rows are answered, and chooses rows by it; None for neither."""
    remembered: dict[str, Stateful] = {}  # noqa: RUF012  (set as a whole, never changed in place)
    """What checkpoints keep of mechanisms on rewards and advantages, by place."""

    def __init__(
        self, model: Any, reward_funcs: Any = None, args: trl.GRPOConfig | None = None, *rest: Any, **options: Any
    ) -> None:
        if args is not None:
            check_options(args, warn=not isinstance(args, GRPOConfig))  # ours has warned when it was made
        if model == TINY and not Path(TINY).exists():  # a folder of that name is transformers' to load
            model = resolve_model(model)
        functions = reward_funcs if isinstance(reward_funcs, list) else [reward_funcs] if reward_funcs else []
        super().__init__(model, [checked_reward(function) for function in functions], args, *rest, **options)
        if self.accelerator.device.type == "cpu":
            keep_freed_memory()
        self._clock = PhaseClock(self.accelerator.device)
        self._rollouts: Rollouts | None = None
        self._require_whole_models()
        ClipReader.of(self.processing_class, self.args)  # refuses frames too small for this processor
        self.rollout_func = checked_rollout(self.rollout_func)
        self.loss_spec = LossSpec.from_args(self.args)
        freezing.freeze(self.model, self.args)
        head = HeadOptions(temperature=self.temperature, cast_lm_head_to_fp32=self.args.cast_lm_head_to_fp32)
        self.passes = Passes(self.model, self.accelerator, options=head, share=self._option("share_prompts", True))
        if self.ref_model is not None:
            Passes(self.ref_model, self.accelerator, options=head, share=self.passes.shares)
        self.add_callback(_Steps(self))
        self.telemetry = TelemetryCallback(self)
        self.add_callback(self.telemetry)
        self._forbid_special_tokens()

    def _option(self, name: str, default: Any) -> Any:
        """Return one of our options; TRL's configuration has none of them."""
        return getattr(self.args, name, default)

    def _require_whole_models(self) -> None:
        """Refuse passes in pieces where every pass exchanges weights: processes have different numbers of pieces."""
        if self._option("max_tokens_per_pass", None) and (self.is_fsdp_enabled or self.is_deepspeed_enabled):
            raise InputError(
                "max_tokens_per_pass needs whole weights on every process; found FSDP or DeepSpeed; "
                "lower per_device_train_batch_size instead"
            )

    def _send_telemetry(self) -> None:
        """Send nothing: what is trained here is no one else's business."""

    def _forbid_special_tokens(self) -> None:
        eos = eos_token_ids(self.accelerator.unwrap_model(self.model), self._tokenizer)
        forbidden = never_sampled(self.model.config, self._tokenizer, eos)
        if self.use_vllm:
            # vLLM has no list of suppressed tokens; its logit bias reaches both the colocated engine and a server.
            # Its own type for tokens is int; JSON makes text of them on the way to a server.
            asked = (self.args.generation_kwargs or {}).get("logit_bias") or {}
            bias = dict.fromkeys(forbidden, -100.0) | {int(token): value for token, value in asked.items()}
            self.vllm_generation.generation_kwargs["logit_bias"] = bias
            return
        suppressed = self.generation_config.suppress_tokens or []
        self.generation_config.suppress_tokens = sorted({*suppressed, *forbidden})
        self.generation_kwargs["suppress_tokens"] = self.generation_config.suppress_tokens

    # ------------------------------------------------------------------------------------------ the training loop

    @property
    def _group_size(self) -> int:
        return self.num_generations if self.model.training else self.num_generations_eval

    @property
    def _is_ours(self) -> bool:
        """Whether rows of a group have the same prompt throughout; tools and environments change it on the way."""
        return not (self.tools or self.environment_factories or self.aux_loss_enabled)

    @naming_step
    @timed("load")
    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> Any:
        """Load the rows of a step."""
        with readable_rows():
            return super().get_batch_samples(epoch_iterator, num_batches, device)

    @naming_step
    @timed("process")
    def _prepare_inputs(self, generation_batch: Any) -> Any:
        """Return the next micro-batch; generate, score and cut a new generation batch where the last is used up."""
        if not self._is_ours:
            return super()._prepare_inputs(generation_batch)
        if not self.model.training:
            scored = self._generate_and_score_completions(generation_batch)
            return micro_batches(scored.groups, len(generation_batch), scored.num_items)[0]
        if self._step % (self.args.steps_per_generation * self.num_iterations) == 0 or self._buffered_inputs is None:
            self._buffered_inputs = None
            if self.tracking is not None:
                with self._clock.phase("load"), readable_rows():
                    generation_batch = self.tracking.fill(generation_batch)
            scored = self._generate_and_score_completions(generation_batch)
            size = self.args.per_device_train_batch_size
            self._buffered_inputs = micro_batches(scored.groups, size, scored.num_items)
            self._buffered_inputs[0].prefilled = scored.prefilled
        return self._buffered_inputs[self._step % self.args.steps_per_generation]

    @timed("backward")
    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Run one micro-step; what remains of its time beside preparation and forward pass is the backward pass."""
        try:
            return super().training_step(model, inputs, num_items_in_batch)
        finally:
            self.passes.release()

    @timed("optimizer")
    def _clip_grad_norm(self, model: Any) -> Any:
        """Clip gradients, which belongs to the update."""
        return super()._clip_grad_norm(model)

    @timed("forward")
    def _compute_loss(self, model: Any, inputs: Any) -> torch.Tensor:
        """Return the loss of a micro-batch; of several passes, all but the last have gone backward by then."""
        if not isinstance(inputs, MicroBatch):
            return super()._compute_loss(model, inputs)
        try:
            return MicroBatchLoss(self, model, inputs).compute()
        finally:
            if not self.model.training:  # else the backward pass comes, and then `training_step` ends
                self.passes.release()

    # ------------------------------------------------------------------------------------------ a generation batch

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> Any:
        """Generate G completions of each prompt, reward them, compute advantages and what the loss compares with."""
        if not self._is_ours:
            return super()._generate_and_score_completions(inputs)
        self._rollouts = None  # the batch before is used up: nothing holds its media while the next is made
        rollouts = self._roll_out(inputs)
        if self.model.training and self.augmentation is not None:
            self.augmentation.apply(self, rollouts)
        if self.model.training and self._option("dead_groups", "skip") == "resample":
            self._metrics["train"]["groups/dead_before"].append(scoring.dead_share(self, rollouts))
            rounds = (self._roll_out_again(rollouts) for _ in range(self._option("max_resamples", 3)))
            self._metrics["train"]["groups/resampled"].append(float(sum(itertools.takewhile(bool, rounds))))
        groups = rollouts.groups(
            weight_column=self._option("sample_weight_column", None) if self.model.training else None,
            mask_truncated=self.mask_truncated_completions,
        )
        scoring.log_rollouts(self, rollouts)
        with torch.no_grad(), disable_gradient_checkpointing(self.model, self.args.gradient_checkpointing_kwargs):
            self._add_old_logps(groups)
            self._add_reference_logps(groups)
        scoring.correct_for_sampler(self, groups)
        tokens = torch.tensor(sum(group.tokens for group in groups), device=self.accelerator.device)
        num_items = self.accelerator.gather(tokens).sum()
        prefilled, rollouts.prefilled = rollouts.prefilled, None  # used up with the first micro-batch
        return ScoredBatch(groups=groups, num_items=num_items, prefilled=prefilled)

    def _roll_out(
        self, inputs: list[dict[str, Any]], made: list[ProcessedPrompt] | None = None, *, compare: bool = True
    ) -> Rollouts:
        """Process the rows' prompts, unless they are ``made`` already, sample, reward and compare.

        What goes into another batch is compared there.
        """
        with self._clock.phase("process"):
            structured = any(shows_media(row) for row in inputs)  # then all rows, as in TRL
            conversations = [conversation_of(row, place, structured=structured) for place, row in enumerate(inputs)]
            offset = self.accelerator.process_index * len(inputs)
            parts = parts_of(len(inputs), self._group_size, offset=offset)
            prompts = made or self._prompt_processor().process_all([conversations[rows[0]] for rows in parts])
            self.passes.check(self.model, [one.prompt for one in prompts])
            self.passes.keep_frozen_media([one.prompt for one in prompts])
        self._rollouts = Rollouts(inputs=inputs, conversations=conversations, parts=parts, prompts=prompts)
        with self._clock.phase("generate"):
            self._rollouts.take(self, self._generate(self._rollouts.messages(self)))
        if self.reads_entropies:
            with self._clock.phase("old_logps"):
                note_entropies(self, self._rollouts)
        if self.shuffled is not None and self.model.training:
            with self._clock.phase("generate"):
                self.shuffled.note(self, self._rollouts)
        with self._clock.phase("reward"):
            scoring.reward(self, self._rollouts)
            if compare:
                scoring.compare(self, self._rollouts)
                if self.tracking is not None and self.model.training:
                    self.tracking.observe(inputs, self._rollouts.rewards_NK.tolist())
        return self._rollouts

    def _roll_out_again(self, rollouts: Rollouts) -> int:
        """Sample the dead groups once more in place of what they have; returns how many, over all processes.

        Every process samples as many groups, some of them for nothing, since rewards are gathered.
        """
        dead = rollouts.dead_parts()
        counts = gather_object([len(dead)])
        if (most := max(counts)) == 0:
            return 0
        others = [part for part in range(len(rollouts.parts)) if part not in dead]
        chosen = [*dead, *others][:most]
        rows, _ = rollouts.subset(chosen)
        rollouts.replace(self._roll_out(rows, [rollouts.prompts[part] for part in chosen], compare=False), dead)
        scoring.compare(self, rollouts)
        scoring.replace_extra_logs(self, rollouts.subset(dead)[1], rows=len(rollouts.inputs))
        self._rollouts = rollouts
        return sum(counts)

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: Any, completions: Any, completion_ids_list: Any
    ) -> torch.Tensor:
        """Reward all rows of all processes by function (N, K), and tell of those that nobody judged."""
        with without_dump():
            rewards_NK = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        if rewards_NK.isnan().all(dim=1).any():  # gathered, so on every process
            samples = gather_object([sample_name(row, place) for place, row in enumerate(inputs)])
            tell_unjudged(rewards_NK, self.reward_func_names, samples, self.state.global_step + 1)
        return rewards_NK

    def _prompt_processor(self) -> PromptProcessor:
        template: dict[str, Any] = {"tools": self.tools or None, **self.chat_template_kwargs}  # type: ignore[dict-item]
        chosen = getattr(self, "chat_template", None)
        return PromptProcessor(
            processor=self.processing_class,
            model=self.passes.base,
            room=self.max_completion_length or 0,
            clips=ClipReader.of(self.processing_class, self.args),
            template=template if chosen is None else {**template, "chat_template": chosen},
        )

    def _add_old_logps(self, groups: Sequence[ScoredGroup]) -> None:
        """Note what the policy thought of its completions, where it will have changed by the time of the loss."""
        period = self.args.steps_per_generation * self.num_iterations
        corrected = self.use_vllm and self.vllm_importance_sampling_correction
        if corrected or self.args.gradient_accumulation_steps % period:
            with self._clock.phase("old_logps"):
                self._note_logps(self.model, groups, "old_logps_T")

    def _add_reference_logps(self, groups: Sequence[ScoredGroup]) -> None:
        if self.beta == 0.0:
            return
        own = self.ref_model is not None
        aside = contextlib.nullcontext() if own else self.passes.without_adapters([group.prompt for group in groups])
        with self._clock.phase("ref_logps"), scoring.reference_of(self) as reference, aside:
            self._note_logps(reference, groups, "ref_logps_T")

    def _note_logps(self, model: Any, groups: Sequence[ScoredGroup], name: str) -> None:
        """Score all completions without gradients, a micro-batch at a time."""
        size = self.args.per_device_train_batch_size if self.model.training else self.args.per_device_eval_batch_size
        try:
            with self.passes.media_encoded(model, [group.prompt for group in groups]):
                for batch in micro_batches(groups, size, torch.zeros(())):
                    output = self.passes.score(model, [group.group for group in batch.groups])
                    lengths = [len(one.ids_T) for one in batch.completions]
                    for completion, values in zip(batch.completions, output.log_probs.split(lengths), strict=True):
                        setattr(completion, name, values)
        finally:
            self.passes.release()

    # ------------------------------------------------------------------------------------------ TRL's generation

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], Any, dict[str, Any]]:
        """Hand out what was processed already; media stay with their prompts."""
        if self._rollouts is None or not self._is_ours:
            return super()._tokenize_prompts(prompts)
        rollouts = self._rollouts
        if not self.use_vllm:
            return rollouts.prompt_ids(unexpanded=False), rollouts.images(), {}
        return server_prompt_ids(rollouts, self.processing_class, mode=self.vllm_mode), rollouts.images(), {}

    def _generate_single_turn(
        self,
        prompt_ids: list[list[int]],
        images: list[Any] | None,
        multimodal_fields: dict[str, Any],
        num_generations: int,
        has_tool_images: bool = False,
    ) -> tuple[list[list[int]], Any]:
        """Sample completions; with transformers, of distinct prompts, each computed once."""
        rollouts = self._rollouts
        by_trl = self.use_vllm or self.use_transformers_continuous_batching or not self._is_ours
        if by_trl or rollouts is None:
            return super()._generate_single_turn(
                prompt_ids, images, multimodal_fields, num_generations, has_tool_images
            )
        return self._sample(rollouts, keep_graph=True), None

    def _sample(self, rollouts: Rollouts, *, keep_graph: bool) -> list[list[int]]:
        """Sample completions of all rows; ``keep_graph`` where training may go on from the prompts' pass."""
        with self._generating() as model:
            if not rollouts.prompts:
                return []
            if not self.passes.shares or (self.generation_config.num_beams or 1) > 1:
                self.passes.count_repeated((one.prompt, len(rows)) for one, rows in rollouts.by_prompt())
                return rollouts.generate_plainly(model, self.generation_config)
            prompts = [one.prompt for one in rollouts.prompts]
            prefilled = self._prefill(model, prompts, rollouts, self._prompts_to_keep(rollouts) if keep_graph else 0)
            return rollouts.by_size(
                lambda chosen, size: self.passes.sample(
                    model,
                    [prompts[index] for index in chosen],
                    prefilled.hand_over(chosen),
                    group_size=size,
                    generation_config=self.generation_config,
                )
            )

    @contextlib.contextmanager
    def _generating(self) -> Iterator[Any]:
        with (
            unwrap_model_for_generation(
                self.model_wrapped,
                self.accelerator,
                gather_deepspeed3_params=self.args.ds3_gather_for_generation,
                generation_kwargs=self.generation_kwargs,
                gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
            ) as model,
            self._dist.summon_full_params(self.model_wrapped, recurse=False),
        ):
            yield model

    def _prefill(self, model: Any, prompts: Sequence[Any], rollouts: Rollouts, first: int) -> Prefilled:
        """Compute the prompts; the ``first`` ones with their graph, from which training goes on."""
        done = []
        try:
            if first:
                rollouts.prefilled = self.passes.prefill(model, prompts[:first])
                done.append(rollouts.prefilled)
            if first < len(prompts):
                with torch.no_grad():
                    done.append(self.passes.prefill(model, prompts[first:]))
        finally:
            self.passes.release()
        return join(done)

    def _prompts_to_keep(self, rollouts: Rollouts) -> int:
        """Return how many prompts, from the first, are trained on first and by the same weights that sample now."""
        may = self.model.training and may_reuse_prompts(self)
        return min(self.args.per_device_train_batch_size // self.num_generations, len(rollouts.prompts)) if may else 0

    # ------------------------------------------------------------------------------------------ checkpoints

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load the weights of a checkpoint into the model, every one of them.

        transformers saves under public weight names and on resuming loads by the module's own without complaint:
        nothing of a vision-language model's language part would be restored. ``from_pretrained`` knows both.
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
                save_states(folder, self.remembered)
                mark_complete(folder)
