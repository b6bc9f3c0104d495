"""What grounding benchmarks share: options, items with their targets, and whether a predicted place hits its target.

A row of an item holds the published columns and ``target``: ``{"box": [x1, y1, x2, y2], "size": [width, height]}`` in
pixels of the picture, with ``polygon`` or ``none`` in place of ``box`` where the benchmark has such targets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from PIL import Image, UnidentifiedImageError
from pydantic import Field, field_validator

from eval.benchmarks.base import Item, Options
from eval.benchmarks.box_columns import numbers_of, picture_size
from eval.benchmarks.files import PublishedRow
from mmrl.box_conventions import Convention, Size, StatedBox, check_boxes
from mmrl.errors import InputError
from mmrl.families import FAMILIES, family_named, published_frame
from mmrl.geometry import contains
from mmrl.types import Box

FIXED_EXTENTS: dict[str, Size] = {"unit": (1.0, 1.0), "permille": (1000.0, 1000.0), "per999": (999.0, 999.0)}
"""Frames whose extent does not depend on the picture."""
FRAME_NAMES = ("original", *FIXED_EXTENTS, *(family.name for family in FAMILIES))


_ADVICE = "state the file's own --box-convention"


class PlaceOptions(Options):
    """How predictions and boxes are written; nothing here is guessed from values."""

    coordinates: str = Field(
        "original",
        description=f"What the model's coordinates are: pixels of the original picture, or {', '.join(FRAME_NAMES[1:])}"
        " (a family's name stands for what it was trained to write)",
    )
    min_pixels: int | None = Field(None, gt=0, description="Pixel budget of the run, where not the family's published")
    max_pixels: int | None = Field(None, gt=0, description="The same")
    box_convention: Literal["published", "xywh", "xyxy", "unit_xyxy", "unit_xywh"] = Field(
        "published", description="How the file writes boxes, where it is not as published"
    )
    images: Path | None = Field(None, description="Folder of the pictures, for their sizes where the rows lack them")

    @field_validator("coordinates")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in FRAME_NAMES:
            raise ValueError(f"must be one of {', '.join(FRAME_NAMES)}")
        return name

    @property
    def needs_size(self) -> bool:
        """Whether a prediction can only be compared with pixels of the picture by knowing its size."""
        return self.coordinates != "original"

    @property
    def is_relative(self) -> bool:
        """Whether the coordinates mean shares of the picture, so that its size does not matter to boxes in shares."""
        if self.coordinates in ("original", *FIXED_EXTENTS):
            return self.coordinates != "original"
        return family_named(self.coordinates).frame_kind in ("unit", "permille")


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What a row asks for; exactly one of ``box``, ``polygon`` and neither (nothing is there to be found)."""

    box: StatedBox | None = None
    polygon: tuple[float, ...] | None = None
    """x1, y1, x2, y2, ... in pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How a benchmark's rows become items."""

    image: tuple[str, ...]
    """Columns that may name the picture."""
    target: Callable[[PublishedRow, PlaceOptions], Target]
    groups: Callable[[PublishedRow], dict[str, str]]
    ids: tuple[str, ...] = ()
    """Columns that identify a row beside ``id``."""
    inverted: bool = False
    """Whether the corners of published boxes come in any order."""


IMAGE_COLUMNS = ("img_filename", "image_path", "image")
"""Columns in which screen benchmarks name the picture; no published file has two of them."""


def stated_groups(row: PublishedRow, columns: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the groups of a row by name, each from the first of its columns that is there; others are left out."""
    return {name: row.text(*names) for name, names in columns.items() if row.get(*names) is not None}


def convention_of(options: PlaceOptions, published: Convention) -> Convention:
    """Return the convention that a person states, or the published one."""
    return published if options.box_convention == "published" else options.box_convention


def place_items(rows: Sequence[PublishedRow], options: PlaceOptions, layout: Layout) -> list[Item]:
    """Turn rows into items with targets; ``InputError`` where boxes do not fit or a size is missing."""
    rows = [_with_size(row, options, layout) for row in rows]
    targets = [layout.target(row, options) for row in rows]
    boxes = [target.box for target in targets if target.box]
    warnings = iter(check_boxes(boxes, inverted=layout.inverted, advice=_ADVICE) if boxes else ())
    return [
        _item(row, target, next(warnings) if target.box else "", options, layout)
        for row, target in zip(rows, targets, strict=True)
    ]


def _item(row: PublishedRow, target: Target, warning: str, options: PlaceOptions, layout: Layout) -> Item:
    name = row.id(*layout.ids)
    image = row.text(*layout.image) if row.get(*layout.image) is not None else ""
    size = target.box.extent if target.box else picture_size(row)
    if size is None and options.needs_size:
        raise InputError(
            f"coordinates in {options.coordinates} must come with the picture's size; found none in the row; "
            f"at {row.where}; give --images FOLDER, or rows with img_size"
        )
    if target.box and target.box.size is None and size is not None and not options.is_relative:
        raise InputError(
            f"boxes in shares must come with the picture's size to be compared with {options.coordinates} coordinates; "
            f"found none in the row; at {row.where}; give --images FOLDER, or rows with img_size"
        )
    plain: dict[str, Any] = {"size": size and list(size), "warning": warning}
    if target.box:
        plain["box"] = list(target.box.edges)
    elif target.polygon:
        plain["polygon"] = list(target.polygon)
    _check_input_size(row, size)
    return Item(
        id=name,
        row={**row.data, "target": plain},
        where=row.where,
        cluster=image or name,
        groups=layout.groups(row),
        media=(image,) if image else (),
    )


def _check_input_size(row: PublishedRow, size: Size | None) -> None:
    """Resizing keeps the proportions but for whole patches, so a transposed ``input_size`` shows."""
    if row.get("input_size") is None or size is None:
        return
    width, height = numbers_of(row, ("input_size",), 2)
    if min(width, height) <= 0 or not 0.8 < width * size[1] / (height * size[0]) < 1.25:
        raise row.wrong(
            "input_size", f"[width, height] in the proportions of {size[0]:g} x {size[1]:g}", [width, height]
        )


def file_stem(row: PublishedRow) -> str:
    """Return the name of the row's file without its suffix: ``screenspot_web_v2``."""
    return PurePosixPath(row.where.rpartition(":")[0]).stem


def _with_size(row: PublishedRow, options: PlaceOptions, layout: Layout) -> PublishedRow:
    """Add the size of the row's picture from ``options.images``, where the row has none."""
    if options.images is None or picture_size(row) is not None:
        return row
    path = options.images / row.text(*layout.image)
    try:
        with Image.open(path) as picture:
            size = list(picture.size)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InputError(
            f"a picture's size must be readable; found {type(error).__name__}; at {path} for {row.where}; "
            "correct --images or the file"
        ) from None
    return PublishedRow({**row.data, "img_size": size}, row.where, row.key)


# ---------------------------------------------------------------------------------------------------- placing


def extent_of(item: Item, options: PlaceOptions) -> Size:
    """Return what a whole picture measures in the model's coordinates; (1, 1) where pixels are compared as they are.

    A row's own ``input_size`` (width, height of the model's input) goes before the published resize rule.
    """
    size = item.row["target"]["size"]
    if options.coordinates == "original":
        return (size[0], size[1]) if size else (1.0, 1.0)
    if options.coordinates in FIXED_EXTENTS:
        return FIXED_EXTENTS[options.coordinates]
    family = family_named(options.coordinates)
    if family.frame_kind == "model" and item.row.get("input_size") is not None:
        width, height = numbers_of(PublishedRow(dict(item.row), item.where, item.id), ("input_size",), 2)
        return width, height
    frame = published_frame(
        family, round(size[0]), round(size[1]), min_pixels=options.min_pixels, max_pixels=options.max_pixels
    )
    return frame.width, frame.height


def as_share(x: float, y: float, extent: Size) -> tuple[float, float]:
    """Return a place as shares of the picture's width and height."""
    return x / extent[0], y / extent[1]


def box_shares(item: Item) -> Box:
    """Return the item's box as shares of its picture; unchanged where no size is known."""
    target: Mapping[str, Any] = item.row["target"]
    x1, y1, x2, y2 = target["box"]
    extent = target["size"] or (1.0, 1.0)
    (left, top), (right, bottom) = as_share(x1, y1, extent), as_share(x2, y2, extent)
    return Box(x1=left, y1=top, x2=right, y2=bottom)


def hits_box(item: Item, point: tuple[float, float], options: PlaceOptions) -> bool:
    """Whether a point of the model's coordinates lies in the item's box, edges included; compared as shares."""
    return contains(box_shares(item), *as_share(*point, extent_of(item, options)))


def pixel_box(item: Item, numbers: Sequence[float], options: PlaceOptions) -> Box:
    """Return a box of the model's coordinates in pixels of the original picture."""
    size = item.row["target"]["size"] or (1.0, 1.0)
    width, height = extent_of(item, options)
    sx, sy = size[0] / width, size[1] / height
    return Box(x1=numbers[0] * sx, y1=numbers[1] * sy, x2=numbers[2] * sx, y2=numbers[3] * sy)
