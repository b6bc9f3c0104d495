"""A model over a public benchmark, in four stages that are stored: prompts, predictions, extractions, scores.

evaluation.json     benchmark, checksum of its data, hash of the prompts, the model's identity; written first
prompts.jsonl       id, messages, media with checksums, hashes
predictions.jsonl   raw outputs, appended as they come; failures with their reason
extractions.jsonl, scores.jsonl, items.jsonl, summary.json   by ``mmrl score``'s own function
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.backends.base import Backend, Request, media_kinds, texts_of
from eval.benchmark_media import item_media
from eval.benchmarks.base import Benchmark, Item, Options
from eval.file_hashes import file_record
from eval.judged import require_free_answers
from eval.processes import Team
from eval.replies import append_reply, failed_ids, keep_rows, part_path, stored_rows
from eval.score_file import ScoreRequest, checked_variant, default_options, load_items, score_file
from eval.storage import PREDICTIONS_NAME, PROMPTS_NAME, SETTINGS_NAME, read_rows, write_rows
from mmrl.errors import InputError
from mmrl.files import parse_json, write_json
from mmrl.judges import Judge
from mmrl.progress import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchmarkRun:
    """What is to be asked, and where it is stored."""

    benchmark: Benchmark
    data: Path
    out: Path
    pictures: Path | None = None
    """Folder of the files that the data only name."""
    variant: str | None = None
    """Scoring rule; None means the benchmark's first."""
    options: Options | None = None
    """None means the defaults."""
    retry_failed: bool = False
    """Ask again for what failed in an earlier run."""
    judge: Judge | None = None
    """Asked about free answers beside the rules, when all are there."""


def run_benchmark(
    run: BenchmarkRun, backend: Backend, *, team: Team | None = None, progress: Progress | None = None
) -> dict[str, Any] | None:
    """Ask what is not yet answered, score everything and return the summary; None in processes that do not lead.

    Raises:
        InputError: data, pictures, options or the folder cannot be used, or ``out`` holds a run of another benchmark,
            data, model or prompts (nothing is changed then); or the backend stopped (what was answered is kept).
    """
    team = team or Team()
    if run.out.exists() and not run.out.is_dir():
        raise InputError(f"--out must be a folder; found a file; at {run.out}; choose another place")
    checked_variant(run.benchmark, run.variant)
    options = run.options if run.options is not None else default_options(run.benchmark)
    items = load_items(run.benchmark, run.data, options)
    if run.judge is not None:
        require_free_answers(run.benchmark, items)
    requests = benchmark_requests(run, items, options)
    if team.leads:
        _begin(run, backend, requests)
    team.wait()
    _ask(run, backend, requests, team, progress)
    team.wait()
    if not team.leads:
        return None
    keep_rows(run.out, stored_rows(run.out), [item.id for item in items])
    write_json(run.out / SETTINGS_NAME, _settings(run, backend, requests))
    predictions = run.out / PREDICTIONS_NAME
    request = ScoreRequest(
        benchmark=run.benchmark,
        data=run.data,
        predictions=predictions,
        variant=run.variant,
        options=options,
        judge=run.judge,
    )
    return score_file(request, run.out)


def benchmark_requests(run: BenchmarkRun, items: Sequence[Item], options: Options) -> list[Request]:
    """Return what a benchmark asks, item by item, with the files that it shows.

    Raises:
        InputError: the benchmark has no prompt of its own, or files are missing.
    """
    prompt = run.benchmark.prompt
    if prompt is None:
        raise InputError(
            f"--benchmark must be one that has a prompt; found {run.benchmark.name}, which has none; "
            "run the model yourself and use mmrl score"
        )
    messages = {item.id: prompt(item, options) for item in items}
    kinds = {name: media_kinds(message) for name, message in messages.items()}
    media = item_media(items, kinds, run.data, run.pictures, run.out)
    return [Request(id=item.id, messages=messages[item.id], media=media[item.id]) for item in items]


def prompt_row(request: Request) -> dict[str, Any]:
    """Return the stored form of a request; hashes are of its texts, and of all that the model sees."""
    media = [{"name": file.name, "kind": file.kind, "sha256": file.sha256} for file in request.media]
    seen = [request.messages, [file.sha256 for file in request.media]]
    return {
        "id": request.id,
        "messages": request.messages,
        "media": media,
        "text_sha256": hashlib.sha256("\0".join(texts_of(request.messages)).encode()).hexdigest(),
        "sha256": json_sha256(seen),
    }


def json_sha256(value: Any) -> str:
    """Return the SHA-256 of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


# ---------------------------------------------------------------------------------------------------- going on


def _settings(run: BenchmarkRun, backend: Backend, requests: Sequence[Request]) -> dict[str, Any]:
    return {
        "benchmark": run.benchmark.name,
        "data": file_record(run.data),
        "pictures": None if run.pictures is None else Path(os.path.relpath(run.pictures, run.out)).as_posix(),
        "items": len(requests),
        "prompts_sha256": json_sha256([prompt_row(request)["sha256"] for request in requests]),
        "model": backend.identity,
        "facts": backend.facts,
    }


def _begin(run: BenchmarkRun, backend: Backend, requests: Sequence[Request]) -> None:
    """Store prompts and settings, or check that a run in the folder is of the same ones."""
    settings = _settings(run, backend, requests)
    rows = [prompt_row(request) for request in requests]
    if (run.out / SETTINGS_NAME).is_file():
        _require_same(run.out, settings, rows)
    elif (run.out / PREDICTIONS_NAME).exists():
        raise InputError(
            f"--out must be a new folder or hold a run of mmrl eval; found {PREDICTIONS_NAME} without "
            f"{SETTINGS_NAME}; at {run.out}; choose another folder"
        )
    write_rows(run.out / PROMPTS_NAME, rows)
    write_json(run.out / SETTINGS_NAME, settings)
    if run.retry_failed:
        stored = stored_rows(run.out)
        failed = set(failed_ids(stored))
        keep_rows(run.out, stored, [item for item in stored if item not in failed])


def _require_same(out: Path, settings: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    try:
        stored = parse_json((out / SETTINGS_NAME).read_bytes())
    except ValueError as error:
        raise InputError(
            f"{SETTINGS_NAME} must be JSON; found {error}; at {out / SETTINGS_NAME}; choose another --out"
        ) from None
    if not isinstance(stored, dict) or "benchmark" not in stored:
        raise InputError(
            f"--out must be a new folder or hold a run of this benchmark; found an evaluation of dataset folders; at "
            f"{out}; choose another folder"
        )
    difference = _difference(stored, settings, out, rows)
    if difference:
        raise InputError(
            f"a run goes on only with the same model, prompts and data; found another {difference}; at {out}; "
            "choose another --out"
        )


def _difference(
    stored: Mapping[str, Any], settings: Mapping[str, Any], out: Path, rows: Sequence[Mapping[str, Any]]
) -> str:
    """Return what differs, with both values; empty where nothing does that matters."""
    if stored["benchmark"] != settings["benchmark"]:
        return f"benchmark: {stored['benchmark']} there, {settings['benchmark']} now"
    before, now = stored.get("data", {}), settings["data"]
    if before.get("sha256") != now["sha256"]:
        return f"data file: {before.get('name')} ({str(before.get('sha256'))[:12]}) there, " + (
            f"{now['name']} ({now['sha256'][:12]}) now"
        )
    model, wanted = stored.get("model", {}), settings["model"]
    changed = [key for key in {**model, **wanted} if model.get(key) != wanted.get(key)]
    if changed:
        pairs = "; ".join(f"{key} {_short(model.get(key))} there, {_short(wanted.get(key))} now" for key in changed)
        names = stored.get("facts", {}).get("model"), settings["facts"].get("model")
        return f"model ({names[0]} there, {names[1]} now): {pairs}"
    return _changed_prompt(out, rows) if stored.get("prompts_sha256") != settings["prompts_sha256"] else ""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:20]}..."


def _changed_prompt(out: Path, rows: Sequence[Mapping[str, Any]]) -> str:
    before = {row["id"]: row for row in read_rows(out / PROMPTS_NAME, ("id", "sha256", "text_sha256"))}
    changed = [row for row in rows if before.get(row["id"], {}).get("sha256") != row["sha256"]]
    if not changed:
        return f"set of prompts: {len(before)} there, {len(rows)} now"
    first = changed[0]
    is_text = before.get(first["id"], {}).get("text_sha256") != first["text_sha256"]
    return f"{'text' if is_text else 'picture or clip'} in {len(changed)} prompts, first {first['id']!r}"


# ---------------------------------------------------------------------------------------------------- asking


def _ask(
    run: BenchmarkRun, backend: Backend, requests: Sequence[Request], team: Team, progress: Progress | None
) -> None:
    """Ask this process's share of what has no reply yet; each reply is stored before the next is looked at."""
    answered = stored_rows(run.out)
    team.wait()  # nobody writes before everybody has read, or the shares would overlap
    left = sorted((request for request in requests if request.id not in answered), key=lambda one: one.size)
    share = team.share(left[::-1])
    done, path = 0, part_path(run.out, team.rank)
    if not share:
        return
    try:
        for reply in backend.ask(share):
            append_reply(path, reply)
            done += 1
            if progress:
                progress(done, len(share))
    except InputError as error:
        raise InputError(
            f"{error}; {len(answered) + done} items have a reply, kept in {path}, {len(share) - done} have none; the "
            "same command goes on with these"
        ) from error
