"""Staged runs on folders with pictures and clips: trained, resumed after a kill, evaluated; a bad clip is named."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from eval.backends.transformers import generate, greedy_config
from eval.decoding import Decoding, FailedPrediction
from mmrl.config import load_config
from mmrl.data import DatasetWriter, read_folder
from mmrl.errors import InputError
from mmrl.families import family_of, frame_rule, load_model, load_processor
from mmrl.geometry import UNIT_FRAME
from mmrl.prompts import build_prompt
from mmrl.trainer.stage_data import SourcedSample, stage_dataset
from mmrl.types import Sample, YesNo
from mmrl.video import VideoRequest, read_video
from tests import zoo
from tests.trainer.case import CONFIG, open_case, train_case, write_case
from tests.trainer.tiny import plain_images
from tests.video.clips import write_clip

ROOT = Path(__file__).parents[2]
VIDEO = {"max_pixels": 56 * 56, "min_pixels": 56 * 56, "video_fps": 2.0, "video_max_frames": 6}
KINDS = (("clip",), ("picture",), ("clip", "picture"), ("clip",), ("picture",), ("clip",), ("clip",))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A clip for each row, made once: encoding the same frames again can give other bytes."""
    folder = tmp_path_factory.mktemp("films")
    return [write_clip(folder / f"{row}.mp4", 6 + 2 * row, fps=4, size=(56, 56)) for row in range(len(KINDS))]


def write_mixed_case(folder: Path, model: Path, films: list[Path]) -> Path:
    """Write a case whose first dataset holds rows of pictures, of clips, and of both."""
    write_case(folder, model)
    origin: dict[str, Any] = {"builder": "test", "version": "1", "config": {}, "seed": 0, "source": "drawn"}
    with DatasetWriter(folder / "colours", overwrite=True, licence="CC0-1.0", **origin) as writer:
        for row, (kinds, picture) in enumerate(zip(KINDS, plain_images(len(KINDS)), strict=True)):
            media = tuple(writer.add_video(films[row]) if one == "clip" else writer.add_image(picture) for one in kinds)
            answer = YesNo(value=row % 2 == 0)
            writer.add(Sample(id=f"s{row}", task="test/colours", question="Is it red?", media=media, answer=answer))
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **VIDEO}), encoding="utf-8")
    return folder


@pytest.fixture
def case(tmp_path: Path, tiny_folder: Path, films: list[Path]) -> Path:
    return write_mixed_case(tmp_path / "case", tiny_folder, films)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "run/stages/1-count/final/model.safetensors")


def test_a_killed_run_with_clips_ends_in_identical_weights(
    tmp_path: Path, case: Path, tiny_folder: Path, films: list[Path]
) -> None:
    write_mixed_case(tmp_path / "killed", tiny_folder, films)
    command = [sys.executable, "-m", "tests.trainer.case", str(tmp_path / "killed")]
    command += ["mmrl.trainer.grpo:GRPOTrainer._prepare_inputs", "7"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]
    train_case(case)
    train_case(tmp_path / "killed")
    ours, theirs = weights(tmp_path / "killed"), weights(case)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    before = load_model(str(tiny_folder)).state_dict()
    moved = [
        name
        for name, value in load_model(str(case / "run/stages/0-look/final")).state_dict().items()
        if "visual" in name and not torch.equal(value, before[name])
    ]
    assert moved, "the vision tower was not trained"
    records = open_case(case)[2].read_log()
    assert not [one for one in records if one.get("event") == "bad_media"]
    assert len([one for one in records if "event" not in one]) == sum(stage["steps"] for stage in CONFIG["stages"])


def test_one_bad_clip_is_named_and_the_run_finishes(case: Path) -> None:
    samples = read_folder(case / "colours").samples
    (case / "colours" / samples[3].media[0].path).write_bytes(b"broken")
    train_case(case)
    records = open_case(case)[2].read_log()
    bad = [one for one in records if one.get("event") == "bad_media"]
    assert {one["sample"] for one in bad} == {"s3"}
    assert "a video must be readable" in bad[0]["reason"]
    assert samples[3].media[0].path in bad[0]["reason"]
    steps = [one for one in records if "event" not in one]
    assert len(steps) == sum(stage["steps"] for stage in CONFIG["stages"])
    assert max(one["failed_rollouts"] for one in steps) > 0


def test_rows_hold_clips_with_their_times(case: Path, tiny_folder: Path) -> None:
    folder = read_folder(case / "colours")
    rows = [SourcedSample(sample=one, folder=folder) for one in folder.samples]
    processor = load_processor(str(tiny_folder))
    rule = frame_rule(family_of("qwen2_5_vl"), processor)
    request = VideoRequest(fps=2.0, max_frames=6, max_pixels=56 * 56)
    dataset = stage_dataset(rows, style="direct", frame_rule=rule, processor=processor, video=request)
    first, again, both = dataset.__getitems__([6, 6, 2])
    assert first["videos"] == again["videos"], "a clip is read once a batch"
    clip = first["videos"][0]
    assert (clip.frames_FHWC.shape, clip.source_fps, clip.source_frames) == ((6, 56, 56, 3), 4.0, 18)
    assert first["images"] == []
    assert [part["type"] for part in both["prompt"][0]["content"]] == ["video", "image", "text"]
    assert len(both["images"]) == len(both["videos"]) == 1


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("smolvlm", 2, "must show pictures or clips, not both, .*; found 1 pictures and 1 clips; sample s2 of "),
        ("idefics3", 0, "found Idefics3Processor, which takes pictures only; sample s0 of "),
    ],
)
def test_samples_that_a_processor_does_not_take_are_refused_before_training(
    case: Path, name: str, row: int, message: str
) -> None:
    folder = read_folder(case / "colours")
    rows = [SourcedSample(sample=folder.samples[row], folder=folder)]
    with pytest.raises(InputError, match=message):
        stage_dataset(rows, style="direct", frame_rule=lambda _: UNIT_FRAME, processor=zoo.build(name)[1])


def test_options_of_clips_are_checked(case: Path) -> None:
    with pytest.raises(InputError, match="video_max_frames"):
        load_config(case / "config.yaml", ["video_max_frames=1"])
    assert load_config(case / "config.yaml").video_request() == VideoRequest(fps=2.0, max_frames=6, max_pixels=56 * 56)


# ------------------------------------------------------------------------------------------ evaluation


@pytest.mark.parametrize("name", ["qwen2_5_vl", "internvl"])
def test_evaluation_reads_clips_and_pictures(case: Path, name: str) -> None:
    folder = read_folder(case / "colours")
    (case / "colours" / folder.samples[5].media[0].path).write_bytes(b"broken")
    model, processor = zoo.build(name)
    request = VideoRequest(fps=2.0, max_frames=6, max_pixels=56 * 56)
    options: dict[str, Any] = {"style": "direct", "frame_of": lambda _: UNIT_FRAME}
    decoding = Decoding(batch_size=3, max_completion_length=6, video=request)
    predictions = generate(model, processor, folder.samples, folder.root, decoding=decoding, **options)
    assert [one.id for one in predictions] == [sample.id for sample in folder.samples]
    failed = [one for one in predictions if isinstance(one, FailedPrediction)]
    assert [one.id for one in failed] == ["s5"]
    assert "a video must be readable" in failed[0].reason
    sample = folder.samples[6]
    messages = build_prompt(sample, style="direct", frame=UNIT_FRAME)
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    clip = read_video(folder.root / sample.media[0].path, request)
    resize = {"do_resize": False} if name.startswith("qwen") else {}
    inputs = processor(
        text=[text], videos=[clip.frames_FHWC], video_metadata=[clip.metadata()], do_sample_frames=False,
        return_tensors="pt", **resize,
    )  # fmt: skip
    output = model.generate(**inputs, generation_config=greedy_config(model, processor, 6))
    expected = processor.tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert predictions[6].prediction == expected
