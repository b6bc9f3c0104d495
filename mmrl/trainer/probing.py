"""How often a model answers each row of a dataset right: what ``mmrl probe`` runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

from mmrl.curriculum.probe_file import (
    PARTS,
    ROWS_NAME,
    SETTINGS_NAME,
    ProbeRow,
    ProbeSettings,
    encode_probe_row,
    read_settings,
    write_settings,
)
from mmrl.data import DatasetFolder
from mmrl.errors import InputError
from mmrl.progress import Progress
from mmrl.scoring import accuracy
from mmrl.trainer.rewards import rollout_of
from mmrl.trainer.row_store import RowStore, fill
from mmrl.trainer.sampling import SampledRow, Sampler
from mmrl.trainer.stage_data import SourcedSample
from mmrl.types import ParseStatus, Rollout, StopReason

RIGHT = 1.0 - 1e-9
"""Accuracy from which a completion counts as right; below is partial credit."""


def begin_probe(folder: Path, settings: ProbeSettings) -> None:
    """Write a new probe's settings, or check that the probe in the folder is of the same ones.

    Raises:
        InputError: ``folder`` is a file, holds something else, or a probe of other settings.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out must be a folder; found a file; at {folder}; choose another place")
    if (folder / SETTINGS_NAME).is_file():
        require_same_settings(folder, settings)
        return
    if (folder / ROWS_NAME).exists() or any(folder.glob(PARTS)):
        raise InputError(
            f"--out must be new or hold a probe; found rows without {SETTINGS_NAME}; at {folder}; choose another place"
        )
    write_settings(folder, settings)


def require_same_settings(folder: Path, settings: ProbeSettings) -> None:
    """Refuse to go on with a probe of another model, dataset or way of sampling; the first difference is named."""
    stored = read_settings(folder)
    for field in fields(ProbeSettings):
        if field.name in ("model", "dataset"):
            continue  # names; checksums decide
        there, now = getattr(stored, field.name), getattr(settings, field.name)
        if there != now:
            of = {"model_checksum": f"{stored.model}: ", "dataset_checksum": f"{stored.dataset}: "}.get(field.name, "")
            raise InputError(
                f"a probe goes on only with the same model, dataset and settings; found {field.name} {of}{there} there "
                f"and {now} now; at {folder}; choose another --out"
            )


def probe_store(folder: Path, dataset: DatasetFolder, settings: ProbeSettings, share: tuple[int, int]) -> RowStore:
    """Return where the rows of a probe are kept."""
    ids = [sample.id for sample in dataset.samples]
    stem = ROWS_NAME.partition(".")[0]
    return RowStore(folder=folder, stem=stem, ids=ids, batch=settings.rows_per_batch, share=share)


def run_probe(
    store: RowStore,
    dataset: DatasetFolder,
    settings: ProbeSettings,
    make_sampler: Callable[[], Sampler],
    *,
    keep_texts: bool = False,
    progress: Progress | None = None,
) -> None:
    """Sample what this process's share of a probe lacks; a batch of rows is stored before the next is begun.

    Args:
        store: where rows are kept.
        dataset: the rows.
        settings: of the probe, begun with :func:`begin_probe`.
        make_sampler: loads the model; called when the first row is sampled.
        keep_texts: store the completions as well.
        progress: told of rows done and rows to do.

    Raises:
        InputError: a stored line is damaged, or a prompt cannot be used.
    """
    loaded: list[Sampler] = []

    def make(places: range) -> list[str]:
        if not loaded:
            loaded.append(make_sampler())
        rows = [SourcedSample(sample=dataset.samples[place], folder=dataset) for place in places]
        sampled = loaded[0].sample(rows, seed=f"{settings.seed}/{rows[0].sample.id}")
        return [encode_probe_row(probe_row(one, loaded[0], settings, keep_texts=keep_texts)) for one in sampled]

    fill(store, make, progress)


def probe_row(one: SampledRow, sampler: Sampler, settings: ProbeSettings, *, keep_texts: bool) -> ProbeRow:
    """Return what a row's completions are worth."""
    size = settings.samples_per_row
    sample = one.row.sample
    if one.media_error:
        failures = {str(StopReason.FAILED): size}
        return ProbeRow(id=sample.id, pass_rate=0.0, mean_reward=0.0, failures=failures, detail=one.media_error)
    rollouts = parsed_rollouts(one, sampler)
    earned = [earned_accuracy(rollout, one) for rollout in rollouts]
    reasons = Counter(failure_of(rollout, value) for rollout, value in zip(rollouts, earned, strict=True))
    passed = reasons.pop("", 0)
    return ProbeRow(
        id=sample.id,
        pass_rate=passed / size,
        mean_reward=sum(earned) / size,
        failures=reasons,
        texts=one.texts_G if keep_texts else (),
    )


def parsed_rollouts(one: SampledRow, sampler: Sampler) -> list[Rollout]:
    """Return a row's completions as the trainer scores them."""
    style, ends = sampler.settings.style, sampler.eos_ids
    drawn = zip(one.texts_G, one.ids_G, strict=True)
    return [
        rollout_of(text, ids, one.row.sample, one.frame, one.media_error, style=style, ends=ends) for text, ids in drawn
    ]


def earned_accuracy(rollout: Rollout, one: SampledRow) -> float:
    """Return a completion's accuracy, 0..1; one that the token limit cut off earns nothing, as in training."""
    return 0.0 if rollout.stop is not StopReason.END else accuracy(rollout.parsed.answer, one.row.sample)


def failure_of(rollout: Rollout, earned: float) -> str:
    """Return why a completion is not right: empty where it is."""
    if earned >= RIGHT:
        return ""
    if rollout.stop is not StopReason.END:
        return "truncated"
    return "wrong" if rollout.parsed.status is ParseStatus.OK else str(rollout.parsed.status)


def merge_probes(store: RowStore, settings: ProbeSettings, others: Sequence[Path]) -> int:
    """Join the rows of probes in other folders to the one of ``store``; returns how many rows are missing.

    Raises:
        InputError: one of them is of another model, dataset or way of sampling.
    """
    for folder in others:
        require_same_settings(folder, settings)
    begin_probe(store.folder, settings)
    return store.finish(*others)
