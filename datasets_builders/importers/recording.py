"""A recorded desktop session with timed events and accessibility trees, as AgentNet's recorder (OpenCUA) keeps it.

Three conversions: event times are of the machine's clock, rectangles are in the screen's logical pixels, and the video
is smaller than the screen. Windows counts logical pixels: physical ones over the scale that the user sets, 1.25 say.
Nothing states that scale, nor that the user changed the resolution, so both are worked out: a screen's physical width
is the recorder's or one that an earlier action chose ("Click on 1680x1050"), and of these the one counts that makes
the scale of the tree at hand a step that Windows offers. The video goes on showing the recorder's first screen, so at
a larger resolution its upper left part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets_builders.importers.annotation import LeftOut
from datasets_builders.importers.clip_annotation import ClipAnnotation, Shown
from datasets_builders.importers.rows import Row, is_number, read_object, read_rows

Edges = tuple[float, float, float, float]

SCALES = (1.0, 1.25, 1.5, 1.75, 2.0)
"""Sizes of text and apps that Windows offers."""
LEAST_STRETCH = 2.0
"""Seconds: a click lasts less than half of one, so the stretch to find is widened around it."""
_NAMED = re.compile(r"(?:click|tap)\s+on\s+(.*\S)", re.IGNORECASE)
_DRAG = re.compile(r"from \((-?\d+), (-?\d+)\)")
_RESOLUTION = re.compile(r"(\d{3,5})\s*[x×]\s*(\d{3,5})")
_TEXT = "TextControl"


def recording(path: Path) -> Iterator[ClipAnnotation | LeftOut]:
    """Yield two questions an event whose target is found: where at that time, and when; ``path`` is the folder."""
    metadata = Row(read_object(path / "metadata.json"), "metadata.json", "metadata")
    start = _number(metadata, "video_start_timestamp")
    screen = _number(metadata, "screen_width"), _number(metadata, "screen_height")
    widths, scale = [screen[0]], 1.0
    for row in read_rows(path / "reduced_events_vis.jsonl"):
        tree = [*_nodes(row.get("axtree"))]
        scale = _scale(tree, widths) or scale
        begin, end = _number(row, "start_time") - start, _number(row, "end_time") - start
        yield from _questions(row, _target(row, tree, scale), scale, screen, (begin, end))
        chosen = _RESOLUTION.search(str(row.get("action")))
        if chosen:
            widths.insert(0, float(chosen[1]))


def _number(row: Row, column: str) -> float:
    value = row.get(column)
    if not is_number(value):
        raise row.wrong(column, "a number", value)
    return float(value)


@dataclass(frozen=True, slots=True)
class _Node:
    """A control."""

    name: str
    kind: str
    edges: Edges
    """Logical pixels."""

    @property
    def area(self) -> float:
        return (self.edges[2] - self.edges[0]) * (self.edges[3] - self.edges[1])


def _nodes(tree: Any) -> Iterator[_Node]:
    """Yield the controls of a tree that have an area, parents first."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, dict):
            continue
        edges = _edges(one.get("BoundingRectangle"))
        if edges is not None:
            yield _Node(str(one.get("Name") or ""), str(one.get("ControlType") or ""), edges)
        children = one.get("Children")
        waiting += reversed(children) if isinstance(children, list) else []


def _edges(rect: Any) -> Edges | None:
    """Return a rectangle's edges; None where one is missing or it has no area, as what is scrolled away has."""
    found = [rect.get(side) for side in ("left", "top", "right", "bottom")] if isinstance(rect, dict) else []
    numbers = [float(edge) for edge in found if edge is not None and is_number(edge)]
    if len(numbers) != 4 or numbers[0] >= numbers[2] or numbers[1] >= numbers[3]:
        return None
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _scale(tree: Sequence[_Node], widths: Sequence[float]) -> float | None:
    """Return physical over logical pixels by what reaches across the screen; None where nothing in the tree does."""
    across = [node.edges[2] for node in tree if node.edges[0] == 0 and node.edges[2] > 640]
    if not across:
        return None
    fitting = [s for width in widths for s in SCALES if abs(width / max(across) - s) <= 0.01 * s]
    return fitting[0] if fitting else None


def _plain(text: str) -> str:
    """Return letters and digits alone: ``1366 × 768`` and ``1366x768`` are one name."""
    return re.sub(r"[^\w%&]", "", text.casefold().replace("×", "x"))


def _target(row: Row, tree: Sequence[_Node], scale: float) -> _Node | None:
    """Return the control an event happened on: where it starts, what its action names, else what the recorder noted.

    The action's words come before the recorder's target, which is another control where the recorder mixed logical and
    physical pixels.
    """
    drag = _DRAG.search(str(row.get("description")))
    if drag:
        x, y = float(drag[1]) / scale, float(drag[2]) / scale
        under = [node for node in tree if node.name and _holds(node, x, y)]
        return min(under, key=lambda node: node.area, default=None)
    action = _NAMED.fullmatch(str(row.get("action")).strip())
    if action:
        return _named(action[1], tree)
    target = row.get("target")
    title = target.get("title") if isinstance(target, dict) and target.get("mark") else None
    return _named(title, tree) if isinstance(title, str) else None


def _holds(node: _Node, x: float, y: float) -> bool:
    left, top, right, bottom = node.edges
    return left <= x <= right and top <= y <= bottom


def _named(name: str, tree: Sequence[_Node]) -> _Node | None:
    """Return the control of a name, controls before the texts on them; else one whose name begins so."""
    wanted = _plain(name)
    same = [node for node in tree if _plain(node.name) == wanted]
    longer = [node for node in tree if wanted and _plain(node.name).startswith(wanted)]
    found = same or longer
    return min(found, key=lambda node: (node.kind == _TEXT, node.area), default=None)


def _questions(
    row: Row, node: _Node | None, scale: float, screen: tuple[float, float], times: tuple[float, float]
) -> Iterator[ClipAnnotation | LeftOut]:
    if node is None:
        yield LeftOut(where=row.where, reason="an event whose control is not in its accessibility tree")
        return
    x1, y1, x2, y2 = (edge * scale for edge in node.edges)
    box = x1 / screen[0], y1 / screen[1], x2 / screen[0], y2 / screen[1]
    if not (0 <= (box[0] + box[2]) / 2 <= 1 and 0 <= (box[1] + box[3]) / 2 <= 1):
        yield LeftOut(where=row.where, reason="a control outside what the video shows")
        return
    verb = _verb(str(row.get("description")))
    begin, end = times
    spare = max(0.0, LEAST_STRETCH - (end - begin)) / 2
    about = {"event": row.get("id"), "control": node.name, "role": node.kind.removesuffix("Control"), "scale": scale}
    key = f"recording-{row.text('id')}"
    place = ClipAnnotation(
        id=f"{key}-target",
        where=row.where,
        shown=(Shown("recording"),),
        task="recording/target",
        question=f"At {begin:.1f} seconds the user {verb} a control. Where is it at that time?",
        box=(max(0.0, box[0]), max(0.0, box[1]), min(1.0, box[2]), min(1.0, box[3])),
        meta=about | {"rule": "hit", "time": round(begin, 3)},
    )
    when = ClipAnnotation(
        id=f"{key}-when",
        where=row.where,
        shown=(Shown("recording"),),
        task="recording/when",
        question=f"When is it that the user {verb} the control {node.name!r}?",
        spans=((round(max(0.0, begin - spare), 2), round(end + spare, 2)),),
        meta=about,
    )
    yield place
    yield when


def _verb(description: str) -> str:
    words = description.casefold()
    if words.startswith("drag"):
        return "drags"
    return "right-clicks" if "right" in words else "clicks"
