"""The built-in model is a real checkpoint: loaded by the Auto classes, small, and able to answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmrl.cli.building import builder_config
from mmrl.config import load_config
from mmrl.families import resolve_model
from mmrl.families.tiny_spec import tiny_config, tiny_model, tiny_processor, train_tokenizer
from mmrl.families.warmup import Lesson, batches, collate, forward_loss, hasty_answer, learning_rate_at, warm_up
from mmrl.geometry import original_frame
from mmrl.types import Box, Boxes, Number, Text, YesNo

FOLDER = Path(resolve_model("tiny"))


@pytest.fixture(scope="module")
def small():
    texts = [
        f"[{first}, {second}] Is there a red circle? yes no" for first in range(113) for second in range(0, 113, 16)
    ]
    processor = tiny_processor(train_tokenizer(texts, vocabulary=500))
    config = tiny_config(processor.tokenizer, hidden=64, layers=2, vision_hidden=64, vision_depth=2)
    return tiny_model(config, seed=0), processor


def test_packaged_model_loads_by_the_auto_classes():
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(FOLDER, dtype="float32")
    processor = AutoProcessor.from_pretrained(FOLDER)
    assert model.config.model_type == "qwen2_5_vl"
    assert 2e6 < sum(parameter.numel() for parameter in model.parameters()) < 6e6
    assert processor.video_processor is not None
    assert processor.tokenizer.eos_token == "<|im_end|>"
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 12_000_000


def test_packaged_model_started_between_20_and_70_percent_on_every_task_of_the_demo():
    config = load_config(Path(__file__).parents[2] / "configs" / "demo.yaml")
    accuracy = json.loads((FOLDER / "warmup.json").read_text())["accuracy"]
    trained = {task for stage in config.stages for task in stage.tasks or ()}
    asked = {
        task
        for name in config.evaluation.datasets
        for task in builder_config(str(config.datasets[name].build), config.datasets[name].options).tasks
    }
    assert trained == asked
    assert {task.partition("/")[0] for task in asked} == {"scenes", "gui", "transit"}
    assert {task: accuracy[task] for task in asked if not 0.2 <= accuracy[task] <= 0.7} == {}


def test_numbers_up_to_255_are_one_token():
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    assert [len(tokenizer(str(number))["input_ids"]) for number in (0, 7, 42, 112, 255)] == [1] * 5


def test_chat_template_writes_turns_and_placeholders(small):
    _, processor = small
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "image"}, {"type": "video"}, {"type": "text", "text": "What?"}]},
    ]
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>"
        "<|vision_start|><|video_pad|><|vision_end|>What?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_processor_takes_pictures_and_clips(small):
    _, processor = small
    picture = Image.new("RGB", (112, 84))
    images = processor(images=[picture], text=["<|image_pad|> x"], return_tensors="pt")
    assert images["image_grid_thw"].tolist() == [[1, 6, 8]]
    clip = np.zeros((4, 112, 112, 3), dtype=np.uint8)
    videos = processor(videos=[clip], text=["<|video_pad|> x"], return_tensors="pt", do_sample_frames=False)
    assert videos["video_grid_thw"].tolist() == [[2, 8, 8]]


def test_same_seed_same_model_and_the_global_generator_is_left_alone(small):
    model, processor = small
    config = tiny_config(processor.tokenizer, hidden=64, layers=2, vision_hidden=64, vision_depth=2)
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    again = tiny_model(config, seed=0)
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


# ------------------------------------------------------------------------------------------------ warm-up


def lesson(shade: int, questions: int, processor) -> Lesson:
    ids = processor.tokenizer
    prompt = tuple(ids("<|im_start|>user\n<|vision_start|>" + "<|image_pad|>" * 16 + "<|vision_end|>?")["input_ids"])
    rows = tuple(
        (prompt + tuple(ids("x" * index)["input_ids"]), tuple(ids("yes<|im_end|>")["input_ids"]))
        for index in range(questions)
    )
    return Lesson(pixels=np.full((112, 112, 3), shade, dtype=np.uint8), rows=rows)


@pytest.mark.parametrize(
    ("answer", "hasty"),
    [
        (YesNo(value=False), YesNo(value=False)),
        (Number(value=3), Number(value=2)),
        (Number(value=0), Number(value=0)),
        (Text(value="Mitte"), Text(value="Mitte")),
    ],
)
def test_hasty_answers(answer, hasty):
    assert hasty_answer(answer, margin=0.25) == hasty


def test_hasty_boxes_overshoot_and_stay_in_the_picture():
    frame = original_frame(112, 112)
    boxes = Boxes(boxes=(Box(x1=20, y1=40, x2=60, y2=60), Box(x1=62, y1=100, x2=102, y2=110, label="x")), frame=frame)
    assert hasty_answer(boxes, margin=0.25) == Boxes(
        boxes=(Box(x1=20, y1=40, x2=70, y2=65), Box(x1=62, y1=100, x2=112, y2=112, label="x")), frame=frame
    )


def test_learning_rate_rises_and_stays():
    assert [learning_rate_at(step, peak=2.0, warmup=4) for step in (0, 1, 3, 4, 100)] == [0.5, 1.0, 2.0, 2.0, 2.0]


def test_loss_with_pictures_encoded_once_equals_the_ordinary_forward_row_by_row(small):
    model, processor = small
    long = tuple(processor.tokenizer("yes yes, 42 times yes<|im_end|>")["input_ids"])
    plain, other = lesson(10, 2, processor), lesson(200, 3, processor)
    chosen = [(plain, plain.rows), (other, (*other.rows[:2], (other.rows[2][0], long)))]
    tensors = collate(chosen, processor=processor, pad_id=processor.tokenizer.pad_token_id)
    assert tensors["input_ids"].shape[0] == 5
    rows = tensors["picture_of_row"]
    patches = tensors["pixel_values"].reshape(2, 64, -1)
    means = [
        model(
            input_ids=tensors["input_ids"][[row]],
            attention_mask=tensors["attention_mask"][[row]],
            mm_token_type_ids=(tensors["input_ids"][[row]] == model.config.image_token_id).long(),
            pixel_values=patches[rows[row]],
            image_grid_thw=tensors["image_grid_thw"][rows[[row]]],
            labels=tensors["labels"][[row]],
        ).loss
        for row in range(5)
    ]
    weights = torch.tensor([len(completion) ** 0.5 for _, rows in chosen for _, completion in rows])
    assert weights[4] > weights[0]
    expected = (torch.stack(means) * weights).sum() / weights.sum()
    torch.testing.assert_close(forward_loss(model, tensors), expected, rtol=1e-5, atol=1e-6)


def test_batches_draw_every_lesson_once_an_epoch(small):
    _, processor = small
    lessons = [lesson(shade, 2, processor) for shade in range(6)]
    stream = batches(lessons, pictures=2, questions=1, seed=3)
    epoch = [int(chosen.pixels[0, 0, 0]) for _ in range(3) for chosen, _ in next(stream)]
    assert sorted(epoch) == list(range(6))


def test_warm_up_lowers_the_loss(small):
    import copy

    model, processor = small
    learner = copy.deepcopy(model)
    tensors = collate(
        [(one, one.rows) for one in (lesson(10, 2, processor),)],
        processor=processor,
        pad_id=processor.tokenizer.pad_token_id,
    )
    losses: list[float] = []
    warm_up(
        learner,
        iter([tensors] * 12),
        steps=12,
        learning_rate=lambda step: learning_rate_at(step, peak=1e-2, warmup=2),
        on_step=lambda _step, loss, _state: losses.append(loss),
    )
    assert losses[-1] < 0.2 * losses[0]


def test_warm_up_goes_on_from_a_state_to_the_same_weights(small):
    import copy

    model, processor = small
    lessons = [lesson(shade, 2, processor) for shade in (0, 60, 120, 180)]
    pad = processor.tokenizer.pad_token_id
    batches_of_run = [collate([(one, one.rows)], processor=processor, pad_id=pad) for one in lessons]
    whole, again = copy.deepcopy(model), copy.deepcopy(model)
    states = []
    warm_up(
        whole,
        iter(batches_of_run),
        steps=4,
        learning_rate=lambda step: 1e-3 * (step + 1),
        on_step=lambda _step, _loss, state: states.append(copy.deepcopy(state())),
    )
    warm_up(again, iter(batches_of_run[2:]), steps=4, learning_rate=lambda step: 1e-3 * (step + 1), state=states[1])
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True))
    assert not torch.equal(whole.lm_head.weight, model.lm_head.weight)
