"""What a rejection stage keeps, how it mixes, and when the guard refuses: by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from mmrl.config import RejectionConfig
from mmrl.trainer.rejection_rules import Candidate, fall_test, keep_best, kept_counts, mix_examples, share_of
from mmrl.types import Level


def written(name: str, text: str, reward: float, *, ended: bool = True, level: Level = "easy") -> Candidate:
    task = f"scenes/{name[0]}"
    return Candidate(id=name, source="s", task=task, difficulty=level, text=text, reward=reward, ended=ended)


GROUPS = [
    [
        written("a1", "<answer>1</answer>", 1.0),
        written("a1", "<answer>1</answer> \n", 1.0),
        written("a1", "so <answer>1</answer>", 1.1),
        written("a1", "<answer>2</answer>", 0.1),
        written("a1", "endless <answer>1</answer>", 1.2, ended=False),
    ],
    [written("a2", "<answer>3</answer>", 0.999)],
    [written("b1", "x", 1.0, level="hard"), written("b1", "y", 1.0, level="hard")],
]


@pytest.mark.parametrize(
    ("keep", "least", "texts"),
    [
        (1, 1.0, ["so <answer>1</answer>", "x"]),
        (2, 1.0, ["so <answer>1</answer>", "<answer>1</answer>", "x", "y"]),
        (9, 0.1, ["so <answer>1</answer>", "<answer>1</answer>", "<answer>2</answer>", "<answer>3</answer>", "x", "y"]),
        (9, 1.05, ["so <answer>1</answer>"]),
        (9, 2.0, []),
    ],
)
def test_keeps_what_ended_is_good_and_differs(keep: int, least: float, texts: list[str]) -> None:
    kept = keep_best(GROUPS, RejectionConfig(keep=keep, reward_at_least=least))
    assert [one.text for one in kept] == texts


def test_a_reward_that_rounding_brought_below_the_threshold_is_kept() -> None:
    summed = sum([0.1] * 3) + 0.7 - 1e-12
    assert len(keep_best([[written("a", "x", summed)]], RejectionConfig(reward_at_least=1.0))) == 1


@pytest.mark.parametrize(
    ("balance", "counts"),
    [("mix", {"s": 4}), ("task", {"scenes/a": 2, "scenes/b": 2}), ("difficulty", {"easy": 2, "hard": 2})],
)
def test_groups_are_datasets_tasks_or_levels(balance: str, counts: dict[str, int]) -> None:
    rule = RejectionConfig(keep=2, balance=balance)  # type: ignore[arg-type]
    assert kept_counts(keep_best(GROUPS, rule), rule) == counts


def test_examples_are_shared_as_stated() -> None:
    rule = RejectionConfig(balance="task", general={"books": 0.25, "maps": 0.15})
    kept = [written(f"a{n}", f"a{n}", 1.0) for n in range(9)] + [written("b1", "b1", 1.0)]
    general = {"books": [f"books{n}" for n in range(3)], "maps": ["map"]}
    lined = mix_examples(kept, [share_of(one, rule) for one in kept], general, rule, mix={"s": 1.0}, total=40, seed=3)
    counts = Counter(one[:4] if isinstance(one, str) else one.task for one in lined)
    assert counts == {"book": 10, "map": 6, "scenes/a": 12, "scenes/b": 12}
    again = mix_examples(kept, [share_of(one, rule) for one in kept], general, rule, mix={"s": 1.0}, total=40, seed=3)
    assert lined == again
    other = mix_examples(kept, [share_of(one, rule) for one in kept], general, rule, mix={"s": 1.0}, total=40, seed=4)
    assert lined != other


def test_datasets_share_by_their_weights_and_those_that_gave_nothing_leave_theirs_to_the_others() -> None:
    kept = ["m", "n", "o"]
    lined = mix_examples(
        kept, ["x", "x", "y"], {}, RejectionConfig(), mix={"x": 1.0, "y": 3.0, "z": 9.0}, total=8, seed=0
    )
    assert Counter(lined) == {"m": 1, "n": 1, "o": 6}


def test_a_fall_is_tested_in_pairs_and_by_picture() -> None:
    before = [1.0, 1.0, 1.0, 1.0, 0.0, 1.0]
    after = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]
    alone = fall_test(before, after, range(6))
    assert (alone.before, alone.after, alone.worse, alone.better) == (5 / 6, 2 / 6, 4, 1)
    assert alone.p == pytest.approx((5 + 1) / 32)  # P(Bin(5, 1/2) >= 4)
    assert alone.fall == pytest.approx(0.5)
    assert not alone.refuses(0.02), "four against one may be chance"
    together = fall_test(before, after, ["p", "p", "p", "q", "q", "r"])
    assert (together.worse, together.better, together.p) == (1, 0, 0.5)


def test_the_guard_wants_a_fall_that_is_large_and_no_chance() -> None:
    clear = fall_test([1.0] * 8 + [0.0] * 92, [0.0] * 100, range(100))
    assert clear.p == pytest.approx(1 / 256)
    assert clear.refuses(0.05)
    assert not clear.refuses(0.08), "as large as allowed"
    rose = fall_test([0.0] * 9, [1.0] * 9, range(9))
    assert rose.p == 1.0
    assert not rose.refuses(0.0)
    same = fall_test([1.0, 0.5], [1.0, 0.5], range(2))
    assert (same.p, same.fall, same.refuses(0.0)) == (1.0, 0.0, False)
