"""Run configs: reading, overriding, refusing, writing back."""

# ruff: noqa: E501  (tables of faults read best with one case a line)

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from mmrl.config import RunConfig, TrainingConfig, config_text, load_config, parse_config
from mmrl.config.text import read_yaml, write_yaml
from mmrl.errors import InputError

GOOD: dict[str, Any] = {
    "model_name_or_path": "tiny",
    "output_dir": "runs/x",
    "datasets": {
        "scenes_train": {"build": "scenes", "options": {"count": 8, "seed": 1}},
        "scenes_test": {"build": "scenes", "options": {"count": 8, "seed": 2}},
        "maps": {"path": "data/maps"},
    },
    "training": {"learning_rate": 1e-4, "num_generations": 4, "per_device_train_batch_size": 8},
    "save_steps": 10,
    "stages": [
        {"name": "see", "mix": {"scenes_train": 1.0}, "steps": 20},
        {"name": "plan", "mix": {"scenes_train": 1.0, "maps": 2.0}, "steps": 30, "training": {"learning_rate": 1e-5}},
    ],
    "evaluation": {"datasets": ["scenes_test"]},
}


def write(folder: Path, data: Any) -> Path:
    path = folder / "run.yaml"
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data), encoding="utf-8")
    return path


def changed(**changes: Any) -> dict[str, Any]:
    """The good config with values put in at dotted keys (``stages__0__steps=3``); None takes a key out."""
    data = copy.deepcopy(GOOD)
    for dotted, value in changes.items():
        *above, last = [int(part) if part.isdecimal() else part for part in dotted.split("__")]
        node: Any = data
        for part in above:
            node = node.setdefault(part, {}) if isinstance(node, dict) else node[part]
        if value is None:
            node.pop(last)
        else:
            node[last] = value
    return data


def problems(data: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_config(data)
    return str(caught.value).splitlines()


# ------------------------------------------------------------------------------------------------ reading


def test_a_config_loads_with_defaults_and_stage_overrides(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))
    first, second = config.stages
    assert config.stage_training(first).learning_rate == 1e-4
    assert config.stage_training(second).learning_rate == 1e-5
    assert config.stage_training(second).num_generations == 4
    assert type(config.stage_training(second)) is TrainingConfig
    assert config.stage_style(first) == "direct"
    assert [term.name for term in config.stage_rubric(first).terms] == ["accuracy", "format"]
    assert config.training_datasets() == ("scenes_train", "maps")


def test_a_stage_may_set_a_value_back_to_the_default() -> None:
    default = TrainingConfig().learning_rate
    config = parse_config(changed(stages__1__training={"learning_rate": default}))
    assert config.stage_training(config.stages[1]).learning_rate == default


def test_stage_rubric_and_style_replace_the_runs() -> None:
    own = {"terms": [{"name": "hit", "weight": 1.0}], "truncated": None}
    config = parse_config(changed(stages__0__rubric=own, stages__0__prompt_style="think"))
    assert [term.name for term in config.stage_rubric(config.stages[0]).terms] == ["hit"]
    assert config.stage_rubric(config.stages[0]).truncated is None
    assert config.stage_style(config.stages[0]) == "think"
    assert config.stage_style(config.stages[1]) == "direct"


def test_configs_are_frozen() -> None:
    config = parse_config(GOOD)
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("-2.5e-3", -2.5e-3),
        (".5", 0.5),
        ("5.", 5.0),
        ("3", 3),
        ("010", 10),
        ("0x1f", 31),
        ("true", True),
        ("no", "no"),
        ("off", "off"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("null", None),
        ("", None),
        ("none", "none"),
        ("'1e-4'", "1e-4"),
        ("[1, 2e0]", [1, 2.0]),
        ("{a: 1e1}", {"a": 10.0}),
    ],
)
def test_scalars_follow_yaml_1_2_and_are_written_so_that_they_read_back(text: str, value: Any) -> None:
    assert read_yaml(text) == value
    assert type(read_yaml(text)) is type(value)
    assert read_yaml(write_yaml({"key": value})) == {"key": value}
    assert type(read_yaml(write_yaml({"key": value}))["key"]) is type(value)


def test_merge_keys_and_anchors_work_and_overrides_do_not_reach_the_anchor(tmp_path: Path) -> None:
    text = """
datasets: {a: {path: d}}
stages:
  - &first {name: one, mix: {a: 1}, steps: 5, training: &t {learning_rate: 1e-3}}
  - {<<: *first, name: two}
  - {name: three, mix: {a: 1}, steps: 5, training: *t}
"""
    config = load_config(write(tmp_path, text), ["stages.2.training.learning_rate=1e-6"])
    rates = [config.stage_training(stage).learning_rate for stage in config.stages]
    assert rates == [1e-3, 1e-3, 1e-6]
    assert [stage.name for stage in config.stages] == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1\nseed: 2\n", "line 2, column 1: key 'seed' given twice"),
        ("stages:\n  - {name: a, name: b}\n", "line 2, column 15: key 'name' given twice"),
        ("stages: [", "config must be YAML; found line 1"),
        ("- a\n- b\n", "mapping of keys to values; found list"),
        ("", "mapping of keys to values; found NoneType"),
        ("a: &x [*x]\n", "finite"),
        ("a: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
    ],
)
def test_files_that_are_no_config_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_config(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_missing_folder_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No such file.*none\.yaml"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="directory"):
        load_config(tmp_path)
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        load_config(tmp_path / "b.yaml")


# ------------------------------------------------------------------------------------------------ overrides


def test_overrides_reach_into_lists_and_make_sections(tmp_path: Path) -> None:
    config = load_config(
        write(tmp_path, GOOD),
        [
            "stages.0.steps=10",
            "training.learning_rate=3e-6",
            "stages.0.stop.reward_at_least=0.9",
            "stages.0.stop.over_steps=5",
            "stages.1.mix={maps: 1.0}",
            "datasets.more.path=data/x=y",
            "stages.1.tasks=[transit/*]",
            "min_pixels=",
        ],
    )
    assert config.stages[0].steps == 10
    assert config.training.learning_rate == 3e-6
    assert config.stages[0].stop is not None
    assert config.stages[0].stop.over_steps == 5
    assert config.stages[1].mix == {"maps": 1.0}
    assert config.datasets["more"].path == "data/x=y"
    assert config.stages[1].tasks == ("transit/*",)
    assert config.min_pixels is None


def test_the_last_override_wins(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, GOOD), ["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("seed", "seed: an override must look like dotted.key=value"),
        ("=3", "=3: an override must look like dotted.key=value"),
        ("a..b=3", "a..b=3: an override must look like dotted.key=value"),
        ("stages.7.steps=3", "stages.7.steps: stages is a list of 2; 7 must be a position from 0 to 1"),
        ("stages.-1.steps=3", "stages.-1.steps: stages is a list of 2; -1 must be a position from 0 to 1"),
        ("output_dir.name=3", "output_dir.name: output_dir is 'runs/x', which holds no keys; override it as a whole"),
        ("seed=[1", "seed: value must be YAML; found line 1, column 3"),
        ("training.learnig_rate=1e-3", "training.learnig_rate: unknown key; did you mean learning_rate?"),
        ("seed=1e-3", "seed: must be a valid integer; found 0.001"),
    ],
)
def test_bad_overrides_are_told(tmp_path: Path, override: str, line: str) -> None:
    with pytest.raises(InputError) as caught:
        load_config(write(tmp_path, GOOD), [override])
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------------ refusing


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        # keys
        ({"stages__1__training": {"learnig_rate": 1}}, "stages.1.training.learnig_rate: unknown key; did you mean learning_rate?"),
        ({"num_generations": 4}, "num_generations: unknown key; did you mean training.num_generations?"),
        ({"training__freeze_vit": True}, "training.freeze_vit: unknown key; did you mean freeze_vision_tower?"),
        ({"datasets__maps__pth": "x"}, "datasets.maps.pth: unknown key; did you mean path?"),
        ({"stages__0__stop": {"reward_at_least": 1, "over_stps": 2}}, "stages.0.stop.over_stps: unknown key; did you mean over_steps?"),
        ({"zzzzzzzz": 1}, "zzzzzzzz: unknown key; valid keys: model_name_or_path, output_dir"),
        ({"stages__0__steps": None}, "stages.0.steps: must be given, but is missing"),
        # types
        ({"stages__0__steps": "ten"}, "stages.0.steps: must be a valid integer; found 'ten'"),
        ({"stages__0__steps": True}, "stages.0.steps: must be a valid integer; found True"),
        ({"stages__0__steps": 0}, "stages.0.steps: must be greater than or equal to 1; found 0"),
        ({"training__bf16": "yes"}, "training.bf16: must be a valid boolean; found 'yes'"),
        ({"training__learning_rate": float("nan")}, "training.learning_rate: must be"),
        ({"training__learning_rate": 0}, "training.learning_rate: must be greater than 0; found 0"),
        ({"stages": {"a": 1}}, "stages: must be a list; found {'a': 1}"),
        ({"training": [1]}, "training: must be a mapping of keys to values; found [1]"),
        ({"stages__0": "see"}, "stages.0: must be a mapping of keys to values; found 'see'"),
        ({"stages__0__order": "shufled"}, "stages.0.order: must be 'as_given', 'shuffled', 'easy_to_hard', 'interleaved' or 'follow'; found 'shufled'; did you mean shuffled?"),
        ({"datasets__maps": {"build": "scene"}}, "datasets.maps.build: must be 'transit', 'gui', 'scenes', 'video' or 'forms'; found 'scene'; did you mean scenes?"),
        ({"stages__0__name": "../up"}, "stages.0.name: must be letters, digits, '_' or '-'"),
        # impossible together
        ({"stages": []}, "stages: must not be empty; found []"),
        ({"stages__0__mix": {}}, "stages.0.mix: must not be empty; found {}"),
        ({"stages__0__mix": {"scenes_tran": 1.0}}, "stages.0.mix.scenes_tran: no dataset is called scenes_tran; did you mean scenes_train?"),
        ({"stages__0__mix__maps": -1.0}, "stages.0.mix.maps: must be greater than or equal to 0; found -1.0"),
        ({"stages__0__mix": {"maps": 0.0}}, "stages.0.mix: weights must sum to more than 0; found only zeros"),
        ({"stages__1__name": "see"}, "stages.1.name: stage names must differ; found see again, as at stages.0"),
        ({"training__num_generations": 1}, "training.num_generations: must be greater than or equal to 2; found 1"),
        ({"stages__1__training": {"num_generations": 3}}, "stages.1.training: per_device_train_batch_size must be a multiple of num_generations, or divide it; found 8 completions and groups of 3; use 9"),
        ({"training": {"num_generations": 16, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}}, "training: what is generated together must be whole groups; found 2 batches of 4 completions and groups of 16; set gradient_accumulation_steps to a multiple of 4"),
        ({"training__steps_per_generation": 1, "training__num_generations": 16}, "training: what is generated together must be whole groups; found 1 batches of 8 completions and groups of 16; set steps_per_generation to a multiple of 2"),
        ({"stages__0__training": {"steps_per_generation": 3}}, "stages.0.training.steps_per_generation: save_steps must be a multiple of the 3 steps after which generation starts afresh, so that no checkpoint falls inside a generated batch; found 10; use 12"),
        ({"training__loss_type": "reg_grpo", "training__num_generations": 8, "training__per_device_train_batch_size": 4, "training__gradient_accumulation_steps": 2}, "training.loss_type: reg_grpo needs whole groups in a batch; found 4 completions and groups of 8; set per_device_train_batch_size to 8"),
        ({"training__loss_type": "reg_grpo", "training__max_tokens_per_pass": 4096}, "training.max_tokens_per_pass: reg_grpo needs whole groups in a pass"),
        ({"training__length_divisor": 64.0}, "training.length_divisor: goes with loss_type dr_grpo only; found dapo"),
        ({"training__loss_type": "dr_grpo", "stages__1__training": {"length_divisor": 64.0, "loss_type": "grpo"}}, "stages.1.training.length_divisor: goes with loss_type dr_grpo only; found grpo"),
        ({"training__reg_sigma_floor": 0.2}, "training.reg_sigma_floor: goes with loss_type reg_grpo only"),
        ({"training__reg_mean_log_ratio": True}, "training.reg_mean_log_ratio: goes with loss_type reg_grpo only"),
        ({"training__loss_type": "sapo", "training__epsilon_high": 0.3}, "training.epsilon_high: goes with loss_type grpo or bnpo or dr_grpo or dapo or luspo or cispo only; found sapo"),
        ({"training__loss_type": "cispo", "training__delta": 4.0}, "training.delta: goes with loss_type grpo or bnpo"),
        ({"training__loss_type": "vespo", "training__use_vllm": True}, "training.loss_type: vespo needs vLLM's importance ratio of each token"),
        ({"training__loss_type": "vesspo"}, "training.loss_type: must be 'grpo'"),
        ({"training__max_resamples": 5}, "training.max_resamples: goes with dead_groups resample only; found skip"),
        ({"training__dead_groups": "drop"}, "training.dead_groups: must be 'skip', 'keep' or 'resample'; found 'drop'"),
        ({"training__sample_weight": {"easy": 0, "middle": 0, "hard": 0}}, "training.sample_weight: at least one weight must be above 0; found only zeros"),
        ({"training__sample_weight": {"easy": -1}}, "training.sample_weight.easy: must be greater than or equal to 0; found -1"),
        ({"training__sample_weight": "rewardmat"}, "training.sample_weight: must be levels, a built-in name or file.py:function; found 'rewardmat'; did you mean rewardmap?"),
        ({"training__sample_weight": 3}, "training.sample_weight: must be a mapping of keys to values; found 3"),
        ({"training__sample_weight": {"medium": 1}}, "training.sample_weight.medium: must be 'easy', 'middle' or 'hard'; found 'medium'"),
        ({"training__freeze_vision_tower": True, "training__freeze_projector": True, "training__freeze_language_model": True}, "training: something must be trained; found freeze_vision_tower, freeze_projector, freeze_language_model all on"),
        ({"stages__1__carry": {"optimizer": "kept"}, "stages__1__training": {"freeze_projector": True}}, "stages.1.carry.optimizer: an optimizer cannot be kept where freeze_projector changes"),
        ({"training__freeze_llm": True}, "training.freeze_llm: unknown key; did you mean freeze_language_model?"),
        ({"stages__0__training": {"num_iterations": 3}}, "stages.0.training.num_iterations: num_iterations must divide save_steps 10"),
        ({"stages__0__stop": {"reward_at_least": 0.9, "over_steps": 21}}, "stages.0.stop.over_steps: must not exceed the stage's 20 steps; found 21"),
        ({"stages__0__stop": {"reward_at_least": 0.9, "min_steps": 21}}, "stages.0.stop.min_steps: must not exceed the stage's 20 steps; found 21"),
        ({"evaluation__datasets": ["maps"]}, "evaluation.datasets.0: evaluation must be held out; maps is trained on at stages.1.mix; name other data"),
        ({"datasets__scenes_test": {"build": "scenes", "options": {"seed": 1, "count": 8}}}, "evaluation.datasets.0: evaluation must be held out; scenes_test is the same data as scenes_train"),
        ({"datasets__scenes_test": {"path": "data/../data/maps/"}}, "evaluation.datasets.0: evaluation must be held out; scenes_test is the same data as maps"),
        ({"evaluation__datasets": ["scene_test"]}, "evaluation.datasets.0: no dataset is called scene_test; did you mean scenes_test?"),
        ({"datasets__maps": {}}, "datasets.maps: must have exactly one of path and build; found neither"),
        ({"datasets__maps__build": "gui"}, "datasets.maps: must have exactly one of path and build; found both"),
        ({"datasets__maps__options": {"count": 1}}, "datasets.maps.options: only a built dataset takes options"),
        ({"min_pixels": 100, "max_pixels": 50}, "min_pixels: must not exceed max_pixels 50; found 100"),
        ({"stages__1__carry": {"optimizer": "kept"}, "stages__1__training": {"use_peft": True}}, "stages.1.carry.optimizer: an optimizer cannot be kept where use_peft changes"),
        # rubric
        ({"rubric": {"terms": []}}, "rubric.terms: must not be empty; found []"),
        ({"rubric": {"terms": [{"name": "acuracy"}]}}, "rubric.terms.0.name: no built-in term is called acuracy; did you mean accuracy?"),
        ({"rubric": {"terms": [{"name": "hit"}, {"name": "hit"}]}}, "rubric.terms.1.name: term names must differ; found hit again"),
        ({"rubric": {"terms": [{"name": "hit", "weight": 0}]}}, "rubric.terms: at least one weight must be above 0"),
        ({"rubric": {"terms": [{"name": "hit", "weight": -1}]}}, "rubric.terms.0.weight: must be greater than or equal to 0; found -1"),
        ({"rubric": {"terms": [{"name": "hit", "weight": float("inf")}]}}, "rubric.terms.0.weight: must be a finite number"),
        ({"rubric": {"terms": [{"name": "mine", "use": "mine.txt"}]}}, "rubric.terms.0.use: must look like path/to/file.py:function; found 'mine.txt'"),
        ({"rubric": {"terms": [{"name": "hit", "verifies": True}]}}, "rubric.terms.0.verifies: only a term with use can say so"),
        ({"stages__0__rubric": {"terms": [{"name": "hitt"}]}}, "stages.0.rubric.terms.0.name: no built-in term is called hitt; did you mean hit?"),
    ],
)  # fmt: skip
def test_each_fault_is_one_line_with_its_dotted_path(changes: dict[str, Any], line: str) -> None:
    found = problems(changed(**changes))
    assert len(found) == 1, found
    assert found[0].startswith(line), found[0]


def test_all_faults_are_told_at_once_schema_and_sense_together() -> None:
    found = problems(
        changed(
            stages__0__training={"learnig_rate": 1e-3, "num_generations": 3},
            stages__1__mix={"mapz": 1.0},
            stages__1__order="sorted",
            evaluation__datasets=["scenes_train"],
            seed="one",
        )
    )
    assert [line.split(":")[0] for line in found] == [
        "seed",
        "stages.0.training.learnig_rate",
        "stages.1.order",
        "stages.0.training",
        "stages.1.mix.mapz",
        "evaluation.datasets.0",
    ]


def test_nothing_is_told_that_only_follows_from_another_fault() -> None:
    """A misspelled or mistyped value must not also show up as what its default would break."""
    assert len(problems(changed(training={"num_generation": 4, "per_device_train_batch_size": 12}))) == 1
    assert len(problems(changed(training={"num_generations": "4", "per_device_train_batch_size": 12}))) == 1
    assert (
        len(problems(changed(stages__0__steps="many", stages__0__stop={"reward_at_least": 1, "over_steps": 30}))) == 1
    )
    assert len(problems(changed(stages__0=3, stages__1=4))) == 2
    assert len(problems(changed(stages__0__mix={"scenes_train": "x"}))) == 1
    assert len(problems(changed(datasets={"my maps": {"path": "x"}}, evaluation={}, stages__1=None))) == 2


def test_accumulation_multiplies_whole_groups() -> None:
    training = {"num_generations": 8, "per_device_train_batch_size": 8, "gradient_accumulation_steps": 4}
    config = parse_config(changed(training=training))
    assert config.training.generation_batch_size == 32


# ------------------------------------------------------------------------------------------------ writing back


def rich_config() -> RunConfig:
    return parse_config(
        changed(
            seed=7,
            rubric={
                "terms": [{"name": "mine", "use": "r.py:f", "verifies": True}],
                "truncated": None,
                "failed": -1.0,
            },
            stages__0__stop={"reward_at_least": 0.25},
            stages__0__tasks=["scenes/*", "no", "1e-4"],
            stages__1__carry={"optimizer": "kept", "reference": "kept"},
            stages__1__rubric={"terms": [{"name": "accuracy", "weight": 1e-7}]},
            min_pixels=3136,
        )
    )


def test_stored_configs_load_back_equal(tmp_path: Path) -> None:
    config = rich_config()
    (tmp_path / "saved.yaml").write_text(config_text(config), encoding="utf-8")
    loaded = load_config(tmp_path / "saved.yaml")
    assert loaded == config
    assert config_text(loaded) == config_text(config)


def test_configs_round_trip_through_json() -> None:
    config = rich_config()
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


def test_what_a_stage_overrides_makes_configs_differ() -> None:
    default = TrainingConfig().beta
    assert parse_config(GOOD) != parse_config(changed(stages__0__training={"beta": default}))


# ------------------------------------------------------------------------------------------------ hostile YAML

HOSTILE = {
    "5,000 digits": "1" * 5_000,
    "no integer": "!!int foo",
    "no float": "!!float foo",
    "no boolean": "!!bool foo",
    "no date": "!!timestamp foo",
    "5,000 lists": "[" * 5_000 + "]" * 5_000,
    "5,000 open lists": "[" * 5_000,
    "300 lists": "[" * 300 + "]" * 300,
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_value_that_cannot_be_read_is_one_line(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, f"output_dir: runs/x\nseed: {value}\n")
    with pytest.raises(
        InputError, match=r"^config must be (YAML; found (line 2, column \d+|values nested)|nested)"
    ) as caught:
        load_config(path)
    assert len(str(caught.value)) < 500
    with pytest.raises(InputError) as caught:
        load_config(write(tmp_path, GOOD), [f"seed={value}"])
    assert "seed: " in str(caught.value) or "nested" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_anchors_that_nest_deeply_are_refused(tmp_path: Path) -> None:
    steps = ["a0: &a0 []", *(f"a{step}: &a{step} [*a{step - 1}]" for step in range(1, 2_000))]
    with pytest.raises(InputError, match="nested at most"):
        load_config(write(tmp_path, "\n".join(steps)))


@pytest.mark.parametrize("weight", ["rewardmap", "own/weights.py:weigh", {"easy": 0.5, "hard": 2.0}])
def test_sample_weights_by_level_name_or_file_survive_being_written(weight: Any, tmp_path: Path) -> None:
    config = parse_config(changed(stages__1__training={"sample_weight": weight}))
    assert config.stage_training(config.stages[1]).sample_weight == weight
    assert load_config(write(tmp_path, config_text(config))) == config
