"""How large predicted boxes are beside gold ones: what hit-only rewards let shrink and overlap rewards let grow."""

from __future__ import annotations

import math

from mmrl.geometry import box_area, convert_boxes, is_valid_box
from mmrl.types import Answer, Boxes, Rollout, Sample


def log_area_ratio(predicted: Answer | None, gold: Answer) -> float | None:
    """Return the natural logarithm of predicted over gold area, one box each; 0 is the gold size.

    None where either is not one box of positive area. The logarithm treats half and twice the size alike, and its mean
    is not ruled by a few giant boxes.
    """
    if not isinstance(predicted, Boxes) or not isinstance(gold, Boxes):
        return None
    if len(predicted.boxes) != 1 or len(gold.boxes) != 1:
        return None
    (box,) = convert_boxes(predicted, gold.frame).boxes
    if not is_valid_box(box):
        return None
    return math.log(box_area(box) / box_area(gold.boxes[0]))


def log_area_ratio_term(sample: Sample, rollout: Rollout) -> float | None:
    """:func:`log_area_ratio` of a completion, as a reward term of weight 0 that only watches."""
    return log_area_ratio(rollout.parsed.answer, sample.answer)
