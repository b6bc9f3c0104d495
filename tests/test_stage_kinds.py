"""Kinds of stages in a config: what goes with which, and what the plan says."""

from __future__ import annotations

from typing import Any

import pytest

from mmrl.config import config_text, parse_config
from mmrl.config.text import read_yaml
from mmrl.curriculum import plan_run, stage_samples
from mmrl.errors import InputError
from tests.curriculum.samples import ids, many
from tests.test_config import changed, problems

DATA: dict[str, Any] = {
    "datasets__books": {"path": "data/books"},
    "datasets__exam": {"path": "data/exam"},
}


def rejecting(**rejection: Any) -> dict[str, Any]:
    return {**DATA, "stages__1__kind": "rejection", "stages__1__training": None, "stages__1__rejection": rejection}


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        (
            {"stages__0__sft": {"loss": "dft"}},
            ["stages.0.sft: goes with kind sft or rejection only; found kind grpo, which ignores it; set kind"],
        ),
        ({"stages__0__rejection": {"keep": 2}}, ["stages.0.rejection: goes with kind rejection only; found kind grpo"]),
        (
            {"stages__0__kind": "sft", "stages__0__rejection": {}},
            ["stages.0.rejection: goes with kind rejection only; found kind sft"],
        ),
        ({"stages__0__kind": "stf"}, ["stages.0.kind: "]),
        (
            {
                "stages__0__kind": "sft",
                "stages__0__training": {"beta": 0.1},
                "stages__0__stop": {"reward_at_least": 1.0},
            },
            ["stages.0.stop: is not read by kind sft", "stages.0.training.beta: is not read by kind sft; leave it out"],
        ),
        (
            {"stages__0__kind": "sft", "stages__0__rubric": {"terms": [{"name": "accuracy"}]}},
            ["stages.0.rubric: is not read by kind sft"],
        ),
        (
            {**rejecting(), "stages__1__order": "easy_to_hard", "stages__1__training": {"loss_type": "grpo"}},
            [
                "stages.1.order: is not read by kind rejection",
                "stages.1.training.loss_type: is not read by kind rejection",
            ],
        ),
        (
            rejecting(general={"bouks": 0.2}),
            ["stages.1.rejection.general.bouks: no dataset is called bouks; did you mean books?"],
        ),
        (
            rejecting(general={"books": 0.7, "maps": 0.3}),
            ["stages.1.rejection.general: shares must sum to less than 1, since the rest is what the stage samples"],
        ),
        (rejecting(keep=0), ["stages.1.rejection.keep: "]),
        (rejecting(guard={"datasets": []}), ["stages.1.rejection.guard.datasets: "]),
        (
            rejecting(guard={"datasets": ["exem"]}),
            ["stages.1.rejection.guard.datasets.0: no dataset is called exem; did you mean exam?"],
        ),
        (
            rejecting(guard={"datasets": ["maps"]}),
            ["stages.1.rejection.guard.datasets.0: evaluation must be held out; maps is trained on at stages.1.mix"],
        ),
        (
            rejecting(general={"exam": 0.1}, guard={"datasets": ["exam"]}),
            ["stages.1.rejection.guard.datasets.0: evaluation must be held out; exam is trained on at stages.1.mix"],
        ),
        (
            {
                "stages__0__kind": "rejection",
                "stages__1__carry": {"optimizer": "kept"},
            },
            ["stages.1.carry.optimizer: cannot be kept from see, whose weights may be refused; use fresh"],
        ),
    ],
)
def test_what_does_not_go_together_is_named(changes: dict[str, Any], lines: list[str]) -> None:
    found = problems(changed(**changes))
    assert len(found) == len(lines), found
    for line, start in zip(sorted(found), sorted(lines), strict=True):
        assert line.startswith(start)


def test_a_supervised_stage_needs_no_whole_groups() -> None:
    odd = {"per_device_train_batch_size": 3, "gradient_accumulation_steps": 5}
    run = parse_config(changed(stages__0__kind="sft", stages__0__training=odd))
    assert run.stage_training(run.stages[0]).per_device_train_batch_size == 3
    assert problems(changed(stages__0__training=odd)), "in a GRPO stage it does"


def test_a_config_with_kinds_reads_back_equal() -> None:
    whole = rejecting(keep=2, balance="task", general={"books": 0.25}, guard={"datasets": ["exam"], "max_drop": 0.05})
    run = parse_config(changed(**whole, stages__0__kind="sft", stages__0__sft={"loss": "dft"}))
    assert parse_config(read_yaml(config_text(run))) == run
    assert run.training_datasets() == ("scenes_train", "maps", "books")
    assert run.guard_datasets() == ("exam",)


def planned(**changes: Any) -> Any:
    run = parse_config(changed(**changes))
    data = {name: many(name, 6) for name in ("scenes_train", "scenes_test", "maps", "books", "exam")}
    return run, data


def test_the_plan_says_what_supervised_stages_do() -> None:
    general = rejecting(general={"books": 0.25}, guard={"datasets": ["exam"]})
    training = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 3}
    run, data = planned(**{**general, "stages__0__kind": "sft", "stages__0__training": training})
    plan = plan_run(run, data, world_size=2)
    warm, own = plan.stages
    assert warm.samples_seen == 20 * 4 * 3 * 2
    assert warm.stop[-1].endswith("; supervised, on gold answers")
    assert "12 prompts x 4 completions are sampled first, of each prompt at most 1 kept with reward 1" in own.stop[-1]
    assert "mixed with 25% books; refused where accuracy on exam falls by over 0.02" in own.stop[-1]
    assert plan.completions == 12 * 4, "a supervised stage generates none"
    assert plan.held_out == {"scenes_test": 6, "exam": 6}
    assert "supervised, on gold answers" in plan.render()
    assert len(stage_samples(run, 0, data, world_size=2)) == 480
    assert ids(stage_samples(run, 1, data)) == ids([*data["scenes_train"], *data["maps"]]), "each once"


def test_gold_answers_have_no_thoughts_and_the_plan_says_so() -> None:
    run, data = planned(stages__0__kind="sft", stages__0__prompt_style="think")
    assert "teaches one and the same sentence before each" in plan_run(run, data).stages[0].warnings[0]


def test_guards_must_not_be_trained_on_under_another_name() -> None:
    run, data = planned(**rejecting(guard={"datasets": ["exam"]}))
    with pytest.raises(InputError, match=r"must not be trained on; found 1 of 1, first maps0"):
        plan_run(run, {**data, "exam": data["maps"][:1]})
