from __future__ import annotations

import pytest


@pytest.fixture
def dataset(mmrl, tmp_path):
    folder = tmp_path / "scenes"
    assert mmrl("build", "scenes", "--out", folder, "--count", 12, "--width", 112, "--height", 112).code == 0
    return folder
