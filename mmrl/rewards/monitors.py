"""Signs, in what a run logs, that a reward is being gamed: each returns what was measured, or None where all is well.

Legend: ``_S`` values of consecutive steps. A monitor compares the last ``window`` steps with the first ones, and says
nothing before there are twice as many.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

WINDOW = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """What a monitor saw."""

    name: str
    before: float
    now: float
    message: str


def _ends(values_S: Sequence[float], window: int) -> tuple[float, float] | None:
    """Return the means of the first and of the last ``window`` steps."""
    if len(values_S) < 2 * window:
        return None
    return math.fsum(values_S[:window]) / window, math.fsum(values_S[-window:]) / window


def divergence(
    reward_S: Sequence[float], metric_S: Sequence[float], *, window: int = WINDOW, least: float = 0.02
) -> Alarm | None:
    """Tell where the reward has risen while what it stands for has fallen, both by ``least`` or more.

    Source: the failure of direct accumulation in G-RA (2025) and objective mismatch (The Alignment Ceiling, 2023).
    """
    reward, metric = _ends(reward_S, window), _ends(metric_S, window)
    if reward is None or metric is None or reward[1] - reward[0] < least or metric[0] - metric[1] < least:
        return None
    message = f"reward rose from {reward[0]:.3f} to {reward[1]:.3f} while the metric fell from {metric[0]:.3f} to"
    return Alarm(name="divergence", before=metric[0], now=metric[1], message=f"{message} {metric[1]:.3f}")


def held_out_divergence(
    reward_S: Sequence[float], before: float, after: float, *, window: int = WINDOW, least: float = 0.02
) -> Alarm | None:
    """Tell where the reward has risen over a run while held-out accuracy has fallen, both by ``least`` or more.

    The ends are of ``window`` steps, or of half of the steps where there are fewer than twice as many.
    """
    ends = _ends(reward_S, max(1, min(window, len(reward_S) // 2)))
    if ends is None or ends[1] - ends[0] < least or before - after < least:
        return None
    message = f"reward rose from {ends[0]:.3f} to {ends[1]:.3f} while held-out accuracy fell from {before:.3f} to"
    return Alarm(name="held_out", before=before, now=after, message=f"{message} {after:.3f}")


def variance_collapse(std_S: Sequence[float], *, window: int = WINDOW, share: float = 0.1) -> Alarm | None:
    """Tell where the spread of rewards has fallen below a share of what it was (RewardDance's sign of hacking)."""
    ends = _ends(std_S, window)
    if ends is None or ends[1] >= share * ends[0]:
        return None
    message = f"the spread of rewards fell from {ends[0]:.4f} to {ends[1]:.4f}"
    return Alarm(name="variance_collapse", before=ends[0], now=ends[1], message=message)


def drift(name: str, values_S: Sequence[float], *, window: int = WINDOW, factor: float = 2.0) -> Alarm | None:
    """Tell where a size (tokens of a completion, area of a box) has grown or shrunk by a factor."""
    ends = _ends(values_S, window)
    if ends is None or ends[0] <= 0 or ends[0] / factor < ends[1] < ends[0] * factor:
        return None
    return Alarm(name=name, before=ends[0], now=ends[1], message=f"{name} went from {ends[0]:.3g} to {ends[1]:.3g}")


def class_collapse(given: Sequence[Hashable], wanted: Sequence[Hashable], *, share: float = 0.9) -> Alarm | None:
    """Tell where nearly all answers are of one class that is not so frequent among the gold answers.

    Source: Shop-R1's smallest model, which over-predicts one easy action (arXiv 2507.17842).
    """
    if not given or not wanted:
        return None
    label, count = Counter(given).most_common(1)[0]
    now, before = count / len(given), sum(one == label for one in wanted) / len(wanted)
    if now < share or before >= share:
        return None
    message = f"{100 * now:.0f} % of the answers are {label}, {100 * before:.0f} % of the gold ones"
    return Alarm(name="class_collapse", before=before, now=now, message=message)
