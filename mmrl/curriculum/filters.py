"""What a stage leaves out of a dataset: other tasks, other levels, and rows outside a band of probed pass rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mmrl.config.schema import RunConfig, StageConfig
from mmrl.curriculum.probe_file import Probe, read_probe, require_probe_of
from mmrl.errors import InputError
from mmrl.types import Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterCounts:
    """How many rows of a dataset a stage takes and leaves out, each counted at the first filter that drops it."""

    size: int
    other_tasks: int = 0
    other_levels: int = 0
    too_hard: int = 0
    """Probed pass rate below the band, or 0 where no band is given."""
    too_easy: int = 0
    """Probed pass rate above the band, or 1 where no band is given."""

    @property
    def kept(self) -> int:
        """Rows that are left."""
        return self.size - self.other_tasks - self.other_levels - self.too_hard - self.too_easy


def filter_tasks(samples: Sequence[Sample], patterns: Sequence[str] | None) -> list[Sample]:
    """Return the samples whose task fits one of the shell-style patterns; None takes all."""
    if patterns is None:
        return list(samples)
    return [sample for sample in samples if any(fnmatchcase(sample.task, pattern) for pattern in patterns)]


def filter_rows(
    config: RunConfig, index: int, dataset: str, samples: Sequence[Sample]
) -> tuple[list[Sample], FilterCounts, Probe | None]:
    """Return what stage ``index`` keeps of a dataset, in its order, the counts of what it leaves out, and the probe.

    Raises:
        InputError: nothing is left, or the probe cannot be used: of another model, or without some of the rows.
    """
    stage = config.stages[index]
    of_tasks = filter_tasks(samples, stage.tasks)
    levels = stage.filter.difficulty
    of_levels = [sample for sample in of_tasks if levels is None or sample.difficulty in levels]
    probe = probe_of(config, index, dataset, samples)
    rates = probe.pass_rates if probe else {}
    low, high = stage.filter.keep or (0.0, 1.0)
    banded = stage.filter.keep is not None
    hard = {one.id for one in of_levels if rates and (rates[one.id] < low or (not banded and rates[one.id] == 0.0))}
    easy = {one.id for one in of_levels if rates and (rates[one.id] > high or (not banded and rates[one.id] == 1.0))}
    counts = FilterCounts(
        size=len(samples),
        other_tasks=len(samples) - len(of_tasks),
        other_levels=len(of_tasks) - len(of_levels),
        too_hard=len(hard),
        too_easy=len(easy),
    )
    if not counts.kept:
        raise InputError(_why_empty(stage, index, dataset, samples, counts))
    return [one for one in of_levels if one.id not in hard | easy], counts, probe


def probe_of(config: RunConfig, index: int, dataset: str, samples: Sequence[Sample]) -> Probe | None:
    """Return the probe that stage ``index`` names for a dataset with these samples, or None.

    Raises:
        InputError: it cannot be read, or was made with another model than the run's, or on other data.
    """
    named = config.stages[index].filter.probe.get(dataset)
    if named is None:
        return None
    probe = read_probe(named)
    where = f"stages.{index}.filter.probe.{dataset}"
    require_probe_of(probe, model=config.model_name_or_path, samples=samples, where=where)
    return probe


def _why_empty(stage: StageConfig, index: int, dataset: str, samples: Sequence[Sample], counts: FilterCounts) -> str:
    if not samples:
        return f"a stage's dataset must hold samples; found none in {dataset}; stages.{index}.mix; build it again"
    if counts.other_tasks == counts.size:
        tasks = ", ".join(sorted({sample.task for sample in samples}))
        return (
            f"a stage's tasks must leave samples of each dataset in its mix; found none of {dataset}, which has "
            f"{tasks}, for {', '.join(stage.tasks or ())}; stages.{index}.tasks; widen it or drop {dataset}"
        )
    return (
        f"a stage's filter must leave samples of each dataset in its mix; found none of the {counts.size} of {dataset}"
        f": {counts.other_tasks} of other tasks, {counts.other_levels} of other levels, {counts.too_hard} too hard and "
        f"{counts.too_easy} too easy; stages.{index}.filter; widen it or drop {dataset}"
    )
