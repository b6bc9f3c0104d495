"""The recorded desktop session: rectangles and clock of the recorder against the frames of the video."""

from __future__ import annotations

import av
import numpy as np
import pytest

from datasets_builders.importers import ImportRequest, import_dataset
from mmrl.data import check_folder, read_folder
from mmrl.types import Boxes

LOOKED_AT = {0, 2, 3, 4, 6, 7, 8, 9, 10, 20, 22}
"""Events whose box was drawn on the frame and seen to lie on the control."""


def test_events_of_the_desktop_recording(shared_data, tmp_path):
    folder = shared_data / "video" / "desktop_recording"
    result = import_dataset(ImportRequest(format="recording", data=folder, media=folder, out=tmp_path / "out"))
    assert check_folder(tmp_path / "out") == []
    assert result.left_out == {"an event whose control is not in its accessibility tree": 3}
    samples = read_folder(tmp_path / "out").samples
    places = [sample for sample in samples if isinstance(sample.answer, Boxes)]
    assert {sample.meta["event"] for sample in places} == LOOKED_AT
    assert {sample.meta["event"]: sample.meta["scale"] for sample in places} == dict.fromkeys(
        LOOKED_AT, 1.0
    ) | dict.fromkeys((8, 9), 1.25) | dict.fromkeys((10, 20, 22), 1.5)


def test_the_buttons_edges_are_in_the_frame(shared_data, tmp_path):
    """'Keep changes' is a white button on a dark dialogue: its box is bright, and dark just outside it."""
    folder = shared_data / "video" / "desktop_recording"
    import_dataset(ImportRequest(format="recording", data=folder, media=folder, out=tmp_path / "out"))
    (sample,) = [one for one in read_folder(tmp_path / "out").samples if one.id == "recording-10-target"]
    (box,) = sample.answer.boxes
    with av.open(str(folder / "recording.mp4")) as container:
        container.seek(int(sample.meta["time"] * av.time_base))
        frame = next(f for f in container.decode(video=0) if f.time >= sample.meta["time"]).to_ndarray(format="gray")
    inside = frame[int(box.y1) + 6 : int(box.y2) - 6, int(box.x1) + 6 : int(box.x2) - 6]
    above = frame[int(box.y1) - 12 : int(box.y1) - 6, int(box.x1) : int(box.x2)]
    assert np.median(inside) > 240
    assert np.median(above) == pytest.approx(62, abs=12)
