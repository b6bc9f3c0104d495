"""``mmrl audit``: look for faults of a config's rewards before training on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrl.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from mmrl.config.schema import DatasetConfig, Law, RunConfig
    from mmrl.data import DatasetFolder
    from mmrl.runs import RunFolder
    from mmrl.types import Sample

MOST_READ = 400
"""Samples of a dataset that are looked at; of one to be built, as many are made."""


def audit(
    config: Annotated[Path, typer.Argument(help="A YAML config; see configs/.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, dotted")] = None,
    samples: Annotated[int, typer.Option(help="Samples of each task to make attempts for.", min=1)] = 12,
    against: Annotated[Path | None, typer.Option(help="Another config: print how far apart the rubrics are.")] = None,
) -> None:
    """Find out what a config's rewards teach: effects of terms, wrong answers above right ones, what hacks earn.

    Exits with 2 where a law is broken, unless `audit.allow` names it. Nothing is written; no model is loaded.

    [bold]Example[/]: mmrl audit configs/demo.yaml --samples 24
    """
    from rich.console import Console

    from mmrl.audit import audit_config, render
    from mmrl.config import load_config
    from mmrl.progress import progress_bar

    loaded = load_config(config, overrides or [])
    other = None if against is None else (load_config(against), against.parent)
    console = Console()
    with progress_bar("reading data", unit="datasets", console=console) as progress:
        datasets = _samples_of(loaded, progress)
    with progress_bar("auditing", unit="stages", console=console) as progress:
        found = audit_config(
            loaded, datasets, base_dir=config.parent, samples=samples, against=other, progress=progress
        )
    console.print(render(found), markup=False, highlight=False, soft_wrap=True)
    if broken := sum(len(one.broken) for one in found):
        console.print(f"{broken} broken laws; mend the rubric, or list laws that need not hold under audit.allow.")
        raise typer.Exit(2)


BEFORE_TRAINING = 4
"""Samples of each task that the audit before training looks at; ``mmrl audit`` takes more."""
NEEDS_MORE: tuple[Law, ...] = ("no_effect", "drowned", "advantage")
"""Laws whose breach is that nothing was seen; a few samples cannot prove it, so before training they are told alone."""


def audit_before_training(
    config: RunConfig, folders: Mapping[str, DatasetFolder], run: RunFolder, base_dir: Path, console: Console
) -> None:
    """Audit a new run's rubrics on a few samples of its own data; a run that has passed is not asked again.

    What would need more samples to be sure is printed and does not stop the run.

    Raises:
        InputError: a law is broken that ``audit.allow`` does not name.
    """
    from mmrl.audit import audit_config
    from mmrl.progress import slow_progress
    from mmrl.runs import AUDIT_NAME

    if (run.path / AUDIT_NAME).is_file():
        return
    datasets = {name: folders[name].samples for name in config.training_datasets()}
    with slow_progress("auditing rewards", unit="stages") as progress:
        found = audit_config(config, datasets, base_dir=base_dir, samples=BEFORE_TRAINING, progress=progress)
    every = [(one.name, finding) for one in found for finding in one.broken]
    broken = [(stage, finding) for stage, finding in every if finding.law not in NEEDS_MORE]
    for stage, finding in every:
        if finding.law in NEEDS_MORE:
            console.print(f"audit, stage {stage}: {finding.message}", markup=False, highlight=False, soft_wrap=True)
    if broken:
        stage, first = broken[0]
        further = f" and {len(broken) - 1} more broken laws" if len(broken) > 1 else ""
        raise InputError(
            f"rewards must keep the audit's laws; found in stage {stage} that {first.law} is broken{further}: "
            f"{first.message}; see mmrl audit; mend the rubric, or list the laws under audit.allow, or train "
            "with --no-audit"
        )
    passed = [{"stage": one.name, "samples": one.samples, "meant": [each.law for each in one.meant]} for one in found]
    run.write_json(AUDIT_NAME, {"stages": passed})


def _samples_of(config: RunConfig, progress: object) -> dict[str, Sequence[Sample]]:
    names = config.training_datasets()
    found = {}
    for done, name in enumerate(names, start=1):
        found[name] = _read(config.datasets[name])
        progress(done, len(names))  # type: ignore[operator]
    return found


def _read(dataset: DatasetConfig) -> Sequence[Sample]:
    """Return a dataset's first samples: of its folder, or as its builder makes them, without writing anything."""
    from mmrl.cli.building import examples_of
    from mmrl.data import read_folder

    if dataset.path is not None:
        return read_folder(Path(dataset.path)).samples
    assert dataset.build is not None, "configs are checked: a path or a builder"
    found: list[Sample] = []
    for draft in examples_of(dataset.build, dataset.options):
        found += draft.samples
        if len(found) >= MOST_READ:
            break
    return found
