"""Transit maps with questions: procedural networks, GTFS feeds and network files.

The parts in order: a source gives a :class:`Network`; ``layout``, ``labels`` and ``draw`` make its picture;
``questions`` asks about it; ``build`` yields pictures with questions and writes them as a dataset folder.
"""

from datasets_builders.transit.build import Draft, transit_examples
from datasets_builders.transit.config import TransitConfig
from datasets_builders.transit.network import Line, Network, Station

__all__ = ["Draft", "Line", "Network", "Station", "TransitConfig", "transit_examples"]
