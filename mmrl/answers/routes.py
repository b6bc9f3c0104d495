"""Routes as text: one grammar, read and written here.

Compact form, one ride per part::

    Red: A > C; Blue: C > F

Parts end at ``;`` or a line break; the line's name ends at the first ``:``; exactly one arrow (``>``, ``->``, ``=>``
or ``→``) stands between the stops. ReasonMap's skeleton, where the number or the names of the stops on the way belong
to the answer::

    Route Name: Red
    Departure Stop: A
    Arrival Stop: C
    Number of Via Stops: 1
    Via Stops: B
    --

A name that would be misread bare (it holds a separator, a brace, a line break, outer blanks, is empty ...) is written
as a JSON string, in either form: ``"Red: express": A > C``. JSON lists of objects with the keys ``line``,
``departure``, ``arrival``, ``via_count`` and ``via`` are read as well. Names are kept exactly as written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mmrl.answers.places import read_structure
from mmrl.answers.refusal import Refused, bad_format
from mmrl.answers.strict_json import read_quoted, write_json
from mmrl.types import ParseStatus, Route, RouteLeg

_QUOTED = re.compile(r'[^\S\n]*"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_GAP = re.compile(r"[\s;]+")
_STOP_END = re.compile(r"->|=>|→|>|;|\n")
_LINE_END = re.compile(r"[:：]|->|=>|→|>|;|\n")
_PART_ENDS = ("", ";", "\n")
_COMMA = re.compile(r",")
_LABEL = re.compile(
    r"(route name|departure stop|arrival stop|number of via stops|via stops)[^\S\n]*:(.*)", re.IGNORECASE | re.DOTALL
)
_LINE_LABEL = re.compile(r"route name\s*:", re.IGNORECASE)
_RULE = re.compile(r"-{2,}")
_COUNT = re.compile(r"\d{1,9}", re.ASCII)
NO_STOPS = "None"
"""Stands in ``Via Stops`` where there are none."""

_UNSAFE = re.compile(r"[<>{}\\`\"\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What a bare text must not hold in any style: tags, braces, fences, quotes, breaks."""
_UNSAFE_LINE = re.compile(r"[:：;→]|^\[|^route name$", re.IGNORECASE)
_UNSAFE_STOP = re.compile(r"[;→]")
_UNSAFE_FIELD = re.compile(r"(?!)")
_UNSAFE_VIA = re.compile(rf",|^{NO_STOPS}$", re.IGNORECASE)


# ---------------------------------------------------------------------------------------------------- reading


def read_route(text: str) -> Route:
    """Read a route in the compact form, the skeleton or JSON; raises ``Refused``."""
    text = text.strip()
    if text.startswith(("[", "{")):
        return read_route_value(read_structure(text))
    legs = _read_skeleton(text) if _LINE_LABEL.match(text) else _read_compact(text)
    if not legs:
        raise Refused(ParseStatus.NO_ANSWER, "the route has no legs")
    return Route(legs=tuple(legs))


def _take_field(text: str, start: int, end_mark: re.Pattern[str]) -> tuple[str, str, int]:
    """Return the field from ``start`` on, the mark that ends it ("" at the end of the text), and where the next begins.

    Marks inside a JSON string that opens the field do not count.
    """
    quoted = _QUOTED.match(text, start)
    mark = end_mark.search(text, quoted.end() if quoted else start)
    if mark is None:
        return text[start:].strip(), "", len(text)
    return text[start : mark.start()].strip(), mark[0], mark.end()


def _read_name(text: str) -> str:
    quoted = read_quoted(text)
    if quoted is not None:
        return quoted
    if not text:
        raise bad_format("a name", text)
    return text


def _read_compact(text: str) -> list[RouteLeg]:
    legs, at = [], _skip_gap(text, 0)
    while at < len(text):
        line, colon, departure_at = _take_field(text, at, _LINE_END)
        departure, arrow, arrival_at = _take_field(text, departure_at, _STOP_END)
        arrival, end, next_at = _take_field(text, arrival_at, _STOP_END)
        if colon not in (":", "：") or arrow in _PART_ENDS or end not in _PART_ENDS:
            raise bad_format("legs 'Line: Departure > Arrival', separated by ';'", text[at:next_at])
        legs.append(RouteLeg(line=_read_name(line), departure=_read_name(departure), arrival=_read_name(arrival)))
        at = _skip_gap(text, next_at)
    return legs


def _skip_gap(text: str, start: int) -> int:
    gap = _GAP.match(text, start)
    return gap.end() if gap else start


def _read_skeleton(text: str) -> list[RouteLeg]:
    sections: list[dict[str, str]] = [{}]
    for line in text.split("\n"):
        line = line.strip()
        label = _LABEL.match(line)
        if label is not None:
            name = label[1].lower()
            if name == "route name" and sections[-1]:
                sections.append({})
            if name in sections[-1]:
                raise Refused(ParseStatus.MANY_ANSWERS, f"a leg states {label[1]!r} twice")
            sections[-1][name] = label[2].strip()
        elif _RULE.fullmatch(line):
            sections.append({})
        elif line:
            raise bad_format("lines 'Route Name: ...', 'Departure Stop: ...', 'Arrival Stop: ...'", line)
    return [_read_section(section) for section in sections if section]


def _read_section(fields: dict[str, str]) -> RouteLeg:
    for label in ("route name", "departure stop", "arrival stop"):
        if label not in fields:
            raise bad_format(f"a leg with {label!r}", ", ".join(fields))
    return RouteLeg(
        line=_read_name(fields["route name"]),
        departure=_read_name(fields["departure stop"]),
        arrival=_read_name(fields["arrival stop"]),
        via_count=_read_count(fields.get("number of via stops")),
        via=_read_via(fields.get("via stops")),
    )


def _read_count(text: str | None) -> int | None:
    if text is None:
        return None
    if not _COUNT.fullmatch(text):
        raise bad_format("a whole number of via stops", text)
    return int(text)


def _read_via(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    if text.casefold() in ("", NO_STOPS.casefold()):
        return ()
    stops, comma, at = [], ",", 0
    while comma:
        stop, comma, at = _take_field(text, at, _COMMA)
        stops.append(_read_name(stop))
    return tuple(stops)


# ---------------------------------------------------------------------------------------------------- JSON


def read_route_value(value: Any) -> Route:
    """Read a list of legs, or one leg, from JSON."""
    legs = value if isinstance(value, list) else [value]
    if not legs:
        raise Refused(ParseStatus.NO_ANSWER, "the route has no legs")
    return Route(legs=tuple(_read_leg_value(leg) for leg in legs))


def _read_leg_value(value: Any) -> RouteLeg:
    if not isinstance(value, dict):
        raise bad_format("a leg that is an object", value)
    for key in ("line", "departure", "arrival"):
        if not isinstance(value.get(key), str):
            raise bad_format(f"a leg with a string {key!r}", value.get(key))
    count, via = value.get("via_count"), value.get("via")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 0):
        raise bad_format("a whole number as 'via_count'", count)
    if via is not None and not (isinstance(via, list) and all(isinstance(stop, str) for stop in via)):
        raise bad_format("a list of names as 'via'", via)
    return RouteLeg(
        line=value["line"],
        departure=value["departure"],
        arrival=value["arrival"],
        via_count=count,
        via=None if via is None else tuple(via),
    )


def route_value(route: Route) -> list[dict[str, Any]]:
    """Return a route as JSON values; via fields only where stated."""
    return [_leg_value(leg) for leg in route.legs]


def _leg_value(leg: RouteLeg) -> dict[str, Any]:
    value: dict[str, Any] = {"line": leg.line, "departure": leg.departure, "arrival": leg.arrival}
    if leg.via_count is not None:
        value["via_count"] = leg.via_count
    if leg.via is not None:
        value["via"] = list(leg.via)
    return value


# ---------------------------------------------------------------------------------------------------- writing


def is_plain(text: str) -> bool:
    """Whether ``text`` can stand bare in any style and be read back as itself."""
    return bool(text) and text == text.strip() and not _UNSAFE.search(text)


def _write_name(name: str, unsafe: re.Pattern[str]) -> str:
    return name if is_plain(name) and not unsafe.search(name) else write_json(name)


def write_route(route: Route) -> str:
    """Return the compact form; the skeleton where a leg states the stops on its way."""
    if any(leg.via_count is not None or leg.via is not None for leg in route.legs):
        return "\n--\n".join(_write_section(leg) for leg in route.legs)
    return "; ".join(_write_leg(leg) for leg in route.legs)


def _write_leg(leg: RouteLeg) -> str:
    departure, arrival = _write_name(leg.departure, _UNSAFE_STOP), _write_name(leg.arrival, _UNSAFE_STOP)
    return f"{_write_name(leg.line, _UNSAFE_LINE)}: {departure} > {arrival}"


def _write_section(leg: RouteLeg) -> str:
    lines = [
        f"Route Name: {_write_name(leg.line, _UNSAFE_FIELD)}",
        f"Departure Stop: {_write_name(leg.departure, _UNSAFE_FIELD)}",
        f"Arrival Stop: {_write_name(leg.arrival, _UNSAFE_FIELD)}",
    ]
    if leg.via_count is not None:
        lines.append(f"Number of Via Stops: {leg.via_count}")
    if leg.via is not None:
        lines.append(f"Via Stops: {_write_stops(leg.via)}")
    return "\n".join(lines)


def _write_stops(stops: Sequence[str]) -> str:
    return ", ".join(_write_name(stop, _UNSAFE_VIA) for stop in stops) or NO_STOPS
