"""A judge that is distrusted: guarded before it is asked, cached, and checked against a decoy after it said yes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmrl.judges.base import Claim, JudgeError, JudgeModel, JudgeSettings, Opinion, Said
from mmrl.judges.cache import VerdictCache, content_key
from mmrl.judges.guard import reason_to_refuse, without_openers
from mmrl.judges.prompt import VERSION, decoy_reference, judge_messages

YES = 0.5
"""Probability from which on a judge has said yes."""


class Judge:
    """Asks a model about claims; safe to use from several threads.

    An answer is right when the model says yes to it beside the reference and, unless ``decoy`` is off, no to it beside
    another reference: an answer that talks a judge into yes does so whatever the reference is.
    """

    def __init__(self, model: JudgeModel, settings: JudgeSettings) -> None:
        self.model, self.settings = model, settings
        self.cache = VerdictCache(Path(settings.cache) if settings.cache else None)
        self.counts: Counter[str] = Counter()
        """Requests sent under ``asked``, verdicts found under ``cached``; opinions by kind."""

    def refusal(self, claim: Claim) -> Opinion | None:
        """Return the opinion on what no judge need see; None for the rest."""
        reason = reason_to_refuse(
            claim.answer, claim.question, claim.reference, max_characters=self.settings.max_characters
        )
        return None if reason is None else Opinion(yes=0.0, reason=f"refused: {reason}")

    def opinion(self, claim: Claim) -> Opinion:
        """Return what is to be thought of a claim; a failure is an opinion without a verdict.

        Raises:
            InputError: the model would fail on every claim.
        """
        found = self.refusal(claim) or self._asked(claim)
        self.counts[found.reason.partition(":")[0]] += 1
        return found

    def _asked(self, claim: Claim) -> Opinion:
        shown = replace(claim, answer=without_openers(claim.answer))
        try:
            said = self.say(shown)
            if said.yes >= YES and self.settings.decoy:
                other = self.say(replace(shown, reference=decoy_reference(shown)))
                if other.yes >= YES:
                    return Opinion(yes=0.0, reason="decoy")
        except JudgeError as error:
            return Opinion(yes=None, reason=f"failed: {error}")
        return Opinion(yes=said.yes, reason="judge")

    def say(self, claim: Claim) -> Said:
        """Return what the model says to a claim, guard and decoy left out; ``JudgeError`` where it says nothing."""
        messages = judge_messages(claim, show_question=self.settings.show_question)
        key = content_key(VERSION, self.model.identity, messages)
        kept = self.cache.get(key)
        if kept is not None:
            self.counts["cached"] += 1
            return kept
        self.counts["asked"] += 1
        said = self.model.ask(messages)
        self.cache.put(key, said)
        return said

    def facts(self) -> dict[str, Any]:
        """Return the model and the counts, as JSON values."""
        return {"model": self.model.identity, "counts": dict(sorted(self.counts.items()))}


def build_judge(settings: JudgeSettings) -> Judge:
    """Return the judge that settings describe; nothing is loaded or sent before it is asked.

    Raises:
        InputError: the server's address or the cache cannot be used.
    """
    if settings.server is not None:
        from mmrl.judges.server import ServerJudge

        return Judge(ServerJudge(settings), settings)
    from mmrl.judges.local import LocalJudge

    return Judge(LocalJudge(settings), settings)
