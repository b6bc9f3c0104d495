"""A stage's model: loaded from where the last stage left it, frozen or adapted as its settings say, saved at its end.

Every stage starts from a folder on disk, in an uninterrupted run as in a resumed one, so both take the same path. With
PEFT the adapter is merged into the weights at the end of its stage: what a stage leaves is always a whole model.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from transformers.trainer import TRAINING_ARGS_NAME

from mmrl.config import RunConfig, TrainingConfig
from mmrl.families import load_model, resolve_model
from mmrl.rewards.mechanism import Stateful
from mmrl.runs import RunFolder, mark_complete, saving_checkpoint
from mmrl.trainer import freezing
from mmrl.trainer.advantage_rule import save_states

OPTIMIZER_NAME = "optimizer.pt"


def final_dir(config: RunConfig, run: RunFolder, index: int) -> Path:
    """Return where stage ``index`` leaves its weights and processor."""
    return run.stage_dir(index, config.stages[index].name) / "final"


def start_of(config: RunConfig, run: RunFolder, index: int) -> str:
    """Return the model from which stage ``index`` starts: the run's own, then what the stage before left."""
    return resolve_model(config.model_name_or_path) if index == 0 else str(final_dir(config, run, index - 1))


def reference_of(config: RunConfig, run: RunFolder, index: int) -> str:
    """Return the model that the KL term of stage ``index`` compares with: its start, or the one used before."""
    while index > 0 and config.stages[index].carry.reference == "kept":
        index -= 1
    return start_of(config, run, index)


def load_stage_model(location: str, reference: str, training: TrainingConfig) -> Any:
    """Load a stage's model; ``reference`` is where TRL will load the reference model of the KL term from.

    Weights are float32, with bf16 the compute alone is bfloat16; only under PEFT, where they do not train, the base
    weights are bfloat16 too.
    """
    model = load_model(location, dtype="bfloat16" if training.bf16 and training.use_peft else "float32")
    model.config._name_or_path = reference
    return model


def peft_config(model: Any, training: TrainingConfig) -> Any:
    """Return the LoRA settings on every linear layer outside of frozen parts; None without ``use_peft``."""
    if not training.use_peft:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=training.lora_r,
        lora_alpha=training.lora_alpha,
        target_modules="all-linear",
        exclude_modules=freezing.modules_of_frozen_parts(model, training) or None,
        task_type="CAUSAL_LM",
    )


def save_final(
    trainer: Any,
    processor: Any,
    folder: Path,
    *,
    keep_optimizer: bool,
    remembered: Mapping[str, Stateful] = MappingProxyType({}),
) -> None:
    """Save a stage's weights, adapter merged, with the processor and what later stages go on from.

    The folder counts once its marker is written.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    writes = trainer.is_world_process_zero()
    if writes:
        shutil.rmtree(folder, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    with saving_checkpoint(folder):
        if hasattr(model, "merge_and_unload"):
            if writes:
                model.merge_and_unload().save_pretrained(folder)
        else:
            trainer.save_model(str(folder))
        if writes:
            (folder / TRAINING_ARGS_NAME).unlink(missing_ok=True)  # a pickle with this machine's paths
            processor.save_pretrained(folder)
            if keep_optimizer:
                torch.save(trainer.optimizer.state_dict(), folder / OPTIMIZER_NAME)
            save_states(folder, remembered)
            mark_complete(folder)
    trainer.accelerator.wait_for_everyone()
