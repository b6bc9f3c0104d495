"""Readers of short answers: yes or no, option letters, numbers, free text.

Harmless surroundings are forgiven: white space, letter case, one pair of quotes or emphasis, one trailing full stop.
Explanations are not: ``no, that is correct`` or ``B because ...`` could be read two ways, so neither is read.
"""

from __future__ import annotations

import math
import re

from mmrl.answers.refusal import Refused, bad_format
from mmrl.answers.strict_json import read_quoted
from mmrl.types import Choice, Number, ParseStatus, Text, YesNo

_WRAPPERS = ("**", '"', "'", "`", "$")
_LETTER = re.compile(r"[(\[]?([A-Za-z])[)\].]?")
_BETWEEN_LETTERS = re.compile(r"[,;&]|\band\b", re.IGNORECASE)
_COPIED_OPTION = re.compile(r"(?P<letter>[A-Z])[).:] +(?P<text>\S[^\n]*)\Z")
_OPTION_MARK = re.compile(r"(?<!\w)\(?[A-Z](?:[).:]|(?!\w))")
_LONE_LETTER = re.compile(r"(?<![A-Za-z'])[A-Z](?![A-Za-z'])")
_NUMBER = re.compile(r"[+-]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DIGITS = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_NOT_FINITE = frozenset({"nan", "inf", "infinity", "∞"})
MAX_NUMBER_CHARACTERS = 64


def _bare(text: str) -> str:
    """Return ``text`` without its harmless surroundings."""
    text = text.strip().removesuffix(".").rstrip()
    for mark in _WRAPPERS:
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            return text[len(mark) : -len(mark)].strip().removesuffix(".")
    return text


def read_yes_no(text: str) -> YesNo:
    """Read exactly the word yes or no; ``MANY_ANSWERS`` where both occur."""
    word = _bare(text).lower()
    if word in ("yes", "no"):
        return YesNo(value=word == "yes")
    if {"yes", "no"} <= set(re.findall(r"[a-z]+", word)):
        raise Refused(ParseStatus.MANY_ANSWERS, "both yes and no are written")
    raise bad_format("yes or no", text)


def read_choice(text: str) -> Choice:
    """Read option letters: ``B``, ``(b)``, ``A, C``, ``A and C``, or an option copied whole: ``B) red``.

    ``MANY_ANSWERS`` for ``A or B``, for two copied options, and the like.
    """
    copied = _COPIED_OPTION.match(_bare(text))
    if copied and not _OPTION_MARK.search(copied["text"]):
        return Choice(letters=(copied["letter"],))
    words = _BETWEEN_LETTERS.sub(" ", _bare(text)).split()
    letters = [match[1].upper() for word in words if (match := _LETTER.fullmatch(word))]
    if words and len(letters) == len(words):
        return Choice(letters=tuple(sorted(set(letters))))
    if len(set(_LONE_LETTER.findall(text))) > 1:
        raise Refused(ParseStatus.MANY_ANSWERS, "several option letters are written among other words")
    raise bad_format("option letters A to Z", text)


def read_number(text: str) -> Number:
    """Read one decimal number, thousands grouped by commas or not; ``MANY_ANSWERS`` where several are written.

    ``1,5`` is refused: it is one number in half of the world and two in the other. No units, words or fractions.
    """
    bare = _bare(text).replace("\u2212", "-")
    if len(bare) <= MAX_NUMBER_CHARACTERS and _NUMBER.fullmatch(bare):
        return finite_number(float(bare.replace(",", "")))
    if bare.lower().lstrip("+-") in _NOT_FINITE:
        raise Refused(ParseStatus.OUT_OF_RANGE, "the number is not finite")
    if len(_DIGITS.findall(bare)) > 1:
        raise Refused(ParseStatus.MANY_ANSWERS, "several numbers are written")
    raise bad_format("a number", text)


def finite_number(value: float) -> Number:
    """Return ``value`` as an answer; ``OUT_OF_RANGE`` where it is not finite."""
    try:
        number = float(value)
    except OverflowError:  # an integer beyond the range of floats
        number = math.inf
    if not math.isfinite(number):
        raise Refused(ParseStatus.OUT_OF_RANGE, "the number is not finite")
    return Number(value=number)


def read_text(text: str) -> Text:
    """Read free text as it stands, outer white space removed; a JSON string stands for its value."""
    text = text.strip()
    quoted = read_quoted(text)
    return Text(value=text if quoted is None else quoted)
