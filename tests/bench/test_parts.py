"""The parts of the benchmark: lengths of prompts, phases, results, refusals."""

from __future__ import annotations

import random

import pytest

from mmrl.bench import BenchOptions, Setting, parse_setting
from mmrl.bench.data import make_rows, measure, picture_grid, save_rows
from mmrl.bench.model import SHAPES, bench_config, open_processor
from mmrl.bench.phases import PHASES, Clock, PhaseTimer
from mmrl.bench.report import verdict
from mmrl.bench.result import check_steps, setting_result
from mmrl.bench.worker import hash_reward
from mmrl.errors import InputError, MmrlError


class HandClock(Clock):
    """A clock whose marks are given."""

    def __init__(self, *marks: float) -> None:
        super().__init__(cuda=False)
        self.marks = list(marks)

    def mark(self) -> float:
        return self.marks.pop(0)


def test_time_inside_another_phase_counts_once():
    timer = PhaseTimer(HandClock(0, 1, 3, 4, 8, 10))
    timer.enter("process")
    timer.enter("generate")
    timer.leave()
    timer.wrap(lambda: None, "reward")()
    timer.leave()
    seconds = timer.take(12.0)
    assert set(seconds) == set(PHASES)
    assert {name: value for name, value in seconds.items() if value} == {
        "process": 4.0,  # 10 seconds less the 2 and 4 of what ran inside
        "generate": 2.0,
        "reward": 4.0,
        "other": 2.0,
    }
    assert timer.take(1.0)["other"] == 1.0, "a step's spans are forgotten"


def test_log_probs_inside_the_loss_are_its_forward_pass_and_outside_their_own_phase():
    timer = PhaseTimer(HandClock(0, 1, 6, 7, 10, 13))
    score = timer.wrap(lambda: None, "logprobs")
    timer.wrap(score, "forward")()
    score()
    seconds = timer.take(10.0)
    assert (seconds["forward"], seconds["logprobs"], seconds["other"]) == (7.0, 3.0, 0.0)


def test_a_phase_that_fails_is_closed():
    timer = PhaseTimer(HandClock(0, 2))
    with pytest.raises(ZeroDivisionError):
        timer.wrap(lambda: 1 / 0, "reward")()
    assert timer.take(2.0)["reward"] == 2.0


@pytest.mark.parametrize("tokens", [21, 40, 64, 100, 300, 1066])
def test_prompts_have_exactly_the_stated_tokens(tokens):
    processor = open_processor("tiny")
    rows = make_rows(processor, count=3, tokens=tokens, seed=1)
    found = [measure(processor, text, picture) for text, picture in zip(rows.texts_P, rows.pictures_P, strict=True)]
    assert found == rows.tokens_P == [tokens] * 3
    width, height = rows.pictures_P[0].size
    assert rows.image_tokens == width // 28 * (height // 28)
    assert len({picture.tobytes() for picture in rows.pictures_P}) == 3


def test_same_seed_same_rows(tmp_path):
    processor = open_processor("tiny")
    first, again, other = (make_rows(processor, count=2, tokens=60, seed=seed) for seed in (5, 5, 6))
    assert first == again
    assert first.pictures_P[0].tobytes() != other.pictures_P[0].tobytes()
    from datasets import load_from_disk

    saved = load_from_disk(str(save_rows(first, tmp_path / "rows")))
    assert [row["prompt"][0]["content"] for row in saved] == first.texts_P
    assert [row["image"].convert("RGB").tobytes() for row in saved] == [one.tobytes() for one in first.pictures_P]


def test_a_prompt_without_room_for_a_picture_is_refused():
    processor = open_processor("tiny")
    with pytest.raises(InputError, match="ask for at least") as refused:
        make_rows(processor, count=1, tokens=10, seed=0)
    least = int(str(refused.value).rsplit(" ", 1)[1])
    assert make_rows(processor, count=1, tokens=least, seed=0).tokens_P == [least]


@pytest.mark.parametrize(
    ("budget", "grid"), [(3, (0, 0)), (-7, (0, 0)), (4, (2, 2)), (7, (2, 3)), (25, (5, 5)), (280, (14, 20))]
)
def test_picture_grid(budget, grid):
    assert picture_grid(budget) == grid


def test_the_grid_is_the_largest_of_its_shape():
    for budget in random.Random(0).sample(range(4, 1500), 40):
        rows, columns = picture_grid(budget)
        fitting = [r * c for r in range(2, 40) for c in range(r, 2 * r + 1) if r * c <= budget]
        assert rows * columns == max(fitting)
        assert rows <= columns <= 2 * rows


def test_reward_tells_completions_apart_and_is_a_function_of_its_input():
    completions = [[1, 2, 3], [1, 2, 3], [3, 2, 1], []]
    rewards = hash_reward(completion_ids=completions)
    assert rewards == hash_reward(completion_ids=completions)
    assert len(set(rewards)) == 4
    assert rewards[0] == (((1 * 31 + 2) * 31 + 3) * 31 + 4) % 65_521 / 65_521


def test_sizes_are_what_their_names_say():
    import torch
    from transformers import AutoModelForImageTextToText

    tokenizer = open_processor("tiny").tokenizer
    millions = {}
    for name, shape in SHAPES.items():
        with torch.device("meta"):
            model = AutoModelForImageTextToText.from_config(bench_config(shape, tokenizer))
        millions[name] = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    assert 5.0 <= millions["5m"] <= 5.5
    assert 500 <= millions["0.5b"] <= 650
    assert 900 <= millions["1b"] <= 1_200
    assert 3_000 <= millions["3b"] <= 3_900


@pytest.mark.parametrize("text", ["300,32", "300,32,8,1", "a,b,c", "300,32,1", "0,32,8", "300,-1,8", ""])
def test_bad_points_of_a_sweep_are_refused(text):
    with pytest.raises(InputError):
        parse_setting(text)


def test_a_point_of_a_sweep_is_read():
    assert parse_setting("300, 32, 8") == Setting(prompt_tokens=300, completion_tokens=32, group=8)


@pytest.mark.parametrize(
    "change",
    [
        {"prompts": 0},
        {"pairs": 0},
        {"warmup": 0},
        {"threads": 0},
        {"size": "7b"},
        {"dtype": "float16"},
        {"device": "cuda:x"},
        {"device": "tpu"},
        {"beta": -0.1},
        {"trainers": ()},
        {"trainers": ("trl", "trl")},
        {"trainers": ("verl",)},
    ],
)
def test_bad_options_are_refused(change):
    with pytest.raises(InputError) as refused:
        BenchOptions(**change)
    assert "\n" not in str(refused.value)


def record(seconds: float, *, length: float = 4.0, dead: float = 0.0, peak: int = 300, total: int = 0) -> dict:
    log = {
        "completions/min_length": 4.0,
        "completions/max_length": length,
        "frac_reward_zero_std": dead,
        "num_tokens": total,
        "time/forward": seconds / 4,
    }
    phases = dict.fromkeys(PHASES, 0.0) | {"forward": seconds / 2}
    return {"seconds": seconds, "phases": phases, "log": log, "memory": {"before_first_step": 100, "peak": peak}}


def test_result_holds_medians_of_the_timed_steps():
    options = BenchOptions(pairs=3)
    setting = Setting(prompt_tokens=40, completion_tokens=4, group=2)
    records = {
        "trl": [record(99.0), record(6.0), record(2.0), record(4.0, peak=900, total=4 * 4 * (40 + 4))],
        "mmrl": [record(98.0), record(1.0), record(2.0), record(0.5, peak=300, total=4 * 4 * (40 + 4))],
    }
    rows = make_rows(open_processor("tiny"), count=2, tokens=40, seed=0)
    from pathlib import Path

    from mmrl.families import resolve_model

    found = setting_result(setting, options, rows=rows, model=Path(resolve_model("tiny")), records=records)
    assert found["ratio"] == 4.0
    assert found["pair_ratios"] == [6.0, 1.0, 8.0]
    assert (found["memory_ratio"], found["memory_ratio_above_start"]) == (300 / 900, 200 / 800)
    assert found["trainers"]["trl"]["seconds"] == [6.0, 2.0, 4.0]
    assert found["trainers"]["mmrl"]["phases"]["forward"] == 0.5
    assert found["trainers"]["mmrl"]["logged_phases"] == {"forward": 0.25}
    assert found["trainers"]["trl"]["tokens"] == {"prompt_mean": 40.0, "completion_min": 4.0, "completion_max": 4.0}
    assert verdict(found).startswith("mmrl is 4.00 times as fast as TRL (single pairs 1.00 to 8.00); peak memory 0.33")


@pytest.mark.parametrize(("change", "words"), [({"length": 5.0}, "4 tokens"), ({"dead": 0.5}, "variance")])
def test_steps_that_are_not_the_same_work_are_not_compared(change, words):
    setting = Setting(prompt_tokens=40, completion_tokens=4, group=2)
    with pytest.raises(MmrlError, match=words):
        check_steps({"trl": [record(1.0), record(1.0, **change)]}, setting, BenchOptions(pairs=1))
