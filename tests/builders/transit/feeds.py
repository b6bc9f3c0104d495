"""Small GTFS feeds written for tests: a metro line in both directions, another crossing it, and a bus."""

from __future__ import annotations

import zipfile
from pathlib import Path

TABLES = {
    "routes": """route_id,agency_id,route_short_name,route_long_name,route_type,route_color
m1,op,M1,Northern,1,E3000F
m2,op,M2,,402,
b9,op,9,Night bus,3,00FF00
""",
    "trips": """route_id,trip_id,direction_id
m1,m1-out,0
m1,m1-back,1
m1,m1-short,0
m2,m2-out,0
b9,b9-out,0
""",
    # m1-back lists platforms of the other side, and its rows stand out of order.
    "stop_times": """trip_id,stop_id,stop_sequence,departure_time
m1-out,a1,1,08:00:00
m1-out,b1,2,08:02:00
m1-out,c1,10,08:04:00
m1-back,a2,9,27:40:30
m1-back,c2,3,27:36:30
m1-back,b2,5,27:38:30
m1-short,a1,1,09:00:00
m1-short,b1,2,09:02:00
m2-out,b3,1,08:00:00
m2-out,d1,2,08:03:00
b9-out,a1,1,01:00:00
b9-out,e1,2,01:09:00
""",
    "stops": """stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station
A,Adler,48.20,16.30,1,
B,Birken,48.20,16.35,1,
a1,Adler,48.20,16.30,0,A
a2,Adler,48.20,16.30,0,A
b1,Birken,48.20,16.35,0,B
b2,Birken,48.20,16.35,0,B
b3,Birken,48.2001,16.3501,0,
c1,Cäsar,48.25,16.35,0,
c2,Cäsar,48.2501,16.3501,0,
d1,Dorn,48.15,16.40,0,
e1,Eule,48.10,16.40,0,
""",
}


def write_feed(path: Path, **changes: str | None) -> Path:
    """Write the feed with tables replaced, added, or (None) left out."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**TABLES, **changes}.items():
            if text is not None:
                archive.writestr(f"{name}.txt", text)
    return path
