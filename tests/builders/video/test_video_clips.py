"""Rendered clips: the same bytes, and pixels that agree with the gold answers, read back by PyAV."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from datasets_builders.scenes.draw import COLORS
from datasets_builders.video import VideoConfig, build_video, video_examples
from datasets_builders.video.encode import render
from mmrl.data import check_folder, read_folder

SMALL = {"width": 112, "height": 112, "seconds": 6, "questions_per_clip": 3}


def pixels(path: Path) -> np.ndarray:
    """Frames of a clip: (F, height, width, 3), uint8."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_sound_and_the_same_whoever_renders_it(tmp_path):
    config = VideoConfig(count=18, seed=2, **SMALL)
    build_video(config, tmp_path / "one")
    build_video(config.model_copy(update={"workers": 2}), tmp_path / "two")
    assert check_folder(tmp_path / "one") == []
    assert files(tmp_path / "one") == files(tmp_path / "two")
    samples = read_folder(tmp_path / "one").samples
    assert {sample.task for sample in samples} == set(VideoConfig.known_tasks)


@pytest.mark.slow
def test_rendering_again_gives_the_same_bytes(tmp_path):
    drafts = list(video_examples(VideoConfig(count=90, seed=3, **SMALL)))
    for draft in drafts:
        seen = set()
        for attempt in range(3):
            render(draft.script, tmp_path / f"{attempt}.mp4")
            seen.add((tmp_path / f"{attempt}.mp4").read_bytes())
        assert len(seen) == 1


def test_every_shape_stands_where_and_when_the_script_says(tmp_path):
    for number, draft in enumerate(video_examples(VideoConfig(count=30, seed=7, **SMALL))):
        path = tmp_path / f"{number}.mp4"
        render(draft.script, path)
        frames = pixels(path)
        assert len(frames) == draft.script.frames
        for index in range(len(draft.script.actors)):
            for frame in range(len(frames)):
                pose = draft.script.pose(index, frame)
                if pose.look.kind == "ring":
                    continue  # its middle is paper
                x, y = pose.rect.x + pose.rect.width // 2, pose.rect.y + round(pose.rect.height * 0.55)
                distance = np.abs(frames[frame, y, x].astype(int) - COLORS[pose.look.color]).max()
                assert (distance < 60) == pose.visible, (number, index, frame)


def test_tracked_boxes_are_the_extent_of_the_coloured_pixels(tmp_path):
    config = VideoConfig(count=8, seed=1, tasks=("video/track",), **(SMALL | {"questions_per_clip": 1}))
    build_video(config, tmp_path / "clips")
    folder = read_folder(tmp_path / "clips")
    checked = 0
    for sample in folder.samples:
        color = np.array(COLORS[sample.question.split()[3]])
        frames = pixels(folder.root / sample.media[0].path)
        for box in sample.answer.boxes:
            frame = frames[round(float(box.label.split()[0]) * config.fps)].astype(int)
            left, top = (
                max(0, int(box.x1) - 5),
                max(0, int(box.y1) - 5),
            )  # others may have taken on the colour elsewhere
            near = frame[top : int(box.y2) + 5, left : int(box.x2) + 5]
            ys, xs = np.nonzero(np.abs(near - color).max(axis=2) < 60)
            extent = (left + xs.min(), top + ys.min(), left + xs.max() + 1, top + ys.max() + 1)
            assert np.abs(np.array(extent) - (box.x1, box.y1, box.x2, box.y2)).max() <= 3
            checked += 1
    assert checked == 24
