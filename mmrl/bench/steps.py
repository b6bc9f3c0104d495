"""Where one optimiser step ends and the next begins, what it took, and how much memory."""

from __future__ import annotations

import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from mmrl.bench.phases import Clock, PhaseTimer


class HoldSteps(TrainerCallback):
    """Ends a step when it is logged, sends its record and waits to be asked for the next one.

    The log is the last thing that a step of the training loop does; ``on_step_end`` comes before it, and the next
    step's rows are read before ``on_step_begin``.
    """

    def __init__(self, pipe: Connection, timer: PhaseTimer) -> None:
        self.pipe = pipe
        self.timer = timer
        self._memory_before = 0
        self._started = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Note the memory of the weights and begin the first step."""
        self._memory_before = memory_before(self.timer.clock)
        self._begin()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Begin the update."""
        self.timer.enter("step")

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """End the update."""
        self.timer.leave()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:  # noqa: ARG002
        """End the step; HF's summary at the end of training has no ``loss`` and is passed over."""
        if not logs or "loss" not in logs:
            return
        self.timer.clock.wait()
        seconds = time.perf_counter() - self._started
        memory = {"before_first_step": self._memory_before, "peak": memory_peak(self.timer.clock)}
        phases = self.timer.take(seconds)
        self.pipe.send({"seconds": seconds, "phases": phases, "log": dict(logs), "memory": memory})
        control.should_training_stop = self.pipe.recv() != "step"
        self._begin()

    def _begin(self) -> None:
        self.timer.clock.wait()
        self._started = time.perf_counter()


def memory_before(clock: Clock) -> int:
    """Return the bytes in use (allocated on the GPU, else resident), and start measuring the GPU's peak."""
    if not clock.cuda:
        return _status("VmRSS")
    import torch

    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def memory_peak(clock: Clock) -> int:
    """Return the most bytes that this process has had: allocated on the GPU since the first step, else resident.

    Not ``ru_maxrss`` where Linux tells better: a child inherits that from the process that started it.
    """
    if clock.cuda:
        import torch

        return torch.cuda.max_memory_allocated()
    if peak := _status("VmHWM"):
        return peak
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _status(field: str) -> int:
    """Return a field of Linux's account of this process in bytes; 0 where there is none."""
    path = Path("/proc/self/status")
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0
