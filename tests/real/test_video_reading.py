"""Real clips: held in every way, stored out of order, with several streams, damaged, and a long screen recording."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmrl.errors import InputError
from mmrl.video import VideoRequest, read_video
from mmrl.video.readers import reader_state

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


TURNED = tuple(f"video_{degrees}.mov" for degrees in (0, 90, 180, 270))
CLIPS = ("action_demo.mp4", "nasa_13013.mp4", "unordered.mov", *TURNED)


@pytest.mark.parametrize("reader", ["torchcodec", "decord"])
@pytest.mark.parametrize("name", CLIPS)
def test_all_readers_agree(cases, name, reader):
    state = reader_state(reader)
    if not state.works:
        pytest.skip(f"{reader} does not read video here: {state.fault}")
    for wanted in (
        VideoRequest(**PLAIN),
        VideoRequest(num_frames=2, **PLAIN),
        VideoRequest(fps=100.0, max_frames=60, **PLAIN),
    ):
        ours = read_video(cases / name, wanted, reader="pyav")
        theirs = read_video(cases / name, wanted, reader=reader, timeout_s=120)
        assert theirs.reader == reader
        assert (theirs.indices, theirs.times, theirs.width, theirs.height) == (
            ours.indices,
            ours.times,
            ours.width,
            ours.height,
        )
        assert np.abs(theirs.frames_FHWC.astype(int) - ours.frames_FHWC).max() <= 3


@pytest.mark.parametrize("reader", ["auto", "pyav", "torchcodec", "decord"])
def test_the_damaged_clip_is_refused_by_all(cases, reader):
    if reader != "auto" and not reader_state(reader).works:
        pytest.skip(f"{reader} does not read video here: {reader_state(reader).fault}")
    with pytest.raises(InputError, match=r"a video must be readable; found a damaged one .*corrupted\.mp4"):
        read_video(cases / "corrupted.mp4", reader=reader, timeout_s=120)


def test_frames_and_sizes_are_those_of_qwen_vl_utils(cases):
    """Its own functions, with the reader that works here, on a real clip."""
    vision = pytest.importorskip("qwen_vl_utils.vision_process")
    pytest.importorskip("decord")
    path = cases / "action_demo.mp4"
    for fps, factor in ((2.0, 28), (4.0, 28), (2.0, 32)):
        asked = {"video": str(path), "fps": fps}
        _, metadata, rate = vision._read_video_decord(asked)
        clip = read_video(path, VideoRequest(fps=fps), factor=factor)
        assert list(clip.indices) == list(metadata["frames_indices"])
        assert clip.sample_fps == pytest.approx(rate)
        theirs = vision.fetch_video(asked, image_patch_size=factor // 2)
        ours = clip.frames_FHWC.transpose(0, 3, 1, 2)
        assert ours.shape == tuple(theirs.shape)
        apart = np.abs(ours - theirs.numpy())
        assert apart.mean() < 0.5
        assert apart.max() <= 16  # at hard edges: it does not round between its two passes
