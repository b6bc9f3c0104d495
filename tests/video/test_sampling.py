"""Frame numbers and frame sizes: hand-computed values, and equality with qwen-vl-utils."""

import random

import pytest

from mmrl.errors import InputError
from mmrl.video import VideoRequest, frame_indices, frame_size


@pytest.mark.parametrize(
    ("frames", "rate", "options", "count"),
    [
        (300, 30, {}, 20),
        (30, 30, {}, 4),
        (1800, 30, {}, 120),
        (12500, 25, {}, 768),
        (3, 30, {}, 2),
        (300, 30, {"max_frames": 16}, 16),
        (300, 30, {"max_frames": 17}, 16),
        (300, 30, {"fps": 1.1}, 10),  # 11 frames, rounded down
        (300, 30, {"fps": 0.1, "min_frames": 5}, 6),
        (300, 30, {"max_frames": 2}, 2),  # prevails over min_frames
        (300, 30, {"num_frames": 7}, 8),  # ties go to the multiple of 4
        (300, 30, {"num_frames": 5}, 4),
        (300, 30, {"start": 2.0, "end": 4.0}, 4),  # frames 60 to 120: 61 / 30 * 2 = 4.07
    ],
)
def test_number_of_frames(frames, rate, options, count):
    assert len(frame_indices(frames, rate, VideoRequest(**options))) == count


def test_frames_are_evenly_spaced_from_first_to_last():
    assert frame_indices(10, 10, VideoRequest(num_frames=4)) == [0, 3, 6, 9]
    assert frame_indices(8, 10, VideoRequest(num_frames=4)) == [0, 2, 5, 7]  # 0, 2.33, 4.67, 7
    assert frame_indices(6, 10, VideoRequest(num_frames=6)) == [0, 1, 2, 3, 4, 5]


def test_a_window_counts_frames_inside_it():
    request = VideoRequest(num_frames=4, start=1.05, end=1.95)
    assert frame_indices(100, 10, request) == [11, 14, 16, 19]  # 11, 13.67, 16.33, 19
    beyond = VideoRequest(num_frames=2, start=-3.0, end=1000.0)
    assert frame_indices(100, 10, beyond) == [0, 99]


def test_counts_equal_qwens_on_many_clips():
    qwen = pytest.importorskip("qwen_vl_utils.vision_process")
    generator = random.Random(0)
    refused = 0
    for _ in range(3000):
        total, rate = generator.randint(1, 4000), generator.choice([1.0, 10.0, 23.976, 25.0, 29.97, 30.0, 60.0])
        if generator.random() < 0.3:
            options = {"num_frames": generator.randint(2, 40)}
        else:
            options = {"fps": generator.choice([0.5, 1.0, 2.0, 3.3]), "max_frames": generator.choice([2, 7, 16, 768])}
            options["min_frames"] = generator.choice([1, 4, 5])
        theirs = {"nframes" if name == "num_frames" else name: value for name, value in options.items()}
        try:
            expected = qwen.smart_nframes(theirs, total_frames=total, video_fps=rate)
        except ValueError:
            refused += 1
            with pytest.raises(InputError):
                frame_indices(total, rate, VideoRequest(**options))
        else:
            assert len(frame_indices(total, rate, VideoRequest(**options))) == expected, (total, rate, options)
    assert 0 < refused < 300


def test_positions_and_windows_equal_qwens():
    qwen = pytest.importorskip("qwen_vl_utils.vision_process")
    torch = pytest.importorskip("torch")
    generator = random.Random(1)
    for _ in range(500):
        total, rate = generator.randint(40, 3000), generator.choice([10.0, 25.0, 30.0])
        start, end = generator.uniform(-1, total / rate * 0.4), generator.uniform(total / rate * 0.6, total / rate + 1)
        first, last, available = qwen.calculate_video_frame_range({"video_start": start, "video_end": end}, total, rate)
        count = qwen.smart_nframes({"fps": 2.0}, total_frames=available, video_fps=rate)
        found = frame_indices(total, rate, VideoRequest(start=start, end=end))
        exact = [first + (last - first) * step / (count - 1) for step in range(count)]
        expected = torch.linspace(first, last, count).round().long().tolist()
        for position, ours, theirs in zip(exact, found, expected, strict=True):
            # There a place halfway between two frames can fall to either side, in 32-bit floats.
            assert ours == theirs or abs(position % 1 - 0.5) < 1e-3, (position, ours, theirs)


@pytest.mark.parametrize(
    ("height", "width", "frames", "options", "size"),
    [
        (720, 1280, 16, {"max_pixels": 128 * 784}, (224, 420)),
        (720, 1280, 16, {"max_pixels": 256 * 784}, (336, 588)),
        (256, 256, 16, {"max_pixels": 128 * 784}, (252, 252)),
        (1080, 1920, 16, {}, (560, 1008)),
        (50, 50, 4, {}, (336, 336)),  # enlarged to at least 128 * 784 pixels
        (50, 50, 4, {"min_pixels": 1}, (56, 56)),
        (50, 50, 4, {"max_pixels": 10 * 784}, (56, 56)),  # below the default lower limit
    ],
)
def test_frame_size(height, width, frames, options, size):
    assert frame_size(height, width, frames, VideoRequest(**options)) == size


def test_many_frames_share_the_budget_of_a_clip():
    # 2 * 0.9 * 128000 * 784 / 768 = 235,200 pixels; 720p at that: 364 x 636 before rounding down.
    height, width = frame_size(720, 1280, 768, VideoRequest())
    assert (height, width) == (336, 644)
    # Never below 1.05 * min_pixels, which then is what holds.
    assert frame_size(720, 1280, 768, VideoRequest(min_pixels=400 * 784)) == (420, 756)


@pytest.mark.parametrize("factor", [28, 32])
def test_sizes_equal_qwens(factor):
    qwen = pytest.importorskip("qwen_vl_utils.vision_process")
    square, generator = factor * factor, random.Random(2)
    for _ in range(2000):
        height, width = generator.randint(40, 2200), generator.randint(40, 2200)
        frames, low = generator.choice([2, 16, 100, 400, 768]), generator.choice([16, 128, 256]) * square
        limit = max(min(768 * square, 128000 * square * 0.9 / frames * 2), int(low * 1.05))
        asked = generator.choice([None, 300, 600, 5000])
        high = limit if asked is None else min(limit, asked * square)
        expected = qwen.smart_resize(height, width, factor=factor, min_pixels=low, max_pixels=high)
        request = VideoRequest(min_pixels=low, max_pixels=None if asked is None else asked * square)
        assert frame_size(height, width, frames, request, factor) == expected, (height, width, frames, low, asked)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"fps": 2.0, "num_frames": 4}, "not both"),
        ({"fps": 0.0}, "above 0"),
        ({"fps": float("nan")}, "above 0"),
        ({"fps": float("inf")}, "above 0"),
        ({"num_frames": 1}, "at least 2 frames"),
        ({"min_frames": 0}, "min_frames >= 1"),
        ({"max_frames": 1}, "max_frames >= 2"),
        ({"min_pixels": 10, "max_pixels": 9}, "min_pixels <= max_pixels"),
        ({"max_pixels": 0}, "min_pixels <= max_pixels"),
        ({"start": 3.0, "end": 3.0}, "start before end"),
        ({"end": 0.0}, "start before end"),
        ({"start": float("nan")}, "finite seconds"),
    ],
)
def test_impossible_requests_are_refused(options, word):
    with pytest.raises(InputError, match=word) as error:
        VideoRequest(**options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("frames", "options", "words"),
    [
        (1, {}, ["at least 2 frames", "found 1", "at here.mp4"]),
        (0, {}, ["found 0"]),
        (100, {"start": 50.0}, ["found 0", "from 50.0"]),
        (100, {"start": 1.01, "end": 1.19}, ["found 1"]),
        (9, {"num_frames": 10}, ["found 9", "asked for 10", "at here.mp4"]),
    ],
)
def test_too_few_frames_are_refused(frames, options, words):
    with pytest.raises(InputError) as error:
        frame_indices(frames, 10.0, VideoRequest(**options), where="here.mp4")
    assert all(word in str(error.value) for word in words), error.value
    assert "\n" not in str(error.value)


def test_sizes_that_cannot_be_are_refused():
    for arguments in ((10, 3000, 4), (0, 10, 4)):
        with pytest.raises(InputError):
            frame_size(*arguments, VideoRequest())
    with pytest.raises(InputError, match="factor"):
        frame_size(10, 10, 4, VideoRequest(), 0)
