"""Full maps: layout, corridors, marks, badges, legend and names, as pixels and SVG, with the box of everything drawn.

In the order of reading: ``graph`` (who is whose neighbour), ``evening`` (positions), ``grid`` and ``compaction`` (a
schematic drawing), ``plan`` and ``layout`` (all of that together), ``corridors`` (parallel lines), ``styles``,
``frame``, ``marks``, ``furniture``, ``wording``, ``placing``, ``compose`` (one map), ``scene``, ``raster`` and ``svg``,
``record_file`` (the boxes of everything drawn, as JSON).
"""

from datasets_builders.transit.drawing.excerpts import capacity, fitting_part
from datasets_builders.transit.drawing.maps import draw_full_map, plan_of
from datasets_builders.transit.drawing.options import TransitDrawing
from datasets_builders.transit.drawing.record_file import record_bytes
from datasets_builders.transit.drawing.records import LineBadge, MapDrawing, StationLabel, StationMark, Title

__all__ = [
    "LineBadge",
    "MapDrawing",
    "StationLabel",
    "StationMark",
    "Title",
    "TransitDrawing",
    "capacity",
    "draw_full_map",
    "fitting_part",
    "plan_of",
    "record_bytes",
]
