"""What never passes, whatever a judge would say: answers without content, and answers that speak to the judge.

Openers, single symbols and empty answers pass many judges (One Token to Fool): they are taken off the front of an
answer, and an answer with nothing behind them is refused before any judge is asked. Texts that imitate roles,
instructions or verdicts are refused too. No list is complete: what slips through is quoted as data and meets the
decoy of :mod:`mmrl.judges.judge`.
"""

from __future__ import annotations

import re
import unicodedata

OPENERS = (
    "thought process",
    "let's think step by step",
    "let us think step by step",
    "let me think step by step",
    "let me think about this step by step",
    "let's solve this problem step by step",
    "let us solve this problem step by step",
    "let's solve this step by step",
    "i need to solve this problem",
    "the final answer is",
    "the answer is",
    "final answer",
    "answer",
    "solution",
    "explanation",
    "reasoning",
    "step by step",
    "first",
    "sure",
    "okay",
    "ok",
    "解答",
    "解",
    "解析",
    "答案",
    "答案是",
    "让我们一步一步地思考",
    "让我们一步步思考",
    "解説",
    "回答",
    "答え",
    "かいせつ",
    "ステップバイステップ",
    "respuesta",
    "solución",
    "la respuesta es",
    "pensemos paso a paso",
    "réponse",
    "la réponse est",
    "antwort",
    "lösung",
    "die antwort ist",
    "risposta",
    "resposta",
    "ответ",
    "решение",
    "давайте подумаем шаг за шагом",
    "답",
    "해설",
    "정답",
    "الإجابة",
    "الحل",
    "उत्तर",
    "समाधान",
)
"""Ways to begin an answer that say nothing: the published keys, and what the same words are elsewhere."""

_OPENERS = tuple(sorted(OPENERS, key=len, reverse=True))
_ROLES = re.compile(
    r"<\|[^|<>]{1,40}\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>"
    r"|^\s*#{0,4}\s*\W{0,3}(?:system|assistant|user|developer|human|tool)\W{0,3}:",
    re.IGNORECASE | re.MULTILINE,
)
_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override|overrule|bypass)\b.{0,60}"
    r"\b(?:instructions?|previous|above|prior|rules?|prompt|question|reference|rubric|everything)\b"
    r"|\b(?:grader|judge|evaluator|examiner|rater|verdict|reward model)\b.{0,40}"
    r"\b(?:must|should|shall|has to|have to|is to|returns?|outputs?)\b"
    r"|\b(?:say|reply|respond|output|print|return|write)\b.{0,20}\byes\b"
    r"|\banswer (?:with )?[\"'`*]*yes\b"
    r"|\b(?:mark|accept|grade|rate|score|judge|count|treat|consider)\b.{0,30}\b(?:correct|right|valid|true)\b"
    r"|\b(?:this|my|above|given|following|candidate)\b.{0,20}\b(?:answer|response|solution|output|candidate)?\b.{0,5}"
    r"\bis (?:\w+ )?(?:correct|right|valid|accurate|identical)\b"
    r"|\b(?:same as|equal to|equals|identical to|matches)\b.{0,20}\breference\b"
    r"|\breward\s*[=:]",
    re.IGNORECASE | re.DOTALL,
)
_VERDICTS = frozenset({"yes", "correct", "right", "true", "match", "it is correct", "is correct", "same"})
_INVISIBLE = ("Cf", "Cc")
_WORD = re.compile(r"\w", re.UNICODE)


def plain(text: str) -> str:
    """Return a text with compatible characters made one, invisible ones left out and spaces joined."""
    seen = unicodedata.normalize("NFKC", text)
    kept = (
        " " if one.isspace() else one for one in seen if one.isspace() or unicodedata.category(one) not in _INVISIBLE
    )
    return " ".join("".join(kept).split())


def without_openers(text: str) -> str:
    """Return what stands behind openers and the signs around them; empty where there is nothing else."""
    left = _trimmed(plain(text))
    while True:
        lower = left.casefold()
        found = next((one for one in _OPENERS if lower.startswith(one) and _ends(lower, one)), None)
        if found is None:
            return left
        left = _trimmed(left[len(found) :])


def _ends(text: str, opener: str) -> bool:
    """Whether an opener stands there as a whole: a sentence as words, a single word only before a sign or nothing."""
    behind = text[len(opener) :]
    if len(opener.split()) > 1:
        return not behind or not _WORD.match(behind)
    behind = behind.lstrip()
    return not behind or not (_WORD.match(behind) or behind[0] in "-+" or text[len(opener)] == "'")


def _trimmed(text: str) -> str:
    """Return a text without the signs before its first word that mean nothing; a minus of a number stays."""
    return re.sub(r"^(?:(?![-+.]?\d)[\W_])+", "", text, flags=re.UNICODE).rstrip()


def reason_to_refuse(answer: str, question: str, reference: str, *, max_characters: int) -> str | None:
    """Return why an answer is wrong without asking anyone; None where a judge may see it.

    Takes time in proportion to ``max_characters``: longer answers are refused unread.
    """
    if len(answer) > max_characters:
        return f"longer than {max_characters} characters"
    left = without_openers(answer)
    if not _WORD.search(left):
        return "no content"
    if _ROLES.search(unicodedata.normalize("NFKC", answer)):
        return "imitates a role"
    lower, allowed = left.casefold().rstrip(" .!"), plain(reference).casefold()
    if _ORDERS.search(left) and not _ORDERS.search(plain(reference)):
        return "speaks to the judge"
    if lower in _VERDICTS and lower not in allowed:
        return "a verdict in place of an answer"
    asked = plain(question).casefold().rstrip(" ?.!")
    if asked and lower.rstrip(" ?.!") == asked:
        return "the question again"
    return None
