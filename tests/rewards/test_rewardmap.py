"""RewardMap's reward: the released figures on a toy network, difficulty weights, and where a weight has an effect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mmrl.errors import InputError
from mmrl.rewards import TERMS, Rubric, reward_warnings
from mmrl.rewards.rewardmap import (
    difficulty_weight,
    map_level_of,
    released_reward,
    sample_weight,
    text_correctness,
    text_detail,
)
from mmrl.rewards.sample_weights import build_sample_weight
from mmrl.trainer.advantages import Scale, group_advantages
from mmrl.trainer.loss_types import LossInputs, LossScale, LossSpec
from mmrl.trainer.losses import policy_loss
from mmrl.types import Level, Parsed, ParseStatus, Rollout, Route, RouteLeg, Sample, YesNo
from tests.scoring.reasonmap.toy import RIGHT, TOY_LINES, answer

AD = answer(("Line 1", "A", "D"))
DETOUR = answer(("Line 1", "A", "D"), ("Line 3", "D", "F"))
THREE = answer(("Line 2", "E", "B"), ("Line 1", "B", "D"), ("Line 3", "D", "G"))
BROKEN = answer(("Line 1", "A", "C"), ("Line 2", "B", "F"))


def journey(origin: str, destination: str) -> dict[str, Any]:
    return {"lines": TOY_LINES, "origin": f"{origin} Station", "destination": f"{destination} Station"}


@pytest.mark.parametrize(
    ("text", "ends", "by_transfers"),
    [
        (AD, "AD", (1, 5, 5, 5)),
        (RIGHT, "AF", (-8, 4, 9, 9)),
        (DETOUR, "AF", (-8, 4, 9, 9)),
        (THREE, "EG", (-13, 2, 8, 10)),
        (BROKEN, "AF", (-8, 3, 8, 8)),
        (answer(("Line 1", "A", "F")), "AF", (-3, 5, 5, 5)),
        (RIGHT.replace("Line 1", "line 1"), "AF", (-8, 0, 5, 5)),
        (RIGHT, "BF", (0, 0, 0, 0)),
        (RIGHT.replace("Route Name:", "route name:"), "AF", (-8, -3, 2, 2)),
        ("no route", "AF", (0, 0, 0, 0)),
    ],
)
def test_released_detail(text: str, ends: str, by_transfers: tuple[float, ...]) -> None:
    found = tuple(text_detail(text, **journey(*ends), transfers=transfers) for transfers in range(4))
    assert found == by_transfers


@pytest.mark.parametrize(
    ("text", "ends", "transfers", "detail"), [(AD, "AD", 0, 6), (RIGHT, "AF", 1, 9), (THREE, "EG", 2, 10)]
)
def test_counted_from_zero_no_ride_of_a_right_route_is_fined(
    text: str, ends: str, transfers: int, detail: float
) -> None:
    assert text_detail(text, **journey(*ends), transfers=transfers, mode="zero_based") == detail


def test_released_rewards() -> None:
    ends = journey("A", "F")
    totals = [released_reward(RIGHT, **ends, transfers=1) * difficulty_weight(level, 1) for level in MAP_LEVELS]
    assert totals == pytest.approx([18, 20.4, 24])
    assert released_reward(RIGHT.replace(" Station", ""), **ends, transfers=1) == 12
    assert released_reward(RIGHT + "\nEnjoy!", **ends, transfers=1) == 0
    unknown = AD.replace("Line 1", "Line 8")
    assert released_reward(unknown, **journey("A", "D"), transfers=0) == -1.5
    assert not text_correctness(unknown, **journey("A", "D"))
    there_and_back = "\n--\n".join([AD] * 5)
    assert released_reward(there_and_back, **journey("A", "D"), transfers=0) == -1.5
    assert released_reward(there_and_back, **journey("A", "D"), transfers=1) * difficulty_weight("hard", 1) == -3.0


MAP_LEVELS: tuple[Level, ...] = ("easy", "middle", "hard")


def test_difficulty_weights() -> None:
    assert [difficulty_weight(level) for level in MAP_LEVELS] == [1.0, 1.2, 1.5]
    assert [difficulty_weight(level, 0) for level in MAP_LEVELS] == [1.0, 1.2, 1.5]
    assert [difficulty_weight(level, 1) for level in MAP_LEVELS] == [1.5, 1.7, 2.0]
    assert difficulty_weight("hard", 3) == 2.0


# ---------------------------------------------------------------------------------------------------- samples

PLAN = Sample(
    id="p",
    task="transit/plan",
    question="?",
    media=(),
    answer=Route(legs=(RouteLeg(line="Line 1", departure="A Station", arrival="B Station"),)),
    difficulty="middle",
    meta={**journey("A", "F"), "transfers": 1},
)
COUNT = Sample(id="c", task="transit/same_line", question="?", media=(), answer=YesNo(value=True), difficulty="hard")


def test_a_sample_weighs_by_its_map_and_its_changes() -> None:
    assert sample_weight(PLAN) == 1.5  # three lines are an easy map; its own difficulty is that of the journey
    assert sample_weight(replace(PLAN, meta={**PLAN.meta, "map_difficulty": "hard"})) == 2.0
    assert sample_weight(replace(PLAN, meta={**PLAN.meta, "reasonmap": {"difficulty_city": "middle"}})) == 1.7
    assert sample_weight(replace(PLAN, meta={**PLAN.meta, "transfers": 0})) == 1.0
    assert sample_weight(COUNT) == 1.5
    lines = {f"Line {number}": ["A Station", "F Station"] for number in range(9)}
    assert map_level_of(replace(PLAN, meta={**PLAN.meta, "lines": lines})) == "hard"
    with pytest.raises(InputError, match=r"meta\.map_difficulty"):
        sample_weight(replace(PLAN, meta={**PLAN.meta, "map_difficulty": "extreme"}))


def test_weights_are_built_from_levels_names_and_files(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def weigh(sample):\n    return 3.0 if sample.id == 'p' else 0.0\n")
    by_level = build_sample_weight({"hard": 2}, tmp_path)
    named, own = build_sample_weight("rewardmap", tmp_path), build_sample_weight("own.py:weigh", tmp_path)
    assert by_level is not None
    assert named is not None
    assert own is not None
    assert [weigh(PLAN) for weigh in (by_level, named, own)] == [1.0, 1.5, 3.0]
    assert [weigh(COUNT) for weigh in (by_level, named, own)] == [2.0, 1.5, 0.0]
    assert build_sample_weight(None, tmp_path) is None
    with pytest.raises(InputError, match="rewardmap"):
        build_sample_weight("rewardmat", tmp_path)


# ---------------------------------------------------------------------------------------------------- effect

REWARDS_PG = torch.tensor([[1.0, 0.0, 0.5, 0.0], [0.0, 1.0, 1.0, 0.5]])
WEIGHTS_P = torch.tensor([1.0, 2.0])


@pytest.mark.parametrize(("scale", "effect"), [("group", False), ("batch", True), ("none", True)])
def test_a_factor_on_the_reward_vanishes_under_group_normalisation(scale: Scale, effect: bool) -> None:
    plain = group_advantages(REWARDS_PG.reshape(-1), 4, scale=scale)
    factored = group_advantages((REWARDS_PG * WEIGHTS_P[:, None]).reshape(-1), 4, scale=scale)
    assert torch.allclose(plain, factored, atol=2e-3) is not effect


def loss_gradient(advantages_N: torch.Tensor, weights_N: torch.Tensor | None) -> torch.Tensor:
    """Gradient of the policy loss over log-probabilities of two prompts with four completions of three tokens."""
    torch.manual_seed(0)
    logps = (torch.rand(8, 3) - 2).requires_grad_()
    inputs = LossInputs(
        logps_NT=logps,
        old_logps_NT=logps.detach() + 0.3 * torch.randn(8, 3),
        advantages=advantages_N,
        mask_NT=torch.ones(8, 3),
        weights_N=weights_N,
    )
    policy_loss(inputs, LossSpec(loss_type="grpo"), LossScale()).loss.backward()
    assert logps.grad is not None
    return logps.grad


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_a_weight_on_the_loss_acts_as_one_on_the_advantage_under_every_estimator(scale: Scale) -> None:
    advantages_N = group_advantages(REWARDS_PG.reshape(-1), 4, scale=scale)
    weights_N = WEIGHTS_P.repeat_interleave(4)
    weighted = loss_gradient(advantages_N, weights_N)
    assert torch.allclose(weighted, loss_gradient(advantages_N * weights_N, None), atol=1e-7)
    plain = loss_gradient(advantages_N, None)
    assert torch.allclose(weighted[:4], plain[:4], atol=1e-7)
    assert torch.allclose(weighted[4:], 2 * plain[4:], atol=1e-7)
    assert plain[4:].abs().max() > 0


# ---------------------------------------------------------------------------------------------------- terms


def rollout(*legs: tuple[str, str, str]) -> Rollout:
    route = Route(
        legs=tuple(RouteLeg(line=line, departure=f"{a} Station", arrival=f"{b} Station") for line, a, b in legs)
    )
    return Rollout(text="", parsed=Parsed(status=ParseStatus.OK, answer=route))


def test_detail_terms_of_parsed_answers() -> None:
    right = rollout(("Line 1", "A", "B"), ("Line 2", "B", "F"))
    released, zero_based = TERMS["route_detail_released"].function, TERMS["route_detail"].function
    assert (released(PLAN, right), zero_based(PLAN, right)) == (0.4, 0.9)
    direct = replace(PLAN, meta={**PLAN.meta, "transfers": 0})
    assert (released(direct, right), zero_based(direct, right)) == (-0.8, 0.0)
    unread = Rollout(text="", parsed=Parsed(status=ParseStatus.EMPTY))
    assert (released(PLAN, unread), zero_based(PLAN, unread)) == (0.0, 0.0)
    assert released(COUNT, right) is None


def test_the_released_term_is_named_as_unbounded() -> None:
    def warnings(name: str) -> list[str]:
        rubric = Rubric([TERMS["accuracy"], replace(TERMS[name], weight=0.5)])
        return reward_warnings(rubric, kinds=["route"], scale_rewards="group")

    assert warnings("route_detail") == []
    assert "route_detail_released" in " ".join(warnings("route_detail_released"))
