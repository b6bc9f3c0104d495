"""Lines up a stage's samples: how many from each source, and in which order.

Weights are honoured exactly, by largest remainder, not only in expectation. A source smaller than its share is gone
through epoch by epoch, so no sample comes a third time before each has come twice.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from mmrl.config.schema import Order
from mmrl.errors import InputError
from mmrl.types import Level, Sample

LEVELS: tuple[Level, ...] = ("easy", "middle", "hard")


Turns = list[tuple[str, Sample]]
"""Prompts in order: a source's name, and the sample that it gives."""


def order_stage(
    samples_by_source: Mapping[str, Sequence[Sample]],
    weights: Mapping[str, float],
    *,
    order: Order,
    total: int,
    seed: int,
) -> list[Sample]:
    """Return ``total`` samples, drawn from the sources by weight and put in order; see :func:`order_turns`."""
    return [sample for _, sample in order_turns(samples_by_source, weights, order=order, total=total, seed=seed)]


def order_turns(
    samples_by_source: Mapping[str, Sequence[Sample]],
    weights: Mapping[str, float],
    *,
    order: Order,
    total: int,
    seed: int,
) -> Turns:
    """Return ``total`` samples with their sources, drawn from these by weight and put in order.

    The orders: ``as_given`` takes the sources one after another, each from its first sample on; ``shuffled`` mixes all;
    ``easy_to_hard`` goes by level and mixes within; ``interleaved`` shuffles each source and lets the sources take
    turns as evenly as their shares allow; so does ``follow``, whose samples :mod:`mmrl.curriculum.follow` chooses as
    the stage trains. The same arguments give the same list.

    Raises:
        InputError: a source with a weight has no samples, a weight names no source, or weights are unusable.
    """
    if order not in _ARRANGE:
        raise InputError(f"order must be one of {', '.join(_ARRANGE)}; found {order!r}; stage order; choose one")
    shares = allot(weights, total)
    for source, share in shares.items():
        if share and not samples_by_source.get(source):
            raise InputError(
                f"a source with a weight must hold samples; found none; mix.{source}; drop it or its filter"
            )
    drawn = {
        source: _draw(samples_by_source[source], share, rng=None if order == "as_given" else _rng(seed, source))
        for source, share in shares.items()
        if share
    }
    return _ARRANGE[order](drawn, _rng(seed, "order"))


def allot(weights: Mapping[str, float], total: int) -> dict[str, int]:
    """Split ``total`` by weights: floors first, what is left to the largest remainders, ties to whoever stands first.

    Raises:
        InputError: ``total`` is negative, a weight is negative or not finite, or the weights sum to zero.
    """
    if total < 0:
        raise InputError(f"a stage cannot take {total} samples; total must be 0 or more; stage; give more steps")
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights.values()) or not sum(weights.values()) > 0:
        raise InputError(f"weights must be 0 or more and not all 0; found {dict(weights)}; mix; correct the weights")
    # Through decimal text: 0.1 is meant as one tenth, not as the nearest binary fraction, or ties would fall oddly.
    exact = {source: Fraction(str(float(weight))) for source, weight in weights.items()}
    whole = sum(exact.values())
    quotas = {source: total * weight / whole for source, weight in exact.items()}
    shares = {source: math.floor(quota) for source, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda source: shares[source] - quotas[source])
    for source in by_remainder[: total - sum(shares.values())]:
        shares[source] += 1
    return shares


def _rng(seed: int, purpose: str) -> random.Random:
    # Seeded by text, which Python hashes the same way everywhere: one source's draw does not depend on the others.
    return random.Random(f"{seed}/{purpose}")


def _draw(samples: Sequence[Sample], count: int, *, rng: random.Random | None) -> list[Sample]:
    """Take ``count`` samples, going through all of them before any comes again; without ``rng`` as they stand."""
    drawn: list[Sample] = []
    while len(drawn) < count:
        epoch = list(samples)
        if rng is not None:
            rng.shuffle(epoch)
        drawn += epoch[: count - len(drawn)]
    return drawn


def _concatenate(drawn: Mapping[str, list[Sample]], rng: random.Random) -> Turns:  # noqa: ARG001
    return [(source, sample) for source, samples in drawn.items() for sample in samples]


def _riffle(drawn: Mapping[str, list[Sample]], rng: random.Random) -> Turns:
    """Mix the sources at random, each keeping its own order, so that its epochs stay apart."""
    turns = [source for source, samples in drawn.items() for _ in samples]
    rng.shuffle(turns)
    upcoming = {source: iter(samples) for source, samples in drawn.items()}
    return [(source, next(upcoming[source])) for source in turns]


def _by_level(drawn: Mapping[str, list[Sample]], rng: random.Random) -> Turns:
    return sorted(_riffle(drawn, rng), key=lambda turn: LEVELS.index(turn[1].difficulty))


def _interleave(drawn: Mapping[str, list[Sample]], rng: random.Random) -> Turns:  # noqa: ARG001
    """Place the j-th of a source's n samples at (j + 1/2) / n of the stage; ties go to whoever stands first."""
    placed = [
        (Fraction(2 * position + 1, 2 * len(samples)), rank, (source, sample))
        for rank, (source, samples) in enumerate(drawn.items())
        for position, sample in enumerate(samples)
    ]
    return [turn for _, _, turn in sorted(placed, key=lambda item: item[:2])]


_ARRANGE: dict[str, Callable[[Mapping[str, list[Sample]], random.Random], Turns]] = {
    "as_given": _concatenate,
    "shuffled": _riffle,
    "easy_to_hard": _by_level,
    "interleaved": _interleave,
    "follow": _interleave,
}
