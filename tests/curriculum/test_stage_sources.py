"""What a stage draws from: filters, probes and replay, and what is refused before training."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrl.config import RunConfig, parse_config
from mmrl.curriculum import plan_run, stage_rows, stage_sources
from mmrl.curriculum.probe_file import ProbeRow, ProbeSettings, dataset_checksum, write_rows, write_settings
from mmrl.errors import InputError
from mmrl.types import Level, Sample

from .samples import ids, many, sample

LEVELS: tuple[Level, ...] = ("easy", "middle", "hard")


def config(stages: list[dict[str, Any]], **changes: Any) -> RunConfig:
    names = ("old", "new", "more", "test", "look")
    data: dict[str, Any] = {
        "datasets": {name: {"path": name} for name in names},
        "training": {"num_generations": 4, "per_device_train_batch_size": 8},
        "save_steps": 10,
        "stages": [{"steps": 10, **stage} for stage in stages],
        "evaluation": {"datasets": ["test"]},
    }
    return parse_config({**data, **changes})


def graded(prefix: str, count: int) -> list[Sample]:
    return [sample(f"{prefix}{number}", level=LEVELS[number % 3]) for number in range(count)]


def datasets(**changes: list[Sample]) -> dict[str, list[Sample]]:
    named = {name: graded(name, 12) for name in ("old", "new", "more")}
    return {**named, "test": many("t", 4), "look": many("l", 4), **changes}


def probe(folder: Path, samples: list[Sample], rates: list[float], *, model: str = "tiny") -> str:
    """Write a finished probe; returns its folder."""
    settings = ProbeSettings(
        model=model,
        model_checksum="sha256:0",
        dataset="old",
        dataset_checksum=dataset_checksum(samples),
        rows=len(samples),
        samples_per_row=4,
        prompt_style="direct",
        temperature=1.0,
        seed=0,
        max_completion_length=8,
        rows_per_batch=4,
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_settings(folder, settings)
    rows = zip(samples, rates, strict=True)
    write_rows(folder, [ProbeRow(id=one.id, pass_rate=rate, mean_reward=rate, failures={}) for one, rate in rows])
    return str(folder)


# ---------------------------------------------------------------------------------------------------- filters


def test_levels_and_bands_leave_out_what_they_say(tmp_path: Path) -> None:
    data = datasets()
    rates = [0.0, 0.25, 0.5, 0.75, 1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 0.0, 0.25]
    path = probe(tmp_path / "probe", data["old"], rates)
    stage = {"name": "a", "mix": {"old": 1.0}, "filter": {"probe": {"old": path}, "difficulty": ["easy", "middle"]}}
    (plain,) = stage_sources(config([stage]), 0, data)
    # old2, old5, old8 and old11 are hard; of the others old0 and old10 were never right, old4 and old9 always.
    assert ids(plain.rows) == ["old1", "old3", "old6", "old7"]
    assert (plain.counts.other_levels, plain.counts.too_hard, plain.counts.too_easy) == (4, 2, 2)
    stage["filter"] = {"probe": {"old": path}, "keep": [0.25, 0.5]}
    (banded,) = stage_sources(config([stage]), 0, data)
    assert ids(banded.rows) == ["old1", "old2", "old6", "old7", "old11"]
    assert (banded.counts.too_hard, banded.counts.too_easy, banded.counts.kept) == (3, 4, 5)
    stage["filter"] = {"probe": {"old": path}, "keep": [0.0, 1.0]}
    assert len(stage_sources(config([stage]), 0, data)[0].rows) == 12, "a band is kept with both its ends"


def test_the_plan_tells_what_is_left_out_and_when_a_stage_may_end(tmp_path: Path) -> None:
    data = datasets()
    path = probe(tmp_path / "probe", data["old"], [0.0] * 5 + [0.5] * 6 + [1.0])
    stop = {"plateau": 4, "held_out": {"dataset": "look", "every": 3, "accuracy_at_least": 0.5}}
    run = config(
        [
            {"name": "a", "mix": {"old": 1.0}, "filter": {"probe": {"old": path}}, "steps": 30},
            {"name": "b", "mix": {"new": 1.0}, "replay": 0.25, "stop": stop, "steps": 20, "order": "follow"},
        ]
    )
    plan = plan_run(run, data)
    text = plan.render()
    assert "a leaves out 6 of 12 samples of old: 5 too hard, 1 too easy" in text
    assert "b replays earlier stages with 25% of its prompts" in text
    assert "Held out for evaluation: look (4 samples), test (4 samples)" in text
    assert "at least 33 steps" in text
    assert [stage.least_steps for stage in plan.stages] == [30, 3]
    assert [(one.name, one.draws) for one in plan.stages[1].sources] == [("new", 30), ("old (replay of a)", 10)]
    assert "b ends once 4 steps surely gain less than 0.05 reward over as many before, or once its accuracy" in text


def test_an_evaluation_that_had_a_say_is_told() -> None:
    stop = {"held_out": {"dataset": "test", "every": 3}}
    plan = plan_run(config([{"name": "a", "mix": {"old": 1.0}, "stop": stop}]), datasets())
    assert any("test decides when the stage ends and is evaluated too" in told for told in plan.stages[0].warnings)


# ---------------------------------------------------------------------------------------------------- replay

MIXES = st.dictionaries(st.sampled_from(["old", "new", "more"]), st.integers(1, 5).map(float), min_size=1)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(MIXES, min_size=2, max_size=4),
    st.floats(0.05, 0.9),
    st.sampled_from(["as_given", "shuffled", "easy_to_hard", "interleaved", "follow"]),
    st.integers(0, 100),
)
def test_replay_takes_its_share_from_earlier_mixes_and_never_held_out_rows(
    mixes: list[dict[str, float]], share: float, order: str, seed: int
) -> None:
    stages: list[dict[str, Any]] = [
        {"name": f"s{index}", "mix": mix, "filter": {"difficulty": ["easy", "hard"]} if index == 0 else {}}
        for index, mix in enumerate(mixes)
    ]
    stages[-1] |= {"replay": share, "order": order, "stop": {"held_out": {"dataset": "look", "every": 5}}}
    run, data, last = config(stages, seed=seed), datasets(), len(mixes) - 1
    plan_run(run, data)
    rows = stage_rows(run, last, data)
    assert not {one.id for one in rows.samples} & {one.id for name in ("test", "look") for one in data[name]}
    replayed = Counter(source for source, _ in rows.turns if "replay" in source)
    assert abs(sum(replayed.values()) - share * len(rows.turns)) <= len(rows.sources)
    for source in rows.sources:
        if source.replay_of is None:
            assert source.dataset in mixes[last]
            continue
        earlier = int(source.replay_of.removeprefix("s"))
        assert earlier < last
        assert source.dataset in mixes[earlier]
        assert earlier or "middle" not in {one.difficulty for one in source.rows}, "filtered as it was trained on"


def test_weights_of_replay_by_hand() -> None:
    stages = [
        {"name": "a", "mix": {"old": 3.0, "new": 1.0}},
        {"name": "b", "mix": {"more": 2.0}},
        {"name": "c", "mix": {"new": 1.0, "more": 1.0}, "replay": 0.2},
    ]
    sources = stage_sources(config(stages), 2, datasets())
    assert {source.name: pytest.approx(source.weight) for source in sources} == {
        "new": 0.4,
        "more": 0.4,
        "old (replay of a)": 0.075,
        "new (replay of a)": 0.025,
        "more (replay of b)": 0.1,
    }


# ---------------------------------------------------------------------------------------------------- refusals


def refused(stages: list[dict[str, Any]], data: dict[str, list[Sample]] | None = None) -> str:
    with pytest.raises(InputError) as caught:
        plan_run(config(stages), data or datasets())
    return str(caught.value)


def test_a_stage_without_data_after_filtering_is_refused(tmp_path: Path) -> None:
    data = datasets(old=many("old", 3))
    stage = {"name": "b", "mix": {"new": 1.0, "old": 1.0}, "filter": {"difficulty": ["hard"]}}
    told = refused([{"name": "a", "mix": {"new": 1.0}}, stage], data)
    assert "none of the 3 of old: 0 of other tasks, 3 of other levels" in told
    assert "stages.1.filter" in told
    path = probe(tmp_path / "probe", data["old"], [0.0, 0.0, 1.0])
    told = refused([{"name": "a", "mix": {"old": 1.0}, "filter": {"probe": {"old": path}}}], data)
    assert "2 too hard and 1 too easy; stages.0.filter" in told


def test_a_probe_of_another_model_or_other_data_is_refused(tmp_path: Path) -> None:
    data = datasets()
    stages = [{"name": "a", "mix": {"old": 1.0}, "filter": {"probe": {"old": str(tmp_path / "probe")}}}]
    assert "must be a folder with probe.json" in refused(stages, data)
    probe(tmp_path / "probe", data["old"], [0.5] * 12, model="other")
    told = refused(stages, data)
    assert "tiny; found one made with other; at stages.0.filter.probe.old" in told
    probe(tmp_path / "probe", data["new"], [0.5] * 12)
    assert "must be made on the dataset that it is used for" in refused(stages, data)


def test_what_is_looked_at_in_training_must_be_held_out_from_replay_too() -> None:
    leaked = datasets(look=many("old", 3))
    stop = {"held_out": {"dataset": "look", "every": 5}}
    last: dict[str, Any] = {"name": "b", "mix": {"new": 1.0}, "replay": 0.5, "stop": stop}
    stages: list[dict[str, Any]] = [{"name": "a", "mix": {"old": 1.0}}, last]
    assert "evaluation samples must not be trained on; found 3 of 3, first old0" in refused(stages, leaked)
    assert "found none for look; stages.1.stop.held_out.dataset" in refused(stages, datasets(look=[]))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"filter": {"keep": [0.1, 0.9]}}, "stages.1.filter.keep: a band of pass rates needs filter.probe"),
        (
            {"filter": {"keep": [0.9, 0.1], "probe": {"new": "p"}}},
            "stages.1.filter.keep: must be the lowest and the highest pass rate; found 0.9 above 0.1",
        ),
        (
            {"filter": {"probe": {"nwe": "p"}}},
            "stages.1.filter.probe.nwe: the stage draws from no dataset called nwe; did you mean new?",
        ),
        ({"filter": {"keep": [0.1, 1.9], "probe": {"new": "p"}}}, "stages.1.filter.keep.1: must be less than or equal"),
        ({"replay": 1.0}, "stages.1.replay: must be less than 1; found 1.0"),
        ({"mix": {"new": 0.0}}, "stages.1.mix: weights must sum to more than 0; found only zeros"),
        ({"stop": {}}, "stages.1.stop: must have a rule: reward_at_least, plateau or held_out; found none"),
        ({"stop": {"plateau": 6}}, "stages.1.stop.plateau: compares two stretches of so many steps"),
        (
            {"stop": {"reward_at_least": 0.5, "over_steps": 5, "term": "acuracy"}},
            "stages.1.stop.term: no term of the stage's rubric is called acuracy; did you mean accuracy?",
        ),
        (
            {"stop": {"term": "accuracy", "held_out": {"dataset": "look", "every": 5}}},
            "stages.1.stop.term: goes with reward_at_least or plateau",
        ),
        (
            {"stop": {"held_out": {"dataset": "lok", "every": 5}}},
            "stages.1.stop.held_out.dataset: no dataset is called lok; did you mean look?",
        ),
        (
            {"stop": {"held_out": {"dataset": "old", "every": 5}}},
            "stages.1.stop.held_out.dataset: evaluation must be held out; old is trained on at stages.0.mix",
        ),
        (
            {"stop": {"held_out": {"dataset": "look", "every": 11}}},
            "stages.1.stop.held_out.every: must not exceed the stage's 10 steps; found 11",
        ),
        (
            {"stop": {"held_out": {"dataset": "look", "every": 5, "patience": 2}}},
            "stages.1.stop.held_out.patience: must be less than the stage's 2 looks; found 2",
        ),
        (
            {"stop": {"held_out": {"dataset": "look", "every": 5}}, "training": {"use_vllm": True}},
            "stages.1.stop.held_out: answers with transformers' own sampler; found use_vllm",
        ),
        (
            {"stop": {"reward_at_least": 0.5, "over_steps": 5}, "training": {"num_iterations": 5}},
            "stages.1.stop.over_steps: must hold two generated batches, so 6 steps; found 5",
        ),
    ],
)
def test_each_fault_is_one_line_with_its_path(changes: dict[str, Any], line: str) -> None:
    stages = [{"name": "a", "mix": {"old": 1.0}}, {"name": "b", "mix": {"new": 1.0}, **changes}]
    with pytest.raises(InputError) as caught:
        config(stages)
    found = str(caught.value).splitlines()
    assert len(found) == 1, found
    assert found[0].startswith(line), found[0]


def test_the_first_stage_has_nothing_to_replay() -> None:
    with pytest.raises(
        InputError, match=r"stages\.0\.replay: the first stage has no earlier one to replay; found 0\.2"
    ):
        config([{"name": "a", "mix": {"old": 1.0}, "replay": 0.2}])
