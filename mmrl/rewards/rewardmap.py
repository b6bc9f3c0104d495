"""RewardMap's reward for reading and planning on transit maps (arXiv 2510.02240): correctness, detail, difficulty.

Paper: ``R = W (R_format + R_correctness + alpha R_detail)``, alpha = 0.5, W = W_map + W_question. Release
(fscdc/RewardMap): ``(10 correct + 0.5 detail) W`` with details up to 10 and without a format term. Our terms run from 0
to 1, so this is ``accuracy`` with weight 1 and ``route_detail`` or ``route_detail_released`` with weight 0.5.

**The weight W.** Divided by its group's standard deviation, an advantage does not notice a factor on all rewards of its
prompt: under the released estimator W changes nothing. Here it multiplies each sample's policy loss (``training.
sample_weight: rewardmap``). That is the same as multiplying the advantage, since all policy losses but ``reg_grpo``'s
squared error grow in proportion to it. So it has its effect under every estimator, and with mean-centred advantages
(``scale_rewards: none``, as the paper prints them) it equals a factor on the reward.

The functions of a completion's text below equal the release, for answers in ReasonMap's skeleton; training on our own
datasets calls the same scorers (:mod:`mmrl.scoring.routes`) on parsed answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from mmrl.errors import InputError
from mmrl.scoring.accuracy import journey_of
from mmrl.scoring.reasonmap.names import Lines, clean_stop_in_training
from mmrl.scoring.reasonmap.parsing import Section, read_sections
from mmrl.scoring.reasonmap.planning import patched_line
from mmrl.scoring.reasonmap.weights import read_level
from mmrl.scoring.routes import route_detail, route_is_valid
from mmrl.types import Level, Route, RouteLeg, Sample

DetailMode = Literal["released", "zero_based"]
"""Whether the last ride of a right route counts as one in excess (``released``), or only what comes after it."""

CORRECTNESS = 10.0
DETAIL_SHARE = 0.5
"""The paper's alpha."""
MAP_WEIGHTS: dict[Level, float] = {"easy": 1.0, "middle": 1.2, "hard": 1.5}
"""The paper's gamma."""
TRANSFER_WEIGHT = 0.5
"""The paper's beta for journeys with at least one change; direct ones get 0, as do questions that are no journeys."""

_EASY_LINES = 3
_MIDDLE_LINES = 6


# ---------------------------------------------------------------------------------------------------- difficulty


def difficulty_weight(map_level: Level, transfers: int | None = None) -> float:
    """Return W: 1, 1.2 or 1.5 by the map, and 0.5 more for journeys that need a change.

    Args:
        map_level: difficulty of the map.
        transfers: changes on the best journey; None for questions that ask for none.
    """
    return MAP_WEIGHTS[map_level] + (TRANSFER_WEIGHT if transfers else 0.0)


def sample_weight(sample: Sample) -> float:
    """Return W of a sample, for its policy loss: the function that ``training.sample_weight: rewardmap`` names."""
    transfers = journey_of(sample)["transfers"] if isinstance(sample.answer, Route) else None
    return difficulty_weight(map_level_of(sample), transfers)


def map_level_of(sample: Sample) -> Level:
    """Return the difficulty of a sample's map.

    That is what the row states: ``meta["map_difficulty"]``, or the ``difficulty_city`` of ``meta["reasonmap"]``, which
    the transit builder writes. Else, for a question that is no journey, the sample's own difficulty, which builders
    take from the map; for a journey, whose difficulty is its number of changes, the number of lines: up to 3 easy, up
    to 6 middle, where the benchmark's 30 maps divide.

    Raises:
        InputError: a stated difficulty is no level.
    """
    stated = sample.meta.get("map_difficulty", _benchmark_level(sample))
    if stated is not None:
        level = read_level(stated)
        if level is None:
            raise InputError(
                f"a map's difficulty must be easy, middle or hard; found {stated!r:.60}; in sample {sample.id!r}, "
                "meta.map_difficulty; correct the row or build the dataset again"
            )
        return level
    if not isinstance(sample.answer, Route):
        return sample.difficulty
    lines = len(journey_of(sample)["lines"])
    return "easy" if lines <= _EASY_LINES else "middle" if lines <= _MIDDLE_LINES else "hard"


def _benchmark_level(sample: Sample) -> object:
    """Return the map's difficulty under the benchmark's name of it, None where the row has no such part."""
    about = sample.meta.get("reasonmap")
    return about.get("difficulty_city") if isinstance(about, Mapping) else None


# ---------------------------------------------------------------------------------------------------- as released


def text_correctness(text: str, *, lines: Lines, origin: str, destination: str) -> bool:
    """Whether a planning answer is right by the released reward: as in evaluation, but a missing suffix is forgiven."""
    route = _route(read_sections(text, "short", clean=clean_stop_in_training))
    return route_is_valid(route, lines=lines, origin=origin, destination=destination, clean=clean_stop_in_training)


def text_detail(
    text: str, *, lines: Lines, origin: str, destination: str, transfers: int, mode: DetailMode = "released"
) -> float:
    """Return the detail score of a planning answer, at most 10; see :func:`mmrl.scoring.routes.route_detail`.

    As released it may fall below 0, reads sections whose labels are spelled in another case, and is 0 without any.
    """
    sections = read_sections(text, "short", clean=clean_stop_in_training, labels_in_any_case=True)
    return route_detail(
        _route(sections),
        lines=lines,
        origin=origin,
        destination=destination,
        transfers=transfers,
        mode=mode,
        clean=clean_stop_in_training,
    )


def released_reward(text: str, *, lines: Lines, origin: str, destination: str, transfers: int) -> float:
    """Return the released reward of a planning answer without its weight W: 10 correct + 0.5 detail."""
    right = text_correctness(text, lines=lines, origin=origin, destination=destination)
    detail = text_detail(text, lines=lines, origin=origin, destination=destination, transfers=transfers)
    return CORRECTNESS * right + DETAIL_SHARE * detail


def _route(sections: list[Section]) -> Route:
    return Route(
        legs=tuple(
            RouteLeg(line=patched_line(part.line), departure=part.departure, arrival=part.arrival) for part in sections
        )
    )
