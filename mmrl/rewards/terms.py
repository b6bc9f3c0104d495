"""Built-in reward terms, by name.

Each reads the parsed answer of a completion, never its text, so parsing has one home; each is a thin layer over
:mod:`mmrl.scoring`, which evaluation uses as well. All values but one lie within 0 to 1. A completion without a typed
answer gets 0 from every term that looks at the answer. A rubric asks a term only about the answer kinds that it names.

===================== ===== ======== =========================================================================
name                  kinds verifies value
===================== ===== ======== =========================================================================
format                all   no       1 when the whole completion follows the prompt style
accuracy              all   yes      the rule of the answer's kind, as evaluation reports it
hit                   boxes yes      1 when each box has its centre inside its gold box (GUI-G1's R_hit)
iou                   boxes graded   overlap with the gold boxes (GUI-G1's R_IoU)
detection             boxes graded   F1 of boxes paired at IoU 0.5, class by class
labels                some  graded   Jaccard of options, or of a text's labels between commas
mathematics           text  yes      1 when math-verify takes the answer for equal
box_size              boxes no       closeness of the four edges (GUI-G1's R_Box); abstains on several gold boxes
route_detail          route no       RewardMap's credit for a journey's parts, over 10 and not below 0
route_detail_released route no       the same as released, without a lower bound
structure             some  no       ToolRL's share of right names, parameters and values: action, boxes, route
action_steps          act.  no       Shop-R1's ladder of an action: type, arguments, content
===================== ===== ======== =========================================================================

More terms of GUI grounding, released variants, Gaussians and distances among them, stand in :mod:`mmrl.rewards.gui`,
those of clips in :mod:`mmrl.rewards.temporal`.

GUI-G1 (arXiv 2505.15810) weighs hit, iou and box_size 1 : 0.25 : 0.125; RewardMap (arXiv 2510.02240) weighs
correctness and detail 10 : 0.5 with detail up to 10, which is 1 : 0.5 here.
"""

from __future__ import annotations

from mmrl import scoring
from mmrl.geometry import convert_boxes
from mmrl.rewards.composition.shop_r1 import action_steps_term
from mmrl.rewards.composition.toolrl import structure_term
from mmrl.rewards.gui import GUI_TERMS
from mmrl.rewards.rubric import RewardTerm
from mmrl.rewards.temporal import TEMPORAL_TERMS
from mmrl.scoring.math_text import verified
from mmrl.types import AnswerKind, Boxes, Choice, Rollout, Route, Sample, Text


def format_term(sample: Sample, rollout: Rollout) -> float:  # noqa: ARG001
    """1 when nothing stands before, between or after the parts of the prompt style; says nothing about the answer."""
    return float(rollout.parsed.well_formed)


def accuracy_term(sample: Sample, rollout: Rollout) -> float:
    """Correctness by the rule of the answer's kind: :func:`mmrl.scoring.accuracy`."""
    return scoring.accuracy(rollout.parsed.answer, sample)


def hit_term(sample: Sample, rollout: Rollout) -> float | None:
    """1 when predicted and gold boxes pair one to one, each predicted centre inside its gold box, edges included.

    Says nothing about size: a box of one pixel at the right place hits.
    """
    if not isinstance(sample.answer, Boxes):
        return None
    predicted = _boxes(rollout)
    return float(predicted is not None and scoring.boxes_match(predicted, sample.answer, rule="hit"))


def iou_term(sample: Sample, rollout: Rollout) -> float | None:
    """Mean intersection over union of boxes paired one to one; boxes left over on either side count as 0."""
    if not isinstance(sample.answer, Boxes):
        return None
    predicted = _boxes(rollout)
    return 0.0 if predicted is None else scoring.best_iou(predicted, sample.answer)


def detection_term(sample: Sample, rollout: Rollout) -> float | None:
    """F1 of boxes paired one to one at IoU 0.5 and, where the gold boxes carry different classes, of one class."""
    if not isinstance(sample.answer, Boxes):
        return None
    predicted = _boxes(rollout)
    return 0.0 if predicted is None else scoring.boxes_f1(predicted, sample.answer)


def labels_term(sample: Sample, rollout: Rollout) -> float | None:
    """Jaccard of the options chosen, or of the labels between a text's commas; order and repetition aside."""
    gold, answer = sample.answer, rollout.parsed.answer
    if isinstance(gold, Choice):
        return scoring.choice_jaccard(answer, gold) if isinstance(answer, Choice) else 0.0
    if isinstance(gold, Text):
        return scoring.labels_jaccard(answer.value, gold.value) if isinstance(answer, Text) else 0.0
    return None


def mathematics_term(sample: Sample, rollout: Rollout) -> float | None:
    """1 when math-verify takes a text for equal to the gold one; long or endless expressions are not tried."""
    if not isinstance(sample.answer, Text):
        return None
    answer = rollout.parsed.answer
    return float(isinstance(answer, Text) and verified(answer.value, sample.answer.value))


def box_size_term(sample: Sample, rollout: Rollout) -> float | None:
    """Harmonic mean of the closeness of the four edges, relative to the picture's extent.

    Clearly above 0 even for a useless box, so it never stands alone. Deviation from GUI-G1's release: an inverted box,
    or an edge that is off by the picture's whole extent, gives 0. Abstains where the gold answer holds several boxes,
    for which the paper has no rule; several predicted boxes for one gold box give 0.
    """
    gold = sample.answer
    if not isinstance(gold, Boxes) or len(gold.boxes) != 1:
        return None
    predicted = _boxes(rollout)
    if predicted is None or len(predicted.boxes) != 1:
        return 0.0
    (box,) = convert_boxes(predicted, gold.frame).boxes
    return scoring.box_size_closeness(box, gold.boxes[0], width=gold.frame.width, height=gold.frame.height)


def route_detail_term(sample: Sample, rollout: Rollout) -> float | None:
    """Credit for the right ends, existing lines and connected changes of a journey, over its maximum of 10.

    Not a measure of correctness: by the paper's sum a right route earns 0.6, 0.9 or, from two changes on, 1.

    Deviations from RewardMap's release: the last leg of a right route is not fined, and the value is not below 0, so
    that no penalty can push a correct answer under a wrong one.
    """
    if not isinstance(sample.answer, Route):
        return None
    route = rollout.parsed.answer
    if not isinstance(route, Route):
        return 0.0
    return max(0.0, scoring.route_detail(route, **scoring.journey_of(sample)) / scoring.DETAIL_CAP)


def route_detail_released_term(sample: Sample, rollout: Rollout) -> float | None:
    """RewardMap's detail score as released, over its maximum of 10: the last leg of a right route is fined as well.

    Right routes earn 0.1, 0.4, 0.8 or 1 for 0, 1, 2 or more changes. There is no lower bound: each leg too many costs
    up to 0.5, so that a roundabout but valid journey can earn less than a wrong answer; ``route_detail`` has neither
    fault.
    """
    if not isinstance(sample.answer, Route):
        return None
    route = rollout.parsed.answer
    if not isinstance(route, Route):
        return 0.0
    return scoring.route_detail(route, mode="released", **scoring.journey_of(sample)) / scoring.DETAIL_CAP


def _boxes(rollout: Rollout) -> Boxes | None:
    answer = rollout.parsed.answer
    return answer if isinstance(answer, Boxes) else None


_BOXES: frozenset[AnswerKind] = frozenset({"boxes"})
_NAMED: frozenset[AnswerKind] = frozenset({"choice", "text"})
_TEXTS: frozenset[AnswerKind] = frozenset({"text"})
_ROUTES: frozenset[AnswerKind] = frozenset({"route"})

TERMS: dict[str, RewardTerm] = {
    term.name: term
    for term in (
        RewardTerm(name="format", function=format_term),
        RewardTerm(name="accuracy", function=accuracy_term, verifies=True),
        RewardTerm(name="hit", function=hit_term, kinds=_BOXES, verifies=True),
        RewardTerm(name="iou", function=iou_term, kinds=_BOXES, verifies=True, graded=True),
        RewardTerm(name="detection", function=detection_term, kinds=_BOXES, verifies=True, graded=True),
        RewardTerm(name="labels", function=labels_term, kinds=_NAMED, verifies=True, graded=True),
        RewardTerm(name="mathematics", function=mathematics_term, kinds=_TEXTS, verifies=True),
        RewardTerm(name="box_size", function=box_size_term, kinds=_BOXES),
        RewardTerm(name="route_detail", function=route_detail_term, kinds=_ROUTES),
        RewardTerm(name="route_detail_released", function=route_detail_released_term, kinds=_ROUTES),
        RewardTerm(name="structure", function=structure_term, kinds=frozenset({"action", "boxes", "route"})),
        RewardTerm(name="action_steps", function=action_steps_term, kinds=frozenset({"action"})),
        *GUI_TERMS,
        *TEMPORAL_TERMS,
    )
}
"""Built-in terms, each with weight 1; a config gives them theirs."""

UNBOUNDED = frozenset({"route_detail_released"})
"""Those whose values may leave 0 to 1."""
