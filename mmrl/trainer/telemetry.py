"""Where the time of a step goes, how much is computed for it, and how much memory that takes."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator

import torch

PHASES = ("load", "process", "generate", "reward", "old_logps", "ref_logps", "forward", "backward", "optimizer")
"""In the order of a step. Their seconds are logged as ``time/<phase>``."""


class PhaseClock:
    """Seconds spent in each phase since the last time they were taken; a phase inside a phase counts for itself alone."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = 0.0

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the seconds of the block for phase ``name``."""
        self._switch()
        self._open.append(name)
        try:
            yield
        finally:
            self._switch()
            self._open.pop()

    def take(self) -> dict[str, float]:
        """Return seconds by phase and start anew."""
        self._switch()
        taken = dict(self._seconds)
        self._seconds.clear()
        return taken

    def _switch(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        if self._open:
            self._seconds[self._open[-1]] += now - self._since
        self._since = now


def peak_memory(device: torch.device) -> int:
    """Return the most bytes that were held at once: by tensors on an accelerator, by the process on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
