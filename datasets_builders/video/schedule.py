"""When things happen: stretches in ticks, one after another, calm between them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from datasets_builders.video.config import GAP_TICKS


class Need(NamedTuple):
    """How long an event may be, in ticks."""

    least: int
    most: int


def ticks_needed(needs: Sequence[Need]) -> int:
    """Return the fewest ticks in which events fit one after another, with calm before, between and after."""
    return sum(need.least for need in needs) + GAP_TICKS * (len(needs) + 1)


def schedule(needs: Sequence[Need], ticks: int, rng: Random) -> list[tuple[int, int]]:
    """Return a half-open stretch for each event in the given order; spare ticks go to events and gaps at random."""
    spare = ticks - ticks_needed(needs)
    if spare < 0:
        raise ValueError(f"events need {ticks_needed(needs)} ticks; found {ticks}")
    weights = [rng.expovariate(1.0) for _ in range(2 * len(needs) + 1)]  # gap, event, gap, ..., gap
    extra = _shared_out(spare, weights, [need.most - need.least for need in needs])
    stretches, now = [], 0
    for index, need in enumerate(needs):
        now += GAP_TICKS + extra[2 * index]
        end = now + need.least + extra[2 * index + 1]
        stretches.append((now, end))
        now = end
    return stretches


def _shared_out(spare: int, weights: Sequence[float], room: Sequence[int]) -> list[int]:
    """Share ticks out by weight, whole ones; what an event has no room for goes to the gap before it."""
    total, shares, given, sum_so_far = sum(weights), [], 0, 0.0
    for weight in weights:
        sum_so_far += weight
        upto = round(spare * sum_so_far / total)
        shares.append(upto - given)
        given = upto
    for index, most in enumerate(room):
        over = max(0, shares[2 * index + 1] - most)
        shares[2 * index + 1] -= over
        shares[2 * index] += over
    return shares


def pulses(stretch: tuple[int, int], count: int, rng: Random) -> list[tuple[int, int]]:
    """Return ``count`` pulses of one tick, the first and the last at the ends of the stretch, a tick or more apart."""
    start, end = stretch
    if count == 1:
        return [(start, start + 1)]
    spare = end - start - (2 * count - 1)
    cuts = sorted(rng.randint(0, spare) for _ in range(count - 2))
    shifts = [0, *cuts, spare]
    return [(start + 2 * index + shift, start + 2 * index + shift + 1) for index, shift in enumerate(shifts)]
