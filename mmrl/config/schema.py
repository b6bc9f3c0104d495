"""What a run config may say: one frozen pydantic model a section, unknown keys refused.

Names of training settings are TRL's and Hugging Face's. The models check each value by itself; what only makes sense
together (batch arithmetic, stages against datasets, ...) is checked in :mod:`mmrl.config.checks`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Strict,
    Tag,
    model_serializer,
)

from mmrl.config.batches import generation_period
from mmrl.config.problems import FUNCTION_TAG, LEVELS_TAG
from mmrl.types import Level, PromptStyle
from mmrl.video import VideoRequest
from mmrl.video.reading import DEFAULT_TIMEOUT_S, Reading

Order = Literal["as_given", "shuffled", "easy_to_hard", "interleaved", "follow"]
"""How a stage's samples are lined up; see :func:`mmrl.curriculum.order_stage`."""

Builder = Literal["transit", "gui", "scenes", "video", "forms"]
"""Dataset builders that ``mmrl build`` knows."""

LossType = Literal["grpo", "bnpo", "dr_grpo", "dapo", "luspo", "cispo", "sapo", "vespo", "reg_grpo"]
"""The losses of TRL's GRPO trainer, and Reg-GRPO; see :mod:`mmrl.trainer.losses`."""

DeadGroups = Literal["skip", "keep", "resample"]
"""What is done with groups whose completions all earn the same: left out exactly, trained on, or sampled again."""

Law = Literal["gold", "order", "hack", "length", "unjudged", "stated", "no_effect", "drowned", "advantage"]
"""What ``mmrl audit`` holds a rubric to; see docs/rewards.md."""

StageKind = Literal["grpo", "sft", "rejection"]
"""How a stage trains: by reward, on gold answers, or on the best of what the model writes itself."""

ScaleRewards = Literal["group", "batch", "none"]
"""Standard deviation by which advantages are divided: the group's, the batch's, or none."""

# YAML knows booleans and numbers, so `yes`-like strings or `true` in place of a number are mistakes, not shorthand.
Int = Annotated[int, Strict()]
Count = Annotated[int, Strict(), Field(ge=1)]
Real = Annotated[float, Strict(), Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Strict(), Field(ge=0, le=1, allow_inf_nan=False)]
Flag = Annotated[bool, Strict()]
Line = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$", max_length=64)]
"""A name that also serves as a folder name and as a part of a dotted path."""


def _form_of_weight(value: object) -> str:
    return FUNCTION_TAG if isinstance(value, str) else LEVELS_TAG


SampleWeight = Annotated[
    Annotated[dict[Level, NotNegative], Tag(LEVELS_TAG)] | Annotated[Line, Tag(FUNCTION_TAG)],
    Discriminator(_form_of_weight),
]
"""Weights by difficulty, or the name of a function of the sample."""


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class DatasetConfig(Section):
    """Where a dataset is, or how it is built when absent: exactly one of ``path`` and ``build``."""

    path: Line | None = None
    """A dataset folder, relative to the working directory."""
    build: Builder | None = None
    """A builder, which writes into ``output_dir/data/NAME``."""
    options: dict[str, Any] = {}
    """The builder's own options; only with ``build``."""


class TermConfig(Section):
    """One reward term of a rubric."""

    name: Name
    """A built-in term, or any name when ``use`` is given."""
    weight: NotNegative = 1.0
    use: Line | None = None
    """``path/to/file.py:function``, relative to the config file: ``(Sample, Rollout) -> float | None``."""
    verifies: Flag = False
    """Whether the function of ``use``, or the judge, tells if the answer is correct; other terms know it themselves."""
    settings: dict[str, Any] = {}
    """What the term ``judge`` takes; see docs/judges.md."""


class MechanismConfig(BaseModel):
    """A mechanism by name, with its own settings beside it: ``{name: gated, order: [accuracy, iou]}``.

    Which there are, and what they take, stands in docs/rewards.md.
    """

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())

    name: Line

    @property
    def settings(self) -> dict[str, Any]:
        """What stands beside the name."""
        return dict(self.__pydantic_extra__ or {})


class RubricConfig(Section):
    """The reward: terms with weights, and what unusable completions get."""

    terms: Annotated[tuple[TermConfig, ...], Field(min_length=1)] = (
        TermConfig(name="accuracy", weight=1.0),
        TermConfig(name="format", weight=0.1),
    )
    truncated: Real | None = 0.0
    """Reward of a completion cut off by the token limit; null scores it like any other."""
    failed: Real = 0.0
    """Reward where media or backend failed."""
    composition: MechanismConfig | None = None
    """How the terms become one reward; null for their weighted sum."""
    shaping: tuple[MechanismConfig, ...] = ()
    """What is done to a term before that, or to the reward after it, in order."""


class TrainingConfig(Section):
    """Settings of the optimiser, of GRPO and of the engine; names and meanings are TRL's where TRL has them."""

    learning_rate: Positive = 1e-5
    num_generations: Annotated[int, Strict(), Field(ge=2)] = 8
    """Completions a prompt, the group; one alone has no advantage."""
    per_device_train_batch_size: Count = 8
    """Completions, not prompts, as in TRL: a multiple of ``num_generations``, or a divisor of it."""
    gradient_accumulation_steps: Count = 1
    steps_per_generation: Count | None = None
    """Batches that are generated together; null for ``gradient_accumulation_steps``, those of one optimiser step."""
    max_completion_length: Count = 256
    """Tokens."""
    temperature: Positive = 1.0

    loss_type: LossType = "dapo"
    beta: Real = 0.0
    """Weight of the KL term; 0 needs no reference model. Below 0 with ``reg_grpo`` alone: the sign as it is printed."""
    scale_rewards: ScaleRewards = "group"
    epsilon: Positive = 0.2
    """Clip range of the importance ratio, below 1 and, without ``epsilon_high``, above."""
    epsilon_high: Positive | None = None
    """Clip range above 1; for ``cispo`` the ceiling of the ratio itself."""
    delta: Positive | None = None
    """Cap of the unclipped ratio (two-sided clipping)."""
    importance_sampling_level: Literal["token", "sequence"] = "token"
    """Whether each token has an importance ratio of its own, or the whole completion one (GSPO)."""
    num_iterations: Count = 1
    """How often each generated batch is trained on."""
    length_divisor: Positive | None = None
    """``dr_grpo``: tokens by which each completion's sum is divided; null for ``max_completion_length``."""
    reg_sigma_floor: Positive | None = 0.1
    """``reg_grpo``: least spread of a group's log-ratios, in nats; null for the formula as published."""
    reg_mean_log_ratio: Flag = False
    """``reg_grpo``: on the mean log-ratio of a completion's tokens instead of their sum."""
    sample_weight: SampleWeight | None = None
    """Weight of a sample's policy loss: by its difficulty, where a level that is not named weighs 1; or ``rewardmap``,
    ``gui_g1``, ``gui_g1_rank``, or ``path/to/file.py:function``, relative to the config file: ``Sample -> float``."""
    advantage: tuple[MechanismConfig, ...] | None = None
    """What is done to advantages, in order; docs/rewards.md lists what there is."""
    augmentation: dict[str, Any] | None = None
    """Difficulty-aware augmentation of what is trained on, with its settings; ``{}`` for their defaults, null for none.
    See :class:`mmrl.curriculum.augmentation.Augmentation`."""
    dead_groups: DeadGroups = "skip"
    max_resamples: Count = 3
    """How often a dead group is sampled again; only with ``dead_groups: resample``."""

    lr_scheduler_type: Literal["constant", "constant_with_warmup", "linear", "cosine"] = "constant"
    warmup_steps: Annotated[int, Strict(), Field(ge=0)] = 0
    max_grad_norm: Positive = 1.0
    weight_decay: NotNegative = 0.0

    bf16: Flag = False
    gradient_checkpointing: Flag = False
    max_tokens_per_pass: Count | None = None
    """Positions of a forward pass; batches above it are computed in pieces. Null computes a batch as a whole."""
    share_prompts: Flag = True
    """Compute each prompt once a group; models that cannot do so fall back by themselves."""
    reuse_prefill: Flag = True
    """Train through the prompts' forward pass of the generation, where it is the same computation."""

    freeze_vision_tower: Flag = False
    freeze_projector: Flag = False
    """What turns vision features into language features."""
    freeze_language_model: Flag = False
    """Its embeddings and output head included."""
    use_peft: Flag = False
    lora_r: Count = 16
    lora_alpha: Count = 32
    use_vllm: Flag = False
    vllm_mode: Literal["colocate", "server"] = "colocate"

    @property
    def micro_steps_per_generation(self) -> int:
        """Batches that are generated together."""
        return self.steps_per_generation or self.gradient_accumulation_steps

    @property
    def generation_batch_size(self) -> int:
        """Completions generated together on one device."""
        return self.per_device_train_batch_size * self.micro_steps_per_generation

    @property
    def generation_period(self) -> int:
        """Optimiser steps after which generation starts afresh exactly at a step's beginning."""
        return generation_period(
            steps_per_generation=self.micro_steps_per_generation,
            num_iterations=self.num_iterations,
            gradient_accumulation_steps=self.gradient_accumulation_steps,
        )


class TrainingOverrides(TrainingConfig):
    """The training settings that one stage changes; only keys that were given count."""

    @model_serializer(mode="wrap")
    def _only_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key in self.model_fields_set}

    def given(self) -> dict[str, Any]:
        """Return the settings that were given, by name."""
        return {key: getattr(self, key) for key in sorted(self.model_fields_set)}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TrainingOverrides) and self.given() == other.given()

    def __hash__(self) -> int:
        return hash(tuple(self.given().items()))


class FilterConfig(Section):
    """Which rows of its mix a stage leaves out."""

    difficulty: Annotated[tuple[Level, ...], Field(min_length=1)] | None = None
    """The builders' levels that are kept; null keeps all."""
    probe: dict[str, Line] = {}
    """Dataset name to a file of ``mmrl probe``, relative to the working directory; other datasets keep all rows."""
    keep: tuple[Share, Share] | None = None
    """Lowest and highest probed pass rate, both kept; null drops only what was never or always right."""


class HeldOutConfig(Section):
    """A dataset that no stage trains on, answered greedily every so many steps; its accuracy may end the stage."""

    dataset: Line
    every: Count = 20
    """Optimiser steps between two looks."""
    accuracy_at_least: Share | None = None
    """Ends the stage once the accuracy is surely as high; null: not for a level."""
    patience: Count | None = None
    """Ends the stage once so many looks have surely gained less than ``stop.min_gain``; null: never."""


class StopConfig(Section):
    """Ends a stage before its last step, by whichever of its rules is met first; all allow for noise."""

    reward_at_least: Real | None = None
    """Ends the stage once the mean reward is surely as high; null: not for a level."""
    term: Name | None = None
    """A term of the stage's rubric whose mean is watched in place of the reward."""
    over_steps: Annotated[int, Strict(), Field(ge=2)] = 20
    """The mean is taken over this many last steps, and looked at as often."""
    plateau: Annotated[int, Strict(), Field(ge=2)] | None = None
    """Ends the stage once so many steps have surely gained less than ``min_gain`` over as many before; null: never."""
    min_gain: Positive = 0.05
    """Gain below which rewards, and held-out accuracy, are said to stand still."""
    min_steps: Count = 1
    """Never before this many steps."""
    held_out: HeldOutConfig | None = None


class CarryConfig(Section):
    """What a stage takes from the stage before it; weights always carry over."""

    optimizer: Literal["fresh", "kept"] = "fresh"
    reference: Literal["refreshed", "kept"] = "refreshed"
    """Reference model of the KL term: the weights at this stage's start, or the one used before."""


class SftConfig(Section):
    """Supervised training, of stages of kind ``sft`` and ``rejection``."""

    loss: Literal["nll", "dft"] = "nll"
    """Negative log-likelihood of completions, or dynamic fine-tuning (TRL's ``loss_type`` of its SFT trainer)."""


class GuardConfig(Section):
    """What a rejection stage must not unlearn."""

    datasets: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names under ``datasets`` that no stage trains on."""
    max_drop: Annotated[float, Strict(), Field(ge=0, lt=1, allow_inf_nan=False)] = 0.02
    """Fall of accuracy, 0..1, above which the stage's weights are refused where a paired test confirms the fall."""


class RejectionConfig(Section):
    """What a stage of kind ``rejection`` keeps of what it samples, and trains on besides."""

    reward_at_least: Real = 1.0
    """Completions that earn less are not kept."""
    keep: Count = 1
    """Most completions kept of a prompt; their texts differ."""
    balance: Literal["mix", "task", "difficulty"] = "mix"
    """What shares the examples: datasets by their weights in ``mix``, or tasks or levels, each as much."""
    general: dict[str, Annotated[float, Strict(), Field(gt=0, lt=1, allow_inf_nan=False)]] = {}
    """Dataset name to its share of the examples, whose completions are gold answers; the rest is what was kept."""
    guard: GuardConfig | None = None
    """Null: the stage's weights are taken in any case."""


class StageConfig(Section):
    """One stage of the curriculum."""

    name: Name
    kind: StageKind = "grpo"
    mix: Annotated[dict[str, NotNegative], Field(min_length=1)]
    """Dataset name to weight; weights are shares of the prompts, whatever the datasets' sizes."""
    steps: Count
    """Most optimiser steps."""
    tasks: Annotated[tuple[Line, ...], Field(min_length=1)] | None = None
    """Shell-style patterns over ``Sample.task``; null takes all."""
    filter: FilterConfig = FilterConfig()
    order: Order = "shuffled"
    replay: Annotated[float, Strict(), Field(ge=0, lt=1, allow_inf_nan=False)] = 0.0
    """Share of the prompts that come from the mixes of all earlier stages."""
    stop: StopConfig | None = None
    prompt_style: PromptStyle | None = None
    """Null takes the run's."""
    rubric: RubricConfig | None = None
    """Null takes the run's."""
    training: TrainingOverrides = TrainingOverrides()
    carry: CarryConfig = CarryConfig()
    sft: SftConfig | None = None
    """Of kinds ``sft`` and ``rejection``; null takes the defaults."""
    rejection: RejectionConfig | None = None
    """Of kind ``rejection``; null takes the defaults."""

    @property
    def general(self) -> dict[str, float]:
        """Datasets that a rejection stage mixes in, with their shares."""
        return dict(self.rejection.general) if self.rejection else {}

    @property
    def guarded(self) -> tuple[str, ...]:
        """Names of the datasets that guard a rejection stage."""
        return self.rejection.guard.datasets if self.rejection and self.rejection.guard else ()


class EvaluationConfig(Section):
    """Held-out evaluation, before and after training."""

    datasets: tuple[str, ...] = ()
    """Names under ``datasets`` that no stage trains on."""
    batch_size: Count = 64
    max_completion_length: Count = 256


class AuditConfig(Section):
    """What ``mmrl audit``, with which a run begins, lets pass."""

    allow: tuple[Law, ...] = ()
    """Laws that need not hold, since the run is meant to be so."""


class RunConfig(Section):
    """A whole run: model, data, reward, stages, evaluation."""

    model_name_or_path: Line = "tiny"
    output_dir: Line = "runs/default"
    seed: Annotated[int, Strict(), Field(ge=0)] = 0
    report_to: Literal["none", "wandb", "tensorboard", "trackio"] = "none"
    min_pixels: Count | None = None
    """Image budget of the processor; null keeps the processor's own."""
    max_pixels: Count | None = None
    """The same; also the most pixels of a clip's frame."""
    video_fps: Positive | None = None
    """Frames a second shown of a clip; null takes 2."""
    video_max_frames: Annotated[int, Strict(), Field(ge=2)] = 768
    """Most frames shown of a clip."""
    video_timeout_s: Positive | None = DEFAULT_TIMEOUT_S
    """Seconds after which reading a clip is given up; null reads without a limit."""
    video_cache: Line | None = None
    """Folder of sampled frames, for this run and others."""
    prompt_style: PromptStyle = "direct"
    datasets: dict[Name, DatasetConfig] = {}
    rubric: RubricConfig = RubricConfig()
    training: TrainingConfig = TrainingConfig()
    save_steps: Count = 100
    """Optimiser steps between checkpoints."""
    stages: Annotated[tuple[StageConfig, ...], Field(min_length=1)]
    evaluation: EvaluationConfig = EvaluationConfig()
    audit: AuditConfig = AuditConfig()

    def stage_training(self, stage: StageConfig) -> TrainingConfig:
        """Return the run's training settings with those that the stage gives put over them."""
        return TrainingConfig(**{**self.training.model_dump(), **stage.training.given()})

    def video_request(self) -> VideoRequest:
        """Return which frames of a clip are shown, in training as in evaluation."""
        return VideoRequest(fps=self.video_fps, max_frames=self.video_max_frames, max_pixels=self.max_pixels)

    def video_reading(self) -> Reading:
        """Return how clips are read."""
        cache = None if self.video_cache is None else Path(self.video_cache)
        return Reading(timeout_s=self.video_timeout_s, cache=cache)

    def stage_rubric(self, stage: StageConfig) -> RubricConfig:
        """Return the stage's rubric, or the run's."""
        return stage.rubric or self.rubric

    def stage_style(self, stage: StageConfig) -> PromptStyle:
        """Return the stage's prompt style, or the run's."""
        return stage.prompt_style or self.prompt_style

    def watched_datasets(self) -> tuple[str, ...]:
        """Return the names of all held-out datasets that stages look at while they train, in order of first use."""
        rules = (stage.stop for stage in self.stages)
        return tuple(dict.fromkeys(rule.held_out.dataset for rule in rules if rule and rule.held_out))

    def training_datasets(self) -> tuple[str, ...]:
        """Return the names of all datasets that some stage draws from, in order of first use."""
        shares = ({**stage.mix, **stage.general} for stage in self.stages)
        return tuple(dict.fromkeys(name for one in shares for name, weight in one.items() if weight > 0))

    def guard_datasets(self) -> tuple[str, ...]:
        """Return the names of all datasets that guard a stage, in order of first use."""
        return tuple(dict.fromkeys(name for stage in self.stages for name in stage.guarded))
