"""Options of the builder of scripted clips."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from datasets_builders.config import BuilderConfig

SHORTEST_TICK = 0.5
"""Seconds: every change falls on a multiple of a tick, so that models that see two frames a second see every one."""
EVENT_TICKS, GAP_TICKS = 2, 1
"""Least length of an event, and of the calm before, between and after events."""


class VideoConfig(BuilderConfig):
    """Clips of coloured shapes: size, rate, length, and how much happens."""

    known_tasks: ClassVar[tuple[str, ...]] = (
        "video/localize",
        "video/order",
        "video/count",
        "video/before_after",
        "video/moment_choice",
        "video/grounded",
        "video/track",
        "video/direction",
        "video/cause",
    )

    width: int = Field(default=224, ge=112, le=2048)
    """Pixels, even."""
    height: int = Field(default=224, ge=112, le=2048)
    """Pixels, even."""
    fps: int = Field(default=4, ge=2, le=60)
    """Frames a second."""
    seconds: int = Field(default=6, ge=4, le=600)
    """Length of each clip."""
    questions_per_clip: int = Field(default=2, ge=1, le=8)
    """Questions about one clip, at most."""
    min_events: int = Field(default=2, ge=2, le=6)
    """Fewest scripted events in a clip."""
    max_events: int = Field(default=3, ge=2, le=6)
    """Most scripted events in a clip; up to 2 make it easy, 3 middling, 4 and more hard."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that render; the files are the same however many."""

    @field_validator("width", "height")
    @classmethod
    def _sides_are_even(cls, side: int) -> int:
        if side % 2:
            raise ValueError(f"must be even, as video codecs want it; found {side}; use {side + 1}")
        return side

    @model_validator(mode="after")
    def _events_fit(self) -> Self:
        if self.min_events > self.max_events:
            found = f"{self.min_events} and {self.max_events}"
            raise ValueError(f"min_events must be at most max_events; found {found}; lower min_events")
        needed = self.max_events * (EVENT_TICKS + GAP_TICKS) + GAP_TICKS
        if needed > self.ticks:
            seconds = -(-needed * self.tick_frames // self.fps)
            raise ValueError(
                f"{self.max_events} events need clips of at least {seconds} seconds; found seconds {self.seconds}; "
                "raise seconds or lower max_events"
            )
        return self

    def portable(self) -> dict[str, Any]:
        """Return the config without the number of workers, which changes no byte."""
        return {name: value for name, value in super().portable().items() if name != "workers"}

    @property
    def tick_frames(self) -> int:
        """Frames in a tick: the fewest that last half a second."""
        return -(-self.fps // 2)

    @property
    def most_count(self) -> int:
        """Largest answer of a counting question that fits into a clip beside the fewest other events."""
        others = (self.min_events - 1) * EVENT_TICKS + (self.min_events + 1) * GAP_TICKS
        return max(1, min(4, (self.ticks - others + 1) // 2))

    @property
    def ticks(self) -> int:
        """Whole ticks in a clip."""
        return self.seconds * self.fps // self.tick_frames
