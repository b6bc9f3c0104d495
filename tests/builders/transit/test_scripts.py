"""Names in scripts that no font at hand has: refused in one line, and drawn once a font of the script is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from datasets_builders.transit import TransitConfig, build_transit
from datasets_builders.transit.drawing.typefaces import scripts_of
from mmrl.data import check_folder
from mmrl.errors import InputError

RUNES = "".join(map(chr, range(0x1E2C0, 0x1E2C9)))
"""Letters of Wancho, for which hardly any machine has a font."""
EM = 1000


def font_of(letters: str, path: Path) -> Path:
    """Write a font in which each letter is a bar of another height, and a missing one a square."""
    glyphs = {".notdef": EM, **{f"u{ord(letter):X}": 300 + 60 * n for n, letter in enumerate(letters)}}
    pens = {}
    for name, height in glyphs.items():
        pen = TTGlyphPen(None)
        corners = [(50, 0), (50, height), (450, height), (450, 0)]
        pen.moveTo(corners[0])
        for corner in corners[1:]:
            pen.lineTo(corner)
        pen.closePath()
        pens[name] = pen.glyph()
    builder = FontBuilder(EM, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap({ord(letter): f"u{ord(letter):X}" for letter in letters})
    builder.setupGlyf(pens)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (500, 50)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Bars", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


def network_file(path: Path, *, line: str = "1", stops: list[str]) -> Path:
    net = {
        "format": "mmrl-network/1",
        "name": "n",
        "lines": [{"name": line, "colour": "#E3000F", "stops": stops}],
        "stations": [{"name": name, "x": i, "y": i % 2} for i, name in enumerate(stops)],
    }
    path.write_text(json.dumps(net), encoding="utf-8")
    return path


STOPS = [RUNES[i : i + 4] for i in range(5)]


@pytest.mark.parametrize("size", [400, 700])
def test_a_network_that_no_font_can_write_is_refused_until_one_is_given(tmp_path: Path, size: int) -> None:
    source = network_file(tmp_path / "n.json", stops=STOPS)
    options = {"source": str(source), "size": size, "count": 3, "tasks": ("transit/count_between",)}
    with pytest.raises(InputError) as caught:
        build_transit(TransitConfig(**options), tmp_path / "out")
    said = str(caught.value)
    assert said.startswith("station names must be in a script that a font at hand can write (Latin, Greek, Cyrillic")
    assert f"found {STOPS[0]!r} ({scripts_of(RUNES)}) and 4 more" in said
    assert said.endswith("give a font of that script with font=FILE")
    assert "\n" not in said
    assert not (tmp_path / "out").exists()
    font = font_of(RUNES + "1Lines", tmp_path / "bars.ttf")
    out = build_transit(TransitConfig(**options, font=font), tmp_path / "out")
    assert check_folder(out) == []


def test_a_line_that_no_font_can_write_is_refused_since_answers_would_name_it(tmp_path: Path) -> None:
    source = network_file(tmp_path / "n.json", line=RUNES[:3], stops=["Adler", "Birken", "Dorn"])
    with pytest.raises(InputError, match=r"line names must be in a script .* and 0 more"):
        build_transit(TransitConfig(source=str(source), size=600, count=2), tmp_path / "out")


def test_single_names_without_a_font_are_counted(tmp_path: Path) -> None:
    source = network_file(tmp_path / "n.json", stops=["Adler", RUNES[:3], "Birken", "Dorn"])
    config = TransitConfig(source=str(source), size=600, count=2, tasks=("transit/count_between",))
    manifest = json.loads((build_transit(config, tmp_path / "out") / "manifest.json").read_text(encoding="utf-8"))
    assert "1 stations drawn without their names, which no font at hand can write" in manifest["source"]


@pytest.mark.parametrize(
    ("text", "scripts"),
    [("สยาม 1", "Thai"), ("दिल्ली", "Devanagari"), ("Ab Ωк", "Latin, Greek, Cyrillic"), ("💡", "signs")],
)
def test_scripts_are_named(text: str, scripts: str) -> None:
    assert scripts_of(text) == scripts
