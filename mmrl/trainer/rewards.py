"""From a rubric to TRL's reward functions, with every term logged by name and the rubric's own total as the reward."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from accelerate.utils import gather_object

from mmrl.answers import parse_completion, write_completion
from mmrl.errors import InputError
from mmrl.rewards import Rubric
from mmrl.rewards.advantage import Facts
from mmrl.rewards.rubric import ABSTAINED
from mmrl.rewards.shaping.ranking import answer_text
from mmrl.trainer.columns import CHANGE, SHUFFLED
from mmrl.trainer.entropies import ENTROPIES, PHASES
from mmrl.types import Parsed, ParseStatus, PromptStyle, RewardBreakdown, Rollout, Sample, StopReason, answer_kind

RewardFunction = Callable[..., list[float | None]]

TOTAL = "total"
"""Name of the reward function that carries the rubric's total; the only one with a weight."""


class RubricRewards:
    """Scores completions by a rubric, once a batch, and offers the parts as TRL reward functions.

    ``functions`` holds one function a term (weight 0: logged, not summed) and last the total (weight 1), so that the
    reward is exactly the rubric's own, its rules for truncated and failed completions included. Where every term
    abstains there is no reward at all, and TRL leaves the completion out. TRL calls the functions in this order on
    the same batch; the first call scores.
    """

    def __init__(self, rubric: Rubric, *, style: PromptStyle, eos_ids: Sequence[int], group_size: int = 1) -> None:
        self.rubric = rubric
        self.group_size = group_size
        """Completions of a prompt; more than 1 where a mechanism of the rubric compares them."""
        self.style = style
        self.eos_ids = frozenset(eos_ids)
        names = [term.name for term in rubric.terms]
        if TOTAL in names:
            raise InputError(f"no reward term may be named {TOTAL!r}, the name of the sum; found one; rename it")
        self.functions = [self._term(name, scores=index == 0) for index, name in enumerate(names)] + [self._total()]
        self.weights = [0.0] * len(names) + [1.0]
        self._breakdowns: list[RewardBreakdown] = []
        self.last: list[tuple[Sample, Rollout]] = []
        """What was scored last, row by row, for mechanisms on advantages."""
        self._failures: dict[str, str] = {}
        self._unjudged: dict[str, None] = {}

    def score_batch(
        self,
        *,
        completions: list[Any],
        completion_ids: list[list[int]],
        sample: list[Sample],
        frame: list[Any],
        media_error: list[str],
        **context: Any,
    ) -> list[RewardBreakdown]:
        """Parse and score every row; log the shares of parse failures and of rows without usable media."""
        rows = zip(completions, completion_ids, sample, frame, media_error, strict=True)
        rollouts = [rollout_of(text_of(row[0]), *row[1:], style=self.style, ends=self.eos_ids) for row in rows]
        if ENTROPIES in context:
            measured = zip(rollouts, context[ENTROPIES], context[PHASES], strict=True)
            rollouts = [replace(one, entropies_T=entropies, phases=phases) for one, entropies, phases in measured]
        if SHUFFLED in context:
            noted = zip(rollouts, context[SHUFFLED], strict=True)
            rollouts = [replace(one, shuffled_means=means) for one, means in noted]
        if CHANGE in context:
            rollouts = [replace(one, change=change) for one, change in zip(rollouts, context[CHANGE], strict=True)]
            if any(context[CHANGE]):
                context["log_extra"](CHANGE, [json.dumps(change) if change else "" for change in context[CHANGE]])
        self.last = list(zip(sample, rollouts, strict=True))
        unparsed = [rollout.parsed.status is not ParseStatus.OK for rollout in rollouts]
        failed = [rollout.stop is StopReason.FAILED for rollout in rollouts]
        failures = [(one.id, error) for one, error in zip(sample, media_error, strict=True) if error]
        self._failures.update(gather_object(failures))  # the main process logs those of all
        context["log_metric"]("parse_failures", sum(unparsed) / len(rollouts))
        context["log_metric"]("failed_rollouts", sum(failed) / len(rollouts))
        state = context["trainer_state"]
        try:
            breakdowns = self.rubric.score_groups(
                sample,
                rollouts,
                group_size=self.group_size,
                step=state.global_step,
                steps=getattr(state, "max_steps", 0),
                gather=gather_object,
            )
        except InputError as error:
            raise InputError(f"{error}; at step {state.global_step + 1}") from error
        for term in self.rubric.terms:
            for name, count in (term.facts() if term.facts is not None else {}).items():
                context["log_metric"](f"judges/{term.name}/{name}", count)
        self._note_unjudged(sample, breakdowns)
        return breakdowns

    def _note_unjudged(self, samples: Sequence[Sample], breakdowns: Sequence[RewardBreakdown]) -> None:
        """Remember the samples of which no completion was judged by any term with a weight."""
        judged = {sample.id for sample, one in zip(samples, breakdowns, strict=True) if one.note != ABSTAINED}
        self._unjudged.update(dict.fromkeys(sample.id for sample in samples if sample.id not in judged))

    def facts(self) -> list[Facts]:
        """Return what mechanisms on advantages know of the rows scored last."""
        return [
            Facts(
                task=sample.task,
                answer=answer_text(rollout),
                text=rollout.text,
                gold=write_completion(sample.answer, style=self.style),
            )
            for sample, rollout in self.last
        ]

    def take_unjudged(self) -> list[str]:
        """Return the samples that no term has judged since the last call, and forget them."""
        unjudged, self._unjudged = list(self._unjudged), {}
        return unjudged

    def take_failures(self) -> list[tuple[str, str]]:
        """Return samples whose media could not be opened since the last call, with the reason, and forget them."""
        failures, self._failures = list(self._failures.items()), {}
        return failures

    def _term(self, name: str, *, scores: bool) -> RewardFunction:
        def term(**batch: Any) -> list[float | None]:
            if scores:
                self._breakdowns = self.score_batch(**batch)
            return [breakdown.terms.get(name) for breakdown in self._breakdowns]

        term.__name__ = name
        return term

    def _total(self) -> RewardFunction:
        def total(**_: Any) -> list[float | None]:
            return [None if breakdown.note == ABSTAINED else breakdown.total for breakdown in self._breakdowns]

        return total


def rollout_of(
    text: str,
    ids: Sequence[int],
    sample: Sample,
    frame: Any,
    media_error: str,
    *,
    style: PromptStyle,
    ends: Collection[int],
) -> Rollout:
    """Return a completion as it is scored: parsed, cut off where its last token is none of ``ends``, or failed."""
    if media_error:
        parsed = Parsed(status=ParseStatus.EMPTY, detail=media_error)
        return Rollout(text=text, parsed=parsed, stop=StopReason.FAILED)
    stop = StopReason.END if ids and ids[-1] in ends else StopReason.LENGTH
    parsed = parse_completion(text, kind=answer_kind(sample.answer), style=style, frame=frame)
    return Rollout(text=text, parsed=parsed, token_ids_T=tuple(ids), stop=stop)


def text_of(completion: Any) -> str:
    """Return a completion's text: TRL gives plain text, or a list of messages for conversational prompts."""
    return completion if isinstance(completion, str) else "".join(message["content"] or "" for message in completion)
