"""Dataset folders asked again in three forms; pictures and clips stay what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random

from datasets_builders.build import Origin
from datasets_builders.forms.asking import Asker
from datasets_builders.forms.config import FormsConfig
from datasets_builders.forms.facts import Fact, Pool, facts_of, has_forms
from mmrl.data import DatasetFolder, DatasetWriter, read_folder
from mmrl.errors import InputError
from mmrl.progress import Progress
from mmrl.types import Media, Sample

ORIGIN = Origin(builder="forms", version="1")


@dataclass(frozen=True)
class FormDraft:
    """One thing in its forms, and the folder that holds its pictures or clips."""

    folder: DatasetFolder
    samples: tuple[Sample, ...]
    """Their media are the source folder's."""


def build_forms(config: FormsConfig, out: Path, progress: Progress | None = None, overwrite: bool = False) -> Path:
    """Write a dataset folder of the sources' tasks in the wanted forms and return its path.

    Raises:
        InputError: a source is no dataset folder, nothing in them can be asked, or ``out`` cannot be written.
    """
    folders = [read_folder(path) for path in config.source]
    facts = _facts(config, folders)
    total = min(config.count, len(facts) * len(config.forms))
    with DatasetWriter(
        out,
        builder=ORIGIN.builder,
        version=ORIGIN.version,
        config=config.portable(),
        seed=config.seed,
        source=_told_source(config, folders),
        licence="; ".join(dict.fromkeys(folder.manifest["licence"] for folder in folders)),
        overwrite=overwrite,
    ) as writer:
        stored: dict[str, Media] = {}
        done = 0
        for draft in _drafts(config, facts):
            for sample in draft.samples:
                writer.add(replace(sample, media=tuple(_stored(one, draft, writer, stored) for one in sample.media)))
            done += len(draft.samples)
            if progress is not None:
                progress(done, total)
        if progress is not None:
            progress(done, done)
    return out


def _stored(media: Media, draft: FormDraft, writer: DatasetWriter, stored: dict[str, Media]) -> Media:
    """Copy a picture or clip into the new folder, once by its checksum."""
    if media.sha256 not in stored:
        is_clip = media.kind == "video"
        root = draft.folder.root
        stored[media.sha256] = (
            writer.add_video(root / media.path) if is_clip else writer.add_image(draft.folder.open_image(media))
        )
    return stored[media.sha256]


def forms_examples(config: FormsConfig) -> Iterator[FormDraft]:
    """Yield things in their forms, ``config.count`` questions at most; the same config gives the same drafts."""
    yield from _drafts(config, _facts(config, [read_folder(path) for path in config.source]))


def _drafts(config: FormsConfig, facts: list[tuple[DatasetFolder, Fact]]) -> Iterator[FormDraft]:
    rng = Random(f"forms/{config.seed}")
    asker = Asker(config, rng)
    left = config.count
    for folder, fact in rng.sample(facts, len(facts)):
        samples = tuple(asker.ask(fact))[:left]
        left -= len(samples)
        if samples:
            yield FormDraft(folder, samples)
        if left == 0:
            return


def _facts(config: FormsConfig, folders: list[DatasetFolder]) -> list[tuple[DatasetFolder, Fact]]:
    """Return what can be asked, in the sources' order; ids carry the source's number where there are several."""
    pool = Pool([sample for folder in folders for sample in folder.samples])
    found = [
        (folder, replace(fact, id=f"{number}-{fact.id}") if len(folders) > 1 else fact)
        for number, folder in enumerate(folders)
        for sample in folder.samples
        for fact in facts_of(sample, pool)
        if not config.tasks or any(fnmatchcase(fact.task, pattern) for pattern in config.tasks)
    ]
    if not found:
        tasks = sorted({sample.task for folder in folders for sample in folder.samples})
        raise InputError(
            "forms need rows of boxes, choices, numbers, texts or routes; "
            f"found none{' that tasks name' if config.tasks else ''} among {', '.join(tasks)}; "
            f"at {', '.join(config.source)}; name other folders or tasks"
        )
    return found


def _told_source(config: FormsConfig, folders: list[DatasetFolder]) -> str:
    named = [
        f"{Path(path).resolve().name} ({folder.manifest['source']})"
        for path, folder in zip(config.source, folders, strict=True)
    ]
    left = Counter(sample.task for folder in folders for sample in folder.samples if not has_forms(sample))
    told = f"; left out, having no other forms: {', '.join(f'{n} {task}' for task, n in sorted(left.items()))}"
    return "asked again from " + ", ".join(named) + (told if left else "")
