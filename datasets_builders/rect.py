"""A place in a drawn picture, in whole pixels."""

from __future__ import annotations

from typing import NamedTuple

from mmrl.geometry import original_frame
from mmrl.types import Box, Boxes


class Rect(NamedTuple):
    """The pixels from ``(x, y)`` on, ``width`` across and ``height`` down."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The far edge across: just past the last pixel."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The far edge down: just past the last pixel."""
        return self.y + self.height

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """First and last pixel, both inside, as Pillow's drawing functions take them."""
        return self.x, self.y, self.right - 1, self.bottom - 1

    def is_clear_of(self, other: Rect, gap: int) -> bool:
        """Whether at least ``gap`` pixels lie between the two, across or down."""
        return (
            self.right + gap <= other.x
            or other.right + gap <= self.x
            or self.bottom + gap <= other.y
            or other.bottom + gap <= self.y
        )

    def as_boxes(self, picture_size: tuple[int, int]) -> Boxes:
        """Return this place as an answer: one unlabelled box in the picture's own pixels."""
        box = Box(x1=self.x, y1=self.y, x2=self.right, y2=self.bottom)
        return Boxes(boxes=(box,), frame=original_frame(*picture_size))

    @property
    def text(self) -> str:
        """The box as an answer writes it."""
        return f"[{self.x}, {self.y}, {self.right}, {self.bottom}]"
