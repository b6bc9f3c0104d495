"""The model as the trainer uses it: passes over groups, sampling, and whether prompts can be shared at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from accelerate.logging import get_logger
from accelerate.utils import DistributedType
from torch import nn

from mmrl.engine import decode
from mmrl.engine.head import HeadOptions
from mmrl.engine.layout import KeyValues
from mmrl.engine.media import EncodeCount, keep_before_projector, keep_encoded, kept_as_before, kept_put_aside
from mmrl.engine.parts import part_of
from mmrl.engine.passes import Group, GroupOutput, GroupPass, Prefilled, install, plain_pass, sharing_attention
from mmrl.engine.prompts import ENCODERS, Prompt
from mmrl.engine.support import TESTED, reason_not_to_share
from mmrl.trainer.telemetry import StepCounts

logger = get_logger(__name__)


def transformers_model(model: Any, accelerator: Any) -> Any:
    """Return the transformers model inside parallel wrappers and PEFT."""
    model = accelerator.unwrap_model(model)
    return model.get_base_model() if hasattr(model, "get_base_model") else model


class Passes:
    """Runs a trainer's forward passes, with prompts shared where the model allows it."""

    def __init__(self, model: Any, accelerator: Any, *, options: HeadOptions, share: bool = True) -> None:
        self.accelerator = accelerator
        self.options = options
        self.base = transformers_model(model, accelerator)
        self.reason = reason_not_to_share(self.base) if share else "share_prompts is off"
        self.count = EncodeCount()
        self.positions = 0
        """Positions that went through the language model in training passes."""
        self._checked = self.base.config.model_type in TESTED
        self._switched = contextlib.ExitStack()
        self.trained_prompts: set[Prompt] = set()
        """Distinct prompts of training passes."""
        self.trained_tokens = 0
        """Tokens of completions in training passes."""
        if self.reason is None:
            install(self.base)
        else:
            self._tell()

    def _tell(self) -> None:
        logger.warning(f"prompts are written out before every completion, since {self.reason}")

    @property
    def shares(self) -> bool:
        """Whether prompts are computed once a group."""
        return self.reason is None

    def check(self, model: Any, prompts: Sequence[Prompt]) -> None:
        """Compare packed and plain pass of a model that tests do not cover, once; fall back if they differ.

        Args:
            model: the policy.
            prompts: prompts of its first batch; one with media, if any has some, is compared.
        """
        if self._checked or not self.shares:
            return
        self._checked = True
        prompt = next((one for one in prompts if one.media), prompts[0])
        placeholders = [getattr(self.base.config, f"{modality}_token_id", None) for modality in ENCODERS]
        words = torch.tensor([token for token in prompt.ids_P.tolist() if token not in placeholders])
        group = Group(prompt=prompt, completions=[words[:4], words[-4:]])  # any text will do
        with torch.no_grad():
            try:
                packed = self.score(model, [group]).log_probs
            finally:
                self.release()
            with self.accelerator.autocast():
                plain = plain_pass(model, [group], entropy=False).log_probs
        apart = (packed.float() - plain.float()).abs().max().reshape(1)
        worst = self.accelerator.gather(apart).max().item()
        exact = self.accelerator.mixed_precision == "no" and self.base.dtype == torch.float32
        allowed = 1e-3 if exact else 0.2
        if not worst <= allowed:
            self.reason = (
                f"its packed pass differs from the plain one by {worst:.2g} nats (at most {allowed:g} is rounding)"
            )
            self._tell()

    def score(
        self,
        model: Any,
        groups: Sequence[Group],
        *,
        entropy: bool = False,
        entropy_gradient: bool = False,
        after: Prefilled | None = None,
    ) -> GroupOutput:
        """Return log-probabilities of all completion tokens under ``model``, the policy or its reference.

        The attention stays switched until :meth:`release`, as the backward pass may need it.
        """
        if torch.is_grad_enabled():
            self.trained_prompts.update(group.prompt for group in groups)
            self.trained_tokens += sum(len(one) for group in groups for one in group.completions)
        if not self.shares:
            self.count_repeated([(group.prompt, len(group.completions)) for group in groups])
            self._count_positions(sum(_padded_size(group) for group in groups))
            with self.accelerator.autocast():
                return plain_pass(model, groups, entropy=entropy)
        options = replace(self.options, entropy=entropy, entropy_gradient=entropy_gradient)
        return self._run(model, GroupPass(groups=groups, options=options, after=after, count=self.count))

    def prefill(self, model: Any, prompts: Sequence[Prompt]) -> Prefilled:
        """Compute prompts alone."""
        groups = [Group(prompt=prompt, completions=[]) for prompt in prompts]
        return self._run(model, GroupPass(groups=groups, prefill=True, count=self.count)).prefilled

    def _run(self, model: Any, group_pass: GroupPass) -> GroupOutput:
        self._switched.enter_context(sharing_attention(transformers_model(model, self.accelerator)))
        with self.accelerator.autocast():
            output = model(group_pass=group_pass)
        self._count_positions(group_pass.positions_computed)
        return output

    def _count_positions(self, positions: int) -> None:
        if torch.is_grad_enabled():
            self.positions += positions

    def release(self) -> None:
        """Switch the attention back: the backward pass is over."""
        self._switched.close()

    def sample(
        self, model: Any, prompts: Sequence[Prompt], prefilled: Prefilled, *, group_size: int, generation_config: Any
    ) -> list[list[int]]:
        """Sample completions behind prompts that were computed; see :func:`mmrl.engine.decode.sample`."""
        with sharing_attention(self.base), self.accelerator.autocast():
            return decode.sample(
                transformers_model(model, self.accelerator),
                prompts,
                prefilled,
                group_size=group_size,
                generation_config=generation_config,
            )

    def count_repeated(self, repeated: Iterable[tuple[Prompt, int]]) -> None:
        """Count the media of prompts that a model without sharing encodes once for each of so many rows."""
        for prompt, rows in repeated:
            for pieces in prompt.media.values():
                self.count.shown.update(piece.key for piece in pieces)
                self.count.encoded += rows * len(pieces)

    def take_counts(self) -> StepCounts:
        """Return what was computed since the last call and start anew."""
        counts = StepCounts(
            media_encoded=self.count.encoded,
            media_distinct=len(self.count.shown),
            positions=self.positions,
            real_tokens=self.trained_tokens + sum(len(prompt) for prompt in self.trained_prompts),
        )
        self.count.encoded, self.positions, self.trained_tokens = 0, 0, 0
        self.count.shown.clear()
        self.trained_prompts.clear()
        return counts

    def keep_frozen_media(self, prompts: Sequence[Prompt]) -> None:
        """Run what is frozen of the vision encoder once for all passes to come: all of it, or the tower alone."""
        if not self._encodes_apart:
            return
        trained = {part_of(name) for name, one in encoder_parameters(self.base) if one.requires_grad}
        with self.accelerator.autocast():
            if not trained:
                keep_encoded(self.base.base_model, prompts, self.count)
            elif trained == {"projector"}:
                keep_before_projector(self.base.base_model, prompts, self.count)

    @property
    def _encodes_apart(self) -> bool:
        """Whether an encoder can be called by itself: prompts are shared, and weights are whole on every process."""
        sharded = self.accelerator.distributed_type in (DistributedType.FSDP, DistributedType.DEEPSPEED)
        return self.shares and not sharded

    @contextlib.contextmanager
    def media_encoded(self, model: Any, prompts: Sequence[Prompt]) -> Iterator[None]:
        """Encode media once for all passes without gradients that run while this is open."""
        with kept_as_before(prompts):
            if self._encodes_apart:
                with self.accelerator.autocast():
                    keep_encoded(transformers_model(model, self.accelerator).base_model, prompts, self.count)
            yield

    def without_adapters(self, prompts: Sequence[Prompt]) -> contextlib.AbstractContextManager[None]:
        """Return the context for passes with the adapters off: an encoder with adapters then sees otherwise."""
        adapted = {part_of(name) for name, one in self.base.named_modules() if _is_adapted(one)}
        if not adapted & {"vision tower", "projector"}:
            return contextlib.nullcontext()
        return kept_put_aside(prompts, towers="vision tower" in adapted)


def _padded_size(group: Group) -> int:
    """Return the positions of a group whose prompt stands before every completion, padded to the longest one."""
    longest = max(len(one) for one in group.completions)
    return len(group.completions) * (len(group.prompt) + longest)


def encoder_parameters(base: Any) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield the parameters outside the language model and its head, by name: vision tower and projector."""
    if not any(hasattr(base.base_model, method) for method in ENCODERS.values()):
        return
    language = {id(parameter) for parameter in base.get_decoder().parameters()}
    head = {id(parameter) for parameter in base.get_output_embeddings().parameters()}
    for name, parameter in base.named_parameters():
        if id(parameter) not in language | head:
            yield name, parameter


def _is_adapted(module: nn.Module) -> bool:
    """Tell whether PEFT has wrapped a layer, or keeps a trained copy of it, so that it differs with adapters off."""
    return hasattr(module, "base_layer") or hasattr(module, "modules_to_save")


def has_dropout(model: nn.Module) -> bool:
    """Tell whether the model drops anything while training, so that two passes over the same tokens differ."""
    return any(isinstance(module, nn.Dropout) and module.p > 0 for module in model.modules())


def may_reuse_prompts(trainer: Any) -> bool:
    """Tell whether training can go on from the prompts' pass of the generation.

    That is so on-policy with one update a batch, in one process, where no group is sampled again, and where the graph
    of the prompts is kept anyway: without gradient checkpointing and without passes in pieces.
    """
    args = trainer.args
    on_policy = trainer.num_iterations == 1 and args.gradient_accumulation_steps % args.steps_per_generation == 0
    whole = args.per_device_train_batch_size % trainer.num_generations == 0
    in_one_pass = trainer._option("max_tokens_per_pass", None) is None
    same = not args.gradient_checkpointing and not has_dropout(trainer.passes.base)
    spread = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    stays = trainer.augmentation is None and trainer._option("dead_groups", "skip") != "resample"
    alone = trainer.accelerator.num_processes == 1 and not spread
    return bool(
        on_policy and whole and in_one_pass and same and alone and stays and trainer._option("reuse_prefill", True)
    )


def join(prefilled: Sequence[Prefilled]) -> Prefilled:
    """Put prefilled prompts behind one another, as something of their own that can be handed over."""
    layers = prefilled[0].stored.layers
    stored = KeyValues(
        layers={layer: [pair for one in prefilled for pair in one.stored.layers[layer]] for layer in layers}
    )
    return Prefilled(stored=stored, last_hidden_B_D=torch.cat([one.last_hidden_B_D for one in prefilled]))
