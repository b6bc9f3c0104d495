"""Questions about a network, with answers that follow from its lines.

Only stations whose names are legible in the picture are asked about. Answers are balanced over a whole dataset: yes
and no alternate, and of the counts and numbers of transfers that a map offers, the one asked least so far is taken.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets_builders.transit.network import Line, Network
from datasets_builders.transit.procedural import PALETTE
from datasets_builders.transit.routes import Journey, best_journeys
from mmrl.types import Answer, Level, Number, Route, RouteLeg, YesNo

COLOUR_WORDS = frozenset(word for word, _ in PALETTE)
LINE_WORDS = ("line", "linie", "ligne", "linea", "línea", "linha", "linia")
ORIGINS_TRIED = 12
"""Random first stations tried for one question before a task is given up on a map."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question with its gold answer."""

    task: str
    text: str
    answer: Answer
    difficulty: Level
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """What a task needs to ask: the map, what can be read in it, chance, and what was asked before."""

    network: Network
    legible: Sequence[str]
    """Ids of the stations that may be asked about, in the network's order."""
    rng: random.Random
    asked: Counter[tuple[str, object]]
    """How often each task had each answer so far, over the whole dataset."""
    flattens: bool = True
    """Whether rare counts come first; False takes any, for a map whose questions of the rare ones are used up."""
    max_transfers: int | None = None
    """Journeys with more are not asked for."""

    def wanted(self, task: str) -> bool:
        """Return the judgement that a yes/no task has had less often."""
        difference = self.asked[task, True] - self.asked[task, False]
        return difference < 0 or (difference == 0 and self.rng.random() < 0.5)

    def rarest(self, task: str, values: Sequence[int]) -> int:
        """Return the value that a task has had least often, by chance among several."""
        if not self.flattens:
            return self.rng.choice(values)
        least = min(self.asked[task, value] for value in values)
        return self.rng.choice([value for value in values if self.asked[task, value] == least])

    def shuffled(self, items: Sequence[str]) -> list[str]:
        """Return items in random order."""
        return self.rng.sample(items, len(items))

    def name(self, station: str) -> str:
        """Return a station's name."""
        return self.network.stations[station].name


def ask(task: str, asker: Asker) -> Question | None:
    """Return one question of a task, or None where the map offers none that is unambiguous and keeps the balance."""
    return TASKS[task](asker)


def line_phrase(name: str) -> str:
    """Return how a line is called within a question: "the Red line", "line U1", "Line 3"."""
    if name in COLOUR_WORDS:
        return f"the {name} line"
    return name if name.lower().startswith(LINE_WORDS) else f"line {name}"


def map_level(network: Network) -> Level:
    """Return the difficulty of reading a map: easy up to 4 lines, middle up to 8, hard above (our own cut)."""
    lines = len(network.lines)
    return "easy" if lines <= 4 else "middle" if lines <= 8 else "hard"


def transfer_level(transfers: int) -> Level:
    """Return ReasonMap's difficulty of a journey: easy without transfer, middle with one, hard with more."""
    return "easy" if transfers == 0 else "middle" if transfers == 1 else "hard"


def _question(asker: Asker, task: str, text: str, answer: Answer) -> Question:
    return Question(task=task, text=text, answer=answer, difficulty=map_level(asker.network))


# ---------------------------------------------------------------------------------------------------- yes or no


def _same_line(asker: Asker) -> Question | None:
    wanted = asker.wanted("transit/same_line")
    for first in asker.shuffled(asker.legible):
        fitting = [s for s in asker.legible if s != first and asker.network.on_same_line(first, s) == wanted]
        if fitting:
            second = asker.rng.choice(fitting)
            text = f"Are {asker.name(first)} and {asker.name(second)} on the same line?"
            return _question(asker, "transit/same_line", text, YesNo(value=wanted))
    return None


def _on_line(asker: Asker) -> Question | None:
    wanted = asker.wanted("transit/on_line")
    for line in asker.rng.sample(asker.network.lines, len(asker.network.lines)):
        fitting = [station for station in asker.legible if (station in line.stops) == wanted]
        if fitting:
            name = asker.name(asker.rng.choice(fitting))
            text = f"Does {line_phrase(line.name)} stop at {name}?"
            return _question(asker, "transit/on_line", text, YesNo(value=wanted))
    return None


# ---------------------------------------------------------------------------------------------------- counts


def _count_lines(asker: Asker) -> Question | None:
    count = len(asker.network.lines)
    return _question(asker, "transit/count_lines", "How many lines does the map have?", Number(value=count))


def _count_stops(asker: Asker) -> Question | None:
    by_count: dict[int, list[Line]] = {}
    for line in asker.network.lines:
        by_count.setdefault(len(set(line.stops)), []).append(line)
    count = asker.rarest("transit/count_stops", list(by_count))
    line = asker.rng.choice(by_count[count])
    text = f"How many stops does {line_phrase(line.name)} have?"
    return _question(asker, "transit/count_stops", text, Number(value=count))


def _count_between(asker: Asker) -> Question | None:
    readable = set(asker.legible)
    for line in asker.rng.sample(asker.network.lines, len(asker.network.lines)):
        if not line.is_simple:
            continue
        places = [i for i, stop in enumerate(line.stops) if stop in readable]
        pairs: dict[int, list[tuple[int, int]]] = {}
        for i in places:
            for j in places:
                if i < j:
                    pairs.setdefault(j - i - 1, []).append((i, j))
        if pairs:
            count = asker.rarest("transit/count_between", list(pairs))
            first, second = asker.rng.sample(asker.rng.choice(pairs[count]), 2)
            names = f"{asker.name(line.stops[first])} and {asker.name(line.stops[second])}"
            text = f"How many stops are between {names} on {line_phrase(line.name)}?"
            return _question(asker, "transit/count_between", text, Number(value=count))
    return None


# ---------------------------------------------------------------------------------------------------- journeys


def _plan(asker: Asker) -> Question | None:
    for origin in asker.shuffled(asker.legible)[:ORIGINS_TRIED]:
        by_transfers = _destinations(asker, origin)
        if not by_transfers:
            continue
        transfers = asker.rarest("transit/plan", list(by_transfers))
        destination = asker.rng.choice(by_transfers[transfers])
        journeys = [j for j in best_journeys(asker.network, origin, destination) if _is_readable(j, asker.legible)]
        if journeys:
            return _plan_question(asker, asker.rng.choice(journeys))
    return None


def _destinations(asker: Asker, origin: str) -> dict[int, list[str]]:
    """Return the legible stations that can be reached, by the fewest transfers that it takes."""
    found: dict[int, list[str]] = {}
    readable = set(asker.legible)
    seen, layer, transfers = {origin}, [origin], 0
    while layer and (asker.max_transfers is None or transfers <= asker.max_transfers):
        lines = {line.name: line for station in layer for line in asker.network.lines_at(station)}
        layer = [stop for line in lines.values() for stop in line.stops if stop not in seen]
        layer = list(dict.fromkeys(layer))
        seen.update(layer)
        if fitting := [stop for stop in layer if stop in readable]:
            found[transfers] = fitting
        transfers += 1
    return found


def _is_readable(journey: Journey, legible: Sequence[str]) -> bool:
    return all(ride.arrival in legible for ride in journey)


def _plan_question(asker: Asker, journey: Journey) -> Question:
    origin, destination = asker.name(journey[0].departure), asker.name(journey[-1].arrival)
    legs = tuple(
        RouteLeg(line=ride.line.name, departure=asker.name(ride.departure), arrival=asker.name(ride.arrival))
        for ride in journey
    )
    transfers = len(journey) - 1
    meta = {
        "lines": {line.name: asker.network.stop_names(line) for line in asker.network.lines},
        "origin": origin,
        "destination": destination,
        "transfers": transfers,
    }
    return Question(
        task="transit/plan",
        text=f"How do you get from {origin} to {destination}?",
        answer=Route(legs=legs),
        difficulty=transfer_level(transfers),
        meta=meta,
    )


TASKS: dict[str, Callable[[Asker], Question | None]] = {
    "transit/same_line": _same_line,
    "transit/on_line": _on_line,
    "transit/count_lines": _count_lines,
    "transit/count_stops": _count_stops,
    "transit/count_between": _count_between,
    "transit/plan": _plan,
}
"""Every task by name."""


def balance_key(question: Question) -> object:
    """Return the value under which an answer is counted for balance: the judgement, the count, or the transfers."""
    if isinstance(question.answer, Route):
        return question.meta["transfers"]
    assert isinstance(question.answer, YesNo | Number)
    return question.answer.value
