"""The guard of a rejection stage: held-out accuracy of the starting and of the trained weights, item by item.

guard-before.jsonl, guard-after.jsonl   accuracy of each item, a line each
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mmrl.trainer.probing import earned_accuracy, parsed_rollouts
from mmrl.trainer.rejection_rules import FallTest, fall_test
from mmrl.trainer.row_store import RowStore
from mmrl.trainer.run_log import StageLog
from mmrl.trainer.sampling import SampledRow, Sampler, SamplingSettings
from mmrl.trainer.stage_data import SourcedSample
from mmrl.trainer.stage_sampling import Lines, log_once, process_share

if TYPE_CHECKING:
    from mmrl.trainer.stages import StageJob

BEFORE, AFTER = "guard-before", "guard-after"


def guard_tests(job: StageJob, log: StageLog) -> dict[str, FallTest]:
    """Compare what was stored of the starting and of the trained weights, and log it; by dataset."""
    store = guard_rows(job, AFTER)[0]
    before, after = (
        {name: json.loads(line) for name, line in one.stored().items()} for one in (guard_rows(job, BEFORE)[0], store)
    )
    tests = {}
    for name in job.stage.guarded:
        ids = [one for one in store.ids if one.startswith(f"{name}/")]
        values = [[rows[one]["accuracy"] for one in ids] for rows in (before, after)]
        tests[name] = fall_test(values[0], values[1], [after[one]["cluster"] for one in ids])
        facts = {"dataset": name, "items": tests[name].items, "before": tests[name].before, "after": tests[name].after}
        counts = {"worse": tests[name].worse, "better": tests[name].better, "p": tests[name].p}
        log_once(job, log, "guard", step=job.stage.steps, **facts, **counts, message=told(name, tests[name]))
    return tests


def told(name: str, test: FallTest) -> str:
    """Return a comparison as a sentence."""
    moved = f"{'fell' if test.fall > 0 else 'rose'} by {abs(test.fall):.3f}" if test.fall else "stayed the same"
    return (
        f"accuracy on {name} {moved}, from {test.before:.3f} to {test.after:.3f} of {test.items} items "
        f"({test.worse} pictures worse, {test.better} better, one-sided sign test p {test.p:.2g})"
    )


def guard_rows(job: StageJob, stem: str) -> tuple[RowStore, Lines]:
    """Return where the guard's accuracies are kept, and what makes them: greedy answers, as in evaluation."""
    rows = [
        (f"{name}/{sample.id}", SourcedSample(sample=sample, folder=job.folders[name]))
        for name in job.stage.guarded
        for sample in job.folders[name].samples
    ]
    config = job.config
    store = RowStore(
        folder=job.folder,
        stem=stem,
        ids=[name for name, _ in rows],
        batch=config.evaluation.batch_size,
        share=process_share(),
    )
    greedy = SamplingSettings(
        style=config.prompt_style,
        temperature=None,
        max_completion_length=config.evaluation.max_completion_length,
        video=config.video_request(),
    )

    def lines(sampler: Sampler, places: range) -> list[str]:
        reader = sampler.drawing(greedy)
        sampled = zip(places, reader.sample([rows[place][1] for place in places], seed=stem), strict=True)
        return [_guard_line(rows[place][0], one, reader) for place, one in sampled]

    return store, lines


def _guard_line(name: str, one: SampledRow, sampler: Sampler) -> str:
    earned = [earned_accuracy(rollout, one) for rollout in parsed_rollouts(one, sampler)]
    cluster = one.row.sample.media[0].sha256 if one.row.sample.media else name
    return json.dumps({"id": name, "accuracy": earned[0] if earned else 0.0, "cluster": cluster})
