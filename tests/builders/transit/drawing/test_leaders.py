"""Names tied to their marks by a line, where there is no room beside them."""

from __future__ import annotations

import random
from itertools import combinations, permutations

import pytest
from PIL import Image, ImageDraw

from datasets_builders.transit.drawing.leaders import lead_names
from datasets_builders.transit.drawing.placing import Named, Obstacles
from datasets_builders.transit.drawing.scene import PixelBox, overlap
from datasets_builders.transit.drawing.typefaces import typeface
from datasets_builders.transit.drawing.wording import wordings

SIZE = 12
FACE = typeface("Lato").face("Crossing", bold=False) or ""


def crowded(*marks: tuple[int, int]) -> tuple[Obstacles, list[Named]]:
    """Return marks of 10 pixels, each within a drawn square of 60, on a picture of 400 x 300."""
    mask = Image.new("L", (400, 300), 0)
    pen = ImageDraw.Draw(mask)
    named = []
    for number, (x, y) in enumerate(marks):
        pen.rectangle((x - 30, y - 30, x + 30, y + 30), fill=255)
        ways = tuple(wordings(f"Crossing {number}", FACE, SIZE))
        named.append(Named(f"s{number}", (x - 5, y - 5, x + 5, y + 5), ways))
    return Obstacles(mask, 1.0), named


def grown(box: PixelBox, by: int) -> PixelBox:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def test_crowded_names_stand_apart_and_are_tied_to_their_own_marks() -> None:
    obstacles, named = crowded((120, 150), (280, 150))
    marks = [one.mark for one in named]
    led = lead_names(named, obstacles, {}, marks, SIZE)
    assert set(led) == {"s0", "s1"}
    for one, other in combinations(led.values(), 2):
        assert not overlap(one.box, other.box, SIZE // 2)
    for number, (x, y) in enumerate(((120, 150), (280, 150))):
        found = led[f"s{number}"]
        assert found.start == (x, y)
        assert not overlap(found.box, (x - 30, y - 30, x + 31, y + 31))
        assert grown(found.box, SIZE)[0] <= found.end[0] <= grown(found.box, SIZE)[2]
        halo, line = found.strokes(obstacles, SIZE, ink="#000000", paper="#FFFFFF")
        assert halo.width > line.width
        assert line.points == (found.start, found.end)
        assert halo.points[0] == found.start
        (hx, hy), (ex, ey) = halo.points[1], found.end
        assert max(abs(hx - x), abs(hy - y)) == pytest.approx(30, abs=SIZE / 4)  # the halo ends where the square does
        assert (hx - x) * (ey - y) == pytest.approx((hy - y) * (ex - x), abs=1e-3)  # and lies on the line


def test_a_leader_crosses_no_other_mark_or_name() -> None:
    obstacles, named = crowded((200, 150))
    fence = [(100, 60, 110, 240), (290, 60, 300, 240), (100, 60, 300, 70)]  # open below alone
    taken = {f"n{number}": box for number, box in enumerate(fence)}
    led = lead_names(named, obstacles, taken, [named[0].mark], SIZE)
    inside = (110, 70, 290, 300)
    assert overlap(led["s0"].box, inside)
    assert not any(overlap(led["s0"].box, box) for box in fence)
    ring = [(165, 115, 235, 117), (165, 183, 235, 185), (165, 115, 167, 185), (233, 115, 235, 185)]
    assert lead_names(named, obstacles, {f"n{i}": box for i, box in enumerate(ring)}, [], SIZE) == {}


def test_the_most_important_name_chooses_first() -> None:
    obstacles, named = crowded((196, 150), (204, 150))
    marks: list[PixelBox] = []
    alone = lead_names(named[:1], obstacles, {}, marks, SIZE)["s0"]
    second = lead_names(named[1:], obstacles, {}, marks, SIZE)["s1"]
    both = lead_names(named, obstacles, {}, marks, SIZE)
    assert both["s0"].box == alone.box
    assert second.box != both["s1"].box
    assert not overlap(both["s0"].box, both["s1"].box)


@pytest.mark.parametrize("seed", range(12))
def test_no_name_lies_on_the_leader_of_another(seed: int) -> None:
    rng = random.Random(seed)
    obstacles, named = crowded(*((rng.randrange(60, 340), rng.randrange(60, 240)) for _ in range(6)))
    led = lead_names(named, obstacles, {}, [one.mark for one in named], SIZE)
    for one, other in permutations(led.values(), 2):
        (ax, ay), (bx, by) = other.start, other.end
        points = [(ax + share / 50 * (bx - ax), ay + share / 50 * (by - ay)) for share in range(51)]
        left, top, right, bottom = one.box
        assert not any(left <= x <= right and top <= y <= bottom for x, y in points)
