"""The plan of a run: sizes, batch arithmetic, tasks, refusals."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from mmrl.config import RunConfig, parse_config
from mmrl.curriculum import filter_tasks, plan_run, stage_batches, stage_samples
from mmrl.errors import InputError
from mmrl.types import Box, Boxes, Frame, Number, Sample, Text

from .samples import ids, many, sample

FRAME = Frame(kind="original", width=8, height=8)
BOX = Boxes(boxes=(Box(x1=1, y1=1, x2=4, y2=4),), frame=FRAME)


def config(**changes: Any) -> RunConfig:
    data: dict[str, Any] = {
        "datasets": {"scenes": {"path": "a"}, "gui": {"path": "b"}, "test": {"path": "c"}},
        "training": {"num_generations": 4, "per_device_train_batch_size": 8, "gradient_accumulation_steps": 2},
        "save_steps": 10,
        "stages": [
            {"name": "see", "mix": {"scenes": 1.0}, "tasks": ["scenes/yes*"], "steps": 5},
            {"name": "point", "mix": {"scenes": 1.0, "gui": 3.0}, "steps": 6, "training": {"num_iterations": 2}},
        ],
        "evaluation": {"datasets": ["test"]},
    }
    return parse_config({**data, **changes})


def datasets() -> dict[str, list[Sample]]:
    return {
        "scenes": many("s", 5)
        + [sample(f"c{number}", task="scenes/count", answer=Number(value=2)) for number in range(3)],
        "gui": [sample(f"g{number}", task="gui/ground", answer=BOX) for number in range(6)],
        "test": many("t", 2),
    }


def test_batch_arithmetic_by_hand() -> None:
    plan = plan_run(config(), datasets())
    see, point = plan.stages
    assert see.batches.completions_per_step == 16
    assert see.batches.prompts_per_generation == 4
    assert see.batches.generations == 5
    assert see.samples_seen == 20
    assert see.epochs == 4.0
    # Two optimiser steps on each generated batch: six steps take three batches.
    assert point.batches.generations == 3
    assert point.samples_seen == 12
    assert [(source.name, source.size, source.kept, source.draws) for source in point.sources] == [
        ("scenes", 8, 8, 3),
        ("gui", 6, 6, 9),
    ]
    assert [source.epochs for source in point.sources] == [3 / 8, 1.5]
    assert [(source.size, source.kept, source.draws) for source in see.sources] == [(8, 5, 20)]
    assert plan.steps == 11
    assert plan.completions == 5 * 16 + 3 * 16
    assert plan.held_out == {"test": 2}


def test_several_devices_take_several_times_the_prompts() -> None:
    plan = plan_run(config(), datasets(), world_size=3)
    assert plan.stages[0].batches.completions_per_step == 48
    assert plan.stages[0].batches.prompts_per_generation == 12
    assert plan.stages[0].samples_seen == 60
    with pytest.raises(InputError, match="world_size must be 1 or more"):
        plan_run(config(), datasets(), world_size=0)


def test_a_last_generated_batch_may_be_used_in_part() -> None:
    training = config().stages[1].training
    merged = config().stage_training(config().stages[1])
    assert training.given() == {"num_iterations": 2}
    assert stage_batches(merged, 7).generations == 4


def test_tasks_are_listed_with_the_terms_that_verify_them() -> None:
    rubric = {"terms": [{"name": "accuracy"}, {"name": "format", "weight": 0.1}, {"name": "box_size", "weight": 0.2}]}
    plan = plan_run(config(rubric=rubric), datasets())
    listed = [(task.task, task.kind, task.samples, task.verifying, task.shaping) for task in plan.stages[1].tasks]
    assert listed == [
        ("gui/ground", "boxes", 6, ("accuracy",), ("format", "box_size")),
        ("scenes/count", "number", 3, ("accuracy",), ("format",)),
        ("scenes/yes_no", "yes_no", 5, ("accuracy",), ("format",)),
    ]


def test_evaluation_in_another_style_than_the_last_stage_trains_is_told() -> None:
    think = [{**stage, "prompt_style": "think"} for stage in config().model_dump(mode="json")["stages"]]
    first, last = plan_run(config(stages=think), datasets()).stages
    assert not any("prompt_style" in warning for warning in first.warnings)
    assert any("trains prompt_style think, but evaluation asks in the run's direct" in told for told in last.warnings)
    for agreeing in (config(), config(stages=think, prompt_style="think"), config(stages=think, evaluation={})):
        assert not any("prompt_style" in told for told in plan_run(agreeing, datasets()).stages[-1].warnings)


def test_samples_of_a_stage_match_its_plan() -> None:
    run = config(seed=3)
    plan = plan_run(run, datasets(), world_size=2)
    for index, stage in enumerate(plan.stages):
        samples = stage_samples(run, index, datasets(), world_size=2)
        assert len(samples) == stage.samples_seen
        own = {"scenes": "sc", "gui": "g"}
        for source in stage.sources:
            assert sum(one.id[0] in own[source.name] for one in samples) == source.draws
        assert ids(samples) == ids(stage_samples(run, index, datasets(), world_size=2))
    other = ids(stage_samples(config(seed=4), 0, datasets()))
    assert ids(stage_samples(run, 0, datasets())) != other


def test_task_filters_are_shell_patterns() -> None:
    samples = datasets()["scenes"] + datasets()["gui"]
    assert len(filter_tasks(samples, None)) == 14
    assert len(filter_tasks(samples, ["scenes/*"])) == 8
    assert len(filter_tasks(samples, ["scenes/count", "gui/?round"])) == 9
    assert filter_tasks(samples, ["SCENES/*"]) == []


# ------------------------------------------------------------------------------------------------ refusals


def test_a_stage_without_data_after_its_filter_is_refused() -> None:
    stages = [{"name": "see", "mix": {"scenes": 1.0, "gui": 1.0}, "tasks": ["scenes/*"], "steps": 5}]
    with pytest.raises(InputError, match=r"found none of gui, which has gui/ground, for scenes/\*; stages\.0\.tasks"):
        plan_run(config(stages=stages), datasets())


def test_empty_and_absent_datasets_are_refused() -> None:
    with pytest.raises(InputError, match=r"found none in scenes; stages\.0\.mix"):
        plan_run(config(), {**datasets(), "scenes": []})
    with pytest.raises(InputError, match="found no gui"):
        plan_run(config(), {"scenes": datasets()["scenes"], "test": datasets()["test"]})
    with pytest.raises(InputError, match="found none for test"):
        plan_run(config(), {**datasets(), "test": []})


def test_a_task_that_no_term_verifies_is_refused() -> None:
    rubric = {"terms": [{"name": "hit"}, {"name": "format"}]}
    with pytest.raises(InputError, match=r"found only hit, format for scenes/yes_no \(yes_no\); stages\.see\.rubric"):
        plan_run(config(rubric=rubric), datasets())


def test_one_task_with_two_kinds_of_answer_needs_both_verified() -> None:
    mixed = {
        **datasets(),
        "gui": [sample("g0", task="gui/ground", answer=BOX), sample("g1", task="gui/ground", answer=Text(value="x"))],
    }
    stages = [{"name": "point", "mix": {"gui": 1.0}, "steps": 5}]
    with pytest.raises(InputError, match=r"for gui/ground \(text\);"):
        plan_run(config(stages=stages, rubric={"terms": [{"name": "hit"}]}), mixed)


def test_a_plug_in_counts_as_verifying_only_if_the_config_says_so() -> None:
    term = {"name": "mine", "use": "no/such/file.py:reward"}
    with pytest.raises(InputError, match="found only mine for"):
        plan_run(config(rubric={"terms": [term]}), datasets())
    plan = plan_run(config(rubric={"terms": [{**term, "verifies": True}]}), datasets())
    assert plan.stages[0].tasks[0].verifying == ("mine",)


@pytest.mark.parametrize(
    ("leak", "refused"),
    [
        (sample("s1"), True),  # the very sample
        (sample("s1", picture="sum-s1", question="asked otherwise"), True),  # same id, same picture
        (sample("renamed", picture="sum-s1", question="question s1"), True),  # same picture, same question
        (sample("renamed", picture="sum-s1", question="asked otherwise"), False),
        (sample("s1", picture="another", question="question s1"), False),  # only the numbering is the same
    ],
)
def test_held_out_samples_must_not_be_trained_on(leak: Sample, refused: bool) -> None:
    data = {**datasets(), "test": [*many("t", 2), leak]}
    if not refused:
        assert plan_run(config(), data).held_out == {"test": 3}
        return
    with pytest.raises(InputError, match=rf"found 1 of 3, first {leak.id}, which is scenes:s1; datasets\.test"):
        plan_run(config(), data)


def test_what_a_stage_filters_out_is_still_trained_data_for_the_held_out_check() -> None:
    stages = [{"name": "see", "mix": {"scenes": 1.0}, "tasks": ["scenes/yes*"], "steps": 5}]
    data = {**datasets(), "test": [sample("c0", task="scenes/count", answer=Number(value=2))]}
    with pytest.raises(InputError, match="which is scenes:c0"):
        plan_run(config(stages=stages), data)


# ------------------------------------------------------------------------------------------------ rendering


def test_the_plan_renders_as_plain_text() -> None:
    stages = [{"name": "see", "mix": {"scenes": 1.0}, "steps": 30, "stop": {"reward_at_least": 0.9, "min_steps": 5}}]
    rubric = {"terms": [{"name": "accuracy"}, {"name": "format", "weight": 2.0}]}
    text = plan_run(config(stages=stages, rubric=rubric), datasets()).render()
    assert text == plan_run(config(stages=stages, rubric=rubric), datasets()).render()
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "see shuffled direct 20-30 4 x 4 16 30 120 15.00" in lines
    assert "see scenes 1 8 8 120 15.00" in lines
    assert "see scenes/count number accuracy format 3" in lines
    assert "Held out for evaluation: test (2 samples)" in lines
    assert "In all at most 30 optimiser steps and 480 completions, at least 20 steps on 1 device(s)" in lines
    assert "see ends once the mean reward of 20 steps is surely 0.9 or more, or after step 30" in lines
    assert any(line.startswith("warning: see: number: a wrong answer can outrank a correct one") for line in lines)
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("warning")) <= 120


def test_tables_keep_to_eighty_columns_without_breaking_a_name() -> None:
    stage = {"name": "locate", "mix": {"scenes": 1.0}, "steps": 140, "order": "interleaved"}
    data = {**datasets(), "scenes": [sample("s", task="transit/count_stations")]}
    terms = [{"name": "accuracy"}, *({"name": name, "use": "terms.py:one"} for name in ("conciseness", "repetition"))]
    text = plan_run(config(stages=[stage], rubric={"terms": terms}), data).render(width=80)
    tables = text.split("Held out")[0].splitlines()
    assert max(map(len, tables)) <= 80
    for name in ("interleaved", "direct", "transit/count_stations", "repetition", "rollouts", "batches"):
        assert any(name in line.split() for line in (one.replace(",", " ") for one in tables)), name


def test_names_with_markup_are_shown_as_they_are() -> None:
    data = {**datasets(), "scenes": [sample("s", task="scenes/[bold]x[/bold]")]}
    stages = [{"name": "see", "mix": {"scenes": 1.0}, "steps": 3}]
    assert "scenes/[bold]x[/bold]" in plan_run(config(stages=stages), data).render()


def test_config_curriculum_and_rewards_import_neither_torch_nor_transformers() -> None:
    code = (
        "import sys, mmrl.config, mmrl.curriculum, mmrl.rewards\n"
        "print([name for name in ('torch', 'transformers', 'rich', 'datasets') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_generations_that_span_steps_take_their_prompts_once() -> None:
    training = {
        "num_generations": 4,
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 2,
        "steps_per_generation": 6,
        "num_iterations": 2,
    }
    stages = [{"name": "see", "mix": {"scenes": 1.0}, "tasks": ["scenes/yes*"], "steps": 13}]
    batches = plan_run(config(training=training, stages=stages, save_steps=6), datasets()).stages[0].batches
    assert batches.completions_per_step == 4
    assert batches.completions_per_generation == 12
    assert batches.prompts_per_generation == 3
    # 13 steps of 2 batches are 26; a generation of 6 batches, each trained on twice, serves 12 of them.
    assert batches.generations == 3
    assert batches.prompts == 9
