"""Terms of tasks asked in several forms: detection by class, sets of labels, equality of mathematical values."""

from __future__ import annotations

import pytest

from mmrl.types import Answer, Box, Boxes, Choice, Text
from tests.rewards.test_terms import SCREEN, sample, value

PETS = sample(
    Boxes(
        boxes=(
            Box(x1=0, y1=0, x2=100, y2=100, label="cat"),
            Box(x1=200, y1=0, x2=300, y2=100, label="dog"),
            Box(x1=400, y1=0, x2=500, y2=100, label="dog"),
        ),
        frame=SCREEN,
    )
)


def found_pets(*boxes: tuple[str, int]) -> str:
    """Boxes of 100 pixels, each a class and its left edge."""
    rows = ", ".join(f'{{"bbox_2d": [{left}, 0, {left + 100}, 100], "label": "{name}"}}' for name, left in boxes)
    return f"<answer>[{rows}]</answer>"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (found_pets(("dog", 400), ("cat", 0), ("dog", 200)), 1.0),  # order aside
        (found_pets(("cat", 0), ("dog", 200)), 4 / 5),  # 2 pairs of 2 and 3 boxes
        (found_pets(("dog", 0), ("cat", 200), ("dog", 400)), 2 / 6),  # classes exchanged: one pair is left
        (found_pets(("cat", 0), ("cat", 0), ("cat", 0), ("cat", 0)), 2 / 7),  # a box is paired once
        (found_pets(("cat", 33)), 2 / 4),  # IoU 67 / 133 = 0.504
        (found_pets(("cat", 34)), 0.0),  # IoU 66 / 134 = 0.493
        ("<answer>cat</answer>", 0.0),
    ],
)
def test_detection_pairs_boxes_of_one_class(text: str, wanted: float) -> None:
    assert value("detection", PETS, text) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("gold", "said", "wanted"),
    [
        (Choice(letters=("A", "C")), "C, A", 1.0),
        (Choice(letters=("A", "C")), "A", 1 / 2),
        (Choice(letters=("A", "C")), "A, B, C, D", 2 / 4),  # naming everything does not pay
        (Choice(letters=("A", "C")), "A, B", 1 / 3),
        (Choice(letters=("A", "C")), "B", 0.0),
        (Text(value="cat, dog"), "Dog,  cat.", 1.0),
        (Text(value="cat, dog"), "dog, dog, dog", 1 / 2),
        (Text(value="cat, dog"), "cat, dog, cow", 2 / 3),
        (Text(value="cat, dog"), "cat dog", 0.0),
        (Text(value="cat, dog"), ", ,", 0.0),
    ],
)
def test_labels_are_a_set_with_partial_credit(gold: Answer, said: str, wanted: float) -> None:
    asked = sample(gold, rule="labels" if isinstance(gold, Text) else "jaccard")
    assert value("labels", asked, f"<answer>{said}</answer>") == pytest.approx(wanted)
    assert value("accuracy", asked, f"<answer>{said}</answer>") == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("1/2", 1.0),
        ("0.5", 1.0),
        (r"\frac{2}{4}", 1.0),
        ("1/3", 0.0),
        ("half", 0.0),
        ("9^9^9^9^9", 0.0),
        ("1/2 or 1/3", 0.0),
    ],
)
def test_mathematics_is_equality_of_values(said: str, wanted: float) -> None:
    asked = sample(Text(value=r"\frac{1}{2}"), rule="mathematics")
    assert value("mathematics", asked, f"<answer>{said}</answer>") == wanted
    assert value("accuracy", asked, f"<answer>{said}</answer>") == wanted
