"""``mmrl report``: a run, scored results, or a dataset folder as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmrl.errors import InputError

REPORT_NAME = "report.html"


def report(
    run: Annotated[Path, typer.Argument(help="A training run, a folder of scores, or a dataset folder.")],
    second: Annotated[Path | None, typer.Argument(help="Scores of another model on the same items.")] = None,
    out: Annotated[Path | None, typer.Option(help="HTML file; inside a run or its scores, beside a dataset.")] = None,
    pictures: Annotated[Path | None, typer.Option(help="Folder of pictures that scores only name.")] = None,
    count: Annotated[int, typer.Option(help="Questions of a dataset that are shown.", min=1)] = 96,
    seed: Annotated[int, typer.Option(help="Of the choice from a dataset.")] = 0,
) -> None:
    """Write one HTML file that works offline: a training run, scored items to filter, or a dataset's gallery.

    Two folders of scores stand side by side, disagreements first. Works on an unfinished run and says what is missing.

    [bold]Examples[/]:

    mmrl report runs/demo

    mmrl report scores/mmstar

    mmrl report scores/base scores/step-5000 --out compared.html

    mmrl report data/city --count 200
    """
    from rich.console import Console

    kind = kind_of(run)
    if kind != "results" and (second is not None or pictures is not None):
        found = "a second folder" if second is not None else "--pictures"
        raise InputError(f"{found} must stand beside a folder of scores; found {kind}; at {run}; leave it out")
    if kind == "run" and out is not None:
        raise InputError(f"--out must stand with scores or a dataset; found a run, whose report is in it; at {run}")
    if kind == "results":
        page = _write_results(run, second, out, pictures)
    elif kind == "dataset":
        page = _write_dataset(run, out, count, seed)
    else:
        from eval.report import write_report

        page = write_report(run)
    Console().print(f"report: {page}", highlight=False, soft_wrap=True)


def kind_of(path: Path) -> str:
    """Return ``results``, ``dataset`` or ``run``; ``InputError`` where a folder is none of these."""
    from mmrl.data.manifest import MANIFEST_NAME
    from mmrl.data.rows import METADATA_NAME
    from mmrl.runs import RUN_ENTRIES

    if (path / "scores.jsonl").is_file():
        return "results"
    if (path / MANIFEST_NAME).is_file() or (path / METADATA_NAME).is_file():
        return "dataset"
    if path.is_dir() and not any((path / name).exists() for name in RUN_ENTRIES):
        raise InputError(
            "a report is of a run, of scores, or of a dataset folder; found none of what these hold; "
            f"at {path}; check the path"
        )
    return "run"


def _write_results(first: Path, second: Path | None, out: Path | None, pictures: Path | None) -> Path:
    from eval.report.results import write_results
    from eval.report.results_load import load_results

    runs = [load_results(path, pictures) for path in (first, second) if path is not None]
    name = REPORT_NAME if second is None else f"report-against-{runs[0].name.replace('/', '-')}.html"
    return write_results(runs, out or (second or first) / name)


def _write_dataset(folder: Path, out: Path | None, count: int, seed: int) -> Path:
    from eval.report.dataset import write_dataset
    from mmrl.data import read_folder
    from mmrl.progress import slow_progress

    read = read_folder(folder)
    # Beside the folder, whose manifest vouches for every file in it.
    target = out or folder.resolve().with_name(f"{folder.resolve().name}-report.html")
    with slow_progress("drawing", unit="questions") as progress:
        return write_dataset(read, target, count=count, seed=seed, progress=progress)
