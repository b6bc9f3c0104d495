"""From annotations of clips and a folder of them to a dataset folder; what cannot be used is counted."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import av

from datasets_builders.importers.annotation import LeftOut
from datasets_builders.importers.clip_annotation import ClipAnnotation, ClipFormat, Measured, Shown
from datasets_builders.importers.clip_questions import nextgqa, seed_bench_r1, video_r1
from datasets_builders.importers.moments import activitynet_captions, charades_sta, qvhighlights
from datasets_builders.importers.recording import recording
from datasets_builders.importers.request import ImportRequest, ImportResult
from mmrl.data import DatasetWriter
from mmrl.errors import InputError
from mmrl.geometry import original_frame
from mmrl.media import open_image
from mmrl.progress import Progress
from mmrl.types import Answer, Box, Boxes, Choice, Grounded, Interval, Intervals, Sample
from mmrl.video import VideoRequest, read_video

VERSION = "1"
DURATION_SLACK = 1.0
"""Seconds by which a clip may be longer or shorter than stated, or 2 % of it if that is more."""

CLIP_FORMATS: dict[str, ClipFormat] = {
    "charades_sta": ClipFormat(charades_sta, "Charades-STA (TALL)"),
    "activitynet_captions": ClipFormat(activitynet_captions, "ActivityNet Captions"),
    "qvhighlights": ClipFormat(qvhighlights, "QVHighlights", "annotations CC-BY-NC-SA-4.0"),
    "nextgqa": ClipFormat(nextgqa, "NExT-GQA"),
    "seed_bench_r1": ClipFormat(seed_bench_r1, "SEED-Bench-R1"),
    "video_r1": ClipFormat(video_r1, "Video-R1"),
    "recording": ClipFormat(recording, "a desktop recording of AgentNet's recorder (OpenCUA)"),
}


def import_clips(request: ImportRequest, progress: Progress | None = None) -> ImportResult:
    """Write the dataset folder ``request.out`` and return what is in it, and what is not and why.

    Media are found by the path that the row names, else by the file's name, with or without suffix, if one file alone
    has it. Stretches that begin after their clip's end are left out, ends after it are cut.

    Raises:
        InputError: unreadable annotations, nothing left, or ``out`` may not be written; nothing is written then.
    """
    kind = CLIP_FORMATS[request.format]
    if not request.media.is_dir():
        raise InputError(f"clips must lie in a folder; found none; at {request.media}; check --media")
    made = list(kind.read(request.data))
    shelf = _Shelf(request.media)
    usable: list[Measured] = []
    left = [one for one in made if isinstance(one, LeftOut)]
    for done, one in enumerate(made, start=1):
        if isinstance(one, ClipAnnotation):
            outcome = _measured(one, shelf)
            (usable if isinstance(outcome, Measured) else left).append(outcome)  # type: ignore[arg-type]
        if progress is not None:
            progress(done, len(made))
    reasons = Counter(one.reason for one in left)
    first = {one.reason: one.where for one in reversed(left)}
    if not usable:
        told = ", ".join(f"{count} {reason} (first: {first[reason]})" for reason, count in reasons.most_common())
        raise InputError(
            f"an import must keep at least one row; found none of {len(made)} usable: {told or 'no rows'}; "
            f"at {request.data} with clips of {request.media}; check --data and --media"
        )
    _write(usable, request, kind, dict(sorted(reasons.items())))
    clips = len({file for one in usable for file in one.files})
    return ImportResult(samples=len(usable), pictures=clips, left_out=dict(reasons), first=first)


class _Shelf:
    """The files of a folder by name, each measured once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._by_name: dict[str, list[Path]] = {}
        self._measures: dict[Path, tuple[tuple[int, int], float] | None] = {}
        for file in sorted(root.rglob("*")):
            if file.is_file():
                for name in {file.name, file.stem}:
                    self._by_name.setdefault(name, []).append(file)

    def find(self, shown: Shown) -> Path | str:
        """Return the file of a clip or picture, or why there is none."""
        what = "clip" if shown.kind == "video" else "picture"
        path = PurePosixPath(shown.name.replace("\\", "/"))
        inside = not path.is_absolute() and ".." not in path.parts
        if inside and (self._root / path).is_file():
            return self._root / path
        same = [file for file in self._by_name.get(path.name, []) if _is_media(file)]
        if len(same) == 1:
            return same[0]
        return f"several {what}s of that name" if same else f"no {what} of that name"

    def measure(self, file: Path, shown: Shown) -> tuple[tuple[int, int], float] | None:
        """Return size in pixels and length in seconds; None where the file cannot be read to its end."""
        if file not in self._measures:
            self._measures[file] = None
            with contextlib.suppress(InputError, av.error.FFmpegError):
                self._measures[file] = _clip_facts(file) if shown.kind == "video" else (open_image(file).size, 0.0)
        return self._measures[file]


def _is_media(file: Path) -> bool:
    return file.suffix.lower() not in (".json", ".jsonl", ".csv", ".txt")


def _clip_facts(file: Path) -> tuple[tuple[int, int], float]:
    """Read a clip as training will, and how long it lasts."""
    clip = read_video(file, VideoRequest(num_frames=2, max_pixels=1))
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        if stream.duration is not None and stream.time_base is not None:
            return (clip.width, clip.height), float(stream.duration * stream.time_base)
        return (clip.width, clip.height), (container.duration or 0) / av.time_base


def _measured(one: ClipAnnotation, shelf: _Shelf) -> Measured | LeftOut:
    """Find and measure the media of an annotation, and hold its times against the clip's length."""
    files, facts = [], []
    for shown in one.shown:
        file = shelf.find(shown)
        if isinstance(file, str):
            return LeftOut(where=one.where, reason=file)
        fact = shelf.measure(file, shown)
        if fact is None:
            what = "clip" if shown.kind == "video" else "picture"
            return LeftOut(where=one.where, reason=f"a {what} that cannot be read")
        files.append(file)
        facts.append(fact)
    size, duration = facts[0]
    slack = max(DURATION_SLACK, 0.02 * duration)
    if one.duration is not None and abs(one.duration - duration) > slack:
        return LeftOut(where=one.where, reason="a clip of another length than stated")
    if any(start < 0 or start >= end for start, end in one.spans):
        return LeftOut(where=one.where, reason="a stretch without length")
    if any(start >= duration for start, _ in one.spans):
        return LeftOut(where=one.where, reason="a stretch after the clip's end")
    answer = _answer(one, size, duration)
    return Measured(annotation=one, files=tuple(files), answer=answer, duration=duration)


def _answer(one: ClipAnnotation, size: tuple[int, int], duration: float) -> Answer:
    """Return the typed answer: times cut to the clip, boxes in its pixels."""
    if one.box is not None:
        x1, y1, x2, y2 = one.box
        box = Box(x1=x1 * size[0], y1=y1 * size[1], x2=x2 * size[0], y2=y2 * size[1])
        return Boxes(boxes=(box,), frame=original_frame(*size))
    spans = tuple(Interval(start=start, end=min(end, round(duration, 3))) for start, end in one.spans)
    if one.answer is None:
        return Intervals(intervals=spans)
    if spans and isinstance(one.answer, Choice):
        return Grounded(choice=one.answer, intervals=Intervals(intervals=spans))
    return one.answer


def _write(usable: Sequence[Measured], request: ImportRequest, kind: ClipFormat, left_out: dict[str, int]) -> None:
    with DatasetWriter(
        request.out,
        builder="import",
        version=VERSION,
        config={"format": request.format, "data": request.data.name, "left_out": left_out},
        seed=0,
        source=kind.source,
        licence=request.licence or kind.licence,
        overwrite=request.overwrite,
    ) as writer:
        for sample in _samples(usable, writer):
            writer.add(sample)


def _samples(usable: Sequence[Measured], writer: DatasetWriter) -> Iterator[Sample]:
    stored = {}
    for one in usable:
        annotation = one.annotation
        for shown, file in zip(annotation.shown, one.files, strict=True):
            if file not in stored:
                video = shown.kind == "video"
                stored[file] = writer.add_video(file) if video else writer.add_image(open_image(file))
        yield Sample(
            id=annotation.id,
            task=annotation.task,
            question=annotation.question,
            media=tuple(stored[file] for file in one.files),
            answer=one.answer,
            choices=annotation.choices,
            difficulty=annotation.difficulty,
            meta={"duration": round(one.duration, 3), **annotation.meta} if one.duration else annotation.meta,
        )
