"""From annotations and a folder of pictures to a dataset folder; whatever cannot be used is counted with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from datasets_builders.importers.annotation import Annotation, LeftOut, answer_of, level_of
from datasets_builders.importers.clips import CLIP_FORMATS, import_clips
from datasets_builders.importers.formats import FORMATS, Format
from datasets_builders.importers.request import ImportRequest, ImportResult
from mmrl.box_conventions import SLACK_PIXELS, Edges, check_boxes
from mmrl.data import DatasetWriter
from mmrl.errors import InputError
from mmrl.media import open_image
from mmrl.progress import Progress
from mmrl.types import Sample

VERSION = "1"
_NO_PICTURE = "no picture of that name"
_ADVICE = "state the file's own --box-convention"


def import_dataset(request: ImportRequest, progress: Progress | None = None) -> ImportResult:
    """Write the dataset folder ``request.out`` and return what is in it, and what is not and why.

    Pictures are found by the path that the row names, else by its last part if only one picture has that name.

    Raises:
        InputError: an unknown format, unreadable annotations, boxes that do not fit their convention, nothing left, or
            ``out`` may not be written; nothing is written then.
    """
    if request.format in CLIP_FORMATS:
        return import_clips(request, progress)
    kind = _format(request.format)
    made = list(kind.read(request.data, request.box_convention))
    left = [one for one in made if isinstance(one, LeftOut)]
    usable, without = _with_pictures([one for one in made if isinstance(one, Annotation)], request.media, progress)
    placed, misplaced = _inside(usable, kind)
    left += without + misplaced
    reasons = Counter(one.reason for one in left)
    first = {one.reason: one.where for one in reversed(left)}
    if not placed:
        told = ", ".join(f"{count} {reason} (first: {first[reason]})" for reason, count in reasons.most_common())
        raise InputError(
            f"an import must keep at least one row; found none of {len(made)} usable: {told or 'no rows'}; "
            f"at {request.data} with pictures of {request.media}; check --data and --media"
        )
    _write(placed, request, kind, dict(sorted(reasons.items())))
    pictures = len({file for _, file, _, _ in placed})
    return ImportResult(samples=len(placed), pictures=pictures, left_out=dict(reasons), first=first)


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise InputError(
            f"--format must be one of {', '.join([*FORMATS, *CLIP_FORMATS])}; found {name!r}; choose one of these"
        )
    return FORMATS[name]


Found = tuple[Annotation, Path, tuple[int, int]]
Placed = tuple[Annotation, Path, tuple[int, int], tuple[Edges, ...]]


def _with_pictures(
    annotations: Sequence[Annotation], media: Path, progress: Progress | None
) -> tuple[list[Found], list[LeftOut]]:
    """Return the annotations whose picture is there, can be read and has the stated size, with file and size."""
    if not media.is_dir():
        raise InputError(f"pictures must lie in a folder; found none; at {media}; check --media")
    by_name: dict[str, list[Path]] = {}
    for file in sorted(media.rglob("*")):
        if file.is_file():
            by_name.setdefault(file.name, []).append(file)
    seen: dict[str, tuple[Path, tuple[int, int]] | str] = {}
    found, left = [], []
    for done, annotation in enumerate(annotations, start=1):
        if annotation.image not in seen:
            seen[annotation.image] = _picture(annotation.image, media, by_name)
        picture = seen[annotation.image]
        if isinstance(picture, str):
            left.append(LeftOut(where=annotation.where, reason=picture))
        elif not _is_size(annotation, picture[1]):
            left.append(LeftOut(where=annotation.where, reason="a picture of another size than stated"))
        else:
            found.append((annotation, *picture))
        if progress is not None:
            progress(done, len(annotations))
    return found, left


def _picture(name: str, media: Path, by_name: dict[str, list[Path]]) -> tuple[Path, tuple[int, int]] | str:
    """Return a picture's file and size, or why there is none; it is decoded once to know that it can be."""
    path = PurePosixPath(name.replace("\\", "/"))
    exact = media / path
    inside = not path.is_absolute() and ".." not in path.parts
    same_name = by_name.get(path.name, [])
    if inside and exact.is_file():
        file = exact
    elif len(same_name) == 1:
        file = same_name[0]
    else:
        return "several pictures of that name" if same_name else _NO_PICTURE
    try:
        return file, open_image(file).size
    except InputError:
        return "a picture that cannot be read"


def _is_size(annotation: Annotation, size: tuple[int, int]) -> bool:
    stated = annotation.size
    # Sizes worked out from rounded boxes are a few pixels off; another scale is off by far more.
    return stated is None or all(abs(a - b) <= max(SLACK_PIXELS, 0.01 * b) for a, b in zip(stated, size, strict=True))


def _inside(found: Sequence[Found], kind: Format) -> tuple[list[Placed], list[LeftOut]]:
    """Check all boxes against their convention, and cut those that stick out by a pixel to their picture."""
    sized = [
        [replace(box, size=(float(size[0]), float(size[1]))) for box in annotation.boxes]
        for annotation, _, size in found
    ]
    boxes = [box for group in sized for box in group]
    warnings = iter(check_boxes(boxes, inverted=kind.inverted, advice=_ADVICE) if boxes else ())
    placed: list[Placed] = []
    left: list[LeftOut] = []
    for (annotation, file, size), group in zip(found, sized, strict=True):
        faults = [warning for warning in [next(warnings) for _ in group] if warning]
        edges = tuple(_clipped(box.edges, size) for box in group)
        if faults or any(x1 >= x2 or y1 >= y2 for x1, y1, x2, y2 in edges):
            left.append(LeftOut(where=annotation.where, reason="a box outside its picture"))
        elif any(_clipped(bounds, size) != bounds for bounds in annotation.bounds):
            left.append(LeftOut(where=annotation.where, reason="a polygon outside its picture"))
        else:
            placed.append((annotation, file, size, edges))
    return placed, left


def _clipped(edges: Edges, size: tuple[int, int]) -> Edges:
    width, height = size
    x1, y1, x2, y2 = edges
    return max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2)


def _write(placed: Sequence[Placed], request: ImportRequest, kind: Format, left_out: dict[str, int]) -> None:
    config = {
        "format": request.format,
        "data": request.data.name,
        "box_convention": request.box_convention or kind.boxes,
        "left_out": left_out,
    }
    with DatasetWriter(
        request.out,
        builder="import",
        version=VERSION,
        config=config,
        seed=0,
        source=kind.source,
        licence=request.licence or kind.licence,
        overwrite=request.overwrite,
    ) as writer:
        stored = {}
        for annotation, file, size, edges in placed:
            if file not in stored:
                stored[file] = writer.add_image(open_image(file))
            answer, meta = answer_of(annotation, edges, size)
            writer.add(
                Sample(
                    id=annotation.id,
                    task=annotation.task,
                    question=annotation.question,
                    media=(stored[file],),
                    answer=answer,
                    difficulty=level_of(edges or annotation.bounds, size),
                    meta=meta,
                )
            )
