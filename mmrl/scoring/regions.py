"""Overlap and containment as published grounding scorers compute them, where they differ from plain geometry."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from mmrl.geometry import box_area, is_valid_box
from mmrl.types import Box

Vertex = tuple[float, float]


def released_iou(predicted: Box, gold: Box) -> float:
    """Return IoU as RefCOCO's toolkit and VLM-R1 release it: an overlap of at most one pixel along an axis is none.

    One is taken off the right and bottom edges before the overlap is looked for and added again after, so wider
    overlaps give the plain IoU. Areas are width times height, unsigned boxes or not: an inverted box is not refused.
    """
    x1, y1 = max(predicted.x1, gold.x1), max(predicted.y1, gold.y1)
    x2, y2 = min(predicted.x2 - 1, gold.x2 - 1), min(predicted.y2 - 1, gold.y2 - 1)
    if not (x1 < x2 and y1 < y2):
        return 0.0
    shared = (x2 - x1 + 1) * (y2 - y1 + 1)
    union = _signed_area(predicted) + _signed_area(gold) - shared
    return shared / union if union > 0 else 0.0


def _signed_area(box: Box) -> float:
    return (box.x2 - box.x1) * (box.y2 - box.y1)


def covered_shares(predicted: Box, gold: Box) -> tuple[float, float]:
    """Return the shared area over the gold area and over the predicted area; 0 where a box is not valid.

    UI-Vision calls the first precision and the second recall, the other way round than usual.
    """
    if not (is_valid_box(predicted) and is_valid_box(gold)):
        return 0.0, 0.0
    width = min(predicted.x2, gold.x2) - max(predicted.x1, gold.x1)
    height = min(predicted.y2, gold.y2) - max(predicted.y1, gold.y1)
    shared = max(0.0, width) * max(0.0, height)
    return min(1.0, shared / box_area(gold)), min(1.0, shared / box_area(predicted))


def in_polygon(x: float, y: float, vertices: Sequence[Vertex], *, edges: bool = True) -> bool:
    """Whether (x, y) lies in the polygon by the even-odd rule.

    ``edges`` counts every place on the outline as inside. Without it the ray decides alone, as in common ray-casting
    code: then left and top edges are inside, right and bottom ones are not.
    """
    outline = list(zip(vertices, [*vertices[1:], vertices[0]], strict=True))
    if edges and any(_on_segment(x, y, start, end) for start, end in outline):
        return True
    crossings = sum(
        (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax for (ax, ay), (bx, by) in outline
    )
    return crossings % 2 == 1


def inner_point(vertices: Sequence[Vertex]) -> Vertex:
    """Return a place well inside a polygon: the middle of its widest stretch on a horizontal line halfway up.

    Raises:
        ValueError: the corners enclose nothing.
    """
    heights = sorted({y for _, y in vertices})
    levels = [(low + high) / 2 for low, high in pairwise(heights)]
    if not levels:
        raise ValueError("a polygon must have an inside; all corners are on one line")
    y = min(levels, key=lambda level: abs(level - (heights[0] + heights[-1]) / 2))
    outline = zip(vertices, [*vertices[1:], vertices[0]], strict=True)
    crossed = [((ax, ay), (bx, by)) for (ax, ay), (bx, by) in outline if (ay > y) != (by > y)]
    edges = sorted((bx - ax) * (y - ay) / (by - ay) + ax for (ax, ay), (bx, by) in crossed)
    left, right = max(zip(edges[::2], edges[1::2], strict=True), key=lambda pair: pair[1] - pair[0])
    if right <= left:
        raise ValueError("a polygon must have an inside; its edges fall together")
    return (left + right) / 2, y


def _on_segment(x: float, y: float, start: Vertex, end: Vertex) -> bool:
    (ax, ay), (bx, by) = start, end
    within = min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by)
    return within and (bx - ax) * (y - ay) == (by - ay) * (x - ax)
