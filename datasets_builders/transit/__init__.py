"""Transit maps with questions: procedural networks, GTFS feeds and network files.

The parts in order: a source gives a :class:`Network`; ``layout``, ``labels`` and ``draw`` make its picture;
``questions`` asks about it; ``examples`` yields pictures with questions; ``build`` writes them as a dataset folder.
"""

from datasets_builders.transit.build import build_transit
from datasets_builders.transit.config import TransitConfig
from datasets_builders.transit.examples import transit_examples
from datasets_builders.transit.network import Line, Network, Station

__all__ = ["Line", "Network", "Station", "TransitConfig", "build_transit", "transit_examples"]
