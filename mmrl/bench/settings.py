"""What a benchmark runs: lengths and group size, model, device; checked before anything heavy is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmrl.errors import InputError

TRAINERS = ("trl", "mmrl")
SIZES = ("5m", "0.5b", "1b", "3b")
DTYPES = ("float32", "bfloat16")


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One point of a sweep.

    Raises:
        InputError: a number is below what can be trained.
    """

    prompt_tokens: int
    """Tokens of each prompt, those of its picture included."""
    completion_tokens: int
    """Tokens of each completion; the end token is suppressed until then."""
    group: int
    """Completions of each prompt, G."""

    def __post_init__(self) -> None:
        _require_at_least("prompt tokens", self.prompt_tokens, 1)
        _require_at_least("completion tokens", self.completion_tokens, 1)
        _require_at_least("group", self.group, 2)

    def __str__(self) -> str:
        return f"P {self.prompt_tokens} C {self.completion_tokens} G {self.group}"


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchOptions:
    """What all points of a sweep share.

    Raises:
        InputError: a number, name or combination that cannot be run.
    """

    prompts: int = 2
    """Groups of an optimiser step; each has a prompt and a picture of its own."""
    pairs: int = 5
    """Timed steps of each trainer."""
    warmup: int = 1
    """Steps of each trainer before those that count."""
    size: str = "5m"
    """Random model that is built; one of ``SIZES``."""
    model: str | None = None
    """Folder of a model to take instead."""
    dtype: str = "float32"
    device: str = "cpu"
    """``cpu``, ``cuda`` or ``cuda:N``."""
    threads: int = 1
    """Threads of torch in each trainer's process."""
    gradient_checkpointing: bool = False
    beta: float = 0.0
    """Coefficient of the KL term; above 0 a reference model runs too."""
    trainers: tuple[str, ...] = TRAINERS
    """Which trainers run, in the order of each turn."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("prompts", "pairs", "warmup", "threads"):
            _require_at_least(name, getattr(self, name), 1)
        _require_one_of("size", self.size, SIZES)
        _require_one_of("dtype", self.dtype, DTYPES)
        for name in self.trainers:
            _require_one_of("trainers", name, TRAINERS)
        if not self.trainers or len(set(self.trainers)) < len(self.trainers):
            raise InputError(f"--trainers must name each trainer once; found {','.join(self.trainers)!r}")
        if self.beta < 0:
            raise InputError(f"--beta must be 0 or more; found {self.beta}")
        kind, _, index = self.device.partition(":")
        if kind not in ("cpu", "cuda") or not (index == "" or index.isdigit()):
            raise InputError(f"--device must be auto, cpu, cuda or cuda:N; found {self.device!r}")

    @property
    def steps(self) -> int:
        """Optimiser steps of each trainer, warm-up included."""
        return self.warmup + self.pairs


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What one trainer's process is given."""

    trainer: str
    setting: Setting
    options: BenchOptions
    model: Path
    """Folder with the weights and the processor."""
    data: Path
    """Folder with the rows, as ``datasets`` saves them."""
    scratch: Path
    """The trainer's ``output_dir``; nothing is saved there."""


def parse_setting(text: str) -> Setting:
    """Read ``P,C,G``, the form of ``--sweep``.

    Raises:
        InputError: not three whole numbers, or too small ones.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise InputError(f"--sweep must be prompt tokens, completion tokens and group, as in 300,32,8; found {text!r}")
    prompt, completion, group = map(int, parts)
    return Setting(prompt_tokens=prompt, completion_tokens=completion, group=group)


def _require_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise InputError(f"--{name.replace(' ', '-')} must be at least {least}; found {value}")


def _require_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"--{name} must be one of {', '.join(known)}; found {value!r}")
