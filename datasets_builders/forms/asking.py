"""One fact as yes/no, as choice, openly: balanced answers, and statements that tell nothing."""

from __future__ import annotations

import string
from collections.abc import Iterator
from itertools import combinations
from random import Random

from datasets_builders.demands import balanced
from datasets_builders.forms.config import Form, FormsConfig
from datasets_builders.forms.evener import Evener
from datasets_builders.forms.facts import Fact
from mmrl.types import Answer, Choice, Sample, YesNo


class Asker:
    """Asks facts one after another and remembers what was offered, so that answers stay even over the dataset."""

    def __init__(self, config: FormsConfig, rng: Random) -> None:
        self._config = config
        self._rng = rng
        self._evener = Evener(rng)
        self._judgements: dict[str, Iterator[bool]] = {}
        self._letters: dict[tuple[int, int], Iterator[tuple[int, ...]]] = {}

    def ask(self, fact: Fact) -> Iterator[Sample]:
        """Yield the fact in each of the forms that it has; ``media`` are the source's."""
        for form in self._config.forms:
            asked = {"yes_no": self._yes_no, "choice": self._choice, "open": self._open}[form](fact)
            if asked is not None:
                yield asked

    def _yes_no(self, fact: Fact) -> Sample | None:
        table = f"{fact.task} yes_no"
        wrong = fact.wrong(table, 1, self._evener)
        if not wrong:
            return None
        truths = self._judgements.setdefault(fact.task, balanced((True, False), self._rng))
        truth = next(truths)
        stated = self._rng.choice(fact.right) if truth else wrong[0]
        self._evener.offered(table, [stated] if truth else [], [] if truth else [stated])
        member = "Is this one of the right answers" if fact.as_set else "Is this the right answer"
        question = f"{fact.question} {member}: {stated}?"
        return self._sample(fact, "yes_no", question, YesNo(value=truth), stated=stated)

    def _choice(self, fact: Fact) -> Sample | None:
        table = f"{fact.task} choice"
        room = self._config.options - len(fact.right)
        wrong = fact.wrong(table, room, self._evener) if room > 0 else []
        if not wrong:
            return None
        self._evener.offered(table, fact.right, wrong)
        places = self._places(len(fact.right), len(fact.right) + len(wrong))
        right, others = iter(self._shuffled(fact.right)), iter(self._shuffled(wrong))
        total = len(fact.right) + len(wrong)
        options = tuple(next(right) if place in places else next(others) for place in range(total))
        answer = Choice(letters=tuple(string.ascii_uppercase[place] for place in places))
        question = f"{fact.question} Select every right option." if fact.as_set else fact.question
        return self._sample(fact, "choice", question, answer, choices=options)

    def _open(self, fact: Fact) -> Sample | None:
        if fact.answer is None:
            return None
        return self._sample(fact, "open", fact.open_question, fact.answer)

    def _places(self, right: int, total: int) -> tuple[int, ...]:
        """Return the next places of right options: each set of places comes equally often."""
        sets = list(combinations(range(total), right))
        return next(self._letters.setdefault((right, total), balanced(sets, self._rng)))

    def _shuffled(self, texts: tuple[str, ...] | list[str]) -> list[str]:
        return self._rng.sample(list(texts), len(texts))

    def _sample(
        self,
        fact: Fact,
        form: Form,
        question: str,
        answer: Answer,
        *,
        choices: tuple[str, ...] = (),
        stated: str | None = None,
    ) -> Sample:
        meta = {"form": form, "source_id": fact.sample.id, "source_task": fact.sample.task}
        meta |= {"stated": stated} if stated is not None else {}
        scoring = {"rule": "jaccard"} if form == "choice" and fact.as_set else {}
        return Sample(
            id=f"{fact.id}.{form}",
            task=f"{fact.task}.{form}",
            question=question,
            media=fact.sample.media,
            answer=answer,
            choices=choices,
            difficulty=fact.sample.difficulty,
            meta=(fact.meta if form == "open" else scoring) | meta,
        )
