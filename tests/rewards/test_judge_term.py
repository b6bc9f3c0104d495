"""The term ``judge``: the rule first, whole batches at once, abstaining, settings from a config."""

from __future__ import annotations

from typing import Any

import pytest

from mmrl.answers import parse_completion
from mmrl.config import RubricConfig, TermConfig
from mmrl.config.schema import MechanismConfig
from mmrl.errors import InputError
from mmrl.rewards import build_rubric
from mmrl.types import Number, Rollout, Sample, Text, answer_kind
from tests.judges.server import gullible, judge_server, sensible
from tests.test_config import changed, problems

SAMPLE = Sample(id="t1", task="signs/read", question="What is written?", media=(), answer=Text(value="a red bicycle"))
COUNT = Sample(id="c1", task="signs/count", question="How many?", media=(), answer=Number(value=3))


def rollout(text: str, sample: Sample = SAMPLE) -> Rollout:
    written = f"<answer>{text}</answer>"
    return Rollout(text=written, parsed=parse_completion(written, kind=answer_kind(sample.answer), style="direct"))


def rubric_of(url: str, composition: MechanismConfig | None = None, **settings: Any) -> Any:
    given = {"model": "m", "server": url, "retries": 0, **settings}
    terms = (TermConfig(name="accuracy"), TermConfig(name="judge", weight=0.5, settings=given))
    return build_rubric(RubricConfig(terms=terms, composition=composition), ".")


def scored(rubric: Any, *texts: str) -> list[float | None]:
    found = rubric.score_groups([SAMPLE] * len(texts), [rollout(text) for text in texts], group_size=len(texts))
    return [one.terms["judge"] for one in found]


def test_the_rule_comes_first_and_the_rest_is_asked_once() -> None:
    with judge_server(sensible) as server:
        rubric = rubric_of(server.url, controls=False)
        assert scored(rubric, "a red bicycle", "Red bicycle", "Red bicycle", "a green one", "") == pytest.approx(
            [1.0, 0.9, 0.9, 0.1, 0.0]
        )
        assert len(server.pairs) == 3, "red bicycle, its decoy, and the green one"
        (count,) = rubric.score_groups([COUNT], [rollout("4", COUNT)], group_size=1)
        assert count.terms["judge"] is None, "it has no say on numbers unless kinds says so"
        assert [term.facts() for term in rubric.terms if term.facts] == [
            {"judged": 3.0, "late": 0.0, "failed": 0.0, "dropped": 0.0}
        ]


def test_a_threshold_makes_it_yes_or_no() -> None:
    with judge_server(sensible) as server:
        assert scored(rubric_of(server.url, controls=False, threshold=0.5), "Red bicycle", "x y") == [1.0, 0.0]


def test_a_failed_judge_abstains_and_the_rest_counts() -> None:
    with judge_server(lambda *_: 503) as server:
        rubric = rubric_of(server.url, controls=False)
        (one,) = rubric.score_groups([SAMPLE], [rollout("Red bicycle")], group_size=1)
        assert (one.total, one.terms["judge"]) == (0.0, None)
        assert rubric.terms[1].facts()["failed"] == 1.0


def test_a_judge_that_says_yes_to_everything_ends_the_run() -> None:
    with judge_server(gullible) as server, pytest.raises(InputError, match="accepts 0 of 4 right"):
        scored(rubric_of(server.url), "Red bicycle")


def test_a_composition_decides_what_is_asked() -> None:
    hybrid = MechanismConfig(name="hybrid", rule="accuracy", model="judge")
    with judge_server(sensible) as server:
        rubric = rubric_of(server.url, hybrid, controls=False)
        closed = Sample(
            id="t2", task="signs/read", question="?", media=(), answer=Text(value="north"), meta={"verifiable": True}
        )
        rows = [SAMPLE, closed], [rollout("Red bicycle"), rollout("south")]
        first, second = rubric.score_groups(*rows, group_size=1)
        assert first.total == pytest.approx(0.45)
        assert second.total == 0.0
        assert {pair[1] for pair in server.pairs} == {"Red bicycle"}


@pytest.mark.parametrize(
    ("term", "reason"),
    [
        ({"name": "judge"}, "model: Field required"),
        ({"name": "judge", "settings": {"model": "m", "modle": 1}}, "modle: Extra inputs"),
        ({"name": "format", "settings": {"model": "m"}}, "only the term judge takes settings"),
    ],
)
def test_wrong_settings_are_told_before_anything_starts(term: dict[str, Any], reason: str) -> None:
    told = problems(changed(rubric={"terms": [{"name": "accuracy"}, term]}))
    assert any(reason in line for line in told), told
