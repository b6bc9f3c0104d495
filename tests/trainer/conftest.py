from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import zoo
from tests.trainer.tiny import write_tiny


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved tiny model; tests load their own copy from it."""
    return write_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of a family's tiny model, written when it is first asked for."""
    root = tmp_path_factory.mktemp("zoo")
    made: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in made:
            made[family] = zoo.write(family, root / family)
        return made[family]

    return folder
