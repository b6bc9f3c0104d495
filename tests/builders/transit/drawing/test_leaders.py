"""Names tied to their marks by a line, where there is no room beside them."""

from __future__ import annotations

from itertools import combinations

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
        halo, line = found.strokes(SIZE, ink="#000000", paper="#FFFFFF")
        assert halo.width > line.width
        assert halo.points == line.points == (found.start, found.end)


def test_a_leader_crosses_no_other_mark_name_or_leader() -> None:
    obstacles, named = crowded((200, 150))
    fence = [(150, 60, 160, 240), (240, 60, 250, 240), (150, 60, 250, 70)]  # open below alone
    led = lead_names(named, obstacles, {f"n{i}": box for i, box in enumerate(fence)}, [named[0].mark], SIZE)
    assert led["s0"].end[1] > 180
    closed = [*fence, (150, 230, 250, 240)]
    assert lead_names(named, obstacles, {f"n{i}": box for i, box in enumerate(closed)}, [], SIZE) == {}


def test_the_most_important_name_chooses_first() -> None:
    obstacles, named = crowded((200, 150))
    alone = lead_names(named, obstacles, {}, [named[0].mark], SIZE)["s0"]
    rival = Named("rival", (195, 145, 205, 155), named[0].ways)
    both = lead_names([named[0], rival], obstacles, {}, [named[0].mark], SIZE)
    assert both["s0"].box == alone.box
    assert both["rival"].box != alone.box
