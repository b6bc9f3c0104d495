"""Self-improvement: sample from the stage's starting weights, keep the best, train on it, and take the result only if
nothing is forgotten.

candidate/   the trained weights until they are judged: then ``final/``, or ``refused/``

What is sampled, kept and evaluated on the way is kept in the stage's folder; each part is whole or gone on with after
a kill, and none depends on where the kill came.
"""

from __future__ import annotations

import gc
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from accelerate import PartialState
from rich.progress import Progress

from mmrl.errors import InputError
from mmrl.families import load_model, load_processor
from mmrl.runs import MARKER_NAME, is_complete, mark_complete, saving_checkpoint
from mmrl.trainer.rejection_samples import KEPT, SAMPLES, RejectionSamples
from mmrl.trainer.row_store import RowStore
from mmrl.trainer.run_log import StageLog
from mmrl.trainer.sft_stage import OpenLog, checkpoint_step, train_on_examples
from mmrl.trainer.stage_guard import AFTER, BEFORE, guard_rows, guard_tests, told
from mmrl.trainer.stage_model import OPTIMIZER_NAME, start_of
from mmrl.trainer.stage_sampling import Lines, fill_stores, log_once

if TYPE_CHECKING:
    from mmrl.trainer.stages import StageJob

CANDIDATE, REFUSED = "candidate", "refused"
REFUSED_EVENT = "refused"


def train_on_own(job: StageJob, progress: Progress | None, open_log: OpenLog) -> None:
    """Train a stage of kind ``rejection``, or go on with it.

    Raises:
        InputError: nothing that was sampled is worth keeping, or the stage's rubric remembers earlier batches.
    """
    _require_plain_rubric(job)
    candidate = job.folder / CANDIDATE
    trained = is_complete(candidate)
    log = open_log(job, job.stage.steps if trained else checkpoint_step(job))
    sampled = RejectionSamples(job)
    _sample(job, sampled, progress)
    kept = sampled.select(log)
    if not trained:
        _forget_guard(job)
        train_on_examples(job, sampled.examples(kept), candidate, log, progress)
        gc.collect()
    _judge(job, candidate, log, progress)


def _sample(job: StageJob, sampled: RejectionSamples, progress: Progress | None) -> None:
    """Sample what is left, and see how the starting weights do on the guard's data."""
    makers: list[tuple[RowStore, Lines, str]] = [(sampled.store, sampled.lines, "sampling")]
    if job.stage.guarded:
        makers.append((*guard_rows(job, BEFORE), "guard before"))
    fill_stores(job, makers, start_of(job.config, job.run, job.index), progress)


def _forget_guard(job: StageJob) -> None:
    """Remove what is left of an evaluation of weights that are trained again."""
    if PartialState().is_main_process:
        for path in job.folder.glob(f"{AFTER}*.jsonl"):
            path.unlink()


def made_of_weights(folder: Path) -> list[Path]:
    """Return what stands in a stage's folder that was made of its starting weights, beside checkpoints."""
    files = [path for stem in (SAMPLES, KEPT, BEFORE, AFTER) for path in folder.glob(f"{stem}*.jsonl")]
    return [*files, *(folder / name for name in (CANDIDATE, REFUSED) if (folder / name).exists())]


def _require_plain_rubric(job: StageJob) -> None:
    remembers = [*job.rubric.stateful(), *(["entropies"] if job.rubric.reads_entropies else [])]
    if remembers:
        raise InputError(
            "the rubric of a rejection stage must judge each prompt by itself; found mechanisms that look at a "
            f"training run: {', '.join(remembers)}; stages.{job.stage.name}.rubric; give it one without them"
        )


def _judge(job: StageJob, candidate: Path, log: StageLog, progress: Progress | None) -> None:
    """Make the trained weights the stage's final ones, or leave it those that it started from."""
    if job.stage.guarded:
        fill_stores(job, [(*guard_rows(job, AFTER), "guard after")], str(candidate), progress)
    tests = guard_tests(job, log)
    allowed = job.stage.rejection.guard.max_drop if job.stage.rejection and job.stage.rejection.guard else 0.0
    refusing = {name: test for name, test in tests.items() if test.refuses(allowed)}
    state = PartialState()
    if refusing:
        reasons = "; ".join(told(name, test) for name, test in refusing.items())
        message = f"the stage's weights are refused and the earlier ones kept: {reasons}, more than {allowed:g}"
        log_once(job, log, REFUSED_EVENT, step=job.stage.steps, datasets=list(refusing), message=message)
    if state.is_main_process:
        shutil.rmtree(job.final, ignore_errors=True)
        if refusing:
            _keep_start(job)
            shutil.rmtree(job.folder / REFUSED, ignore_errors=True)
            candidate.rename(job.folder / REFUSED)
        else:
            candidate.rename(job.final)
    state.wait_for_everyone()


def _keep_start(job: StageJob) -> None:
    """Leave a copy of the stage's starting weights as its final ones."""
    start = start_of(job.config, job.run, job.index)
    with saving_checkpoint(job.final):
        if Path(start).is_dir():
            unwanted = shutil.ignore_patterns(OPTIMIZER_NAME, MARKER_NAME)
            shutil.copytree(start, job.final, ignore=unwanted)
        else:
            load_model(start).save_pretrained(job.final)
            load_processor(start).save_pretrained(job.final)
        mark_complete(job.final)
