"""A part of a reasoning as a hint, without what gives the answer away. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from mmrl.answers import write_answer
from mmrl.scoring.values import normalise_text
from mmrl.types import Answer, Choice, Grounded, Interval, Intervals, Number, Sample, YesNo

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_THOUGHT = re.compile(r"<think>(.*?)</think>", re.DOTALL)
_TAGS = re.compile(r"</?(?:think|answer|glue)>|\\boxed")
_VERDICT = r"(?:answer|option|choice|choose|pick|select)\w*"


def thought_of(text: str) -> str:
    """Return what stands between a completion's first think tags; empty where there are none."""
    found = _THOUGHT.search(text)
    return found[1].strip() if found else ""


def hint_of(reasoning: str, share: float, sample: Sample) -> str:
    """Return the first ``ceil(share * n)`` of a reasoning's n sentences, less those that state the sample's answer.

    Empty where nothing is left.
    """
    sentences = [one.strip() for one in _SENTENCE_END.split(reasoning) if one.strip()]
    chosen = sentences[: math.ceil(share * len(sentences))]
    return " ".join(one for one in chosen if not _TAGS.search(one) and not states_answer(one, sample))


def states_answer(sentence: str, sample: Sample) -> bool:
    """Whether a sentence gives the answer away: names it, its option's text, or both ends of a stretch."""
    match sample.answer:
        case Choice(letters=letters):
            return any(_names_option(sentence, letter, sample.choices) for letter in letters)
        case Grounded(choice=choice, intervals=times):
            parts = [replace(sample, answer=choice), replace(sample, answer=times)]
            return any(states_answer(sentence, part) for part in parts)
        case Intervals(intervals=intervals):
            numbers = _numbers(sentence)
            return any(_ends(one) <= numbers for one in intervals)
        case Number(value=value):
            return value in _numbers(sentence)
        case YesNo():
            return bool(re.search(rf"\b{_VERDICT}\b.*\b(?:yes|no)\b", sentence, re.IGNORECASE))
    return _contains(sentence, sample.answer)


def _ends(interval: Interval) -> set[float]:
    return {interval.start, interval.end}


def _numbers(sentence: str) -> set[float]:
    return {float(number) for number in _NUMBER.findall(sentence)}


def _names_option(sentence: str, letter: str, choices: tuple[str, ...]) -> bool:
    if re.search(rf"\b{_VERDICT}\b.*\b{letter}\b|\({letter}\)|(?:^|\s){letter}[.):]", sentence):
        return True
    place = ord(letter) - ord("A")
    text = normalise_text(choices[place]) if place < len(choices) else ""
    return bool(text) and re.search(rf"(?<!\w){re.escape(text)}(?!\w)", normalise_text(sentence)) is not None


def _contains(sentence: str, answer: Answer) -> bool:
    return normalise_text(write_answer(answer)) in normalise_text(sentence)
