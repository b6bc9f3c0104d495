"""Difficulty-aware augmentation: how hard a sample is for the policy now, and what is to be done about it.

DeepVideo-R1 (arXiv 2506.07464): a sample that earns more than the recent average is made harder to see, one that earns
less gets a hint, both by how far it is off, so that more groups have answers that differ. Pure; the trainer applies it.
"""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from mmrl.rewards.mechanism import Count, Mechanism, NotNegative, Positive, Share, Stateful

Operator = Literal["noise", "mask", "fewer_frames", "hint"]

MOST: dict[str, float] = {"noise": 0.3, "mask": 0.5, "fewer_frames": 0.5}
"""Default strength at the greatest difference: deviation of the noise on pixels of 0 to 1, shares of the frames."""


class Augmentation(Mechanism):
    """Makes easy samples harder to see and gives hard ones a hint, both by degree, before a group is trained on.

    Formula: delta = mean of the last `window` groups' rewards - mean reward of this group; degree = min(1, |delta| /
        sum of the rubric's weights); delta < -dead_zone: `easy` with strength `most` * degree; delta > dead_zone: the
        first ceil(`hint` * degree * n) of the n sentences of a reasoning. Nothing until the window is full
    Source: DeepVideo-R1 (arXiv 2506.07464), window 100.
    Deviation: the paper names no strengths, so those here are ours; the changed group takes the place of the first one,
        which alone enters the window.
    """

    window: Count = 100
    """Groups."""
    dead_zone: NotNegative = 0.05
    """Difference of mean rewards up to which nothing is changed."""
    easy: Literal["noise", "mask", "fewer_frames", "none"] = "noise"
    """What is done to easy samples."""
    most: Positive | None = None
    """Its greatest strength; null for 0.3 with noise and 0.5 otherwise."""
    hint: Share = 0.7
    """Greatest share of a reasoning that hard samples are given; 0 gives none."""

    def change(self, difficulty: float, greatest: float) -> Change | None:
        """Return what is to be done; None for nothing.

        Args:
            difficulty: delta.
            greatest: the greatest reward, above 0.
        """
        if abs(difficulty) <= self.dead_zone:
            return None
        degree = min(1.0, abs(difficulty) / greatest)
        if difficulty > 0:
            given = Change(operator="hint", difficulty=difficulty, degree=degree, strength=self.hint * degree)
            return given if self.hint else None
        if self.easy == "none":
            return None
        most = MOST[self.easy] if self.most is None else self.most
        strength = most * degree if self.easy == "noise" else min(1.0, most * degree)
        return Change(operator=self.easy, difficulty=difficulty, degree=degree, strength=strength)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What is done to a sample."""

    operator: Operator
    difficulty: float
    """Recent mean reward less that of the sample's group; above 0 for hard samples."""
    degree: float
    """0 to 1: the difference over the greatest reward."""
    strength: float
    """In the operator's own unit: deviation, share of the frames, share of the sentences."""

    def record(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


class RewardWindow(Stateful):
    """The mean rewards of the last groups; a checkpoint keeps them."""

    def __init__(self, size: int) -> None:
        self._means: deque[float] = deque(maxlen=size)

    def add(self, means: Iterable[float]) -> None:
        """Take groups in, the oldest of those that are too many out."""
        self._means.extend(means)

    @property
    def mean(self) -> float | None:
        """Mean over the window; None until it is full."""
        full = len(self._means) == self._means.maxlen
        return math.fsum(self._means) / len(self._means) if full else None

    def state(self) -> dict[str, Any]:
        """Return the means, oldest first; nothing where there are none."""
        return {"means": list(self._means)} if self._means else {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's means."""
        self._means.clear()
        self._means.extend(state["means"])


def generator(seed: int, step: int, sample: str) -> np.random.Generator:
    """Return the generator for one sample at one optimiser step: the same for the same three, on every machine."""
    digest = hashlib.sha256(f"{seed}/{step}/{sample}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
