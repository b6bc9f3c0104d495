"""Which map comes at which number, and its picture: a pure function of config, networks and number."""

from __future__ import annotations

import io
import random
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count
from multiprocessing import get_context

from PIL import Image

from datasets_builders.transit.config import TransitConfig
from datasets_builders.transit.draw import Drawing, draw_network
from datasets_builders.transit.drawing import MapDrawing, draw_full_map, fitting_part, record_bytes
from datasets_builders.transit.excerpt import excerpts
from datasets_builders.transit.layout import SMALL
from datasets_builders.transit.network import Network
from datasets_builders.transit.procedural import make_names, make_network
from datasets_builders.transit.sources import restrict_at_random
from datasets_builders.transit.splits import split_of
from mmrl.errors import InputError
from mmrl.media import png_bytes

REDRAWS = 6
"""Made-up networks tried for one map until all names find room."""
EXCERPT_TRIES = 600
"""Windows of a real network looked at for one small map until all letters find room."""
REAL_STRETCH = 1.3
"""How much more one axis of a real network may be enlarged than the other to fill the picture."""
AHEAD = 2
"""Maps that each worker may be ahead of the questions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Map:
    """A network and its picture."""

    network: Network
    drawing: Drawing | MapDrawing
    names: Mapping[str, str] = field(default_factory=dict)
    """The real name behind each letter, where letters stand for names."""
    png: bytes | None = None
    """The encoded picture, where another process drew it; ``drawing.picture`` is then decoded when it is looked at."""
    beside: Mapping[str, bytes] = field(default_factory=dict)
    """Files about the picture by suffix."""


Made = tuple[Map | None, random.Random]
"""A map, or None for one that is not worth drawing, with the chance that is left for its questions."""
Skip = Callable[[Network], bool]


def make_maps(config: TransitConfig, wholes: Sequence[Network], skip: Skip) -> Generator[Made, None, None]:
    """Yield maps without end, drawn by ``config.workers`` processes; their number changes nothing but the time.

    Args:
        config: of the dataset.
        wholes: the real networks; none for made-up ones.
        skip: tells whether a network is not worth drawing any more.
    """
    if config.workers == 1:
        for index in count():
            yield make_map(config, wholes, index, skip)
    else:
        yield from _make_in_processes(config, wholes, skip)


def _make_in_processes(config: TransitConfig, wholes: Sequence[Network], skip: Skip) -> Iterator[Made]:
    """Yield maps in order while workers draw a few ahead, so that memory does not grow with their number.

    What is skipped is not sent to them. They encode the pictures too: that takes long, and pixels are slow to send.
    """
    pool = ProcessPoolExecutor(
        config.workers, mp_context=get_context("spawn"), initializer=_remember, initargs=(config, wholes)
    )
    numbers = count()
    waiting: deque[Future[Made] | Made] = deque()
    try:
        while True:
            while len(waiting) < config.workers * AHEAD:
                task = _Task(config, wholes, next(numbers))
                waiting.append((None, task.rng) if task.is_skipped(skip) else pool.submit(_make_packed, task.index))
            made = waiting.popleft()
            yield _unpacked(made.result()) if isinstance(made, Future) else made
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker: list[tuple[TransitConfig, Sequence[Network]]] = []
"""What a worker process was given at its start."""


def _remember(config: TransitConfig, wholes: Sequence[Network]) -> None:
    _worker.append((config, wholes))


def _make_packed(index: int) -> Made:
    """Return a map whose picture is encoded; in place of its pixels it has one."""
    config, wholes = _worker[0]
    shown, rng = make_map(config, wholes, index, lambda network: False)  # noqa: ARG005
    if shown is None:
        return None, rng
    bare = replace(shown.drawing, picture=Image.new("RGB", (1, 1)))
    return replace(shown, drawing=bare, png=png_bytes(shown.drawing.picture)), rng


def _unpacked(made: Made) -> Made:
    """Give a map its picture back, to be decoded only if somebody looks at it."""
    shown, rng = made
    if shown is None or shown.png is None:
        return made
    return replace(shown, drawing=replace(shown.drawing, picture=Image.open(io.BytesIO(shown.png)))), rng


class _Task:
    """The map with a number before it is drawn: of a real network first the whole, then parts."""

    def __init__(self, config: TransitConfig, wholes: Sequence[Network], index: int) -> None:
        self.index = index
        self.rng = random.Random(f"{config.seed}/{index}")
        self.whole = wholes[index % len(wholes)] if wholes else None
        self.network: Network | None = None
        """What is shown, where that is known before it is drawn."""
        if self.whole is not None and not config.is_small:
            self.network = self.whole if index < len(wholes) else restrict_at_random(self.whole, self.rng)
            if config.is_full:
                smallest = config.drawing.smallest_text
                self.network = fitting_part(self.network, config.picture_size, self.rng, smallest)

    def is_skipped(self, skip: Skip) -> bool:
        """Tell whether the map is not worth drawing any more."""
        return self.network is not None and skip(self.network)


def make_map(config: TransitConfig, wholes: Sequence[Network], index: int, skip: Skip) -> Made:
    """Return the map with a number: of each real network first the whole, then parts; in small pictures excerpts."""
    task = _Task(config, wholes, index)
    if task.is_skipped(skip):
        return None, task.rng
    if task.whole is None:
        shown = _draw_made_up(config, index, task.rng)
    elif task.network is None:
        shown = _draw_excerpt(task.whole, config, task.rng)
    else:
        shown = Map(network=task.network, drawing=_draw(config, task.network, index, stretch=REAL_STRETCH))
    return replace(shown, beside=_files_beside(shown, config)), task.rng


def _files_beside(shown: Map, config: TransitConfig) -> dict[str, bytes]:
    """Return what stands beside a full map: the record of all that it shows and, if wanted, the map as SVG."""
    if not isinstance(shown.drawing, MapDrawing):
        return {}
    files = {".json": record_bytes(shown.drawing, shown.network)}
    return files | ({".svg": shown.drawing.svg().encode()} if config.drawing.svg else {})


def _draw(config: TransitConfig, network: Network, index: int, *, stretch: float = 1.0) -> Drawing | MapDrawing:
    """Return a network's picture: a full map, or the plain one of small sizes."""
    if not config.is_full:
        return draw_network(network.with_walks(), config.picture_size, stretch=stretch, font=config.font)
    seed = f"{config.seed}/{index}"
    if config.is_procedural:  # the heading is a town's name, unlike those of the stations; the network keeps its own
        stations = {station.name for station in network.stations.values()}
        towns = make_names(random.Random(f"town/{seed}"), len(stations) + 1)
        network = replace(network, name=next(town for town in towns if town not in stations))
    return draw_full_map(network, config.picture_size, options=config.drawing, seed=seed, font=config.font)


def _draw_made_up(config: TransitConfig, index: int, rng: random.Random) -> Map:
    """Return a made-up network and its picture, if possible one in which every name could be written."""
    for _ in range(REDRAWS):
        network = _make_up(config, index, rng)
        while config.split is not None and split_of(network) != config.split:
            network = _make_up(config, index, rng)
        drawing = _draw(config, network, index)
        if len(drawing.legible) == len(network.stations):
            break
    return Map(network=network, drawing=drawing)


def _make_up(config: TransitConfig, index: int, rng: random.Random) -> Network:
    return make_network(
        rng,
        name=f"map-{config.seed}-{index}",
        lines=(config.lines_min, config.lines_max),
        stations=(config.stations_min, config.stations_max),
        names="letters" if config.is_small else "words",
        loops=config.loops,
        branches=config.branches,
    )


def _draw_excerpt(whole: Network, config: TransitConfig, rng: random.Random) -> Map:
    """Return an excerpt of a real network in which every letter could be written."""
    found = excerpts(
        whole,
        rng,
        lines=(config.lines_min, config.lines_max),
        stations=(config.stations_min, config.stations_max),
        tries=EXCERPT_TRIES,
    )
    for excerpt in found:
        drawing = draw_network(excerpt.network, config.picture_size, font=config.font)
        if len(drawing.legible) == len(excerpt.network.stations):
            return Map(network=excerpt.network, drawing=drawing, names=excerpt.names)
    raise InputError(
        f"source must hold {config.lines_min} to {config.lines_max} lines of different colours that meet, with"
        f" {config.stations_min} to {config.stations_max} stations that fit below {SMALL} pixels; found none in"
        f" {EXCERPT_TRIES} tries; {config.source}; raise size to {SMALL} or more to see whole lines"
    )
