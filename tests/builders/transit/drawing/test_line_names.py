"""Lines' names on a map: short ones on badges, long ones as a code there and in full in the legend."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from datasets_builders.transit.drawing import MapDrawing, TransitDrawing, draw_full_map, plan_of
from datasets_builders.transit.drawing.compose import draw_map
from datasets_builders.transit.drawing.furniture import badge_texts
from datasets_builders.transit.drawing.styles import HOUSE
from datasets_builders.transit.network import Line, Network, Station

COLOURS = ("#E3242B", "#1E5BD6", "#17A34A", "#B35C00")


def star(*names: str) -> Network:
    """Return lines of those names that meet in one station."""
    ways = ((3, 0), (-3, 0), (0, 3), (0, -3))
    stations = {"X": Station(id="X", name="Centre", x=0, y=0)}
    lines = []
    for name, colour, (x, y) in zip(names, COLOURS, ways, strict=False):
        stops = ["X"]
        for hop in (1, 2):
            id_ = f"{name}{hop}"
            stations[id_] = Station(
                id=id_, name=f"{'Near' if hop == 1 else 'Far'} {len(stations)}", x=hop * x, y=hop * y
            )
            stops.append(id_)
        lines.append(Line(name=name, colour=colour, stops=tuple(stops)))
    return Network(name="n", lines=tuple(lines), stations=stations)


def written(drawing: MapDrawing) -> list[str]:
    return [row.text for row in drawing.scene.writing]


@pytest.mark.parametrize(
    ("names", "texts"),
    [
        (["U1", "Metropolitan"], {"U1": "U1", "Metropolitan": "Metropolitan"}),
        (["Linha 15-Prata", "Linha 4-Amarela"], {"Linha 15-Prata": "15", "Linha 4-Amarela": "4"}),
        (["4", "Linha 4-Amarela"], {"4": "4", "Linha 4-Amarela": "LA"}),
        (["Hammersmith & City", "Docklands Light Railway"], {"Hammersmith & City": "HC", "Docklands Light Railway": "DLR"}),  # noqa: E501
        (["Northern Light Rail", "Newtown Local Rail"], {"Northern Light Rail": "Nort", "Newtown Local Rail": "Newt"}),
        (["Northern-Line-East", "Northern-Line-West"], {"Northern-Line-East": "NLE", "Northern-Line-West": "NLW"}),
        (["Strassenbahnlinie", "Strassenbahnring"], {}),
    ],
)  # fmt: skip
def test_badges_bear_names_or_codes_that_differ(names: list[str], texts: dict[str, str]) -> None:
    assert badge_texts(names) == texts


def test_a_long_name_stands_in_the_legend_beside_its_code() -> None:
    drawing = draw_full_map(star("Linha 15-Prata", "U2"), 700, options=TransitDrawing(vary=False))
    found = {(badge.line, badge.text, badge.place == "legend") for badge in drawing.badges}
    assert found == {
        ("Linha 15-Prata", "15", False),
        ("Linha 15-Prata", "Linha 15-Prata", True),
        ("U2", "U2", False),
        ("U2", "U2", True),
    }
    assert written(drawing).count("15") == 3  # both ends and the legend
    assert written(drawing).count("Linha 15-Prata") == 1


def test_a_style_without_legend_has_one_where_lines_would_have_no_name() -> None:
    style = replace(HOUSE, legend=False)
    for names, legends in ((("U1", "U2"), set()), (("Linha 15-Prata", "U2"), {"Linha 15-Prata", "U2"})):
        drawing = draw_map(plan_of(star(*names), "schematic"), size=700, style=style, rng=random.Random(0))
        assert {badge.line for badge in drawing.badges if badge.place == "legend"} == legends


def test_names_longer_than_the_legend_is_wide_are_cut_and_stay_inside() -> None:
    long = "Regional express by way of every village on the river and back again over the hills to town"
    drawing = draw_full_map(star(long, "U2"), 448, options=TransitDrawing(vary=False))
    (entry,) = (badge for badge in drawing.badges if badge.line == long and badge.place == "legend")
    assert entry.box[2] <= drawing.picture.width
    (shown,) = (text for text in written(drawing) if text.endswith("…"))
    assert long.startswith(shown[:-1])
