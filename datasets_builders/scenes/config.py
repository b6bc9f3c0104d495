"""Options of the scenes builder."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from datasets_builders.config import PictureConfig


class ScenesConfig(PictureConfig):
    """Coloured shapes: how many in a picture, and the shared options of drawn pictures."""

    known_tasks: ClassVar[tuple[str, ...]] = ("scenes/exists", "scenes/count", "scenes/color", "scenes/locate")

    min_shapes: int = Field(default=1, ge=1, le=16)
    """Fewest shapes in a picture."""
    max_shapes: int = Field(default=8, ge=1, le=16)
    """Most shapes in a picture."""
    max_count: int = Field(default=4, ge=0, le=16)
    """Largest answer of a counting question; answers spread evenly from 0 to it."""

    @model_validator(mode="after")
    def _ranges_fit(self) -> Self:
        if self.min_shapes > self.max_shapes:
            found = f"{self.min_shapes} and {self.max_shapes}"
            advice = "lower min_shapes or raise max_shapes"
            raise ValueError(f"min_shapes must be at most max_shapes; found {found}; {advice}")
        if self.max_count > self.max_shapes:
            found = f"{self.max_count} and {self.max_shapes}"
            advice = "lower max_count or raise max_shapes"
            raise ValueError(f"max_count must be at most max_shapes; found {found}; {advice}")
        return self
