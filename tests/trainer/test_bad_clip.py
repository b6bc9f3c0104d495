"""One bad clip among a hundred: the run finishes, the clip is named in log and report, nothing takes its place."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from eval.report import write_report
from mmrl.data import DatasetWriter, check_folder, read_folder
from mmrl.types import Sample, YesNo
from tests.trainer.case import open_case, train_case, write_case
from tests.video.clips import write_clip

ROWS = 100
BAD = 37
STEPS = 5
SETTINGS: dict[str, Any] = {"max_pixels": 56 * 56, "min_pixels": 56 * 56, "video_fps": 2.0, "video_max_frames": 4}
TRAINING = {"num_generations": 2, "per_device_train_batch_size": 40, "gradient_accumulation_steps": 1}


def write_hundred(folder: Path, model: Path) -> Path:
    """Write a case of a hundred rows with a clip each, one of which has damaged frames and a checksum that fits."""
    write_case(folder, model)
    origin: dict[str, Any] = {"builder": "test", "version": "1", "config": {}, "seed": 0, "source": "drawn"}
    with DatasetWriter(folder / "colours", overwrite=True, licence="CC0-1.0", **origin) as writer:
        for row in range(ROWS):
            clip = write_clip(folder / f"{row}.mp4", 4 + row, fps=4, size=(56, 56))
            media = (writer.add_video(clip),)
            writer.add(
                Sample(
                    id=f"s{row}", task="test/x", question="Is it red?", media=media, answer=YesNo(value=row % 2 == 0)
                )
            )
    config = yaml.safe_load((folder / "config.yaml").read_text()) | SETTINGS
    config["training"] |= TRAINING
    config["stages"] = [{"name": "look", "mix": {"colours": 1.0}, "steps": STEPS}]
    config["datasets"] = {"colours": config["datasets"]["colours"]}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


def damage(folder: Path, row: int) -> str:
    """Cut a row's clip off and state the checksum of what is left; returns its path in the folder."""
    media = read_folder(folder).samples[row].media[0]
    path = folder / media.path
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    left = hashlib.sha256(path.read_bytes()).hexdigest()
    for name in ("metadata.jsonl", "manifest.json"):
        text = (folder / name).read_text(encoding="utf-8")
        assert media.sha256 in text
        (folder / name).write_text(text.replace(media.sha256, left), encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["checksums"]["metadata.jsonl"] = hashlib.sha256((folder / "metadata.jsonl").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return media.path


@pytest.mark.slow
def test_a_bad_clip_among_a_hundred(tmp_path: Path, tiny_folder: Path) -> None:
    case = write_hundred(tmp_path / "case", tiny_folder)
    path = damage(case / "colours", BAD)
    assert [(problem.row, problem.field) for problem in check_folder(case / "colours")] == [(BAD + 1, "media")]
    train_case(case)
    records = open_case(case)[2].read_log()
    steps = [one for one in records if "event" not in one]
    assert len(steps) == STEPS
    bad = [one for one in records if one.get("event") == "bad_media"]
    assert [one["sample"] for one in bad] == [f"s{BAD}"]
    assert "a video must be readable; found a" in bad[0]["reason"]
    assert path in bad[0]["reason"]
    # Every row was shown once, so one group of twenty failed in one step, with the rubric's reward for it.
    assert sorted(one["failed_rollouts"] for one in steps) == pytest.approx([0, 0, 0, 0, 1 / 20])
    page = write_report(case / "run").read_text(encoding="utf-8")
    section = page[page.index('id="bad-media"') :].split("</table>")[0]
    assert "Pictures and clips that failed (1)" in section
    assert f'<th scope="row">s{BAD}</th><td class="num">1</td>' in section
    assert path in section
