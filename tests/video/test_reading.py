"""Reading real files: which frames come out, when they are, and what is refused."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from mmrl.errors import InputError
from mmrl.video import VideoRequest, read_video
from mmrl.video.by_pyav import turn_upright
from tests.video.clips import (
    numbered,
    numbers_of,
    set_display_matrix,
    trim_without_encoding,
    write_clip,
    write_sound,
)

SMALL = {"min_pixels": 784, "max_pixels": 8 * 784}


def request(**options) -> VideoRequest:
    return VideoRequest(**SMALL, **options)


QUIET_HEVC = {"x265-params": "log-level=none:pools=1"}
CONTAINERS = [
    ("a.mp4", "libx264", {}),
    ("open.mp4", "libx264", {"x264-params": "open-gop=1:bframes=3"}),
    ("refresh.mp4", "libx264", {"x264-params": "intra-refresh=1"}),
    ("hevc.mp4", "libx265", QUIET_HEVC),
    ("a.mkv", "libx264", {}),
    ("a.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
    ("a.ts", "libx264", {}),
    ("a.flv", "libx264", {}),
    ("stored_out_of_order.avi", "libx264", {}),
    ("a.avi", "mpeg4", {}),
    ("a.mpg", "mpeg2video", {}),
]


@pytest.mark.parametrize(("name", "codec", "options"), CONTAINERS, ids=[row[0] for row in CONTAINERS])
def test_each_frame_is_the_one_that_its_number_and_time_say(tmp_path, name, codec, options):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    path = write_clip(tmp_path / name, 100, codec=codec, options=options)
    for wanted in (request(num_frames=4), request(fps=6.0), request(num_frames=100)):
        clip = read_video(path, wanted)
        assert numbers_of(clip.frames_FHWC) == list(clip.indices)
        assert clip.times == pytest.approx([index / 30 for index in clip.indices], abs=0.001)
        assert (clip.source_frames, clip.source_fps, clip.span_frames) == (100, 30.0, 100)
    # The last had every frame; what seeking gave is the same to the last bit.
    assert clip.indices == tuple(range(100))
    sparse = read_video(path, request(num_frames=4))
    np.testing.assert_array_equal(sparse.frames_FHWC, clip.frames_FHWC[list(sparse.indices)])


def test_a_clip_says_where_it_comes_from(tmp_path):
    path = write_clip(tmp_path / "a.mp4", 50, fps=Fraction(30000, 1001))
    clip = read_video(path, request(start=0.5, end=1.5, fps=3.0))
    assert clip.frames_FHWC.shape == (4, 56, 112, 3)
    assert (clip.width, clip.height, clip.reader) == (128, 64, "pyav")
    assert clip.source_fps == pytest.approx(30000 / 1001)
    # Frames 15 (0.5005 s) to 44 (1.468 s): 30 of them, 3.003 wanted, at least 4 taken.
    assert numbers_of(clip.frames_FHWC) == [15, 25, 34, 44]
    assert clip.sample_fps == pytest.approx(4 / 30 * 30000 / 1001)
    assert clip.metadata()["total_num_frames"] == 30
    assert clip.metadata()["frames_indices"] == [15, 25, 34, 44]


def test_frames_are_as_large_as_the_request_and_the_factor_say(tmp_path):
    path = write_clip(tmp_path / "a.mp4", 12)
    assert read_video(path).frames_FHWC.shape == (4, 224, 448, 3)  # 128 * 784 pixels exactly
    assert read_video(path, request(), factor=32).frames_FHWC.shape[1:3] == (32, 96)


@pytest.mark.parametrize("name", ["varying.mp4", "varying.mkv"])
def test_a_varying_rate_keeps_true_times(tmp_path, name):
    stamps = [0, 3000, 4000, 5000, 6000, 6100, 6200, 6300, 6400, 9900]  # milliseconds
    path = write_clip(tmp_path / name, 10, stamps=stamps)
    clip = read_video(path, request(num_frames=10))
    # Ten frames in a little over 9.9 s: moments 0.99 s apart, at each of which one frame is on screen.
    assert clip.times == pytest.approx([0.993 * step for step in range(10)], abs=0.03)
    assert numbers_of(clip.frames_FHWC) == list(clip.indices) == [0, 0, 0, 0, 1, 2, 3, 8, 8, 8]
    from transformers.video_utils import VideoMetadata

    assert VideoMetadata(**clip.metadata()).timestamps == pytest.approx(clip.times)


def test_a_clip_cut_by_an_edit_list_starts_where_it_is_shown(tmp_path):
    whole = write_clip(tmp_path / "whole.mp4", 60)
    clip = read_video(trim_without_encoding(whole, tmp_path / "part.mp4", Fraction(10, 30)), request(num_frames=4))
    assert clip.source_frames == 50
    assert numbers_of(clip.frames_FHWC) == [10, 26, 43, 59]
    assert clip.times == pytest.approx([0, 16 / 30, 33 / 30, 49 / 30])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_where_decoding_cannot_start_at_a_key_frame_it_starts_at_the_beginning(tmp_path, name):
    # Without whole key frames: a part of each frame is renewed, and after a seek the first frames are not to be had.
    options = {"x264-params": "intra-refresh=1:bframes=0:scenecut=0:keyint=60"}
    path = write_clip(tmp_path / name, 200, size=(512, 256), group=60, options=options)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        keys = [packet.pts for packet in container.demux(stream) if packet.is_keyframe]
        assert len(keys) == 4
        container.seek(keys[1], stream=stream)
        first = next(container.decode(stream))
        assert (first.pts - keys[1]) * stream.time_base > Fraction(6, 30)
    assert numbers_of(read_video(path, request(num_frames=4)).frames_FHWC) == [0, 66, 133, 199]


def test_only_needed_stretches_are_decoded(tmp_path):
    path = write_clip(tmp_path / "a.mp4", 200, group=50, options={"x264-params": "scenecut=0:bframes=0"})
    with av.open(str(path)) as container:
        places = [(entry.pos, entry.size) for entry in container.streams.video[0].index_entries]
    data = bytearray(path.read_bytes())
    for position, size in places[60:95]:
        data[position : position + size] = bytes(size)
    path.write_bytes(data)
    assert numbers_of(read_video(path, request(num_frames=2)).frames_FHWC) == [0, 199]
    assert numbers_of(read_video(path, request(num_frames=2, start=100 / 30, end=5)).frames_FHWC) == [100, 150]
    with pytest.raises(InputError, match="damaged"):
        read_video(path, request(num_frames=4))


# ---------------------------------------------------------------------------------------------------- orientation


def corner(width: int, height: int) -> np.ndarray:
    """Black with a white corner above left and a grey one above right."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[: height // 2, : width // 2] = 255
    picture[: height // 2, width // 2 :] = 128
    return picture


UPRIGHT = [
    ((1, 0, 0, 1), [[2, 1], [0, 0]]),
    ((0, 1, -1, 0), [[0, 2], [0, 1]]),  # a quarter turn clockwise
    ((-1, 0, 0, -1), [[0, 0], [1, 2]]),
    ((0, -1, 1, 0), [[1, 0], [2, 0]]),  # a quarter turn the other way
    ((-1, 0, 0, 1), [[1, 2], [0, 0]]),  # as in a mirror
    ((1, 0, 0, -1), [[0, 0], [2, 1]]),
    ((0, 1, 1, 0), [[2, 0], [1, 0]]),
    ((0, -1, -1, 0), [[0, 1], [0, 2]]),
]


@pytest.mark.parametrize(("matrix", "expected"), UPRIGHT)
def test_frames_are_turned_upright(tmp_path, matrix, expected):
    path = tmp_path / "held.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 80, "yuv420p"
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(corner(160, 80), "rgb24")))
        container.mux(stream.encode())
    clip = read_video(set_display_matrix(path, *matrix), request())
    turned = matrix[0] == 0
    assert (clip.width, clip.height) == ((80, 160) if turned else (160, 80))
    _, height, width, _ = clip.frames_FHWC.shape
    assert (height > width) == turned
    for frame in clip.frames_FHWC:
        quarters = [[frame[height * y // 4, width * x // 4].mean() for x in (1, 3)] for y in (1, 3)]
        assert np.round(np.array(quarters) / 127).astype(int).tolist() == expected
    np.testing.assert_array_equal(turn_upright(corner(4, 2), (1, 0, 0, 1)), corner(4, 2))


# ---------------------------------------------------------------------------------------------------- other sizes


def test_short_clips(tmp_path):
    three = read_video(write_clip(tmp_path / "three.mp4", 3), request())
    assert numbers_of(three.frames_FHWC) == [0, 2]
    with pytest.raises(InputError, match=r"at least 2 frames; found 1 .*one\.mp4"):
        read_video(write_clip(tmp_path / "one.mp4", 1), request())
    with pytest.raises(InputError, match=r"found 3, asked for 8; .*three\.mp4"):
        read_video(tmp_path / "three.mp4", request(num_frames=8))


def test_odd_sizes(tmp_path):
    clip = read_video(write_clip(tmp_path / "odd.mp4", 30, size=(127, 65)), request())
    assert (clip.width, clip.height) == (127, 65)
    assert numbers_of(clip.frames_FHWC) == [0, 10, 19, 29]


def test_frames_agree_with_decord(tmp_path):
    decord = pytest.importorskip("decord")
    path = write_clip(tmp_path / "a.mp4", 90, fps=25)
    reader = decord.VideoReader(str(path), num_threads=1)
    clip = read_video(path, request())
    assert (len(reader), reader.get_avg_fps()) == (clip.source_frames, clip.source_fps)
    theirs = numbers_of(reader.get_batch(list(clip.indices)).asnumpy())
    assert theirs == numbers_of(clip.frames_FHWC)
    starts = reader.get_frame_timestamp(list(clip.indices))[:, 0]
    assert clip.times == pytest.approx(starts, abs=1 / 25)


# ---------------------------------------------------------------------------------------------------- refusals


def refusal(path: Path, *words: str) -> None:
    with pytest.raises(InputError) as error:
        read_video(path, request())
    text = str(error.value)
    assert "\n" not in text
    for word in (*words, str(path)):
        assert word in text, text


def test_no_file(tmp_path):
    refusal(tmp_path / "absent.mp4", "found nothing")
    refusal(tmp_path, "found something else")


def test_files_without_moving_pictures(tmp_path):
    (tmp_path / "empty.mp4").touch()
    refusal(tmp_path / "empty.mp4", "an empty file")
    (tmp_path / "text.mp4").write_text("no video at all\n" * 100)
    refusal(tmp_path / "text.mp4")
    (tmp_path / "notes.txt").write_text("no video at all\n" * 100)
    refusal(tmp_path / "notes.txt", "or gif file")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    refusal(tmp_path / "list.m3u8")
    from PIL import Image

    Image.fromarray(numbered(3)).save(tmp_path / "still.png")
    refusal(tmp_path / "still.png", "or gif file")
    refusal(write_sound(tmp_path / "sound.m4a"), "no moving picture in it (audio)")
    refusal(write_sound(tmp_path / "album.mp4", cover=True), "no moving picture in it (audio, video)")


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv", "cut.webm", "cut.avi"])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_truncated_files(tmp_path, name, share):
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    options = {"deadline": "realtime", "cpu-used": "8"} if codec == "libvpx-vp9" else {}
    path = write_clip(tmp_path / name, 100, codec=codec, options=options)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refusal(path)


def test_a_file_cut_off_before_its_index(tmp_path):
    path = trim_without_encoding(write_clip(tmp_path / "a.mp4", 60), tmp_path / "index_last.mp4", Fraction(0))
    path.write_bytes(path.read_bytes()[:-200])
    refusal(path, "a damaged one")


def test_damaged_frames(tmp_path):
    path = write_clip(tmp_path / "a.mp4", 60, group=60)
    with av.open(str(path)) as container:
        sizes = [(entry.pos, entry.size) for entry in container.streams.video[0].index_entries]
    data = bytearray(path.read_bytes())
    for position, size in sizes[20:]:
        data[position : position + size] = b"\xff" * size
    path.write_bytes(data)
    refusal(path, "a damaged one")


def test_importing_needs_neither_torch_nor_a_decoder():
    program = "import sys, mmrl.video; print(sorted({'torch', 'av', 'decord', 'transformers'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
