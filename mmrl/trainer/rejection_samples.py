"""What a rejection stage samples from its starting weights, and the examples that it makes of the best.

samples.jsonl   what was sampled, a prompt a line
kept.jsonl      what of it is trained on
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from accelerate import PartialState

from mmrl.config import RejectionConfig
from mmrl.curriculum import stage_batches, stage_seed
from mmrl.errors import InputError
from mmrl.files import write_text
from mmrl.trainer.probing import parsed_rollouts
from mmrl.trainer.rejection_rules import Candidate, keep_best, kept_counts, mix_examples, share_of
from mmrl.trainer.row_store import RowStore
from mmrl.trainer.run_log import StageLog
from mmrl.trainer.sampling import SampledRow, Sampler, SamplingSettings
from mmrl.trainer.sft_data import Example
from mmrl.trainer.stage_data import SourcedSample
from mmrl.trainer.stage_sampling import log_once, process_share
from mmrl.types import StopReason

if TYPE_CHECKING:
    from mmrl.trainer.stages import StageJob

SAMPLES, KEPT = "samples", "kept"


class RejectionSamples:
    """What a stage samples, and what it keeps of it."""

    def __init__(self, job: StageJob) -> None:
        self.job, self.rule = job, job.stage.rejection or RejectionConfig()
        names = {id(folder): name for name, folder in job.folders.items()}
        self.sources = [names[id(row.folder)] for row in job.rows]
        ids = [f"{name}/{row.sample.id}" for name, row in zip(self.sources, job.rows, strict=True)]
        self.size = job.training.num_generations
        batch = max(1, job.config.evaluation.batch_size // self.size)
        self.store = RowStore(folder=job.folder, stem=SAMPLES, ids=ids, batch=batch, share=process_share())

    def lines(self, sampler: Sampler, places: range) -> list[str]:
        """Sample the prompts at some places and return them as lines with their rewards."""
        config, training = self.job.config, self.job.training
        drawing = SamplingSettings(
            style=config.stage_style(self.job.stage),
            group_size=self.size,
            temperature=training.temperature,
            max_completion_length=training.max_completion_length,
            video=config.video_request(),
        )
        drawer, rows = sampler.drawing(drawing), [self.job.rows[place] for place in places]
        seed = f"{stage_seed(config, self.job.index)}/{self.store.ids[places[0]]}"
        sampled = zip(places, drawer.sample(rows, seed=seed), strict=True)
        return [self._line(place, one, drawer) for place, one in sampled]

    def _line(self, place: int, one: SampledRow, sampler: Sampler) -> str:
        rollouts = parsed_rollouts(one, sampler)
        scored = self.job.rubric.score_groups([one.row.sample] * len(rollouts), rollouts, group_size=self.size)
        completions = [
            {"text": rollout.text, "reward": breakdown.total, "stop": str(rollout.stop)}
            for rollout, breakdown in zip(rollouts, scored, strict=True)
        ]
        found = {"media_error": one.media_error} if one.media_error else {}
        return json.dumps({"id": self.store.ids[place], "completions": completions, **found}, ensure_ascii=False)

    def candidates(self) -> list[list[Candidate]]:
        """Return what was sampled of each prompt."""
        stored = self.store.stored()
        return [
            [
                Candidate(
                    id=name,
                    source=source,
                    task=row.sample.task,
                    difficulty=row.sample.difficulty,
                    text=one["text"],
                    reward=one["reward"],
                    ended=one["stop"] == StopReason.END,
                )
                for one in json.loads(stored[name])["completions"]
            ]
            for name, source, row in zip(self.store.ids, self.sources, self.job.rows, strict=True)
        ]

    def select(self, log: StageLog) -> list[Candidate]:
        """Return what is kept, and note it in ``kept.jsonl`` and the log.

        Raises:
            InputError: nothing is kept.
        """
        groups = self.candidates()
        kept = keep_best(groups, self.rule)
        sampled = [one for group in groups for one in group]
        if not kept:
            best = max((one.reward for one in sampled if one.ended), default=None)
            found = "none that ended by itself" if best is None else f"a best reward of {best:g}"
            raise InputError(
                f"a rejection stage must keep completions with reward {self.rule.reward_at_least:g} or more; found "
                f"{found} among {len(sampled)} of {len(groups)} prompts; "
                f"at stages.{self.job.index}.rejection.reward_at_least; lower it, sample more "
                "(training.num_generations), or train the model on this data first"
            )
        if PartialState().is_main_process:
            write_text(self.job.folder / f"{KEPT}.jsonl", "".join(f"{_kept_line(one)}\n" for one in kept))
        log_once(self.job, log, "rejection", **self._facts(sampled, kept))
        return kept

    def _facts(self, sampled: Sequence[Candidate], kept: Sequence[Candidate]) -> dict[str, Any]:
        counts, prompts = kept_counts(kept, self.rule), len({one.id for one in kept})
        by_group = ", ".join(f"{name} {count}" for name, count in counts.items())
        told = (
            f"kept {len(kept)} of {len(sampled)} completions, of {prompts} of {len(self.job.rows)} prompts: {by_group}"
        )
        facts = {"prompts": len(self.job.rows), "sampled": len(sampled), "kept": len(kept), "kept_prompts": prompts}
        return {**facts, "by_group": counts, "message": told}

    def examples(self, kept: Sequence[Candidate]) -> list[Example]:
        """Return the stage's examples in the order of training."""
        job, rows = self.job, dict(zip(self.store.ids, self.job.rows, strict=True))
        batches = stage_batches(
            job.training, job.stage.steps, world_size=PartialState().num_processes, kind=job.stage.kind
        )
        general = {
            name: [Example(row=SourcedSample(sample=sample, folder=folder)) for sample in folder.samples]
            for name in self.rule.general
            for folder in [job.folders[name]]
        }
        return mix_examples(
            [Example(row=rows[one.id], completion=one.text) for one in kept],
            [share_of(one, self.rule) for one in kept],
            general,
            self.rule,
            mix=job.stage.mix,
            total=batches.prompts,
            seed=stage_seed(job.config, job.index),
        )


def _kept_line(one: Candidate) -> str:
    row = {"id": one.id, "task": one.task, "difficulty": one.difficulty, "reward": one.reward, "text": one.text}
    return json.dumps(row, ensure_ascii=False)
