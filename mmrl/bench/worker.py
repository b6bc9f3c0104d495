"""One trainer in a process of its own, advanced one optimiser step at a time.

A process for each, because then neither trainer shares thread pools, allocator, accelerate's global state or caches
with the other, and each one's peak memory is its own. Steps run in the trainer's own unchanged ``train()``: it is held
at the end of every step, when the step is logged, until the next is asked for. So a step spans everything from one
log to the next: loading rows, processing, generation, rewards, forward, backward, clipping, update, logging.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from mmrl.bench.phases import Clock, PhaseTimer, time_phases
from mmrl.bench.settings import Job
from mmrl.errors import InputError

PRIME = 65_521


def serve(job: Job, pipe: Connection) -> None:
    """Build the trainer, say ``ready``, then run one step for every message ``step`` and answer with its record.

    Any other message ends training. An ``InputError`` is sent, for the other side to raise.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side ends this process
    _see_one_device(job.options.device)
    with contextlib.redirect_stdout(sys.stderr):
        try:
            _serve(job, pipe)
        except InputError as error:
            pipe.send(error)


def hash_reward(completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float]:
    """Return a number in [0, 1) of each completion's tokens and place, so that every group has reward variance.

    Tokens, not text: a random model samples ids beyond its tokenizer's, which are no text. The place tells equal
    completions apart, as short ones of a trained model often are.
    """
    rewards = []
    for place, ids in enumerate(completion_ids):
        value = place + 1
        for token in ids:
            value = (value * 31 + token + 1) % PRIME
        rewards.append(value / PRIME)
    return rewards


def _see_one_device(device: str) -> None:
    """Hide all GPUs but one before torch looks for them, since the training loop would spread over all it sees."""
    kind, _, index = device.partition(":")
    if kind != "cuda":
        return
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    position = int(index or 0)
    os.environ["CUDA_VISIBLE_DEVICES"] = (
        visible[position] if position < len(visible) and visible[position] else str(position)
    )


def _serve(job: Job, pipe: Connection) -> None:
    import torch

    from mmrl.bench.steps import HoldSteps
    from mmrl.trainer.progress import quiet_libraries

    torch.set_num_threads(job.options.threads)
    timer = PhaseTimer(Clock(cuda=job.options.device != "cpu"))
    with quiet_libraries():
        trainer = build_trainer(job)
        time_phases(trainer, timer)
        trainer.add_callback(HoldSteps(pipe, timer))
        pipe.send("ready")
        if pipe.recv() == "step":
            trainer.train()


def build_trainer(job: Job) -> Any:
    """Return the job's trainer, made as a user's script makes it."""
    import trl
    from datasets import load_from_disk
    from transformers.trainer_callback import PrinterCallback

    import mmrl.trainer
    from mmrl.bench.model import open_processor
    from mmrl.families import load_model

    package: Any = {"trl": trl, "mmrl": mmrl.trainer}[job.trainer]
    trainer = package.GRPOTrainer(
        load_model(str(job.model), dtype=job.options.dtype),
        hash_reward,
        package.GRPOConfig(**_arguments(job)),
        train_dataset=load_from_disk(str(job.data)),
        processing_class=open_processor(str(job.model)),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(job: Job) -> dict[str, Any]:
    """Return the configuration, word for word the same for both trainers."""
    options, setting = job.options, job.setting
    length = setting.completion_tokens
    return {
        "output_dir": str(job.scratch),
        "seed": options.seed,
        "per_device_train_batch_size": options.prompts * setting.group,
        "gradient_accumulation_steps": 1,
        "num_generations": setting.group,
        "max_completion_length": length,
        "generation_kwargs": {"min_new_tokens": length},  # no end token before: both generate the same number
        "max_steps": options.steps,
        "beta": options.beta,
        "bf16": options.dtype == "bfloat16",
        "gradient_checkpointing": options.gradient_checkpointing,
        "use_cpu": options.device == "cpu",
        "learning_rate": 1e-6,
        "lr_scheduler_type": "constant",
        "shuffle_dataset": False,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }
