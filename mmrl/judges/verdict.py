"""From what a model said to a probability of yes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from mmrl.judges.base import JudgeError, Said

_FIRST = re.compile(r"^[\W_]*(yes|no)\b", re.IGNORECASE)


def yes_probability(tokens: Iterable[tuple[str, float]]) -> float | None:
    """Return the probability of yes among yes and no, None where neither is among the tokens.

    Formula: p = sum of p(t) over writings t of yes / (the same + that of no); case and spaces around do not matter.
    Source: RewardDance, section 3.

    Args:
        tokens: candidates of one place with their log-probabilities, in nats.
    """
    sums = {"yes": 0.0, "no": 0.0}
    for token, logprob in tokens:
        word = token.strip(" \t\r\n▁Ġ").casefold()
        if word in sums and not math.isnan(logprob):
            sums[word] += math.exp(min(0.0, logprob))
    total = sums["yes"] + sums["no"]
    return sums["yes"] / total if total > 0.0 else None


def read_verdict(text: str) -> Said:
    """Return the verdict that a text begins with; ``JudgeError`` where it begins with neither word."""
    found = _FIRST.match(text)
    if found is None:
        raise JudgeError(f"must begin with yes or no; found {text[:60]!r}")
    return Said(yes=1.0 if found[1].casefold() == "yes" else 0.0, source="text")
