"""What a transit dataset is made of."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from datasets_builders.transit.draw import MAX_SIZE, MIN_SIZE
from datasets_builders.transit.layout import SMALL
from datasets_builders.transit.procedural import LETTERS, MAX_LINES, fewest_stations
from datasets_builders.transit.questions import TASKS

PROCEDURAL = "procedural"
VIENNA = "vienna"


class TransitConfig(BaseModel):
    """Settings of the transit builder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(default=600, ge=1)
    """Number of questions."""
    seed: int = 0
    """Decides networks, pictures and questions; give training and test different seeds."""
    source: str = PROCEDURAL
    """``procedural``, ``vienna``, or the path of a GTFS feed (``.zip``) or network file (``.json``)."""
    size: int | None = Field(default=None, ge=MIN_SIZE, le=MAX_SIZE)
    """Side of the square pictures in pixels; by default 512 for procedural networks and 1024 for real ones."""
    lines_min: int = Field(default=2, ge=2, le=MAX_LINES)
    lines_max: int = Field(default=3, ge=2, le=MAX_LINES)
    """Number of lines of procedural networks."""
    stations_min: int = Field(default=6, ge=5)
    stations_max: int = Field(default=8, ge=5, le=150)
    """Number of stations of procedural networks."""
    tasks: tuple[str, ...] = tuple(TASKS)
    """Which questions to ask, equally often where maps allow."""
    questions_per_map: int = Field(default=6, ge=1)
    """Largest number of questions about one picture."""
    modes: tuple[Literal["rail", "metro", "tram", "bus"], ...] = ("rail", "metro", "tram")
    """Which services of a GTFS feed to keep."""
    font: Path | None = None
    """Font file for scripts that the built-in fonts cannot draw."""

    @property
    def is_procedural(self) -> bool:
        """Whether networks are made up."""
        return self.source == PROCEDURAL

    @property
    def picture_size(self) -> int:
        """Side of the pictures in pixels."""
        return self.size or (512 if self.is_procedural else 1024)

    @field_validator("tasks")
    @classmethod
    def _known_tasks(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        if not tasks:
            raise ValueError("tasks must name at least one task; found none")
        for task in tasks:
            if task not in TASKS:
                near = difflib.get_close_matches(task, TASKS, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(TASKS)}"
                raise ValueError(f"tasks must be known; found {task!r}; {hint}")
        if len(set(tasks)) < len(tasks):
            raise ValueError(f"tasks must be different; found {', '.join(tasks)}")
        return tasks

    @model_validator(mode="after")
    def _possible_networks(self) -> TransitConfig:
        for name in ("lines", "stations"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low > high:
                raise ValueError(f"{name}_min must be at most {name}_max; found {low} and {high}")
        fewest = fewest_stations(self.lines_max)
        if self.stations_max < fewest:
            raise ValueError(
                f"stations_max must be at least 2 * lines_max + 1 = {fewest}; found {self.stations_max};"
                " raise it or lower lines_max"
            )
        if self.is_procedural and self.picture_size < SMALL and self.stations_max > len(LETTERS):
            raise ValueError(
                f"stations_max must be at most {len(LETTERS)} below {SMALL} pixels, where stations are single letters;"
                f" found {self.stations_max}"
            )
        return self
