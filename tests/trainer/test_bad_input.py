"""What is wrong with rows, rewards or rollouts stops training with one line, or is handled and counted."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from datasets import Dataset, Features, Value
from datasets import Image as ImageFeature
from PIL import Image
from torch import nn

from mmrl.errors import InputError
from mmrl.families import load_model, load_processor
from mmrl.runs import is_complete
from mmrl.trainer import GRPOConfig, GRPOTrainer
from tests.trainer.case import train_case, write_case
from tests.trainer.tiny import plain_images

GROUP = 4


def reward(completions: list[Any], **_: Any) -> list[float]:
    return [float(row % 3) for row in range(len(completions))]


def row(**changes: Any) -> dict[str, Any]:
    return {"prompt": [{"role": "user", "content": "Is it red?"}], "images": plain_images(1), "id": "s1", **changes}


def parts(images: int) -> list[dict[str, Any]]:
    content = [{"type": "image"}] * images + [{"type": "text", "text": "Is it red?"}]
    return [{"role": "user", "content": content}]


def make(folder: Path, out: Path, *, functions: Any = reward, data: Any = None, **options: Any) -> GRPOTrainer:
    outer = {name: options.pop(name) for name in ("rollout_func", "processing_class") if name in options}
    settings = {
        "output_dir": str(out),
        "per_device_train_batch_size": GROUP,
        "num_generations": GROUP,
        "max_completion_length": 4,
        "max_steps": 2,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "report_to": "none",
        "logging_steps": 1,
        "save_strategy": "no",
        "learning_rate": 1e-3,
        "disable_tqdm": True,
        "shuffle_dataset": False,
        **options,
    }
    outer.setdefault("processing_class", load_processor(str(folder)))
    rows = Dataset.from_list([row(id=name) for name in ("s1", "s2")]) if data is None else data
    return GRPOTrainer(load_model(str(folder)), functions, GRPOConfig(**settings), train_dataset=rows, **outer)


def refusal(run: Callable[[], Any]) -> str:
    """Run what must be refused; returns the message, which must be one line."""
    with pytest.raises(InputError) as caught:
        run()
    message = str(caught.value)
    assert "\n" not in message
    return message


# ------------------------------------------------------------------------------------------------ rows


def text_row() -> dict[str, Any]:
    return row(prompt="Is it red?")


def damaged_picture() -> Image.Image:
    """A picture whose file ends early: Pillow finds that out only when pixels are asked for."""
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 80).convert("RGB").save(buffer, format="PNG")
    return Image.open(io.BytesIO(buffer.getvalue()[:400]))


BAD_ROWS = {
    "plain text": (text_row, "must be a list of messages.*found plain text with 1 pictures"),
    "too few pictures": (lambda: row(prompt=parts(2)), "found 2 placeholders and 1 images"),
    "too many pictures": (lambda: row(prompt=parts(1), images=plain_images(3)), "found 1 placeholders and 3 images"),
    "no placeholder": (lambda: row(prompt=parts(0)), "found 0 placeholders and 1 images"),
    "role": (lambda: row(prompt=[{"role": "robot", "content": "Hi"}]), "role must be user.*found 'robot'"),
    "no role": (lambda: row(prompt=[*parts(1), {"content": "Hi"}]), r"found the keys \['content'\]; message 1 of"),
    "no messages": (lambda: row(prompt=[]), "a prompt must be text or a list of messages; found an empty list"),
    "no prompt": (lambda: row(prompt=None), "a prompt must be text or a list of messages; found none"),
    "text among messages": (lambda: row(prompt=["Is it red?"]), "a message must be a mapping.*found str"),
    "text among parts": (
        lambda: row(prompt=[{"role": "user", "content": ["Is it red?"]}]),
        "list of parts with a type; found a part 'Is it red[?]'",
    ),
    "damaged picture": (lambda: row(images=[damaged_picture()]), r"found a damaged one \(OSError.*picture 1 of 1"),
    "no picture": (lambda: row(prompt=parts(2), images=[*plain_images(1), None]), "found none; picture 2 of 2"),
    "a number for a picture": (lambda: row(images=[7]), "found a int; picture 1 of 1"),
    "too long": (
        lambda: row(prompt=[{"role": "user", "content": "Is it red? " * 5000}]),
        r"must fit the model's \d+ positions; found a prompt of \d+ tokens and max_completion_length 4",
    ),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_bad_row_is_refused_with_sample_and_step(tiny_folder: Path, tmp_path: Path, kind: str) -> None:
    bad, words = BAD_ROWS[kind]
    trainer = make(tiny_folder, tmp_path)
    trainer.model.train()
    inputs = [one for one in (row(id="good"), {**bad(), "id": "bad"}) for _ in range(GROUP)]
    message = refusal(lambda: trainer._prepare_inputs(inputs))
    assert re.search(words, message), message
    assert re.search(r"sample bad\b.*step 1$", message), message
    assert message.count(";") >= 3, "what must hold; what was found; where; what to do"


def test_a_bad_row_in_the_data_stops_training_before_anything_changes(tiny_folder: Path, tmp_path: Path) -> None:
    data = Dataset.from_list([row(id="good", prompt=parts(1)), row(id="bad", prompt=parts(2))])
    trainer = make(tiny_folder, tmp_path / "out", data=data, num_train_epochs=1)
    message = refusal(trainer.train)
    assert "sample bad" in message
    assert message.endswith("step 2")
    assert not list((tmp_path / "out").rglob("checkpoint-*"))


def test_a_damaged_picture_in_the_datasets_own_column_is_one_line(tiny_folder: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    plain_images(1)[0].save(buffer, format="PNG")
    features = Features({"prompt": [{"role": Value("string"), "content": Value("string")}], "image": ImageFeature()})
    rows = [{"prompt": row()["prompt"], "image": {"bytes": content}} for content in (b"GIF89a no", buffer.getvalue())]
    trainer = make(tiny_folder, tmp_path, data=Dataset.from_list(rows, features=features))
    message = refusal(trainer.train)
    assert re.search("rows of the training data must be readable; found UnidentifiedImageError.*; step 1$", message)


@pytest.mark.parametrize("end", ["left", "right"])
def test_a_tokenizer_that_truncates_image_tokens_is_refused(tiny_folder: Path, tmp_path: Path, end: str) -> None:
    processor = load_processor(str(tiny_folder))
    processor.tokenizer.truncation_side = end
    whole = type(processor).__call__

    def truncating(self: Any, *args: Any, **options: Any) -> Any:
        return whole(self, *args, **options, truncation=True, max_length=6)

    kind = type("Truncating", (type(processor),), {"__call__": truncating})
    processor.__class__ = kind
    message = refusal(lambda: process(tiny_folder, tmp_path, processor))
    assert re.search(r"must accept a prompt .*found: Mismatch in `image` token count.* sample s1; .*step 1$", message)


def process(tiny_folder: Path, tmp_path: Path, processor: Any) -> None:
    trainer = make(tiny_folder, tmp_path, processing_class=processor)
    trainer.model.train()
    trainer._prepare_inputs([row() for _ in range(GROUP)])


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [(0, 0, "none of them"), (0, 2, "it cut off within a image"), (2, None, "it cut off within a image")],
    ids=["before the image", "within it", "its first tokens"],
)
def test_a_processor_that_cuts_prompts_by_itself_is_refused(
    tiny_folder: Path, tmp_path: Path, start: int, end: int | None, found: str
) -> None:
    """``start`` and ``end`` count from the first image token; the prompt starts before it where ``start`` is 0."""
    processor = load_processor(str(tiny_folder))
    whole = type(processor).__call__

    def cutting(self: Any, *args: Any, **options: Any) -> Any:
        fields = dict(whole(self, *args, **options))
        first = fields["input_ids"][0].tolist().index(self.image_token_id)
        kept = slice(first + start if start else 0, None if end is None else first + end)
        of_tokens = [name for name, value in fields.items() if value.shape == fields["attention_mask"].shape]
        return {**fields, **{name: fields[name][:, kept] for name in of_tokens}}

    processor.__class__ = type("Cutting", (type(processor),), {"__call__": cutting})
    message = refusal(lambda: process(tiny_folder, tmp_path, processor))
    assert re.search(rf"must keep the placeholder tokens of its images; found {found}.* sample s1; .*step 1$", message)


# ------------------------------------------------------------------------------------------------ rewards


def raising(**_: Any) -> list[float]:
    raise KeyError("the column\nis missing")


async def raising_later(**_: Any) -> list[float]:
    raise ZeroDivisionError("division by zero")


def answering(*values: Any) -> Callable[..., Any]:
    """Return a reward function whose rewards begin with these values."""

    def term(completions: list[Any], **_: Any) -> list[Any]:
        return [*values, *[1.0] * (len(completions) - len(values))]

    return term


def answering_later(*values: Any) -> Callable[..., Any]:
    async def term(completions: list[Any], **_: Any) -> list[Any]:
        return [*values, *[1.0] * (len(completions) - len(values))]

    return term


def short(**_: Any) -> list[float]:
    return [1.0]


async def short_later(**_: Any) -> list[float]:
    return [1.0]


def nothing(**_: Any) -> None:
    return None


def one_number(**_: Any) -> float:
    return 1.0


def generated(completions: list[Any], **_: Any) -> Any:
    return (1.0 for _ in completions)


def named(completions: list[Any], **_: Any) -> dict[int, float]:
    return dict.fromkeys(range(len(completions)), 1.0)


MANY = r"term \w+, samples s1 to s1, step 1; correct that function$"
ONE = "term term, sample s1, step 1; correct that reward function"
BAD_REWARDS = {
    "raises": (raising, rf"found KeyError: 'the column.*is missing'; {MANY}"),
    "raises later": (raising_later, rf"found ZeroDivisionError: division by zero; {MANY}"),
    "too few": (short, rf"one reward for each of 4 completions; found 1 of them; {MANY}"),
    "too few later": (short_later, rf"one reward for each of 4 completions; found 1 of them; {MANY}"),
    "nothing": (nothing, rf"found None; {MANY}"),
    "a number": (one_number, rf"found a float; {MANY}"),
    "a generator": (generated, rf"found a generator; {MANY}"),
    "a mapping": (named, rf"found a dict; {MANY}"),
    "nan": (answering(0.5, math.nan), rf"found nan; {ONE}"),
    "nan later": (answering_later(math.nan), rf"found nan; {ONE}"),
    "infinite": (answering(-math.inf), rf"found -inf; {ONE}"),
    "too large for float32": (answering(1e39), rf"found 1e\+39; {ONE}"),
    "too large for a float": (answering(10**400), rf"found 10000.*; {ONE}"),
    "text": (answering("1.0"), rf"found '1.0'; {ONE}"),
    "several": (answering([0.1, 0.2]), rf"found \[0.1, 0.2\]; {ONE}"),
    "a tensor of several": (answering(torch.ones(2)), rf"found tensor.*; {ONE}"),
}


@pytest.mark.parametrize("kind", BAD_REWARDS)
def test_a_bad_reward_stops_training_with_term_sample_and_step(tiny_folder: Path, tmp_path: Path, kind: str) -> None:
    function, words = BAD_REWARDS[kind]
    trainer = make(tiny_folder, tmp_path, functions=[reward, function])
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    message = refusal(trainer.train)
    assert re.search(words, message), message
    assert all(torch.equal(value, before[name]) for name, value in trainer.model.named_parameters())


class Judge(nn.Module):
    """Stands where a reward model does; its scores are given."""

    def __init__(self, score: float) -> None:
        super().__init__()
        self.score = score
        self.config = type("Config", (), {"_name_or_path": "judges/nan"})()

    def forward(self, input_ids: torch.Tensor, **_: Any) -> Any:
        scores = torch.ones(len(input_ids), 1)
        scores[1] = self.score
        return type("Output", (), {"logits": scores})()


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_reward_model_without_a_number_is_no_abstention(tiny_folder: Path, tmp_path: Path, score: float) -> None:
    trainer = make(tiny_folder, tmp_path, functions=reward)
    trainer.reward_funcs.append(Judge(score))
    trainer.reward_func_names.append("judge")
    trainer.reward_processing_classes.append(trainer.processing_class.tokenizer)
    trainer.reward_weights = torch.ones(2)
    message = refusal(trainer.train)
    assert re.search(rf"score must be finite; found {score}; term judge, sample s1, step 1", message), message


# ------------------------------------------------------------------------------------------------ abstentions


def test_a_group_that_no_one_judges_has_no_gradient_and_is_counted(tiny_folder: Path, tmp_path: Path) -> None:
    def abstaining(id: list[str], **_: Any) -> list[float | None]:
        return [None if name == "s1" else float(index % 3) for index, name in enumerate(id)]

    trainer = make(tiny_folder, tmp_path, functions=abstaining, per_device_train_batch_size=2 * GROUP, max_steps=1)
    trainer.model.train()
    scored = trainer._generate_and_score_completions([row(id=name) for name in ("s1", "s2") for _ in range(GROUP)])
    assert [group.dead for group in scored.groups] == [True, False]
    assert [one.advantage for one in scored.groups[0].completions] == [0.0] * GROUP
    assert any(one.advantage != 0 for one in scored.groups[1].completions)
    metrics = trainer._metrics["train"]
    assert (metrics["groups/unjudged"], metrics["groups/dead"]) == ([0.5], [0.5])
    assert metrics["reward"] == [pytest.approx((1 + 2 + 0 + 1) / 4)]


def test_a_batch_that_no_one_judges_changes_nothing_and_training_goes_on(tiny_folder: Path, tmp_path: Path) -> None:
    def abstaining(completions: list[Any], trainer_state: Any, **_: Any) -> list[float | None]:
        first = trainer_state.global_step == 0
        return [None if first else float(index) for index in range(len(completions))]

    trainer = make(tiny_folder, tmp_path, functions=abstaining)
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    trainer.train()
    first, second = (entry for entry in trainer.state.log_history if "loss" in entry)
    assert (first["loss"], first["grad_norm"], first["groups/unjudged"], first["groups/dead"]) == (0, 0, 1, 1)
    assert first["reward"] is None
    assert second["groups/unjudged"] == 0
    assert second["grad_norm"] > 0
    assert any(not torch.equal(value, before[name]) for name, value in trainer.model.named_parameters())


def test_a_run_names_the_samples_that_no_one_judged_and_goes_on(
    tiny_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_case(tmp_path, tiny_folder)
    (tmp_path / "reward.py").write_text("def evenness(sample, rollout):\n    return None\n", encoding="utf-8")
    terms = "rubric.terms=[{name: evenness, use: 'reward.py:evenness', verifies: true}]"
    capfd.readouterr()
    final = train_case(tmp_path, [terms, "stages.0.steps=1", "stages.1.steps=1"])
    assert is_complete(final)
    assert capfd.readouterr().err == "", "no row is printed"
    records = log_of(tmp_path)
    events = [one for one in records if one.get("event") == "unjudged"]
    assert [(one["stage"], one["step"], one["abstained"]) for one in events] == [
        ("look", 1, ["evenness"]),
        ("count", 1, ["evenness"]),
    ]
    assert all(re.fullmatch(r"(colours|counts)-\d", name) for one in events for name in one["samples"])
    assert len(events[0]["samples"]) == 4, "16 completions of 4 prompts"
    steps = [one for one in records if "event" not in one]
    assert [(one["reward"], one["groups/unjudged"], one["groups/dead"]) for one in steps] == [(None, 1, 1)] * 2


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run/log.jsonl").read_text(encoding="utf-8").splitlines()]


# ------------------------------------------------------------------------------------------------ rollouts


def rollouts(**changes: Any) -> Callable[..., Any]:
    """Return a rollout function; ``changes`` replace what it returns, callables of it are given the original."""

    def roll_out(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        processor = trainer.processing_class
        options = {"tokenize": True, "return_dict": True, "add_generation_prompt": True}
        ids = [processor.apply_chat_template([one], **options)["input_ids"][0] for one in prompts]
        output = {"prompt_ids": ids, "completion_ids": [[7, 8, 9] for _ in prompts], "logprobs": None}
        return {**output, **{name: change(output[name], trainer) for name, change in changes.items()}}

    return roll_out


def second(change: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """Change the second completion alone."""
    return lambda values, _: [values[0], change(values[1]), *values[2:]]


def without_completions(prompts: list[Any], trainer: Any) -> dict[str, Any]:
    output = rollouts()(prompts, trainer)
    del output["completion_ids"]
    return output


def failing(*_: Any) -> dict[str, Any]:
    raise ConnectionError("the server\nis gone")


PLACE = "sample s1, completion 1 of the batch"
BAD_ROLLOUTS = {
    "empty": (rollouts(completion_ids=second(lambda _: [])), f"at least one token; found an empty one; {PLACE}"),
    "outside": (rollouts(completion_ids=second(lambda _: [10**6])), f"from 0 to \\d+; found 1000000; {PLACE}"),
    "placeholder": (
        rollouts(
            completion_ids=lambda values, trainer: [values[0], [7, trainer.model.config.image_token_id], *values[2:]]
        ),
        f"no image placeholder, as it has no image; found placeholder token \\d+ at place 1; {PLACE}",
    ),
    "too long": (
        rollouts(completion_ids=second(lambda _: [7] * 5000)),
        f"fit the model's \\d+ positions; found \\d+ and 5000 tokens; {PLACE}",
    ),
    "few": (rollouts(completion_ids=lambda values, _: values[:-1]), "completion_ids for each of 4 prompts; found 3;"),
    "lacking": (without_completions, r"a mapping with .*; found \['logprobs', 'prompt_ids'\];"),
    "none": (lambda *_: None, "a mapping with .*; found a NoneType;"),
    "raises": (failing, "found ConnectionError: the server is gone;"),
    "log-probabilities": (
        rollouts(logprobs=lambda *_: [[-1.0]] * GROUP),
        "logprobs must have one value for each token of a completion; found 1 for 3 tokens; sample s1, completion 0",
    ),
    "other prompt": (
        rollouts(prompt_ids=lambda values, _: [ids[:-1] for ids in values]),
        r"must return the token ids that the processor makes of a prompt with pictures; found \d+ ids.*sample s1",
    ),
}


@pytest.mark.parametrize("kind", BAD_ROLLOUTS)
def test_a_bad_rollout_stops_training_with_sample_and_step(tiny_folder: Path, tmp_path: Path, kind: str) -> None:
    function, words = BAD_ROLLOUTS[kind]
    message = refusal(make(tiny_folder, tmp_path, rollout_func=function).train)
    assert re.search(words, message), message
    assert message.endswith("; step 1")


def test_a_good_rollout_function_trains(tiny_folder: Path, tmp_path: Path) -> None:
    assert math.isfinite(make(tiny_folder, tmp_path, rollout_func=rollouts()).train().training_loss)


# ------------------------------------------------------------------------------------------------ weights


@pytest.mark.parametrize("weight", [None, -1.0, math.nan, math.inf, "2", True])
def test_a_bad_weight_stops_training(tiny_folder: Path, tmp_path: Path, weight: Any) -> None:
    trainer = make(tiny_folder, tmp_path, sample_weight_column="difficulty")
    trainer.model.train()
    inputs = [row(difficulty=weight) for _ in range(GROUP)]
    message = refusal(lambda: trainer._prepare_inputs(inputs))
    words = f"column difficulty must hold a finite weight of at least 0; found {weight!r}; sample s1; correct"
    assert words in message
    assert message.endswith("step 1")


def test_a_weight_column_that_is_not_there_stops_training(tiny_folder: Path, tmp_path: Path) -> None:
    trainer = make(tiny_folder, tmp_path, sample_weight_column="difficulty")
    assert "column difficulty must hold a finite weight of at least 0; found None" in refusal(trainer.train)


# ------------------------------------------------------------------------------------------------ the command line


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "raise KeyError('gone')",
            r"found KeyError: 'gone'; raised by reward term evenness on sample colours-\d, step 1",
        ),
        ("return float('nan')", r"found nan; term evenness, sample colours-\d; correct its function; at step 1"),
    ],
)
def test_a_run_with_a_bad_reward_ends_with_one_line_and_no_checkpoint(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mmrl: Any, body: str, words: str
) -> None:
    write_case(tmp_path, tiny_folder)
    (tmp_path / "reward.py").write_text(f"def evenness(sample, rollout):\n    {body}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    outcome = mmrl("train", "config.yaml")
    assert outcome.code == 2, outcome.err
    lines = [line for line in outcome.err.splitlines() if line.strip()]
    assert len(lines) == 1, outcome.err
    assert re.search(words, lines[0]), lines[0]
    assert [one.get("event") for one in log_of(tmp_path)] == ["stage_start"]
    left = {path.name for path in (tmp_path / "run/stages/0-look").iterdir()}
    assert left == {"stage.json"}
    assert yaml.safe_load((tmp_path / "run/config.yaml").read_text())["seed"] == 3
