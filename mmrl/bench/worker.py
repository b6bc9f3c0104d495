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
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
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
    """Return a number in [0, 1) of each completion's tokens; no two different completions are likely to share it.

    Tokens, not text: a random model samples ids beyond its tokenizer's, which are no text.
    """
    rewards = []
    for ids in completion_ids:
        value = 0
        for token in ids:
            value = (value * 31 + token + 1) % PRIME
        rewards.append(value / PRIME)
    return rewards


def memory_now() -> int:
    """Return this process's resident bytes; 0 where the system does not tell."""
    return _status("VmRSS")


def memory_peak() -> int:
    """Return the most resident bytes that this process has had.

    Not ``ru_maxrss`` where Linux tells better: a child inherits that from the process that started it.
    """
    if peak := _status("VmHWM"):
        return peak
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _status(field: str) -> int:
    path = Path("/proc/self/status")
    if path.is_file():
        for line in path.read_text(encoding="ascii").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0


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

    torch.set_num_threads(job.options.threads)
    clock = Clock(cuda=job.options.device != "cpu")
    timer = PhaseTimer(clock)
    trainer = build_trainer(job)
    time_phases(trainer, timer)
    trainer.add_callback(_hold_steps(pipe, clock, timer))
    pipe.send("ready")
    if pipe.recv() == "step":
        trainer.train()


def build_trainer(job: Job) -> Any:
    """Return the job's trainer, made as a user's script makes it."""
    import trl
    from datasets import load_from_disk
    from transformers.trainer_callback import PrinterCallback
    from transformers.utils import logging

    import mmrl.trainer
    from mmrl.families import load_model, load_processor

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    package: Any = {"trl": trl, "mmrl": mmrl.trainer}[job.trainer]
    trainer = package.GRPOTrainer(
        load_model(str(job.model), dtype=job.options.dtype),
        hash_reward,
        package.GRPOConfig(**_arguments(job)),
        train_dataset=load_from_disk(str(job.data)),
        processing_class=load_processor(str(job.model)),
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


def _hold_steps(pipe: Connection, clock: Clock, timer: PhaseTimer) -> Any:
    """Return the callback that ends a step when it is logged, sends its record and waits to be asked for the next."""
    from transformers import TrainerCallback

    class HoldSteps(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            self._begin()

        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            timer.enter("step")

        def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            timer.leave()

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
            if not logs or "loss" not in logs:  # HF's summary at the end of training
                return
            clock.wait()
            seconds = time.perf_counter() - self.started
            pipe.send(self._record(seconds, logs))
            control.should_training_stop = pipe.recv() != "step"
            self._begin()

        def _begin(self) -> None:
            if not hasattr(self, "before"):
                self.before = _memory_before(clock)
            clock.wait()
            self.started = time.perf_counter()

        def _record(self, seconds: float, logs: dict[str, Any]) -> dict[str, Any]:
            memory = {"before_first_step": self.before, "peak": _peak(clock)}
            return {"seconds": seconds, "phases": timer.take(seconds), "log": dict(logs), "memory": memory}

    return HoldSteps()


def _memory_before(clock: Clock) -> int:
    """Return the bytes in use before the first step, and start measuring the peak where that can be started."""
    if not clock.cuda:
        return memory_now()
    import torch

    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def _peak(clock: Clock) -> int:
    if not clock.cuda:
        return memory_peak()
    import torch

    return torch.cuda.max_memory_allocated()
