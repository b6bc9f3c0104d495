"""Where the time of a step goes, how much is computed for it, and how much memory that takes.

``docs/log.md`` says what each logged name means.
"""

from __future__ import annotations

import contextlib
import functools
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback

PHASES = (
    "load",
    "process",
    "generate",
    "reward",
    "old_logps",
    "ref_logps",
    "forward",
    "backward",
    "optimizer",
    "other",
)
"""In the order of a step. Their seconds are logged as ``time/<phase>``; ``other`` is what no phase covers."""


class PhaseClock:
    """Seconds spent in each phase since they were last taken; a phase inside a phase counts for itself alone."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = self._began = time.perf_counter()

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the seconds of the block for phase ``name``."""
        self.begin(name)
        try:
            yield
        finally:
            self.end()

    def begin(self, name: str) -> None:
        """Start to count for phase ``name``, until :meth:`end`."""
        self._switch()
        self._open.append(name)

    def end(self) -> None:
        """Go back to the phase around the one begun last."""
        self._switch()
        self._open.pop()

    def take(self) -> dict[str, float]:
        """Return seconds by phase and start anew; with ``other`` they add up to the time since the last call."""
        self._switch()
        taken = dict(self._seconds)
        taken["other"] = self._since - self._began - sum(taken.values())
        self._seconds.clear()
        self._began = self._since
        return taken

    def restart(self) -> None:
        """Forget everything, phases that an error left open included."""
        self._seconds.clear()
        self._open.clear()
        self._since = self._began = time.perf_counter()

    def _switch(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        if self._open:
            self._seconds[self._open[-1]] += now - self._since
        self._since = now


def timed(phase: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that counts a trainer's method for a phase of its ``_clock``."""

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def timed_method(trainer: Any, *args: Any, **options: Any) -> Any:
            with trainer._clock.phase(phase):
                return method(trainer, *args, **options)

        return timed_method

    return decorate


@dataclass(frozen=True, kw_only=True)
class StepCounts:
    """What one process computed in a step."""

    media_encoded: int = 0
    """Pictures and clips that went through an encoder, as often as they did."""
    media_distinct: int = 0
    """Distinct pictures and clips that were shown to the model."""
    positions: int = 0
    """Positions that went through the language model with gradients; padding and repetition included."""
    real_tokens: int = 0
    """Tokens of the completions that were trained on, and of their prompts, each distinct prompt once."""


def step_metrics(
    seconds: Mapping[str, float], counts: StepCounts, peak_bytes: int, gather: Callable[[Tensor], Tensor]
) -> dict[str, float]:
    """Return what is logged of a step, over all processes.

    Seconds are means over processes: all of them take as long for the step, so its phases still add up to it. Counts
    are sums, peak memory is that of the process with the most.

    Args:
        seconds: by phase, of this process.
        counts: of this process.
        peak_bytes: of this process.
        gather: puts the vectors (V,) of all processes behind one another, as ``accelerator.gather`` does.
    """
    of_media = (counts.media_encoded, counts.media_distinct)
    local = torch.tensor(
        [
            *(seconds.get(phase, 0.0) for phase in PHASES),
            *of_media,
            counts.positions,
            counts.real_tokens,
            peak_bytes / 1e9,
        ]
    )
    everywhere = gather(local).view(-1, len(local)).double()
    means = everywhere[:, : len(PHASES)].mean(dim=0).tolist()
    encoded, distinct, positions, tokens = everywhere[:, len(PHASES) : -1].sum(dim=0).tolist()
    step = sum(means)
    metrics = {f"time/{phase}": value for phase, value in zip(PHASES, means, strict=True)} | {"time/step": step}
    if distinct:
        metrics |= {"engine/media_encoded": encoded, "engine/media_distinct": distinct}
        metrics["engine/encoded_per_medium"] = encoded / distinct
    if tokens:
        metrics |= {"engine/positions": positions, "engine/real_tokens": tokens}
        metrics["engine/positions_per_token"] = positions / tokens
        metrics["engine/tokens_per_second"] = tokens / step if step else 0.0
    metrics["memory/peak_gb"] = everywhere[:, -1].max().item()
    return {name: float(f"{value:.6g}") for name, value in metrics.items()}


def peak_memory(device: torch.device) -> int:
    """Return the most bytes that were held at once: by tensors on an accelerator, by the process on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class TelemetryCallback(TrainerCallback):
    """Times the optimiser and logs each step's measurements; evaluating and saving between steps count for none."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self.peak_before = 0
        """Bytes that an earlier process of the same training held at once: a resumed one begins anew to measure."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Start the first step's clock; a resumed training knows the peak that was logged before."""
        self.note_peak(state.log_history)
        self.start_anew()

    def note_peak(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Take over the largest peak among records of earlier steps."""
        logged = (record.get("memory/peak_gb") or 0.0 for record in records)
        self.peak_before = max(self.peak_before, round(1e9 * max(logged, default=0.0)))

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Begin to count for the optimiser."""
        self.trainer._clock.begin("optimizer")

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Stop counting for the optimiser."""
        self.trainer._clock.end()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Log where the step's time went."""
        trainer = self.trainer
        device = trainer.accelerator.device
        metrics = step_metrics(
            trainer._clock.take(),
            trainer.passes.take_counts(),
            max(peak_memory(device), self.peak_before),
            lambda local: trainer.accelerator.gather(local.to(device)),
        )
        for name, value in metrics.items():
            trainer._metrics["train"][name].append(value)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Leave an evaluation out of the next step."""
        self.start_anew()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Leave the writing of a checkpoint out of the next step."""
        self.start_anew()

    def start_anew(self) -> None:
        """Leave what came since the last step out of the next one."""
        self.trainer._clock.restart()
        self.trainer.passes.take_counts()


def time_split(metrics: Mapping[str, Any], count: int) -> str:
    """Return the ``count`` phases that a step spends most on with their shares, as in ``generate 48 %, backward 31 %``.

    Empty where no phase was logged.
    """
    seconds = {phase: metrics.get(f"time/{phase}") or 0.0 for phase in PHASES}
    total = sum(seconds.values())
    if total <= 0:
        return ""
    largest: Sequence[str] = sorted(PHASES, key=lambda phase: -seconds[phase])[:count]
    return ", ".join(f"{phase.replace('_', ' ')} {100 * seconds[phase] / total:.0f} %" for phase in largest)
