"""Scores as pure functions: what rewards in training and metrics in evaluation both call."""

from mmrl.scoring.accuracy import accuracy
from mmrl.scoring.boxes import (
    best_iou,
    box_hit,
    box_size_closeness,
    boxes_f1,
    boxes_match,
    count_matched_boxes,
)
from mmrl.scoring.routes import route_detail, route_detail_normalised, route_is_valid
from mmrl.scoring.values import (
    action_is_right,
    choice_exact,
    choice_jaccard,
    normalise_text,
    number_matches,
    point_is_right,
    temporal_iou,
    text_matches,
)

__all__ = [
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
    "normalise_text",
    "number_matches",
    "point_is_right",
    "route_detail",
    "route_detail_normalised",
    "route_is_valid",
    "temporal_iou",
    "text_matches",
]
