"""What every backend shares: decoding limits and the record of a sample that could not be run. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from mmrl.errors import InputError
from mmrl.types import Prediction
from mmrl.video import DEFAULT_REQUEST, PLAIN_READING, Reading, VideoRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoding:
    """How far and how wide to decode; always greedy."""

    batch_size: int = 32
    """Samples a batch."""
    max_completion_length: int = 64
    """Tokens a completion, at most."""
    video: VideoRequest = DEFAULT_REQUEST
    """Which frames of a clip are shown."""
    reading: Reading = PLAIN_READING
    """How clips are read."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_completion_length"):
            if getattr(self, name) < 1:
                raise InputError(
                    f"{name} must be at least 1; found {getattr(self, name)}; at evaluation.{name}; raise it"
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedPrediction(Prediction):
    """A sample for which there is no completion; ``stop`` is ``FAILED`` and ``prediction`` empty."""

    reason: str
    """For a person: what went wrong."""
