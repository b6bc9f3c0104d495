"""Scores of predicted boxes against gold ones.

Functions on :class:`Boxes` bring the prediction into the gold frame themselves; functions on :class:`Box` expect both
in one frame. Several boxes are compared without regard to order, one to one.
"""

from __future__ import annotations

from typing import Literal

from mmrl.geometry import box_center, box_iou, contains, convert_boxes, is_valid_box
from mmrl.scoring.values import normalise_text
from mmrl.types import Box, Boxes

BoxRule = Literal["iou50", "hit"]
BOX_RULES: tuple[BoxRule, ...] = ("iou50", "hit")
IOU_THRESHOLD = 0.5


def box_hit(predicted: Box, gold: Box) -> bool:
    """Whether the centre of a valid predicted box lies in the gold box, edges included (GUI-G1's R_hit).

    Deviation: GUI-G1's release also counts an inverted box, since it looks at the centre alone.
    """
    return is_valid_box(predicted) and contains(gold, *box_center(predicted))


def box_size_closeness(
    predicted: Box, gold: Box, *, width: float, height: float, mode: Literal["guarded", "released"] = "guarded"
) -> float:
    """Return GUI-G1's R_Box: the harmonic mean of the four edges' closeness, 1 for equal boxes.

    Closeness of an edge is 1 minus its error over the picture's ``width`` or ``height``, which are the extents of the
    boxes' frame. Source: GUI-G1, arXiv 2505.15810.

    ``guarded`` gives 0 for a box that is not valid or has an edge off by the picture's extent or more, so the value
    stays within 0 .. 1. ``released`` follows the authors' code: inverted boxes count, an edge off by exactly the extent
    gives 0, and one that is further off can make the value negative.
    """
    closeness = [
        1 - abs(predicted.x1 - gold.x1) / width,
        1 - abs(predicted.x2 - gold.x2) / width,
        1 - abs(predicted.y1 - gold.y1) / height,
        1 - abs(predicted.y2 - gold.y2) / height,
    ]
    if mode == "guarded" and (not is_valid_box(predicted) or min(closeness) <= 0):
        return 0.0
    if 0 in closeness:
        return 0.0
    inverse = sum(1 / edge for edge in closeness)
    return 4 / inverse if inverse else 0.0


def best_iou(predicted: Boxes, gold: Boxes) -> float:
    """Return the mean IoU of predicted and gold boxes, paired one to one from the greatest IoU down; 0 to 1.

    Unpaired boxes on either side count as 0, so listing many boxes lowers the score. With one box on each side this is
    their IoU. The pairing is greedy, which with overlapping gold boxes can fall short of the best assignment.
    """
    converted = convert_boxes(predicted, gold.frame).boxes
    overlaps = sorted(
        (
            (iou, i, j)
            for i, guess in enumerate(converted)
            for j, truth in enumerate(gold.boxes)
            if (iou := box_iou(guess, truth)) > 0
        ),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    total, used, covered = 0.0, set(), set()
    for iou, i, j in overlaps:
        if i not in used and j not in covered:
            used.add(i)
            covered.add(j)
            total += iou
    return total / max(len(converted), len(gold.boxes), 1)


def boxes_match(predicted: Boxes, gold: Boxes, *, rule: BoxRule = "iou50") -> bool:
    """Whether predicted and gold boxes can be paired one to one, none left over, each pair right by ``rule``.

    ``iou50``: IoU of at least 0.5. ``hit``: the predicted centre lies in the gold box. Where the gold boxes carry
    different labels, a pair's labels must agree as well; otherwise labels are not looked at.
    """
    same_count = len(predicted.boxes) == len(gold.boxes)
    return same_count and count_matched_boxes(predicted, gold, rule=rule) == len(gold.boxes)


def count_matched_boxes(predicted: Boxes, gold: Boxes, *, rule: BoxRule = "iou50") -> int:
    """Return how many gold boxes can at most be paired with a predicted box of their own that is right by ``rule``."""
    converted = convert_boxes(predicted, gold.frame).boxes
    labelled = len({box.label for box in gold.boxes}) > 1
    return maximum_matching(
        [[i for i, guess in enumerate(converted) if _agree(guess, truth, rule, labelled)] for truth in gold.boxes]
    )


def boxes_f1(predicted: Boxes, gold: Boxes) -> float:
    """Return twice the pairs over the boxes of both sides: the harmonic mean of precision and recall at IoU 0.5.

    Pairs are one to one, as many as can be, and of one class where the gold boxes carry different ones.
    """
    total = len(predicted.boxes) + len(gold.boxes)
    return 2 * count_matched_boxes(predicted, gold) / total if total else 1.0


def _agree(guess: Box, truth: Box, rule: BoxRule, labelled: bool) -> bool:
    if labelled and normalise_text(guess.label or "") != normalise_text(truth.label or ""):
        return False
    return box_hit(guess, truth) if rule == "hit" else box_iou(guess, truth) >= IOU_THRESHOLD


def maximum_matching(candidates: list[list[int]]) -> int:
    """Return the size of the largest one-to-one matching; ``candidates[j]`` lists what may be paired with j.

    Augmenting paths, breadth first (Kuhn's algorithm without recursion).
    """
    owner: dict[int, int] = {}
    return sum(_augment(start, candidates, owner) for start in range(len(candidates)))


def _augment(start: int, candidates: list[list[int]], owner: dict[int, int]) -> bool:
    """Try to give ``start`` a candidate, moving earlier owners to others of theirs; updates ``owner``."""
    reached_from: dict[int, int] = {}
    queue = [start]
    for current in queue:
        for candidate in candidates[current]:
            if candidate in reached_from:
                continue
            reached_from[candidate] = current
            if candidate in owner:
                queue.append(owner[candidate])
                continue
            _hand_over(candidate, start, reached_from, owner)
            return True
    return False


def _hand_over(free: int, start: int, reached_from: dict[int, int], owner: dict[int, int]) -> None:
    """Shift ownership along the path that led from ``start`` to the free candidate."""
    holds = {holder: candidate for candidate, holder in owner.items()}
    candidate = free
    while True:
        holder = reached_from[candidate]
        owner[candidate] = holder
        if holder == start:
            return
        candidate = holds[holder]
