"""Drafts reach a dataset folder: the picture once, its medium on every sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from datasets_builders.drafts import Draft, write_drafts
from mmrl.data import DatasetWriter, read_folder
from mmrl.types import Sample, YesNo


def _draft(first: int, color: str) -> Draft:
    samples = tuple(
        Sample(id=f"q{first + i}", task="scenes/exists", question="Is it so?", media=(), answer=YesNo(value=i == 0))
        for i in range(2)
    )
    return Draft(Image.new("RGB", (8, 6), color), samples)


def test_each_picture_is_stored_once_and_every_sample_names_it(tmp_path: Path) -> None:
    out = tmp_path / "data"
    with DatasetWriter(out, builder="b", version="1", config={}, seed=0, source="s", licence="l") as writer:
        assert write_drafts([_draft(0, "red"), _draft(2, "blue")], writer) == 4

    folder = read_folder(out)
    assert [sample.id for sample in folder.samples] == ["q0", "q1", "q2", "q3"]
    assert len(list((out / "media").iterdir())) == 2
    assert folder.samples[0].media == folder.samples[1].media != folder.samples[2].media
    for sample, color in zip(folder.samples, ["red", "red", "blue", "blue"], strict=True):
        (medium,) = sample.media
        assert (medium.width, medium.height) == (8, 6)
        assert np.array_equal(np.asarray(folder.open_image(medium)), np.asarray(Image.new("RGB", (8, 6), color)))
