"""Scripts: schedules, places and poses, by rules that hold for every one of them."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets_builders.video import VideoConfig, video_examples
from datasets_builders.video.schedule import Need, pulses, schedule, ticks_needed
from datasets_builders.video.script import Actor, Event, Look, Script
from mmrl.errors import InputError
from mmrl.types import Interval

needs = st.lists(
    st.builds(lambda least, more: Need(least, least + more), st.integers(1, 5), st.integers(0, 9)), min_size=1
)


@given(needs, st.integers(0, 60), st.integers(0, 2**32))
def test_events_are_apart_and_as_long_as_they_may_be(wanted, spare, seed):
    ticks = ticks_needed(wanted) + spare
    stretches = schedule(wanted, ticks, Random(seed))
    assert [need.least <= end - start <= need.most for need, (start, end) in zip(wanted, stretches, strict=True)] == [
        True
    ] * len(wanted)
    edges = [0, *(edge for stretch in stretches for edge in stretch), ticks]
    assert all(after - before >= 1 for before, after in zip(edges[::2], edges[1::2], strict=True))  # the calm between


@given(st.integers(1, 6), st.integers(0, 9), st.integers(0, 2**32))
def test_pulses_fill_their_stretch_and_are_apart(count, spare, seed):
    stretch = (3, 3 + 2 * count - 1 + (spare if count > 1 else 0))
    found = pulses(stretch, count, Random(seed))
    assert len(found) == count
    assert (found[0][0], found[-1][1]) == stretch
    assert all(end - start == 1 for start, end in found)
    assert all(later[0] > sooner[1] for sooner, later in pairwise(found))


def script(*events: Event) -> Script:
    actors = (Actor(Look("red", "circle"), 20, (30, 30)), Actor(Look("blue", "star"), 20, (80, 30)))
    return Script(width=112, height=112, fps=4, frames=16, tick=2, actors=actors, events=events, paper=1)


def test_a_movement_is_seen_from_its_first_frame_and_done_in_its_last():
    one = script(Event(kind="move", stretches=((4, 8),), actor=0, direction="down", path=40))
    tops = [one.pose(0, frame).rect.y for frame in range(10)]
    assert tops == [20, 20, 20, 20, 30, 40, 50, 60, 60, 60]
    assert one.intervals(one.events[0]).intervals == (Interval(start=1.0, end=2.0),)


def test_a_collision_moves_the_second_shape_only_once_they_touch():
    bump = Event(
        kind="bump", stretches=((2, 8),), actor=0, other=1, direction="right", path=30, contact=5, other_path=12
    )
    one = script(bump)
    rights = [one.pose(0, frame).rect.right for frame in range(9)]
    lefts = [one.pose(1, frame).rect.x for frame in range(9)]
    assert rights == [40, 40, 50, 60, 70, 70, 70, 70, 70]
    assert lefts == [70, 70, 70, 70, 70, 74, 78, 82, 82]


def test_states_hold_in_their_stretches_alone():
    one = script(
        Event(kind="hide", stretches=((2, 4), (10, 12)), actor=0),
        Event(kind="recolor", stretches=((4, 8),), actor=1, to="green"),
        Event(kind="counter", stretches=((12, 15),), first=3, pulses=((12, 13), (14, 15))),
    )
    assert [frame for frame in range(16) if not one.pose(0, frame).visible] == [2, 3, 10, 11]
    assert [frame for frame in range(16) if one.pose(1, frame).look.color == "green"] == [4, 5, 6, 7]
    assert [one.counter(frame) for frame in (11, 12, 13, 14, 15)] == [3, 4, 4, 5, 5]


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 2**16))
def test_shapes_stay_in_the_picture_and_off_one_another(seed):
    config = VideoConfig(count=12, seed=seed, width=160, height=112, seconds=10, max_events=4, min_events=4)
    for draft in video_examples(config):
        one = draft.script
        for frame in range(one.frames):
            rects = [pose.rect for index in range(len(one.actors)) if (pose := one.pose(index, frame)).visible]
            for index, rect in enumerate(rects):
                assert rect.x >= 0
                assert rect.y >= -1  # a swollen or hopping shape may stand on the edge's pixel
                assert rect.right <= one.width
                assert rect.bottom <= one.height - one.band
                assert all(rect.is_clear_of(other, -2) for other in rects[:index])  # touching, to a pixel each


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 113}, "must be even, as video codecs want it; found 113; use 114"),
        ({"seconds": 4, "max_events": 3}, "3 events need clips of at least 5 seconds; found seconds 4"),
        ({"min_events": 4, "max_events": 3}, "min_events must be at most max_events; found 4 and 3"),
        ({"tasks": ["video/locate"]}, "did you mean 'video/"),
        ({"fps": 1}, "fps: must be greater than or equal to 2; found 1"),
    ],
)
def test_wrong_options_are_told_in_one_line(options, words):
    with pytest.raises(InputError, match=words) as error:
        VideoConfig(**options)
    assert "\n" not in str(error.value)
