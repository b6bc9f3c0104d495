"""Frames, boxes and the resize rule, by hand-computed values and by properties."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrl.errors import InputError
from mmrl.geometry import (
    PERMILLE_FRAME,
    UNIT_FRAME,
    box_area,
    box_center,
    box_iou,
    contains,
    convert_box,
    convert_boxes,
    convert_point,
    is_valid_box,
    model_frame,
    original_frame,
    smart_resize,
)
from mmrl.types import Box, Boxes, Frame, Point


def box(x1: float, y1: float, x2: float, y2: float, label: str | None = None) -> Box:
    return Box(x1=x1, y1=y1, x2=x2, y2=y2, label=label)


# Width x height: input, then factor 28 with 3,136 .. 12,845,056; 28 with at most 1,003,520; 28 with at least 78,400;
# 32 with 65,536 .. 16,777,216.
RESIZE_VECTORS = [
    ((1920, 1080), (1932, 1092), (1316, 728), (1932, 1092), (1920, 1088)),
    ((2560, 1440), (2548, 1428), (1316, 728), (2548, 1428), (2560, 1440)),
    ((3840, 2160), (3836, 2156), (1316, 728), (3836, 2156), (3840, 2176)),
    ((1170, 2532), (1176, 2520), (672, 1456), (1176, 2520), (1184, 2528)),
    ((1080, 2400), (1092, 2408), (672, 1484), (1092, 2408), (1088, 2400)),
    ((2360, 1640), (2352, 1652), (1176, 812), (2352, 1652), (2368, 1632)),
    ((1280, 2774), (1288, 2772), (672, 1456), (1288, 2772), (1280, 2784)),
    ((960, 540), (952, 532), (952, 532), (952, 532), (960, 544)),
    ((1280, 720), (1288, 728), (1288, 728), (1288, 728), (1280, 704)),
    ((5120, 3200), (4508, 2828), (1260, 784), (4508, 2828), (5120, 3200)),
    ((6016, 2880), (5152, 2464), (1428, 672), (5152, 2464), (5888, 2816)),
    ((1366, 768), (1372, 756), (1316, 728), (1372, 756), (1376, 768)),
    ((1522, 1022), (1512, 1008), (1204, 812), (1512, 1008), (1536, 1024)),
    ((98, 42), (112, 56), (112, 56), (448, 196), (416, 192)),
    ((42, 70), (56, 56), (56, 56), (224, 364), (224, 352)),
    ((14, 14), (56, 56), (56, 56), (280, 280), (256, 256)),
]
LIMITS = [(28, 3_136, 12_845_056), (28, 3_136, 1_003_520), (28, 78_400, 12_845_056), (32, 65_536, 16_777_216)]
RESIZE_CASES = [
    (source, expected, *limits) for source, *row in RESIZE_VECTORS for expected, limits in zip(row, LIMITS, strict=True)
] + [
    ((5120, 3200), (5124, 3192), 28, 3_136, 99_999_999),
    ((6016, 2880), (6020, 2884), 28, 3_136, 99_999_999),
    ((98, 42), (128, 64), 32, 4_096, 16_777_216),
    ((42, 70), (64, 96), 32, 4_096, 16_777_216),
    ((14, 14), (64, 64), 32, 4_096, 16_777_216),
]


@pytest.mark.parametrize(("source", "expected", "factor", "min_pixels", "max_pixels"), RESIZE_CASES)
def test_smart_resize_gives_the_published_sizes(source, expected, factor, min_pixels, max_pixels):
    width, height = source
    resized = smart_resize(height, width, factor=factor, min_pixels=min_pixels, max_pixels=max_pixels)
    assert resized == (expected[1], expected[0])


@given(
    height=st.integers(1, 5000),
    width=st.integers(1, 5000),
    factor=st.sampled_from([14, 28, 32]),
    min_pixels=st.integers(1, 100_000),
    spread=st.integers(2, 200),
)
@settings(deadline=None)
def test_smart_resize_keeps_whole_patches_and_the_limits(height, width, factor, min_pixels, spread):
    max_pixels = min_pixels * spread
    if max(height, width) > 200 * min(height, width):
        with pytest.raises(InputError):
            smart_resize(height, width, factor=factor, min_pixels=min_pixels, max_pixels=max_pixels)
        return
    new_height, new_width = smart_resize(height, width, factor=factor, min_pixels=min_pixels, max_pixels=max_pixels)
    assert new_height % factor == 0
    assert new_width % factor == 0
    assert min(new_height, new_width) >= factor
    if min(new_height, new_width) > factor and new_height * new_width > max_pixels:
        # Only growing to the minimum may pass the maximum, where no whole number of patches fits between the two.
        assert round(height / factor) * round(width / factor) * factor**2 < min_pixels


def test_smart_resize_equals_the_one_of_qwen_vl_utils():
    released = pytest.importorskip("qwen_vl_utils.vision_process").smart_resize
    rng = random.Random(0)
    for _ in range(2000):
        height, width, factor = rng.randint(28, 4000), rng.randint(28, 4000), rng.choice([28, 32])
        limits = {"factor": factor, "min_pixels": 4 * factor**2, "max_pixels": rng.randint(64, 16384) * factor**2}
        ours = smart_resize(height, width, **limits)
        if min(ours) > factor:  # theirs lets a side fall to nothing, ours keeps one patch
            assert ours == released(height, width, **limits)


@pytest.mark.parametrize(
    ("height", "width", "factor", "min_pixels", "max_pixels"),
    [(0, 5, 28, 1, 9), (5, -1, 28, 1, 9), (1, 201, 28, 1, 9), (9, 9, 0, 1, 9), (9, 9, 28, 9, 1), (9, 9, 28, 0, 1)],
)
def test_smart_resize_refuses_the_impossible_in_one_line(height, width, factor, min_pixels, max_pixels):
    with pytest.raises(InputError) as error:
        smart_resize(height, width, factor=factor, min_pixels=min_pixels, max_pixels=max_pixels)
    assert "found" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_box_is_scaled_by_separate_factors():
    gold = box(1207.68, 1024.92, 1351.68, 1080)
    resized = convert_box(gold, original_frame(1920, 1080), model_frame(1932, 1092))
    assert (resized.x1, resized.y1, resized.x2, resized.y2) == pytest.approx((1215.228, 1036.308, 1360.128, 1092))


def test_conversion_keeps_labels_and_reaches_unit_and_permille():
    boxes = Boxes(boxes=(box(100, 50, 200, 100, "a"), box(0, 0, 400, 200)), frame=original_frame(400, 200))
    assert convert_boxes(boxes, UNIT_FRAME) == Boxes(
        boxes=(box(0.25, 0.25, 0.5, 0.5, "a"), box(0, 0, 1, 1)), frame=UNIT_FRAME
    )
    assert convert_boxes(boxes, PERMILLE_FRAME).boxes[0] == box(250, 250, 500, 500, "a")
    point = Point(x=500, y=500, frame=PERMILLE_FRAME)
    assert convert_point(point, original_frame(400, 200)) == Point(x=200, y=100, frame=original_frame(400, 200))


sides = st.integers(1, 8192)
shares = st.floats(0, 1)
kinds = st.sampled_from(["model", "unit", "permille"])


def frame_of(kind: str, width: int, height: int) -> Frame:
    return {"unit": UNIT_FRAME, "permille": PERMILLE_FRAME}.get(kind) or model_frame(width, height)


@given(sides, sides, kinds, sides, sides, shares, shares)
@settings(deadline=None)
def test_points_and_boxes_come_back_from_every_frame(width, height, kind, model_width, model_height, u, v):
    source, target = original_frame(width, height), frame_of(kind, model_width, model_height)
    point = Point(x=u * width, y=v * height, frame=source)
    back = convert_point(convert_point(point, target), source)
    assert math.isclose(back.x, point.x, rel_tol=1e-12)
    assert math.isclose(back.y, point.y, rel_tol=1e-12)
    there = box(u * width, v * height, width, height)
    again = convert_box(convert_box(there, source, target), target, source)
    assert max(abs(again.x1 - there.x1), abs(again.y1 - there.y1), abs(again.x2 - width)) < 0.5


@given(st.integers(32, 4096), st.integers(32, 4096), shares, shares)
@settings(deadline=None)
def test_whole_model_pixels_come_back_within_half_a_model_pixel(width, height, u, v):
    new_height, new_width = smart_resize(height, width, factor=28, min_pixels=3_136, max_pixels=1_003_520)
    source, target = original_frame(width, height), model_frame(new_width, new_height)
    exact = convert_point(Point(x=u * width, y=v * height, frame=source), target)
    written = Point(x=round(exact.x), y=round(exact.y), frame=target)
    back = convert_point(written, source)
    assert abs(back.x - u * width) * new_width / width <= 0.5 + 1e-9
    assert abs(back.y - v * height) * new_height / height <= 0.5 + 1e-9


@given(st.integers(28, 4096), st.integers(28, 4096), st.integers(0, 4096), st.integers(0, 4096))
@settings(deadline=None)
def test_whole_pixels_survive_the_model_frame_exactly(width, height, x, y):
    x, y = min(x, width), min(y, height)
    new_height, new_width = smart_resize(height, width, factor=28, min_pixels=3_136, max_pixels=12_845_056)
    source = original_frame(width, height)
    back = convert_point(convert_point(Point(x=x, y=y, frame=source), model_frame(new_width, new_height)), source)
    assert (round(back.x), round(back.y)) == (x, y)


@pytest.mark.parametrize("extent", [0, -3, math.nan, math.inf])
def test_frames_without_extent_are_refused(extent):
    with pytest.raises(InputError, match="positive"):
        original_frame(extent, 10)
    broken = Frame(kind="model", width=10, height=extent)
    with pytest.raises(InputError, match="positive"):
        convert_point(Point(x=1, y=1, frame=broken), UNIT_FRAME)


IOU_VECTORS = [
    (box(0, 0, 10, 10), box(0, 0, 10, 10), 1.0),
    (box(0, 0, 10, 10), box(5, 0, 15, 10), 50 / 150),
    (box(0, 0, 10, 10), box(2, 2, 4, 4), 4 / 100),
    (box(0, 0, 10, 10), box(10, 0, 20, 10), 0.0),
    (box(0, 0, 10, 10), box(20, 20, 30, 30), 0.0),
    (box(0, 0, 1, 1), box(0.5, 0.5, 1.5, 1.5), 0.25 / 1.75),
    (box(10, 10, 0, 0), box(0, 0, 10, 10), 0.0),
    (box(0, 0, 0, 10), box(0, 0, 0, 10), 0.0),
    (box(0, 0, math.nan, 10), box(0, 0, 10, 10), 0.0),
    (box(0, 0, 1e200, 1e200), box(0, 0, 1e200, 1e200), 0.0),
]


@pytest.mark.parametrize(("a", "b", "expected"), IOU_VECTORS)
def test_iou_by_hand(a, b, expected):
    assert box_iou(a, b) == pytest.approx(expected)
    assert box_iou(b, a) == box_iou(a, b)


def make_box(x: float, y: float, w: float, h: float) -> Box:
    return box(x, y, x + w, y + h)


starts, lengths = st.floats(-2000, 2000), st.floats(0.01, 2000)
valid_boxes = st.builds(make_box, starts, starts, lengths, lengths)


@given(valid_boxes, valid_boxes, st.floats(0.1, 10), st.floats(0.1, 10))
@settings(deadline=None)
def test_iou_is_symmetric_bounded_and_the_same_in_every_frame(a, b, sx, sy):
    value = box_iou(a, b)
    assert 0 <= value <= 1
    assert value == box_iou(b, a)
    assert box_iou(a, a) == pytest.approx(1)
    source, target = original_frame(100, 100), model_frame(100 * sx, 100 * sy)
    assert box_iou(convert_box(a, source, target), convert_box(b, source, target)) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("candidate", "valid"),
    [
        (box(0, 0, 1, 1), True),
        (box(-5, -5, -1, -1), True),
        (box(1, 0, 0, 1), False),
        (box(0, 1, 1, 0), False),
        (box(0, 0, 0, 1), False),
        (box(0, 0, math.inf, 1), False),
        (box(math.nan, 0, 1, 1), False),
        (box(0, 0, 1e200, 1e200), False),
    ],
)
def test_validity(candidate, valid):
    assert is_valid_box(candidate) is valid


def test_area_centre_and_containment():
    assert box_area(box(1, 2, 4, 6)) == 12
    assert box_area(box(4, 2, 1, 6)) == 0
    assert box_center(box(1, 2, 4, 6)) == (2.5, 4)
    edge = box(10, 20, 30, 40)
    assert contains(edge, 10, 20)
    assert contains(edge, 30, 40)
    assert not contains(edge, 30.001, 40)
    assert not contains(edge, math.nan, 30)
