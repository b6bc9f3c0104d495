"""Evaluate a model on held-out dataset folders, in stages that are stored and can be redone alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eval.decoding import Decoding
from eval.scores import prediction_row, row_prediction, score_prediction, score_row
from eval.storage import (
    PREDICTIONS_NAME,
    PROMPTS_NAME,
    SCORES_NAME,
    SETTINGS_NAME,
    Key,
    read_rows,
    rows_by_key,
    write_rows,
)
from mmrl.answers import answer_to_json, write_answer
from mmrl.data import DatasetFolder
from mmrl.errors import InputError
from mmrl.families import FrameRule, family_of, frame_rule
from mmrl.files import write_json
from mmrl.progress import Progress
from mmrl.prompts import build_prompt
from mmrl.types import Frame, Prediction, PromptStyle, Sample


def evaluate(
    model: Any,
    processor: Any,
    datasets: Mapping[str, DatasetFolder],
    out: Path,
    *,
    style: PromptStyle,
    decoding: Decoding,
    frame_of: FrameRule | None = None,
    progress: Progress | None = None,
) -> Path:
    """Run a model over named dataset folders, store every stage under ``out`` and return the path of ``scores.jsonl``.

    Args:
        model: an image-text-to-text model.
        processor: its processor.
        datasets: held-out folders by name.
        out: a folder, made where absent; an earlier evaluation in it is replaced.
        style: where answers are asked for.
        decoding: batch size and token limit.
        frame_of: the frame in which the model writes coordinates; by default its family's.
        progress: told of samples done and samples in all.

    Raises:
        InputError: there is no dataset, the family is unknown, ``out`` is a file, or the disk refuses.
    """
    require_folder(out)
    if not datasets:
        raise InputError("an evaluation must name at least one dataset; found none; at evaluation.datasets; name one")
    frame_of = frame_of or frame_rule(family_of(model.config.model_type), processor)
    for name in (SCORES_NAME, PREDICTIONS_NAME):  # later stages must never stand beside prompts of another evaluation
        (out / name).unlink(missing_ok=True)
    write_json(out / SETTINGS_NAME, _settings(model, datasets, out, style, decoding))
    write_rows(out / PROMPTS_NAME, _prompt_rows(datasets, style, frame_of))
    rows = _predict(model, processor, datasets, style=style, frame_of=frame_of, decoding=decoding, progress=progress)
    write_rows(out / PREDICTIONS_NAME, rows)
    return rescore(out, {name: folder.samples for name, folder in datasets.items()})


def require_folder(out: Path) -> None:
    """Refuse a place for results that is a file, or below one, with :class:`InputError`."""
    standing = next((path for path in (out, *out.parents) if path.exists()), None)
    if standing is not None and not standing.is_dir():
        raise InputError(f"an evaluation must go into a folder; found a file; at {standing}; choose another place")


def rescore(out: Path, samples: Mapping[str, list[Sample]]) -> Path:
    """Score stored predictions again, without a model; frames and styles are those stored with the prompts.

    Args:
        out: a folder that holds ``prompts.jsonl`` and ``predictions.jsonl``.
        samples: the samples of each dataset by its name; all items must be among them.

    Raises:
        InputError: a file is missing or damaged, or an item has no sample, prompt or prediction.
    """
    prompts = rows_by_key(out / PROMPTS_NAME, ("dataset", "style", "frame"))
    gold: dict[Key, Sample] = {(name, sample.id): sample for name, group in samples.items() for sample in group}
    rows = []
    for row in read_rows(out / PREDICTIONS_NAME, ("dataset", "id", "prediction", "stop")):
        key = (row["dataset"], row["id"])
        prompt, sample = prompts.pop(key, None), gold.get(key)
        if prompt is None or sample is None:
            missing = "sample" if sample is None else "prompt of its own"
            raise InputError(
                f"a prediction must have a {missing}; found none; at {out / PREDICTIONS_NAME}, {key}; evaluate again"
            )
        frame = Frame(**prompt["frame"]) if prompt["frame"] else None
        rows.append(
            score_row(key[0], score_prediction(sample, row_prediction(row), style=prompt["style"], frame=frame))
        )
    if prompts:
        raise InputError(
            f"every prompt must have a prediction; found {len(prompts)} without, first {next(iter(prompts))}; "
            f"at {out / PREDICTIONS_NAME}; evaluate again"
        )
    write_rows(out / SCORES_NAME, rows)
    return out / SCORES_NAME


def _predict(
    model: Any,
    processor: Any,
    datasets: Mapping[str, DatasetFolder],
    *,
    style: PromptStyle,
    frame_of: FrameRule,
    decoding: Decoding,
    progress: Progress | None,
) -> list[dict[str, Any]]:
    from eval.backends.transformers import generate  # brings torch, which scoring again does not need

    total = sum(len(folder.samples) for folder in datasets.values())
    rows: list[dict[str, Any]] = []
    for name, folder in datasets.items():
        predictions: list[Prediction] = generate(
            model,
            processor,
            folder.samples,
            folder.root,
            style=style,
            frame_of=frame_of,
            decoding=decoding,
            progress=_shifted(progress, len(rows), total),
        )
        rows += [prediction_row(name, prediction) for prediction in predictions]
    return rows


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(before + done, total)


def _prompt_rows(
    datasets: Mapping[str, DatasetFolder], style: PromptStyle, frame_of: FrameRule
) -> list[dict[str, Any]]:
    return [
        _prompt_row(name, sample, style, frame_of) for name, folder in datasets.items() for sample in folder.samples
    ]


def _prompt_row(dataset: str, sample: Sample, style: PromptStyle, frame_of: FrameRule) -> dict[str, Any]:
    frame = _frame_or_none(sample, frame_of)
    return {
        "dataset": dataset,
        "id": sample.id,
        "task": sample.task,
        "difficulty": sample.difficulty,
        "style": style,
        "frame": {"kind": frame.kind, "width": frame.width, "height": frame.height} if frame else None,
        "messages": build_prompt(sample, style=style, frame=frame),
        "question": sample.question,
        "choices": list(sample.choices),
        "gold": answer_to_json(sample.answer),
        "gold_text": write_answer(sample.answer),
        "media": [
            {"path": media.path, "kind": media.kind, "width": media.width, "height": media.height}
            for media in sample.media
        ],
    }


def _frame_or_none(sample: Sample, frame_of: FrameRule) -> Frame | None:
    """Return the frame of a sample's first picture; none for an impossible shape, which generation reports."""
    try:
        return frame_of(sample.media[0]) if sample.media else None
    except ValueError:
        return None


def _settings(
    model: Any, datasets: Mapping[str, DatasetFolder], out: Path, style: PromptStyle, decoding: Decoding
) -> dict[str, Any]:
    return {
        "datasets": {
            # Relative, so that a run folder can be moved together with its data.
            name: {"path": Path(os.path.relpath(folder.root, out)).as_posix(), "samples": len(folder.samples)}
            for name, folder in datasets.items()
        },
        "model_type": model.config.model_type,
        "style": style,
        "decoding": "greedy",
        "batch_size": decoding.batch_size,
        "max_completion_length": decoding.max_completion_length,
        "video": {"fps": decoding.video.fps, "max_frames": decoding.video.max_frames},
        "dtype": str(getattr(model, "dtype", "")),
        "versions": {name: version(name) for name in ("torch", "transformers", "pillow")},
    }
