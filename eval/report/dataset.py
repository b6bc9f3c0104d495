"""A dataset folder as one HTML file: a seeded sample of its questions with pictures, answers drawn, and counts."""

from __future__ import annotations

import base64
import hashlib
import os
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from eval.report.map_traces import map_record, route_traces
from eval.report.marks import Mark, answer_marks
from eval.report.pictures import Picture, PictureShelf
from eval.report.results import clean_marks
from eval.report.text import visible
from mmrl.answers import write_answer
from mmrl.data import DatasetFolder
from mmrl.files import write_text
from mmrl.geometry import original_frame
from mmrl.progress import Progress
from mmrl.types import Media, Route, Sample

DEFAULT_COUNT = 96
_LEVELS = ("easy", "middle", "hard")
_HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleCard:
    """One question of the gallery."""

    id: str
    task: str
    difficulty: str
    question: str
    choices: tuple[str, ...]
    gold: str
    picture: Picture | None
    link: str
    """Address of the picture or clip as stored, relative to the page."""
    video: bool
    problem: str
    """Why there is no picture."""
    marks: tuple[Mark, ...]
    length: float
    """Seconds that the time line shows; 0 without intervals."""


def choose_samples(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """Return at most ``count`` samples: tasks and difficulties in turn, at random within, pictures not yet shown first.

    The same arguments give the same choice. Its order keeps questions about one picture apart.
    """
    rng = random.Random(seed)
    cells: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, sample in enumerate(samples):
        cells[sample.task, sample.difficulty].append(place)
    queues = [rng.sample(cell, len(cell)) for _, cell in sorted(cells.items())]
    chosen: list[int] = []
    shown: set[str] = set()
    while len(chosen) < count and any(queues):
        for queue in queues:
            if queue and len(chosen) < count:
                fresh = (at for at, place in enumerate(queue) if not shown.intersection(_files(samples[place])))
                place = queue.pop(next(fresh, 0))
                shown.update(_files(samples[place]))
                chosen.append(place)
    return [samples[place] for place in chosen]


def _files(sample: Sample) -> list[str]:
    return [media.path for media in sample.media]


def write_dataset(
    folder: DatasetFolder,
    out: Path,
    *,
    count: int = DEFAULT_COUNT,
    seed: int = 0,
    progress: Progress | None = None,
) -> Path:
    """Write the gallery of a dataset folder and return its path; ``InputError`` where the disk refuses."""
    chosen = choose_samples(folder.samples, count, seed)
    shelf = PictureShelf({"": [folder.root]})
    cards = []
    for done, sample in enumerate(chosen, start=1):
        cards.append(sample_card(sample, folder.root, shelf, out.parent))
        if progress:
            progress(done, len(chosen))
    write_text(out, _render(folder, cards, shelf, seed))
    return out


def sample_card(sample: Sample, root: Path, shelf: PictureShelf, page_folder: Path) -> SampleCard:
    """Return what a card shows of a sample: its first medium with the gold answer drawn."""
    media = sample.media[0] if sample.media else None
    is_video = media is not None and media.kind == "video"
    found = _embedded(media, shelf) if media and not is_video else ""
    frame = original_frame(media.width, media.height) if media and not is_video else None
    drawn = answer_marks(sample.answer, frame)
    if media and isinstance(sample.answer, Route) and (record := map_record(root / media.path)):
        drawn += route_traces(sample.answer, record)
    marks = clean_marks(drawn)
    ends = [mark["interval"][1] for mark in marks if "interval" in mark]
    stated = sample.meta.get("duration")
    return SampleCard(
        id=visible(sample.id, 200),
        task=visible(sample.task, 100),
        difficulty=sample.difficulty,
        question=visible(sample.question),
        choices=tuple(visible(choice) for choice in sample.choices),
        gold=visible(write_answer(sample.answer)),
        picture=found if isinstance(found, Picture) else None,
        link=quote(Path(os.path.relpath(root / media.path, page_folder)).as_posix()) if media else "",
        video=is_video,
        problem=found if isinstance(found, str) else "",
        marks=tuple(marks),
        length=max([*ends, stated if isinstance(stated, int | float) else 0.0]) if ends else 0.0,
    )


def _embedded(media: Media, shelf: PictureShelf) -> Picture | str:
    facts = {"path": media.path, "kind": media.kind, "width": media.width, "height": media.height}
    return shelf.get("", facts)


def _render(folder: DatasetFolder, cards: Sequence[SampleCard], shelf: PictureShelf, seed: int) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    script = (_HERE / "report.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = "".join((_HERE / name).read_text(encoding="utf-8") for name in ("report.css", "results.css"))
    return environment.get_template("dataset.html.j2").render(
        name=visible(folder.root.resolve().name, 200),
        facts=[(label, visible(value, 300)) for label, value in _facts(folder.manifest).items()],
        counts=task_counts(folder.samples),
        levels=_LEVELS,
        cards=cards,
        total=len(folder.samples),
        seed=seed,
        tasks=_shown_counts([card.task for card in cards]),
        difficulties=_shown_counts([card.difficulty for card in cards]),
        pictures=shelf.pictures,
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
    )


def _facts(manifest: Mapping[str, Any]) -> dict[str, str]:
    rows = f"{manifest['rows']:,}"
    builder = f"{manifest['builder']} {manifest['version']}, seed {manifest['seed']}"
    return {"Builder": builder, "Questions": rows, "Source": manifest["source"], "Licence": manifest["licence"]}


def task_counts(samples: Sequence[Sample]) -> list[tuple[str, dict[str, int], int]]:
    """Return, for each task, the number of samples by difficulty and in all."""
    counts: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_LEVELS, 0))
    for sample in samples:
        counts[sample.task][sample.difficulty] += 1
    return [(visible(task, 100), dict(levels), sum(levels.values())) for task, levels in sorted(counts.items())]


def _shown_counts(values: Sequence[str]) -> dict[str, int]:
    order = sorted(set(values), key=lambda value: (_LEVELS.index(value) if value in _LEVELS else -1, value))
    return {value: values.count(value) for value in order}
