"""Pictures of the gallery: scaled, encoded once each, with boxes and points in the stored picture's pixels."""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from mmrl.answers import answer_from_json
from mmrl.errors import InputError
from mmrl.geometry import convert_boxes, convert_point, original_frame
from mmrl.media import open_image
from mmrl.types import Action, Answer, Boxes, Frame, Point

MAX_SIDE = 768
"""Longest side of an embedded picture, in pixels."""
PIXELATED_BELOW = 200
"""Pictures narrower than this are enlarged with hard pixel edges, since blur would hide what the model saw."""

Who = Literal["gold", "before", "after"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """An embedded picture."""

    id: str
    """Unique in the page; letters, digits and hyphens."""
    uri: str
    """``data:`` address with the encoded picture."""
    width: int
    """Pixels of the stored picture, in which overlays are drawn."""
    height: int
    pixelated: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A box or a point drawn on a picture, in its stored pixels."""

    who: Who
    shape: Literal["box", "point"]
    x: float
    y: float
    width: float = 0.0
    height: float = 0.0


class PictureShelf:
    """Embeds each picture once, however many items ask about it."""

    def __init__(self, roots: Mapping[str, Sequence[Path]]) -> None:
        self._roots = roots
        self._known: dict[tuple[str, str], Picture | str] = {}

    @property
    def pictures(self) -> list[Picture]:
        """All pictures embedded so far."""
        return [picture for picture in self._known.values() if isinstance(picture, Picture)]

    def get(self, dataset: str, media: Mapping[str, Any]) -> Picture | str:
        """Return the picture, or the reason why there is none."""
        key = (dataset, str(media["path"]))
        if key not in self._known:
            self._known[key] = self._embed(dataset, media, f"picture-{len(self._known)}")
        return self._known[key]

    def _embed(self, dataset: str, media: Mapping[str, Any], picture_id: str) -> Picture | str:
        if media.get("kind", "image") != "image":
            return "a video; this page shows pictures only"
        path = inside(self._roots.get(dataset, ()), str(media["path"]))
        if path is None:
            return f"the picture {media['path']} is not in the dataset folder any more"
        try:
            image = open_image(path)
        except InputError as error:
            return str(error)
        return Picture(
            id=picture_id,
            uri=encode_picture(image),
            width=int(media["width"]),
            height=int(media["height"]),
            pixelated=image.width < PIXELATED_BELOW,
        )


def inside(roots: Sequence[Path], name: str) -> Path | None:
    """Return the first existing file ``name`` under a root; a name that leads out of its root is nobody's picture."""
    for root in roots:
        with contextlib.suppress(OSError, ValueError):  # a name that no file can have
            path = (root / name).resolve()
            if path.is_relative_to(root.resolve()) and path.is_file():
                return path
    return None


def encode_picture(image: Image.Image) -> str:
    """Return a ``data:`` address: at most ``MAX_SIDE`` pixels long, PNG or WebP, whichever is smaller."""
    if max(image.size) > MAX_SIDE:
        image = image.copy()
        image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    png, webp = io.BytesIO(), io.BytesIO()
    image.save(png, format="PNG", optimize=True)
    image.save(webp, format="WEBP", quality=85, method=4)
    kind, data = min((("png", png.getvalue()), ("webp", webp.getvalue())), key=lambda pair: len(pair[1]))
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def marks_of(answer_json: Mapping[str, Any] | None, who: Who, width: int, height: int) -> list[Mark]:
    """Return what an answer points at, in pixels of the stored picture; nothing for answers without a place."""
    if answer_json is None:
        return []
    frame = original_frame(width, height)
    try:
        return _marks(answer_from_json(answer_json), who, frame)
    except ValueError:  # an impossible answer, which is shown as text only
        return []


def _marks(answer: Answer, who: Who, frame: Frame) -> list[Mark]:
    if isinstance(answer, Boxes):
        return [
            Mark(
                who=who,
                shape="box",
                x=box.x1,
                y=box.y1,
                width=max(0.0, box.x2 - box.x1),
                height=max(0.0, box.y2 - box.y1),
            )
            for box in convert_boxes(answer, frame).boxes
        ]
    point = answer if isinstance(answer, Point) else answer.point if isinstance(answer, Action) else None
    if point is None:
        return []
    place = convert_point(point, frame)
    return [Mark(who=who, shape="point", x=place.x, y=place.y)]
