"""Supervised stages: what a batch holds, learning from gold answers, exact resume, and GRPO after it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

from mmrl.errors import InputError
from mmrl.families import family_of, frame_rule, load_model, load_processor
from mmrl.geometry import UNIT_FRAME, model_frame, original_frame
from mmrl.runs import is_complete
from mmrl.trainer.sft_data import Example, ExampleCollator, example_dataset, gold_completion, turn_end
from mmrl.trainer.stage_data import SourcedSample
from mmrl.types import Action, Answer, Box, Boxes, Number, Point
from mmrl.video import DEFAULT_REQUEST
from tests.trainer.case import open_case, train_case, write_case

ROOT = Path(__file__).parents[2]
SFT = [
    "stages.0.kind=sft",
    "stages.0.training.per_device_train_batch_size=3",
    "stages.0.training.gradient_accumulation_steps=2",
]
FRAME = original_frame(100, 50)


@pytest.fixture
def fresh(tmp_path: Path, tiny_folder: Path) -> Path:
    """A case with nothing trained yet."""
    write_case(tmp_path, tiny_folder)
    return tmp_path


def batch_of(folder: Path, tiny: Path, names: tuple[str, ...]) -> tuple[Any, list[dict[str, Any]], Any]:
    """Return a collator, opened rows of both datasets and the processor."""
    _, datasets, _ = open_case(folder)
    model, processor = load_model(str(tiny)), load_processor(str(tiny))
    rows = [SourcedSample(sample=one, folder=datasets[name]) for name in names for one in datasets[name].samples[:2]]
    rule = frame_rule(family_of(model.config.model_type), processor)
    dataset = example_dataset(
        [Example(row=row) for row in rows], style="direct", frame_rule=rule, processor=processor, video=DEFAULT_REQUEST
    )
    return ExampleCollator(processor, model), [dataset[place] for place in range(len(dataset))], processor


def test_a_batch_learns_completions_and_their_end_alone(fresh: Path, tiny_folder: Path) -> None:
    collator, rows, processor = batch_of(fresh, tiny_folder, ("colours", "counts"))
    batch = collator(rows)
    wanted = ["yes", "no", "0", "1"]
    for place, word in enumerate(wanted):
        learned = batch["input_ids"][place][batch["labels"][place] != -100]
        assert processor.tokenizer.decode(learned) == f"<answer>{word}</answer><|im_end|>"
        whole = processor.tokenizer.decode(batch["input_ids"][place][batch["attention_mask"][place].bool()])
        assert whole.endswith(f"assistant\n<answer>{word}</answer><|im_end|>")
        assert (batch["labels"][place][batch["attention_mask"][place] == 0] == -100).all()
    assert len(set(batch["attention_mask"].sum(1).tolist())) > 1, "rows of unequal length, so some are padded"


def test_a_batch_is_that_of_trls_collator_but_for_what_it_teaches_behind_the_end(
    fresh: Path, tiny_folder: Path
) -> None:
    collator, rows, processor = batch_of(fresh, tiny_folder, ("colours", "counts"))
    ours = collator(rows)
    theirs = DataCollatorForVisionLanguageModeling(processor=processor, completion_only_loss=True)(
        [
            {
                "prompt": row["prompt"],
                "completion": [{"role": "assistant", "content": [{"type": "text", "text": row["completion"]}]}],
                "images": row["images"],
            }
            for row in rows
        ]
    )
    assert torch.equal(ours["pixel_values"], theirs["pixel_values"])
    assert torch.equal(ours["image_grid_thw"], theirs["image_grid_thw"])
    model = load_model(str(tiny_folder)).eval()
    newline = processor.tokenizer("\n")["input_ids"]
    for place in range(len(rows)):
        mine = ours["input_ids"][place][ours["attention_mask"][place].bool()].tolist()
        its = theirs["input_ids"][place][theirs["attention_mask"][place].bool()].tolist()
        assert its == mine + newline
        learned = theirs["labels"][place]
        assert learned[learned != -100].tolist()[-len(newline) :] == newline
    with torch.no_grad():
        batch = {name: value for name, value in ours.items() if name != "labels"}
        together = model(**batch).logits
        alone = [model(**{n: v for n, v in collator([row]).items() if n != "labels"}).logits for row in rows]
    for place, one in enumerate(alone):
        torch.testing.assert_close(together[place, : one.shape[1]], one[0], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("answer", "frame", "written"),
    [
        (Boxes(boxes=(Box(x1=10, y1=5, x2=20, y2=30),), frame=FRAME), model_frame(112, 56), "[11, 6, 22, 34]"),
        (Boxes(boxes=(Box(x1=10, y1=5, x2=20, y2=30),), frame=FRAME), UNIT_FRAME, "[0.1, 0.1, 0.2, 0.6]"),
        (Boxes(boxes=(Box(x1=10, y1=5, x2=10.4, y2=30),), frame=FRAME), FRAME, "[10, 5, 10.4, 30]"),
        (Point(x=33, y=25, frame=FRAME), model_frame(112, 56), "[37, 28]"),
        (
            Action(type="click", point=Point(x=50, y=25, frame=FRAME)),
            UNIT_FRAME,
            '{"action": "click", "point_2d": [0.5, 0.5]}',
        ),
        (Number(value=3), model_frame(112, 56), "3"),
    ],
)
def test_gold_answers_are_written_in_the_models_frame(answer: Answer, frame: Any, written: str) -> None:
    assert gold_completion(answer, frame, "direct") == f"<answer>{written}</answer>"


def test_the_end_of_a_turn_is_the_templates(tiny_folder: Path) -> None:
    processor = load_processor(str(tiny_folder))
    end, pad = (processor.tokenizer.convert_tokens_to_ids(one) for one in ("<|im_end|>", "<|endoftext|>"))
    assert turn_end(processor, (pad, end)) == end
    processor.chat_template = "{% for message in messages %}{{ message['content'][0]['text'] }}{% endfor %}"
    assert turn_end(processor, (pad, end)) == pad


def test_rows_without_usable_media_teach_nothing_and_are_told(fresh: Path, tiny_folder: Path) -> None:
    _, datasets, _ = open_case(fresh)
    media = fresh / "colours" / datasets["colours"].samples[1].media[0].path
    media.write_bytes(b"no picture")
    collator, rows, _ = batch_of(fresh, tiny_folder, ("colours",))
    labels = collator(rows)["labels"]
    assert [bool((labels[place] == -100).all()) for place in range(2)] == [False, True]
    assert [name for name, _ in collator.take_failures()] == ["colours-1"]
    assert collator.take_failures() == []


def test_too_long_a_row_is_refused_and_not_cut(fresh: Path, tiny_folder: Path) -> None:
    collator, rows, _ = batch_of(fresh, tiny_folder, ("colours",))
    collator.limit = 20
    with pytest.raises(InputError, match=r"fit the model's 20 positions; found \d+ tokens; sample colours-0"):
        collator(rows)


# ---------------------------------------------------------------------------------------------- whole runs


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run/log.jsonl").read_text().splitlines()]


def weights(folder: Path, stage: str) -> dict[str, torch.Tensor]:
    return load_file(folder / "run/stages" / stage / "final/model.safetensors")


def assert_same(one: Path, other: Path) -> None:
    for stage in ("0-look", "1-count"):
        first, second = weights(one, stage), weights(other, stage)
        assert first.keys() == second.keys()
        assert not [name for name in first if not torch.equal(first[name], second[name])], stage


def killed(folder: Path, function: str, call: int, overrides: list[str]) -> None:
    command = [sys.executable, "-m", "tests.trainer.case", str(folder), function, str(call), *overrides]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]


def test_a_supervised_stage_learns_and_grpo_goes_on_from_it(fresh: Path) -> None:
    train_case(fresh, SFT)
    records = log_of(fresh)
    steps = [one for one in records if "event" not in one]
    assert [(one["stage"], one["step"], one["global_step"]) for one in steps] == [
        *(("look", n, n) for n in range(1, 6)),
        *(("count", n, 5 + n) for n in range(1, 5)),
    ]
    first = [one for one in steps if one["stage"] == "look"]
    assert first[-1]["loss"] < first[0]["loss"] - 0.5, "five steps on three answers"
    assert "reward" not in first[0]
    assert 0 <= first[-1]["mean_token_accuracy"] <= 1
    assert all("reward" in one for one in steps[5:])
    events = [(one["event"], one["stage"]) for one in records if "event" in one]
    assert events == [(name, stage) for stage in ("look", "count") for name in ("stage_start", "mix", "stage_end")]
    for stage in ("0-look", "1-count"):
        assert is_complete(fresh / "run/stages" / stage / "final")


def test_freezing_and_the_optimizer_carry_over(fresh: Path, tiny_folder: Path) -> None:
    frozen = ["training.freeze_vision_tower=true", "stages.1.carry.optimizer=kept"]
    train_case(fresh, [*SFT, *frozen])
    start = load_model(str(tiny_folder)).state_dict()
    final = load_model(str(fresh / "run/stages/0-look/final")).state_dict()
    changed = {name for name in start if not torch.equal(start[name], final[name])}
    assert changed
    assert not [name for name in changed if "visual" in name and "merger" not in name]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "call"),
    [("mmrl.trainer.sft:mark_complete", 2), ("mmrl.trainer.sft_data:ExampleCollator.__call__", 8)],
    ids=["in a checkpoint", "between checkpoints"],
)
def test_a_killed_supervised_stage_ends_in_identical_weights(
    tmp_path: Path, tiny_folder: Path, function: str, call: int
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        write_case(folder, tiny_folder)
    train_case(whole, SFT)
    killed(cut, function, call, SFT)
    train_case(cut, SFT)
    assert_same(whole, cut)
    steps = [(one["stage_index"], one["step"], one["loss"]) for one in log_of(cut) if "event" not in one]
    assert steps == [(one["stage_index"], one["step"], one["loss"]) for one in log_of(whole) if "event" not in one]
