"""Scores as pure functions: what rewards in training and metrics in evaluation both call."""

from mmrl.scoring.accuracy import Journey, accuracy, journey_of
from mmrl.scoring.boxes import (
    best_iou,
    box_hit,
    box_size_closeness,
    boxes_f1,
    boxes_match,
    count_matched_boxes,
)
from mmrl.scoring.routes import DETAIL_CAP, route_detail, route_is_valid
from mmrl.scoring.values import (
    action_is_right,
    choice_exact,
    choice_jaccard,
    labels_jaccard,
    normalise_text,
    number_matches,
    point_is_right,
    temporal_iou,
    text_matches,
)

__all__ = [
    "DETAIL_CAP",
    "Journey",
    "accuracy",
    "action_is_right",
    "best_iou",
    "box_hit",
    "box_size_closeness",
    "boxes_f1",
    "boxes_match",
    "choice_exact",
    "choice_jaccard",
    "count_matched_boxes",
    "journey_of",
    "labels_jaccard",
    "normalise_text",
    "number_matches",
    "point_is_right",
    "route_detail",
    "route_is_valid",
    "temporal_iou",
    "text_matches",
]
