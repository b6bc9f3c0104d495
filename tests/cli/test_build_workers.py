"""How many processes draw transit maps where nobody says."""

from __future__ import annotations

from typing import Any

import pytest

from mmrl.cli.building import drawing_workers, usable_cores


@pytest.mark.parametrize(
    ("options", "workers"),
    [
        ({}, 1),  # made-up networks have 512 pixels
        ({"source": "vienna"}, 4),  # real ones 1,024, without anybody saying so
        ({"size": 1023}, 1),
        ({"size": 1024}, 4),
        ({"size": 1024, "count": 13, "questions_per_map": 6}, 3),  # no more than maps
        ({"size": 4096, "count": 1}, 1),
    ],
)
def test_large_pictures_are_drawn_on_all_cores(options: dict[str, Any], workers: int) -> None:
    assert drawing_workers(options, 4) == workers
    assert usable_cores() >= 1
