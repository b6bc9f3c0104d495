"""The options as a whole: how many are our own, whose names and defaults they have, that each is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter

import mmrl.config
from mmrl.config import (
    AuditConfig,
    CarryConfig,
    DatasetConfig,
    EvaluationConfig,
    FilterConfig,
    GuardConfig,
    HeldOutConfig,
    RejectionConfig,
    RubricConfig,
    RunConfig,
    SftConfig,
    StageConfig,
    StopConfig,
    TermConfig,
    TrainingConfig,
    parse_config,
)
from mmrl.config.problems import _item_of, _model_in
from mmrl.config.text import read_yaml
from tests.test_config import changed


def leaves(model: type[BaseModel], seen: set[type[BaseModel]]) -> list[str]:
    """Return the options of a section and of those inside it; a section that stands in several places counts once."""
    seen.add(model)
    found = []
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation) or _model_in(_item_of(field.annotation))
        if inner is None or inner.__name__ == "TrainingOverrides":
            found.append(name)
        elif inner not in seen:
            found += leaves(inner, seen)
    return found


def of_trl() -> set[str]:
    trl = pytest.importorskip("trl")
    return {*trl.GRPOConfig.__dataclass_fields__, *trl.ModelConfig.__dataclass_fields__}


def test_options_of_our_own_stay_about_sixty() -> None:
    own = [name for name in leaves(RunConfig, set()) if name not in TrainingConfig.model_fields]
    own += sorted(set(TrainingConfig.model_fields) - of_trl())
    assert {"reward_at_least", "verifies", "dead_groups"} <= set(own)
    assert len(own) <= 75  # sixty before stages had filters, rules of their end, and kinds


def test_training_settings_are_named_as_in_trl_or_as_in_our_trainer() -> None:
    from mmrl.trainer import GRPOConfig
    from mmrl.trainer.stages import OWN_SETTINGS

    ours = set(TrainingConfig.model_fields) - of_trl()
    assert ours - set(OWN_SETTINGS) <= set(GRPOConfig.__dataclass_fields__)
    assert ours >= {"share_prompts", "max_tokens_per_pass", "freeze_language_model", "sample_weight"}


def test_the_engines_options_have_the_trainers_defaults() -> None:
    from mmrl.trainer import GRPOConfig

    trainers = {name: field.default for name, field in GRPOConfig.__dataclass_fields__.items()}
    engine = set(TrainingConfig.model_fields) & (set(trainers) - of_trl())
    same = {"beta", "epsilon", "epsilon_high", "delta", "importance_sampling_level", "num_iterations", "loss_type"}
    names = engine | same | {"steps_per_generation", "scale_rewards"}
    assert len(names) >= 20
    assert {name: TrainingConfig.model_fields[name].default for name in names} == {
        name: trainers[name] for name in names
    }


@pytest.mark.parametrize("loss", ["luspo", "vespo", "reg_grpo", "dr_grpo"])
def test_every_loss_can_be_asked_for(loss: str) -> None:
    assert parse_config(changed(training__loss_type=loss)).training.loss_type == loss


def test_a_group_may_span_batches_and_generations_may_span_steps() -> None:
    training = {"num_generations": 8, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    config = parse_config(changed(training={**training, "steps_per_generation": 4, "num_iterations": 5}, save_steps=20))
    assert config.training.generation_batch_size == 16
    assert config.training.generation_period == 10


def test_a_fault_of_the_run_that_all_stages_change_is_none() -> None:
    own = {"num_generations": 4}
    stages = {"stages__0__training": own, "stages__1__training": own}
    assert parse_config(changed(training__num_generations=3, **stages)).training.num_generations == 3


DOCUMENTED: dict[str, type[BaseModel]] = {
    "The run": RunConfig,
    "`datasets.NAME`": DatasetConfig,
    "`rubric`": RubricConfig,
    "`rubric.terms.N`": TermConfig,
    "`stages.N`": StageConfig,
    "`stages.N.filter`": FilterConfig,
    "`stages.N.stop`": StopConfig,
    "`stages.N.stop.held_out`": HeldOutConfig,
    "`stages.N.carry`": CarryConfig,
    "`stages.N.sft`": SftConfig,
    "`stages.N.rejection`": RejectionConfig,
    "`stages.N.rejection.guard`": GuardConfig,
    "`evaluation`": EvaluationConfig,
    "`audit`": AuditConfig,
    "`training`": TrainingConfig,
}
"""Headings of docs/options.md, up to a comma, with the section of the schema that their tables show."""


def tables() -> dict[str, dict[str, str]]:
    """Return the default of every documented option as it is written, by heading."""
    text = (Path(__file__).parents[1] / "docs" / "options.md").read_text(encoding="utf-8")
    parts = re.split(r"^#{2,3} (.+)$", text, flags=re.MULTILINE)[1:]
    return {
        heading.partition(",")[0]: dict(re.findall(r"^\| `(\w+)`(?: \*)? \| ([^|]+) \|", part, flags=re.MULTILINE))
        for heading, part in zip(parts[::2], parts[1::2], strict=True)
    }


def test_every_section_of_the_schema_has_its_table() -> None:
    assert {heading for heading, rows in tables().items() if rows} == set(DOCUMENTED)
    sections = {name for name, one in vars(mmrl.config).items() if isinstance(one, type) and issubclass(one, BaseModel)}
    assert sections == {model.__name__ for model in DOCUMENTED.values()} | {"TrainingOverrides"}


@pytest.mark.parametrize("heading", DOCUMENTED)
def test_every_option_is_documented_with_its_default(heading: str) -> None:
    fields = DOCUMENTED[heading].model_fields
    rows = tables()[heading]
    assert list(rows) == list(fields), "the options in the order of the schema"
    for name, written in rows.items():
        default = fields[name].default
        if written == "required":
            assert fields[name].is_required(), name
        elif written == "below":
            assert default == type(default)(), name
            assert type(default) in DOCUMENTED.values(), name
        else:
            found = TypeAdapter(fields[name].annotation).validate_python(read_yaml(written))
            assert (found, type(found)) == (default, type(default)), name
