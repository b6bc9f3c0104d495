"""The trainer's options: TRL's, and the group engine's own."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import trl

from mmrl.config import TrainingConfig
from mmrl.config.training_checks import ignored_settings, value_problems
from mmrl.errors import InputError
from mmrl.families.clips import clip_reading, clip_request
from mmrl.trainer.loss_types import LossSpec
from mmrl.video.reading import DEFAULT_TIMEOUT_S

_TRLS = trl.GRPOConfig.__dataclass_fields__.keys()


@dataclass
class GRPOConfig(trl.GRPOConfig):
    """TRL's options and ours.

    Raises:
        InputError: values that do not go together, named.
    """

    share_prompts: bool = field(
        default=True,
        metadata={"help": "Compute each prompt once a group; models that cannot do so fall back by themselves."},
    )
    reuse_prefill: bool = field(
        default=True,
        metadata={
            "help": "Train through the prompts' forward pass of the generation where it is the same computation."
        },
    )
    max_tokens_per_pass: int | None = field(
        default=None,
        metadata={"help": "Token budget of a forward pass: micro-batches above it are computed in pieces."},
    )
    dead_groups: str = field(
        default="skip",
        metadata={"help": "Groups whose completions all earn the same: skip (exact), keep, or resample."},
    )
    max_resamples: int = field(default=3, metadata={"help": "How often a dead group is sampled again."})
    sample_weight_column: str | None = field(
        default=None, metadata={"help": "Column with a weight for each row's policy loss, e.g. its difficulty."}
    )
    freeze_vision_tower: bool = field(default=False, metadata={"help": "Do not train the vision tower."})
    freeze_projector: bool = field(default=False, metadata={"help": "Do not train what joins vision and language."})
    freeze_language_model: bool = field(
        default=False, metadata={"help": "Do not train the language model and its head."}
    )
    video_fps: float | None = field(default=None, metadata={"help": "Frames a second shown of a clip (default 2)."})
    video_max_frames: int = field(default=768, metadata={"help": "Most frames shown of a clip."})
    video_max_pixels: int | None = field(default=None, metadata={"help": "Most pixels of a frame."})
    video_reader: str = field(
        default="auto", metadata={"help": "Library that reads clips: auto, pyav, torchcodec or decord."}
    )
    video_timeout_s: float | None = field(
        default=DEFAULT_TIMEOUT_S, metadata={"help": "Seconds after which reading a clip is given up; None: no limit."}
    )
    video_cache: str | None = field(default=None, metadata={"help": "Folder of sampled frames, shared between runs."})
    length_divisor: float | None = field(
        default=None, metadata={"help": "Constant by which loss_type dr_grpo divides; default max_completion_length."}
    )
    reg_sigma_floor: float | None = field(
        default=0.1, metadata={"help": "Reg-GRPO: least spread of log-ratios, in nats."}
    )
    reg_mean_log_ratio: bool = field(default=False, metadata={"help": "Reg-GRPO on mean instead of summed log-ratios."})

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(self)


ENGINE_OPTIONS = sorted(TrainingConfig.model_fields.keys() & GRPOConfig.__dataclass_fields__.keys() - _TRLS)
"""Options of our own that a run config has too."""


def check_options(args: Any, *, warn: bool = True) -> None:
    """Refuse options that do not go together; TRL's own configuration is accepted too.

    Values and what would be ignored are judged by the rules of run configs. Where TRL's own options are ignored, as
    TRL ignores them, that is told in a warning: scripts written for TRL go on.
    """
    own = {name: getattr(args, name) for name in ENGINE_OPTIONS if hasattr(args, name)}
    if problems := value_problems(own):
        raise InputError("\n".join(problems))
    clip_request(args)
    clip_reading(args)
    for conflict in ignored_settings(args):
        told = f"{conflict.at} {conflict.reason}"
        if conflict.at in ENGINE_OPTIONS:
            raise InputError(told)
        if warn:
            warnings.warn(told, stacklevel=2)
    evaluated = args.num_generations_eval or args.num_generations
    if args.eval_strategy != "no" and args.per_device_eval_batch_size * args.world_size % evaluated:
        raise InputError(
            "per_device_eval_batch_size, times the processes, must be a multiple of the generations in evaluation; "
            f"found {args.per_device_eval_batch_size} and {evaluated}; set num_generations_eval to 1"
        )
    generated = args.per_device_train_batch_size * (args.steps_per_generation or 1)
    if getattr(args, "dead_groups", "skip") == "resample" and args.world_size > 1 and generated % args.num_generations:
        raise InputError(
            "dead_groups resample needs whole groups on every process: per_device_train_batch_size times "
            f"steps_per_generation a multiple of num_generations; found {generated} and {args.num_generations}; "
            "set dead_groups: skip, or a larger batch"
        )
    if args.loss_type == "reg_grpo" and args.per_device_train_batch_size % args.num_generations:
        raise InputError(
            "loss_type reg_grpo needs whole groups: per_device_train_batch_size a multiple of num_generations; "
            f"found {args.per_device_train_batch_size} and {args.num_generations}"
        )
    if args.loss_type == "reg_grpo" and getattr(args, "max_tokens_per_pass", None):
        raise InputError(
            "loss_type reg_grpo needs whole groups in a pass; found max_tokens_per_pass "
            f"{args.max_tokens_per_pass}; leave it out"
        )
    LossSpec.from_args(args)
