"""Reward terms of GUI grounding papers, by name, as alternatives to ``hit``, ``iou`` and ``box_size``.

They apply to samples with one target box: a gold box, or a gold point whose ``meta.box`` states it; on others they
abstain. Places are centres of boxes or points, compared in pixels of the stored picture. A completion without a typed
answer gets 0, the least that any of them pays; where a paper's value has another range it is mapped onto 0 to 1, which
changes no ranking inside a group.

================== ============= ======== ============================================================================
name               kinds         verifies value
================== ============= ======== ============================================================================
hit_released       boxes         yes      GUI-G1's R_hit as in its code (``hit`` is the paper's, guarded)
iou_released       boxes         graded   GUI-G1's R_IoU as in its code: overlaps of one pixel are none
box_size_released  boxes         no       GUI-G1's R_Box as in its code, cut to 0..1, beyond which it has poles
iou_capped         boxes         graded   InfiGUI-R1: IoU over 0.7, at most 1
gaussian_point     boxes, point  no       GUI-G2: Gaussian around the centre
gaussian_coverage  boxes         no       GUI-G2: how far the boxes' Gaussians agree
distance           boxes, point  no       SE-GUI: 1 minus the squared share of the largest distance
distance_bins      boxes, point  graded   GroundNext: six bins of signed distance, -1..1 mapped onto 0..1
center_decay       boxes, point  graded   UI-AGILE: half of 1 + exp(-4 n^2) inside, 0 outside
exploration        boxes, point  graded   InfiGUI-G1: several candidates in order, -1..2 mapped onto 0..1
================== ============= ======== ============================================================================

The strict parser refuses inverted boxes, so the released terms differ from the paper's only where a valid box does.
SE-GUI and UI-AGILE pay for the hit as well: add ``hit`` or ``accuracy``, as GUI-G1 does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mmrl.answers.places import MAX_CANDIDATES
from mmrl.errors import InputError
from mmrl.geometry import box_center, convert_boxes, convert_point, is_valid_box
from mmrl.rewards.rubric import RewardTerm
from mmrl.scoring import gui
from mmrl.scoring.accuracy import target_box
from mmrl.scoring.gui import Place
from mmrl.types import AnswerKind, Box, Boxes, Frame, Point, Rollout, Sample

Found = TypeVar("Found")
"""What a term reads off an answer: a box or a place."""


def hit_released_term(sample: Sample, rollout: Rollout) -> float | None:
    """1 when the predicted centre lies in the gold box."""
    return _released(sample, rollout, 0)


def iou_released_term(sample: Sample, rollout: Rollout) -> float | None:
    """Intersection over union, 0 where the boxes share at most one pixel along an axis."""
    return _released(sample, rollout, 1)


def box_size_released_term(sample: Sample, rollout: Rollout) -> float | None:
    """Harmonic mean of the closeness of the four edges, without the guards of ``box_size``, cut to 0..1.

    An edge that is off by more than the picture has a negative closeness, and the mean of such can be of any size.
    """
    value = _released(sample, rollout, 2)
    return None if value is None else min(1.0, max(0.0, value))


def _released(sample: Sample, rollout: Rollout, which: int) -> float | None:
    target = _target(sample)
    if target is None:
        return None
    gold, frame = target
    box = _box(rollout, frame)
    if box is None:
        return 0.0
    return gui.gui_g1_terms(box, gold, width=frame.width, height=frame.height, mode="released")[which]


def iou_capped_term(sample: Sample, rollout: Rollout) -> float | None:
    """IoU over 0.7, at most 1, so that perfecting a good box pays nothing."""
    return _scored(sample, rollout, _box, lambda box, gold, _: gui.capped_iou(box, gold))


def gaussian_point_term(sample: Sample, rollout: Rollout) -> float | None:
    """A Gaussian around the gold centre whose deviations are half of the gold box's sides."""
    return _scored(sample, rollout, _place, lambda place, gold, _: gui.gaussian_point(place, gold))


def gaussian_coverage_term(sample: Sample, rollout: Rollout) -> float | None:
    """exp of minus the Bhattacharyya distance of the two boxes' Gaussians."""
    return _scored(sample, rollout, _box, lambda box, gold, _: gui.gaussian_coverage(box, gold))


def distance_term(sample: Sample, rollout: Rollout) -> float | None:
    """1 minus the square of the distance to the gold centre over the largest one; nearly flat close to the target."""

    def decay(place: Place, gold: Box, frame: Frame) -> float:
        return gui.distance_decay(place, gold, width=frame.width, height=frame.height)

    return _scored(sample, rollout, _place, decay)


def distance_bins_term(sample: Sample, rollout: Rollout) -> float | None:
    """1, 0.75, 0.55 inside from the centre outwards, 0.45, 0.25, 0 outside."""

    def bins(place: Place, gold: Box, frame: Frame) -> float:
        return (gui.binned_distance(place, gold, width=frame.width, height=frame.height) + 1) / 2

    return _scored(sample, rollout, _place, bins)


def center_decay_term(sample: Sample, rollout: Rollout) -> float | None:
    """1 at the centre, 0.51 at the edges, 0 outside."""
    return _scored(sample, rollout, _place, lambda place, gold, _: gui.center_decay(place, gold) / 2)


def exploration_term(sample: Sample, rollout: Rollout) -> float | None:
    """Several candidates in order of preference: above 2/3 when one is right, the more so the fewer and the earlier.

    Candidates are the listed boxes, or the points of the one list that is answered.
    """
    target = _target(sample)
    if target is None:
        return None
    places = _candidates(rollout, target[1])
    return (gui.exploration(places, target[0]) + 1) / 3 if places else 0.0


# ---------------------------------------------------------------------------------------------------- places


def _scored(
    sample: Sample,
    rollout: Rollout,
    find: Callable[[Rollout, Frame], Found | None],
    score: Callable[[Found, Box, Frame], float],
) -> float | None:
    """Return the score of what was found in an answer; None where no one box is asked for, 0 where nothing was."""
    target = _target(sample)
    if target is None:
        return None
    gold, frame = target
    found = find(rollout, frame)
    return 0.0 if found is None else score(found, gold, frame)


def _target(sample: Sample) -> tuple[Box, Frame] | None:
    """Return the one box that is asked for and its frame."""
    gold = sample.answer
    if isinstance(gold, Boxes):
        return (gold.boxes[0], gold.frame) if len(gold.boxes) == 1 else None
    if isinstance(gold, Point):
        box = target_box(sample)
        if box is not None and not is_valid_box(box):
            raise InputError(
                f"a target box must have x1 < x2 and y1 < y2; found {box.x1, box.y1, box.x2, box.y2}; in sample "
                f"{sample.id!r}, meta.box; correct the row or build the dataset again"
            )
        return None if box is None else (box, gold.frame)
    return None


def _box(rollout: Rollout, frame: Frame) -> Box | None:
    answer = rollout.parsed.answer
    if not isinstance(answer, Boxes) or len(answer.boxes) != 1:
        return None
    return convert_boxes(answer, frame).boxes[0]


def _place(rollout: Rollout, frame: Frame) -> Place | None:
    box = _box(rollout, frame)
    if box is not None:
        return box_center(box)
    answer = rollout.parsed.answer
    return _xy(answer, frame) if isinstance(answer, Point) else None


def _candidates(rollout: Rollout, frame: Frame) -> list[Place]:
    answer = rollout.parsed.answer
    if isinstance(answer, Boxes):
        listed = convert_boxes(answer, frame).boxes
        return [box_center(box) for box in listed] if len(listed) <= MAX_CANDIDATES else []
    if isinstance(answer, Point):
        return [_xy(answer, frame)]
    return [_xy(point, frame) for point in rollout.parsed.candidates]


def _xy(point: Point, frame: Frame) -> Place:
    converted = convert_point(point, frame)
    return converted.x, converted.y


_BOXES: frozenset[AnswerKind] = frozenset({"boxes"})
_PLACES: frozenset[AnswerKind] = frozenset({"boxes", "point"})

GUI_TERMS: tuple[RewardTerm, ...] = (
    RewardTerm(name="hit_released", function=hit_released_term, kinds=_BOXES, verifies=True),
    RewardTerm(name="iou_released", function=iou_released_term, kinds=_BOXES, verifies=True, graded=True),
    RewardTerm(name="box_size_released", function=box_size_released_term, kinds=_BOXES),
    RewardTerm(name="iou_capped", function=iou_capped_term, kinds=_BOXES, verifies=True, graded=True),
    RewardTerm(name="gaussian_point", function=gaussian_point_term, kinds=_PLACES),
    RewardTerm(name="gaussian_coverage", function=gaussian_coverage_term, kinds=_BOXES),
    RewardTerm(name="distance", function=distance_term, kinds=_PLACES),
    RewardTerm(name="distance_bins", function=distance_bins_term, kinds=_PLACES, verifies=True, graded=True),
    RewardTerm(name="center_decay", function=center_decay_term, kinds=_PLACES, verifies=True, graded=True),
    RewardTerm(name="exploration", function=exploration_term, kinds=_PLACES, verifies=True, graded=True),
)
"""The terms of the table above, each with weight 1."""
