"""Means and bands over seeds, box sizes, and what the two miniature experiments train."""

from __future__ import annotations

import math
import runpy
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from eval.box_size import log_area_ratio
from eval.report.experiment import (
    NUMBER,
    PERCENT,
    TIMES,
    BandChart,
    Experiment,
    Table,
    checked_claim,
    claims_table,
    interval_text,
    markdown_table,
    write_experiment,
)
from eval.seed_curves import band, paired_mean, seed_mean, smoothed
from mmrl.audit import audit_config
from mmrl.geometry import model_frame, original_frame
from mmrl.types import Box, Boxes, Number

SCRIPTS = Path(__file__).parents[2] / "scripts"


def boxes(*edges: tuple[float, float, float, float], frame: Any) -> Boxes:
    return Boxes(boxes=tuple(Box(x1=a, y1=b, x2=c, y2=d) for a, b, c, d in edges), frame=frame)


def test_log_area_ratio_is_taken_in_the_gold_frame():
    gold = boxes((0, 0, 40, 20), frame=original_frame(400, 200))
    same = boxes((10, 5, 20, 15), frame=model_frame(100, 100))  # 40 x 20 pixels elsewhere
    half = boxes((0, 0, 5, 10), frame=model_frame(100, 100))
    assert log_area_ratio(same, gold) == pytest.approx(0.0)
    assert log_area_ratio(half, gold) == pytest.approx(-math.log(2))
    inverted = boxes((20, 5, 10, 15), frame=model_frame(100, 100))
    two = boxes((0, 0, 1, 1), (2, 2, 3, 3), frame=model_frame(100, 100))
    assert [log_area_ratio(one, gold) for one in (inverted, two, None, Number(value=3.0))] == [None] * 4


def test_seed_mean_is_students_interval():
    found = seed_mean([1.0, 2.0, 3.0])  # s = 1, t(0.975, 2) = 4.302653, half = 4.302653 / sqrt(3)
    assert (found.mean, found.seeds) == (2.0, 3)
    assert found.high - found.mean == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert not found.is_above
    assert seed_mean([0.5, 0.5, 0.5]).is_above
    assert seed_mean([0.01, 0.01]).within(0.01)
    alone = seed_mean([0.4])
    assert (alone.is_above, alone.is_below, alone.within(9.0)) == (False, False, False)
    with pytest.raises(ValueError, match="found none"):
        seed_mean([])


def test_pairs_are_seeds_that_both_have():
    found = paired_mean({0: 3.0, 1: 5.0, 2: 9.0}, {0: 1.0, 1: 1.0, 7: 0.0})
    assert found is not None
    assert (found.mean, found.seeds) == (3.0, 2)
    assert paired_mean({0: 1.0}, {1: 1.0}) is None


def test_bands_are_of_smoothed_seeds_at_common_steps():
    assert smoothed([(1, 0.0), (2, 3.0), (3, 9.0)], 3) == [(1, 1.5), (2, 4.0), (3, 6.0)]
    found = band({0: [(1, 0.0), (2, 2.0)], 1: [(1, 4.0), (2, 6.0), (3, 6.0)], 2: []}, window=1)
    assert [(step, one.mean, one.seeds) for step, one in found] == [(1, 2.0, 2), (2, 4.0, 2)]
    assert band({}, window=3) == []


def test_claims_hold_fail_or_stay_open():
    assert checked_claim("a", seed_mean([1.0, 1.1]), NUMBER).word == "shown"
    assert checked_claim("a", seed_mean([-1.0, -1.1]), NUMBER).word == "not so"
    assert checked_claim("a", seed_mean([-1.0, 1.1]), NUMBER).word == "not decided"
    assert checked_claim("a", None, NUMBER).found == "not trained"
    assert interval_text(seed_mean([0.0]), TIMES) == "1.00 ×"
    assert interval_text(seed_mean([math.log(2), math.log(2)]), TIMES) == "2.00 × (2.00 × to 2.00 ×)"


def test_the_page_shows_claims_tables_and_a_band(tmp_path: Path):
    claims = [checked_claim("boxes <shrink>", seed_mean([-0.5, -0.6]), TIMES)]
    chart = BandChart("Hits", PERCENT, {"one arm": {0: [(1, 0.1), (2, 0.3)], 1: [(1, 0.2), (2, 0.4)]}})
    page = Experiment(
        title="T",
        verdict=["V"],
        claims=claims,
        tables=[claims_table(claims)],
        charts=[chart],
        texts=[("A", "exit code 2")],
        window=1,
    )
    text = write_experiment(page, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "boxes &lt;shrink&gt;" in text
    assert "one arm, ends at 35.0 %" in text
    assert text.count('class="spread"') == 1
    assert "exit code 2" in text
    assert markdown_table(Table("", ["a|b"], [["c"]])) == "| a\\|b |\n| --- |\n| c |\n"


# ---------------------------------------------------------------------------------------------------- the two scripts


@pytest.fixture
def arguments(tmp_path: Path) -> Namespace:
    return Namespace(out=tmp_path, seeds=[0], steps=8, test_items=2, learning_rate=2e-4)


def test_gui_g1_arms_differ_in_reward_loss_and_weight_alone(arguments: Namespace):
    script = runpy.run_path(str(SCRIPTS / "replicate_gui_g1.py"), run_name="replicate")
    configs = {arm: script["arm_config"](arguments, arm, 3) for arm in script["ARMS"]}
    paid = {
        arm: {term.name: term.weight for term in config.rubric.terms if term.weight} for arm, config in configs.items()
    }
    full = {"hit": 1.0, "iou": 0.25, "box_size": 0.125}
    assert paid == {
        "hit": {"hit": 1.0},
        "iou": {"iou": 1.0},
        "hit_iou": {"hit": 1.0, "iou": 0.25},
        "full": full,
        "own_length": full,
        "unweighted": full,
        "plain": full,
    }
    assert [arm for arm, one in configs.items() if one.training.loss_type == "grpo"] == ["own_length", "plain"]
    assert [arm for arm, one in configs.items() if one.training.sample_weight is None] == ["unweighted", "plain"]
    assert len({str(config.datasets) for config in configs.values()}) == 1
    assert all({"hit", "iou", "area_ratio"} <= {term.name for term in one.rubric.terms} for one in configs.values())


def test_gui_g1_verdict_says_what_intervals_say():
    script = runpy.run_path(str(SCRIPTS / "replicate_gui_g1.py"), run_name="replicate")
    outcome, check, verdict = script["Outcome"], script["check_claims"], script["verdict"]

    def arm(area: float, hit: float) -> Any:
        values = {seed: area + 0.001 * seed for seed in range(3)}
        return outcome(hit={seed: hit + 0.001 * seed for seed in range(3)}, iou=values, area=values)

    found = {name: arm(0.0, 0.7) for name in script["ARMS"]}
    found |= {"hit": arm(-0.5, 0.7), "iou": arm(0.4, 0.6)}
    assert [claim.holds for claim in check(found)[:5]] == [True] * 5
    assert verdict(check(found))[0].startswith("Appears:")
    assert verdict(check(found | {"iou": arm(-0.4, 0.6)}))[0].startswith("Appears in part, 2 of 3")
    missing = found | {"plain": outcome(hit={}, iou={}, area={})}
    assert verdict(check(missing)) == ["No verdict yet: not every arm is trained."]


def test_the_audit_flags_the_gameable_rubrics_and_passes_their_twins(arguments: Namespace):
    from mmrl.data import read_folder

    script = runpy.run_path(str(SCRIPTS / "hack_experiment.py"), run_name="hack")
    broken = {}
    for arm in script["ARMS"]:
        config = script["arm_config"](arguments, arm, 0)
        data = {"gui_train": read_folder(Path(str(config.datasets["gui_train"].path))).samples}
        broken[arm] = {one.law for stage in audit_config(config, data) for one in stage.broken}
    assert {"gold", "length", "order"} <= broken["length"]
    assert "order" in broken["iou"]
    assert broken["length_repaired"] == broken["iou_repaired"] == set()
