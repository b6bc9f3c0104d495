"""Seconds of the phases of a trainer's step, from outside: its own hooks are wrapped, none is changed.

Phases exclude one another: where a wrapped call runs inside another, its time is its own. What no phase covers is
``other``. On a GPU the marks are events of the stream, so that measuring does not make the host wait.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

PHASES = ("load", "process", "generate", "reward", "logprobs", "forward", "backward", "step", "other")
"""``load`` reads rows; ``process`` tokenises, runs the image processor and does what else surrounds generation;
``logprobs`` are passes under the old or reference policy; ``step`` clips gradients and updates the weights."""

METHODS = {
    "get_batch_samples": "load",
    "_generate_and_score_completions": "process",
    "_tokenize_prompts": "process",
    "_generate_single_turn": "generate",
    "_calculate_rewards": "reward",
    "_get_per_token_logps_and_entropies": "logprobs",
    "_note_logps": "logprobs",
    "compute_loss": "forward",
}
"""The hooks of TRL's trainer, and one of ours, with the phase of each."""


class Clock:
    """Marks moments: seconds of the host on a CPU, events of the current stream on a GPU."""

    def __init__(self, *, cuda: bool) -> None:
        self.cuda = cuda

    def mark(self) -> Any:
        """Return a moment."""
        if not self.cuda:
            return time.perf_counter()
        import torch

        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def wait(self) -> None:
        """Wait until the device has done what it was given."""
        if self.cuda:
            import torch

            torch.cuda.synchronize()

    def seconds(self, start: Any, end: Any) -> float:
        """Return the seconds between two moments, both of them past."""
        return start.elapsed_time(end) / 1000 if self.cuda else end - start


class PhaseTimer:
    """Collects spans of phases that may lie inside one another."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._open: list[tuple[str, Any]] = []
        self._spans: list[tuple[str, str | None, Any, Any]] = []

    def enter(self, phase: str) -> None:
        """Begin a phase; a forward pass inside a loss belongs to ``forward``, whatever hook it comes by."""
        inside_loss = phase == "logprobs" and any(name == "forward" for name, _ in self._open)
        self._open.append(("forward" if inside_loss else phase, self.clock.mark()))

    def leave(self) -> None:
        """End the phase begun last."""
        phase, start = self._open.pop()
        outer = self._open[-1][0] if self._open else None
        self._spans.append((phase, outer, start, self.clock.mark()))

    def wrap(self, function: Callable[..., Any], phase: str) -> Callable[..., Any]:
        """Return ``function`` with its time counted to ``phase``."""

        def timed(*args: Any, **options: Any) -> Any:
            self.enter(phase)
            try:
                return function(*args, **options)
            finally:
                self.leave()

        return timed

    def take(self, total: float) -> dict[str, float]:
        """Return the seconds of every phase since the last call, ``other`` being what is missing to ``total``.

        The clock must have been waited for.
        """
        seconds: dict[str, float] = defaultdict(float)
        for phase, outer, start, end in self._spans:
            span = self.clock.seconds(start, end)
            seconds[phase] += span
            if outer is not None:
                seconds[outer] -= span
        self._spans = []
        seconds["other"] = total - sum(seconds.values())
        return {phase: seconds[phase] for phase in PHASES}


def time_phases(trainer: Any, timer: PhaseTimer) -> None:
    """Wrap a trainer's hooks on the instance; the update is timed by callbacks of the training loop."""
    for method, phase in METHODS.items():
        if hasattr(trainer, method):
            setattr(trainer, method, timer.wrap(getattr(trainer, method), phase))
    accelerator = trainer.accelerator
    accelerator.backward = timer.wrap(accelerator.backward, "backward")
    accelerator.clip_grad_norm_ = timer.wrap(accelerator.clip_grad_norm_, "step")
