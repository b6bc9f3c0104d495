"""The reward term ``judge``: a model's opinion of free answers, behind the rule. Imports neither torch nor openai."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, ValidationError

from mmrl import scoring
from mmrl.answers import write_answer
from mmrl.errors import InputError
from mmrl.judges import Claim, JudgeQueue, JudgeSettings, build_judge
from mmrl.judges.controls import require_sound
from mmrl.types import AnswerKind, Rollout, Sample

JUDGE = "judge"


class JudgeTermSettings(JudgeSettings):
    """Settings of the term: those of the judge, and what it is asked about."""

    kinds: Annotated[tuple[AnswerKind, ...], Field(min_length=1)] = ("text",)
    """Kinds of gold answers that it has a say on."""


class JudgeTerm:
    """The probability that a model says yes to "is this the reference's answer?"; abstains without a verdict.

    Formula: 1 where the rule says right; 0 where nothing can be read or the guard refuses; else p(yes), see
        :func:`mmrl.judges.verdict.yes_probability`, and 0 where the model says yes to another reference as well
    Source: yes-probability of RewardDance; keys of One Token to Fool LLM-as-a-Judge; cache and queue of ONI; the rule
        first as in Reasoning-SQL.
    Deviation: RewardDance shows pictures; here texts alone are compared, the gold answer being known.
    """

    def __init__(self, settings: JudgeTermSettings) -> None:
        self.settings = settings
        self._sound = not settings.controls

    @cached_property
    def queue(self) -> JudgeQueue:
        """The judge's queue, made when something is first to be judged."""
        return JudgeQueue(build_judge(self.settings))

    def prepare(self, rows: Iterable[tuple[Sample, Rollout]]) -> None:
        """Put what the rule does not settle into the queue, a whole batch at once.

        Raises:
            InputError: the judge fails its control answers, or would fail on every claim.
        """
        claims = [claim for sample, rollout in rows if (claim := self._claim(sample, rollout)) is not None]
        if claims:
            self._require_sound()
            self.queue.submit(claims)

    def __call__(self, sample: Sample, rollout: Rollout) -> float | None:
        """Return the term's value."""
        if rollout.parsed.answer is None:
            return 0.0
        claim = self._claim(sample, rollout)
        if claim is None:
            return 1.0
        self._require_sound()
        opinion = self.queue.take(claim)
        if opinion is None or opinion.yes is None:
            return None
        threshold = self.settings.threshold
        return opinion.yes if threshold is None else float(opinion.yes >= threshold)

    def facts(self) -> dict[str, float]:
        """Return what became of the claims since the last call, by ``judged``, ``late``, ``failed``, ``dropped``."""
        counts = self.queue.take_counts() if "queue" in self.__dict__ else {}
        return {name: float(counts.get(name, 0)) for name in ("judged", "late", "failed", "dropped")}

    def _claim(self, sample: Sample, rollout: Rollout) -> Claim | None:
        """Return what is to be judged; None where the rule says right, or there is no answer."""
        answer = rollout.parsed.answer
        if answer is None or scoring.accuracy(answer, sample) == 1.0:
            return None
        return Claim(question=sample.question, reference=write_answer(sample.answer), answer=write_answer(answer))

    def _require_sound(self) -> None:
        if not self._sound:
            require_sound(self.queue.judge)
            self._sound = True


def judge_settings(settings: Mapping[str, Any]) -> JudgeTermSettings:
    """Return settings of the term as a config gives them; ``InputError`` names the first that is wrong."""
    try:
        return JudgeTermSettings.model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"settings of judge: {where}: {first['msg']}; found {first['input']!r}; correct it") from error
