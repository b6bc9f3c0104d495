"""Arms over seeds: means and intervals by hand, the verdict in every case, and the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from eval.arms import Arm, Claim, arm_estimate, difference, findings, mean_curve, verdict
from eval.report.comparison import Comparison, write_comparison

T_2 = 4.302652729911275
"""Student's t at 97.5 % with 2 degrees of freedom (Abramowitz and Stegun, table 26.10: 4.303)."""


def arm(name: str, accuracies: Mapping[int, float], items: int = 10) -> Arm:
    """An arm whose runs have the given shares of right items."""
    scores = {
        seed: [float(place < round(share * items)) for place in range(items)] for seed, share in accuracies.items()
    }
    return Arm(name=name, title=f"arm {name}", scores=scores, curves={})


def test_an_arms_interval_is_over_seeds() -> None:
    estimate = arm_estimate(arm("a", {0: 0.2, 1: 0.4, 2: 0.6}))
    half = T_2 * 0.2 / 3**0.5  # deviation of 0.2, 0.4, 0.6 over the root of three seeds
    assert estimate.gain == pytest.approx(0.4)
    assert estimate.low == pytest.approx(max(0.0, 0.4 - half), abs=1e-6)
    assert estimate.high == pytest.approx(0.4 + half, abs=1e-6)


def test_differences_are_paired_by_seed() -> None:
    # Seeds differ by far more than arms do: 0.1, 0.1, 0.2 more in each.
    first, second = arm("a", {0: 0.1, 1: 0.4, 2: 0.7}), arm("b", {0: 0.2, 1: 0.5, 2: 0.9, 3: 0.9})
    estimate = difference(second, first)
    assert estimate is not None
    deviation = (((0.1 - 0.4 / 3) ** 2 * 2 + (0.2 - 0.4 / 3) ** 2) / 2) ** 0.5
    assert estimate.gain == pytest.approx(0.4 / 3)
    assert estimate.low == pytest.approx(0.4 / 3 - T_2 * deviation / 3**0.5, abs=1e-6)
    assert difference(first, arm("c", {9: 0.5})) is None


CLAIMS = (Claim(better="b", worse="a"), Claim(better="c", worse="b"))


@pytest.mark.parametrize(
    ("b", "c", "opening"),
    [
        ({0: 0.3, 1: 0.4, 2: 0.4}, {0: 0.5, 1: 0.6, 2: 0.7}, "Appears"),
        ({0: 0.3, 1: 0.4, 2: 0.4}, {0: 0.3, 1: 0.5, 2: 0.4}, "Suggested, not shown"),
        ({0: 0.1, 1: 0.2, 2: 0.1}, {0: 0.1, 1: 0.3, 2: 0.1}, "Not shown: all 2 differences"),
        ({0: 0.3, 1: 0.4, 2: 0.4}, {0: 0.3, 1: 0.3, 2: 0.4}, "Does not appear"),
        ({0: 0.3, 1: 0.4, 2: 0.4}, {0: 0.0, 1: 0.1, 2: 0.0}, "Does not appear"),
        ({0: 0.3, 1: 0.4, 2: 0.4}, {}, "No verdict"),
    ],
)
def test_the_verdict_follows_the_numbers(b: dict[int, float], c: dict[int, float], opening: str) -> None:
    arms = [arm("a", {0: 0.1, 1: 0.1, 2: 0.1}), arm("b", b), arm("c", c)]
    sentence = verdict(findings(arms, CLAIMS), CLAIMS, order="the order")
    assert sentence.startswith(opening)
    assert ("with its 95 % interval below zero" in sentence) == (c == {0: 0.0, 1: 0.1, 2: 0.0})


def test_equal_results_are_no_order() -> None:
    same = {0: 0.4, 1: 0.4, 2: 0.4}
    found = findings([arm(name, same) for name in "abc"], CLAIMS)
    assert verdict(found, CLAIMS, order="the order").startswith("Does not appear")


def test_curves_are_averaged_where_all_seeds_have_been() -> None:
    curves = {0: [(1.0, 0.0), (2.0, 0.2), (3.0, 0.4)], 1: [(2.0, 0.4), (3.0, 0.8)]}
    made = Arm(name="a", title="a", scores={}, curves=curves)
    assert mean_curve(made, window=1) == [(2.0, pytest.approx(0.3)), (3.0, pytest.approx(0.6))]
    assert mean_curve(made, window=3) == [(2.0, pytest.approx(0.45)), (3.0, pytest.approx(0.45))]
    assert mean_curve(Arm(name="a", title="a", scores={}, curves={}), window=3) == []


def test_the_page_shows_every_arm_and_escapes_what_it_is_given(tmp_path: Path) -> None:
    curve = [(float(step), step / 20) for step in range(10)]
    arms = [
        Arm(name="a", title="<script>a</script>", scores={0: [0.0, 1.0], 1: [1.0, 1.0]}, curves={0: curve, 1: curve}),
        Arm(name="b", title="second", scores={}, curves={}),
    ]
    comparison = Comparison(title="Trial", verdict="No verdict.", arms=arms, findings=[], curve_title="Accuracy")
    page = write_comparison(comparison, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "&lt;script&gt;a&lt;/script&gt;" in page
    assert page.count('class="single"') == 2
    assert page.count('class="mean"') == 1
    assert "not trained yet" in page
    assert "75.0" in page
