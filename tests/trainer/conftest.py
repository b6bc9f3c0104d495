from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.tiny import write_tiny


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved tiny model; tests load their own copy from it."""
    return write_tiny(tmp_path_factory.mktemp("tiny"))
