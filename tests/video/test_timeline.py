"""What packets say about frames: order, times, rates, and where to start decoding."""

from fractions import Fraction

import pytest

from mmrl.video import VideoRequest
from mmrl.video.timeline import decoding_runs, is_constant, make_timeline, pick_frames


def timeline(stamps, *, unit=Fraction(1, 1000), rates=(), seekable=True, keys=(), last=0):
    packets = [(stamp, last, stamp in keys) for stamp in stamps]
    return make_timeline(packets, unit=unit, rates=rates, seekable=seekable)


def test_packets_are_put_into_the_order_in_which_frames_are_shown():
    found = timeline([500, 800, 600, 700], keys=(500, 700), rates=[10.0])
    assert found.stamps_F == (500, 600, 700, 800)
    assert found.times_F == pytest.approx((0.0, 0.1, 0.2, 0.3))
    assert found.keys == (0, 2)
    assert (found.rate, found.constant) == (10.0, True)


def test_the_first_claimed_rate_that_fits_is_taken():
    stamps = [0, 33, 67, 100, 133, 167]  # 30 a second, in whole milliseconds
    assert timeline(stamps, rates=[29.0, 30.0]).rate == 29.0  # six frames do not tell them apart
    long = [round(1000 * index / 30) for index in range(90)]
    assert timeline(long, rates=[29.0, 30.0]).rate == 30.0
    assert timeline(long, rates=[]).rate == pytest.approx(30.0, rel=1e-3)


def test_a_varying_rate_is_the_average():
    found = timeline([0, 100, 200, 1000, 1900], rates=[10.0], last=600)
    assert not found.constant
    assert found.rate == pytest.approx(5 / 2.5)


def test_a_last_frame_of_unknown_length_is_as_long_as_most():
    assert timeline([0, 100, 200, 1000], rates=[]).rate == pytest.approx(4 / 1.1)  # gaps 100, 100, 800
    assert timeline([7], rates=[]).rate == 1.0


def test_equal_stamps_leave_the_claimed_rate_and_no_seeking():
    found = timeline([0, 0, 100, 200], rates=[10.0], keys=(0,))
    assert found.times_F == pytest.approx((0.0, 0.1, 0.2, 0.3))
    assert found.keys == ()
    assert timeline([0, 100], seekable=False, keys=(0,)).keys == ()


def test_constant_means_within_half_a_frame():
    assert is_constant([0.0, 0.149, 0.2], 10.0)
    assert not is_constant([0.0, 0.151, 0.2], 10.0)
    assert not is_constant([0.0, 0.1], 0.0)


def test_a_constant_clip_gives_numbers_and_their_own_times():
    picks = pick_frames(timeline([0, 101, 199, 300], rates=[10.0]), VideoRequest(num_frames=2), where="clip")
    assert picks.indices == (0, 3)
    assert picks.times == pytest.approx((0.0, 0.3))
    assert picks.span_frames == 4


def test_a_varying_clip_gives_what_is_on_screen_at_even_times():
    # On screen: frame 0 until 3 s, then 1, 2, 3 for a second each, then 4 and 5; eight frames in 8 s, so 1 a second.
    clip = timeline([0, 3000, 4000, 5000, 6000, 6100, 6200, 6300], rates=[10.0], last=1700)
    assert clip.rate == 1.0
    picks = pick_frames(clip, VideoRequest(num_frames=8), where="clip")
    assert picks.times == (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    assert picks.indices == (0, 0, 0, 1, 2, 3, 4, 7)
    part = pick_frames(clip, VideoRequest(num_frames=2, start=2.5, end=6.5), where="clip")
    assert (part.indices, part.times, part.span_frames) == ((1, 4), (3.0, 6.0), 4)


def test_times_rounded_up_to_a_millisecond_still_belong_to_their_frame():
    clip = timeline([0, 667, 1334, 9000], rates=[], last=1)  # 4 frames in 9.001 s: moments are 2.25025 s apart
    assert not clip.constant
    late = timeline([0, 2251, 4000, 9000], rates=[], last=1)
    assert pick_frames(late, VideoRequest(num_frames=4), where="clip").indices == (0, 1, 2, 2)


@pytest.mark.parametrize(
    ("wanted", "keys", "runs"),
    [
        ([0, 50, 99], [0, 40, 80], [(0, [0]), (40, [50]), (80, [99])]),
        ([0, 10, 41], [0, 40, 80], [(0, [0, 10]), (40, [41])]),
        ([0, 20, 41], [0, 40, 80], [(0, [0, 20, 41])]),  # 20 frames are decoded rather than left out
        ([99, 50, 50], [], [(0, [50, 99])]),
        ([99], [0], [(0, [99])]),
        ([90, 95], [0, 40, 80], [(80, [90, 95])]),
        ([30], [0, 12, 24], [(0, [30])]),
        ([5], [10, 40], [(0, [5])]),  # before the first key frame
    ],
)
def test_only_long_stretches_are_left_out(wanted, keys, runs):
    assert decoding_runs(wanted, keys) == runs
