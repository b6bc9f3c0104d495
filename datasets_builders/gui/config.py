"""Options of the GUI builder."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from datasets_builders.config import PictureConfig

SMALL_SIDE = 240
"""A picture with a side below this many pixels holds a small window: few widgets, one short word on each."""


class GuiConfig(PictureConfig):
    """Drawn windows: how many widgets, and the shared options of drawn pictures."""

    known_tasks: ClassVar[tuple[str, ...]] = ("gui/ground", "gui/role")

    width: int = Field(default=800, ge=112, le=4096)
    """Pixels."""
    height: int = Field(default=600, ge=112, le=4096)
    """Pixels."""
    max_widgets: int = Field(default=12, ge=2, le=24)
    """Most widgets in a window; a small window never holds more than 4."""

    @property
    def is_small(self) -> bool:
        """Whether the picture has room only for a small window."""
        return min(self.width, self.height) < SMALL_SIDE
