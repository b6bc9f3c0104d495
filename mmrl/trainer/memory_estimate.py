"""How much memory training will take, before a weight is loaded: one term for everything that is large.

Pure functions over a model's shape, a workload and training settings. Every prompt is taken to be as long as the
longest and every completion as long as allowed, so this is the step that takes most. One device is meant; data
parallelism changes nothing, sharding (ZeRO, FSDP) is not counted.

With N weights, N' trained ones, T positions of the largest pass, S completion tokens in it, L layers, and k the bytes
that a layer keeps of a position (:meth:`mmrl.trainer.memory_shape.Blocks.kept`):

* weights: 4 N; with bf16 and PEFT 2 N and 4 bytes for each weight of an adapter. With bf16 alone weights stay float32,
  and autocast's bfloat16 copies of them, 2 N, live as long as the pass.
* gradients 4 N', optimiser state 8 N' (AdamW's two moments); reference model 4 N, where ``beta`` is above 0 without
  PEFT.
* language model: T k L; with gradient checkpointing the hidden states between layers alone, T L width.
* vision tower: the same of its patches, where it is trained; frozen, nothing.
* one layer's pass back: half of what one layer keeps, for the gradients that travel through it, of the larger of
  language model (all positions) and vision tower (one prompt's media); with gradient checkpointing, which computes it
  again first, one and a half times.
* head: the log-probabilities of the vocabulary for S tokens where they are kept (on the CPU, up to 256 MiB), else some
  chunks of them.
* pixels: those of all prompts of a generation batch.
* sampling: keys and values of every prompt and completion that is generated together, and the scores of one token. It
  does not stand beside the gradients, but beside the prompts' pass where training goes on from that.

* freed memory, on the CPU: half of what all layers of the largest pass compute for their backward pass, whether it is
  kept or, with gradient checkpointing, freed and computed again; at most 2 GiB. The C library goes on holding it
  (:mod:`mmrl.engine.memory`); the share is fitted.

Left out: what parts other than blocks keep (patch embedding, projector: 12 % of the tower's in Qwen2.5-VL), the
processor's own copies of pictures, and what allocators hold beyond that.

Checked: k against what autograd keeps in blocks of every family (tests; float32, within 5 % for text and 17 % for
vision); whole training steps of a model of 5 million parameters on the CPU against the tensors alive at the peak
(within 14 %, freed memory left out) and, with freed memory, against the process's resident set (within 6 %, on steps
that the share was not fitted on too); see docs/performance.md. Neither larger models, bfloat16 nor a GPU have been
checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mmrl.config import TrainingConfig
from mmrl.engine.head import CHUNK, KEPT_BYTES
from mmrl.engine.memory import OPTIONS
from mmrl.trainer.freezing import PARTS
from mmrl.trainer.memory_shape import Blocks, ModelShape

RUNTIME = {"cpu": 1_000_000_000, "cuda": 600_000_000}
"""Bytes that are taken before any weight: Python with its libraries (measured on the CPU: 0.92 GB resident, and 0.08
more in the first step), a CUDA context with its kernels (an assumption)."""


FREED = "freed, held by the C library"
FREED_SHARE = 0.5
"""Of what all layers of the largest pass compute; fitted on six rows of docs/performance.md, checked on four others."""
FREED_MOST = OPTIONS["M_TRIM_THRESHOLD"][1]
"""Bytes; above, the trainer lets the C library give memory back. Not measured."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The largest prompt of a stage, as the processor makes it."""

    prompt_tokens: int
    """Placeholders of media included."""
    media_tokens: int = 0
    """Of these, placeholders."""
    patches: int = 0
    """Patches of its media that go through the vision tower."""
    pixel_bytes: int = 0
    """Bytes of its pixel values."""
    budget_pixels: int = 0
    """Pixels of its largest picture as the model sees it, where ``max_pixels`` can change them; else 0."""


@dataclass(frozen=True, kw_only=True)
class PassSize:
    """The largest pass of a training step."""

    prompts: int
    """Distinct prompts in it; each with its media once."""
    positions: int
    """Tokens through the language model."""
    scored: int
    """Completion tokens."""
    media: int
    """How often a prompt's media go through the vision tower."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Bytes by term, in the order of the table."""

    terms: Mapping[str, int]
    total: int
    """The largest that stands at one time: sampling and the training pass take turns."""


def largest_pass(workload: Workload, training: TrainingConfig, *, shared: bool) -> PassSize:
    """Return the largest pass of a micro-batch: all of it, or what ``max_tokens_per_pass`` leaves together."""
    prompt, length = workload.prompt_tokens, training.max_completion_length
    group = min(training.num_generations, training.per_device_train_batch_size)
    groups = max(1, training.per_device_train_batch_size // training.num_generations)
    if not shared:
        rows = groups * group
        return PassSize(prompts=groups, positions=rows * (prompt + length), scored=rows * length, media=rows)
    whole = prompt + group * (length - 1)
    budget = training.max_tokens_per_pass
    if budget is not None and groups * whole > budget:
        groups = max(1, budget // whole)
        if whole > budget:  # a group is split
            group = max(1, min(group, (budget - prompt) // max(1, length - 1)))
    positions = groups * (prompt + group * (length - 1))
    return PassSize(prompts=groups, positions=positions, scored=groups * group * length, media=groups)


def estimate(shape: ModelShape, workload: Workload, training: TrainingConfig, *, device: str) -> Estimate:
    """Estimate the peak memory of a stage's training.

    Args:
        shape: the model.
        workload: its largest prompt.
        training: the stage's settings.
        device: ``cpu`` or ``cuda``.
    """
    size = largest_pass(workload, training, shared=shape.shares_prompts and training.share_prompts)
    trained = _trained(shape, training)
    lora = trained if training.use_peft else 0
    base = 2 if training.bf16 and training.use_peft else 4
    state = {
        "weights": base * shape.total + 4 * lora,
        "bfloat16 copies of the weights": 2 * shape.total if training.bf16 and not training.use_peft else 0,
        "gradients": 4 * trained,
        "optimiser state": 8 * trained,
        "reference model": 4 * shape.total if training.beta != 0 and not training.use_peft else 0,
    }
    kept = {
        "language model, largest pass": _kept(shape.text, size.positions, training),
        "vision tower, largest pass": _vision(shape, workload, size, training),
        "one layer's pass back": _pass_back(shape, workload, size, training),
        "head: logits of completions": _head(shape, size, device=device),
        "pixels of the prompts": workload.pixel_bytes * _generated_prompts(training),
    }
    sampling = {"sampling: keys, values, scores": _sampling(shape, workload, training, device=device)}
    besides = {"Python and libraries" if device == "cpu" else "CUDA context": RUNTIME[device]}
    if device == "cpu":
        besides = {FREED: _freed(shape, workload, size, training), **besides}
    return Estimate(
        terms={**state, **kept, **sampling, **besides},
        total=sum(besides.values()) + _peak(state, kept, sum(sampling.values()), training),
    )


def _peak(state: Mapping[str, int], kept: Mapping[str, int], sampling: int, training: TrainingConfig) -> int:
    """Return the larger of the two moments: the training pass with its gradients, and sampling."""
    pixels = kept["pixels of the prompts"]
    lasting = sum(state.values()) - state["gradients"] + pixels
    whole_pass = sum(kept.values()) - pixels
    prompts_pass = 0 if training.gradient_checkpointing or not training.reuse_prefill else whole_pass
    return lasting + max(state["gradients"] + whole_pass, sampling + prompts_pass)


def _trained(shape: ModelShape, training: TrainingConfig) -> int:
    """Return the number of weights that are trained: those of parts that are not frozen, or of their adapters."""
    counted = shape.adaptable if training.use_peft else shape.parameters
    rank = training.lora_r if training.use_peft else 1
    frozen = {part for option, part in PARTS.items() if getattr(training, option)}
    return rank * sum(number for part, number in counted.items() if part not in frozen)


def _bytes_each(training: TrainingConfig) -> int:
    """Return the bytes of one activation."""
    return 2 if training.bf16 else 4


def _kept(blocks: Blocks, positions: int, training: TrainingConfig) -> int:
    """Return what all layers keep of ``positions`` for the backward pass."""
    each = _bytes_each(training)
    return positions * blocks.layers * (blocks.width * each if training.gradient_checkpointing else blocks.kept(each))


def _vision(shape: ModelShape, workload: Workload, size: PassSize, training: TrainingConfig) -> int:
    if shape.vision is None or training.freeze_vision_tower:
        return 0
    return _kept(shape.vision, size.media * workload.patches, training)


def _pass_back(shape: ModelShape, workload: Workload, size: PassSize, training: TrainingConfig) -> int:
    each = _bytes_each(training)
    text = size.positions * shape.text.kept(each)
    vision = workload.patches * shape.vision.kept(each) if shape.vision else 0
    return int((1.5 if training.gradient_checkpointing else 0.5) * max(text, vision))


def _freed(shape: ModelShape, workload: Workload, size: PassSize, training: TrainingConfig) -> int:
    """Return the freed memory that the C library holds; gradient checkpointing computes as much as goes without it."""
    whole = training.model_copy(update={"gradient_checkpointing": False})
    computed = _kept(shape.text, size.positions, whole) + _vision(shape, workload, size, whole)
    return min(int(FREED_SHARE * computed), FREED_MOST)


def _head(shape: ModelShape, size: PassSize, *, device: str) -> int:
    logits = 4 * size.scored * shape.vocabulary
    return logits if device == "cpu" and logits <= KEPT_BYTES else 3 * 4 * size.scored * min(CHUNK, shape.vocabulary)


def _generated_prompts(training: TrainingConfig) -> int:
    return max(1, training.generation_batch_size // training.num_generations)


def _sampling(shape: ModelShape, workload: Workload, training: TrainingConfig, *, device: str) -> int:
    if training.use_vllm:
        return 0  # vLLM's own
    rows = training.generation_batch_size
    prompts = _generated_prompts(training) if shape.shares_prompts and training.share_prompts else rows
    tokens = prompts * workload.prompt_tokens + rows * training.max_completion_length
    pairs = tokens * shape.text.layers * 2 * shape.text.key_width * _bytes_each(training)
    scores = rows * shape.vocabulary * (16 if device == "cpu" else 12)  # float32 logits, probabilities, their sum
    return pairs + scores


# ---------------------------------------------------------------------------------------------------- what lowers it


@dataclass(frozen=True, kw_only=True)
class Saving:
    """What one option would lower the total to."""

    option: str
    """As it would stand in the config: ``training.gradient_checkpointing: true``."""
    total: int


def savings(shape: ModelShape, workload: Workload, training: TrainingConfig, *, device: str) -> list[Saving]:
    """Return the options that would lower the total, the one that lowers it most first."""
    now = estimate(shape, workload, training, device=device).total
    found = []
    for option, changes in _changes(shape, workload, training).items():
        after = estimate(shape, workload, training.model_copy(update=changes), device=device).total
        found.append(Saving(option=option, total=after))
    if workload.budget_pixels:
        half = _half_the_pixels(workload)
        after = estimate(shape, half, training, device=device).total
        found.append(Saving(option=f"max_pixels: {half.budget_pixels}", total=after))
    return sorted((one for one in found if one.total < now), key=lambda one: one.total)


def _changes(shape: ModelShape, workload: Workload, training: TrainingConfig) -> dict[str, dict[str, object]]:
    """Return the changes that can be made to these settings, one at a time."""
    switches: dict[str, object] = {"gradient_checkpointing": True, "use_peft": True, "bf16": True, "beta": 0.0}
    frozen = [training.freeze_projector, training.freeze_language_model]
    if shape.vision is not None and not all(frozen):
        switches["freeze_vision_tower"] = True
    changes = {
        f"training.{name}: {_written(value)}": {name: value}
        for name, value in switches.items()
        if getattr(training, name) != value
    }
    shared = shape.shares_prompts and training.share_prompts
    size = largest_pass(workload, training, shared=shared)
    least = workload.prompt_tokens + training.max_completion_length
    if shared and training.loss_type != "reg_grpo" and size.positions > least:
        budget = max(least, size.positions // 2)
        changes[f"training.max_tokens_per_pass: {budget}"] = {"max_tokens_per_pass": budget}
    batch = training.per_device_train_batch_size
    if batch % (2 * training.num_generations) == 0:
        steps = 2 * training.gradient_accumulation_steps
        name = f"training.per_device_train_batch_size: {batch // 2} with gradient_accumulation_steps: {steps}"
        generated = None if training.steps_per_generation is None else 2 * training.steps_per_generation
        changes[name] = {
            "per_device_train_batch_size": batch // 2,
            "gradient_accumulation_steps": steps,
            "steps_per_generation": generated,
        }
    return changes


def _written(value: object) -> str:
    """Return a value as YAML has it."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"


def _half_the_pixels(workload: Workload) -> Workload:
    return replace(
        workload,
        prompt_tokens=workload.prompt_tokens - workload.media_tokens // 2,
        media_tokens=workload.media_tokens // 2,
        patches=workload.patches // 2,
        pixel_bytes=workload.pixel_bytes // 2,
        budget_pixels=workload.budget_pixels // 2,
    )
