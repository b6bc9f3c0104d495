"""Where things happen: a grid of cells, in which everything that moves has its way to itself."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from datasets_builders.video.script import DIRECTIONS, Direction, band_height

SLIDE_SHARE = 0.12
"""How far the whole picture slides, as a share of its shorter side."""
_TRIES = 40

Cell = tuple[int, int]


@dataclass(frozen=True)
class Stage:
    """The part of the picture in which shapes stand: cells of equal size above the strip at the bottom."""

    cell: float
    """Side of a cell in pixels."""
    columns: int
    rows: int
    left: float
    top: float

    def centre(self, cell: Cell) -> tuple[float, float]:
        """Return the centre of a cell, pixels."""
        return self.left + (cell[0] + 0.5) * self.cell, self.top + (cell[1] + 0.5) * self.cell


def make_stage(width: int, height: int, across: int, *, slides: bool) -> Stage:
    """Return a stage with ``across`` cells on its shorter side.

    Where the picture slides, the stage keeps that far from all edges, so that nothing leaves the picture.
    """
    inset = SLIDE_SHARE * min(width, height) if slides else 0.0
    wide, high = width - 2 * inset, height - band_height(height) - 2 * inset
    cell = min(wide, high) / across
    columns, rows = int(wide / cell + 1e-9), int(high / cell + 1e-9)
    return Stage(cell, columns, rows, inset + (wide - columns * cell) / 2, inset + (high - rows * cell) / 2)


class Floor:
    """Which cells of a stage are still free."""

    def __init__(self, stage: Stage, rng: Random) -> None:
        self._stage, self._rng = stage, rng
        self._free = {(column, row) for column in range(stage.columns) for row in range(stage.rows)}

    def take(self, length: int, direction: Direction) -> list[Cell] | None:
        """Reserve ``length`` free cells in a row along a direction, in order; None where the tries find none."""
        across, down = DIRECTIONS[direction]
        for _ in range(_TRIES):
            column, row = self._rng.randrange(self._stage.columns), self._rng.randrange(self._stage.rows)
            cells = [(column + step * across, row + step * down) for step in range(length)]
            if self._free.issuperset(cells):
                self._free.difference_update(cells)
                return cells
        return None
