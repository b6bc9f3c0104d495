"""Real clips: held in every way, stored out of order, with several streams, damaged, and a long screen recording."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmrl.errors import InputError
from mmrl.video import VideoRequest, read_video

PLAIN = {"min_pixels": 784, "max_pixels": 128 * 784}


@pytest.fixture(scope="session")
def cases(shared_data: Path) -> Path:
    return shared_data / "video" / "decoder_cases"


@pytest.mark.parametrize(
    ("name", "frames", "rate", "size", "count"),
    [
        ("action_demo.mp4", 280, 28.0, (340, 256), 20),
        ("nasa_13013.mp4", 390, 30000 / 1001, (480, 270), 26),  # the larger of two video streams
        ("unordered.mov", 4, 32.0, (50, 50), 4),
        ("video_0.mov", 3, 30.0, (568, 320), 2),
        ("video_90.mov", 3, 30.0, (320, 568), 2),
        ("video_180.mov", 3, 30.0, (568, 320), 2),
        ("video_270.mov", 3, 30.0, (320, 568), 2),
    ],
)
def test_sound_clips(cases, name, frames, rate, size, count):
    decord = pytest.importorskip("decord")
    clip = read_video(cases / name, VideoRequest(**PLAIN))
    assert (clip.source_frames, (clip.width, clip.height), len(clip.indices)) == (frames, size, count)
    assert clip.source_fps == pytest.approx(rate)
    assert clip.times == pytest.approx([index / rate for index in clip.indices])
    assert (clip.indices[0], clip.indices[-1]) == (0, frames - 1)
    # decord gives the same pictures, upright as well; colours may differ by the rounding of the conversion.
    reader = decord.VideoReader(str(cases / name), num_threads=1)
    assert len(reader) == frames
    height, width = clip.frames_FHWC.shape[1:3]
    for ours, theirs in zip(clip.frames_FHWC, reader.get_batch(list(clip.indices)).asnumpy(), strict=True):
        resized = np.asarray(Image.fromarray(theirs).resize((width, height), Image.Resampling.BICUBIC))
        assert np.abs(ours.astype(int) - resized).mean() < 3


def test_unordered_frames_come_in_the_order_in_which_they_are_shown(cases):
    clip = read_video(cases / "unordered.mov", VideoRequest(**PLAIN))
    assert clip.indices == (0, 1, 2, 3)
    assert clip.times == (0.0, 1 / 32, 2 / 32, 3 / 32)


def test_a_damaged_clip_is_refused_where_damaged_frames_are_needed(cases):
    with pytest.raises(InputError, match=r"damaged one .*corrupted\.mp4") as error:
        read_video(cases / "corrupted.mp4")
    assert "\n" not in str(error.value)
    sound = read_video(cases / "corrupted.mp4", VideoRequest(end=2.0, **PLAIN))
    assert sound.indices == (0, 7, 13, 20)


def test_seeking_in_a_long_recording_gives_the_same_frames(shared_data):
    path = shared_data / "video" / "desktop_recording" / "recording.mp4"
    sparse = read_video(path, VideoRequest(num_frames=6, **PLAIN))
    # 3,678 frames in 122.667 s where 30 a second would be 3,680: two are missing, so moments and not numbers are even.
    assert (sparse.source_frames, sparse.duration) == (3678, pytest.approx(122.667, abs=0.001))
    assert np.diff(sparse.times) == pytest.approx(np.full(5, 122.667 / 3678 * 735.4), abs=0.04)
    # Around one of them every frame is decoded one after the other, from the key frame before.
    second, number = sparse.times[2], sparse.indices[2]
    # An even number of frames is taken, so one of the part may be left out: not that one in every part.
    parts = (VideoRequest(start=second - 0.2, end=second + after, fps=60, **PLAIN) for after in (0.2, 0.24, 0.28))
    near = next(clip for part in parts if number in (clip := read_video(path, part)).indices)
    assert max(np.diff(near.indices)) <= 2
    np.testing.assert_array_equal(near.frames_FHWC[near.indices.index(number)], sparse.frames_FHWC[2])
