"""Real data for tests, where a checkout has it beside it."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real feeds, pages, clips and annotations, or a skip that says what is missing."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs real data in ../shared/data beside the project, which is not there")
    return folder
