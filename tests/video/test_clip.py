"""Clips of decoded frames, and what processors of transformers make of a clip."""

import numpy as np
import pytest
from PIL import Image

from mmrl.errors import InputError
from mmrl.video import VideoClip, VideoRequest, clip_of_frames
from tests.video.clips import numbered, numbers_of

SMALL = {"min_pixels": 784, "max_pixels": 8 * 784}


def decoded(count: int, **options) -> VideoClip:
    request = VideoRequest(**SMALL, **options)
    return clip_of_frames([numbered(number) for number in range(count)], fps=5.0, request=request)


def test_every_decoded_frame_is_kept():
    clip = decoded(7)
    assert numbers_of(clip.frames_FHWC) == list(range(7))
    assert clip.indices == tuple(range(7))
    assert clip.times == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2])
    assert (clip.sample_fps, clip.duration, clip.width, clip.height) == (5.0, 1.4, 128, 64)
    assert clip.frames_FHWC.shape == (7, 56, 112, 3)
    assert clip.frames_FHWC.dtype == np.uint8


def test_decoded_frames_are_sampled_where_that_is_asked():
    assert numbers_of(decoded(10, num_frames=4).frames_FHWC) == [0, 3, 6, 9]
    assert decoded(50, fps=1.0).indices == (0, 5, 11, 16, 22, 27, 33, 38, 44, 49)
    part = decoded(50, start=2.0, end=3.0)
    assert part.indices == (10, 11, 12, 13, 14, 15)
    assert part.times == pytest.approx((2.0, 2.2, 2.4, 2.6, 2.8, 3.0))
    assert (part.span_frames, part.source_frames) == (6, 50)


def test_pictures_and_arrays_give_the_same_clip():
    arrays = np.stack([numbered(number) for number in range(4)])
    pictures = [Image.fromarray(array) for array in arrays]
    from_arrays, from_pictures = clip_of_frames(arrays, fps=2.0), clip_of_frames(pictures, fps=2.0)
    np.testing.assert_array_equal(from_arrays.frames_FHWC, from_pictures.frames_FHWC)
    clear = [picture.convert("RGBA") for picture in pictures]
    np.testing.assert_array_equal(clip_of_frames(clear, fps=2.0).frames_FHWC, from_pictures.frames_FHWC)


def test_frames_are_resized_as_torchvision_does_for_qwen():
    torch = pytest.importorskip("torch")
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.functional import resize

    # Of middling brightness: Pillow clips between its two passes, where black beside white overshoots.
    noise = np.random.default_rng(0).integers(80, 176, (4, 90, 160, 3), dtype=np.uint8)
    for request in (VideoRequest(), VideoRequest(**SMALL)):  # enlarged, made smaller
        ours = clip_of_frames(noise, fps=2.0, request=request).frames_FHWC
        size = list(ours.shape[1:3])
        tensor = torch.from_numpy(noise).permute(0, 3, 1, 2)
        theirs = resize(tensor, size, interpolation=InterpolationMode.BICUBIC, antialias=True).permute(0, 2, 3, 1)
        assert np.abs(theirs.numpy().astype(int) - ours.astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], ["at least 2 frames", "found 0"]),
        ([numbered(1)], ["at least 2 frames", "found 1"]),
        ([numbered(1), numbered(2, 64, 64)], ["128 x 64", "found 64 x 64", "frame 1"]),
        ([numbered(1), "b.png"], ["uint8 array", "found str", "frame 1"]),
        ([numbered(1), numbered(2) / 255.0], ["float64", "frame 1"]),
        (np.zeros((4, 3, 64, 128), dtype=np.uint8), ["(3, 64, 128)", "frame 0"]),
        (np.zeros((770, 64, 64, 3), dtype=np.uint8), ["at most 768", "found 770"]),
    ],
)
def test_other_things_than_frames_are_refused(frames, words):
    with pytest.raises(InputError) as error:
        clip_of_frames(frames, fps=2.0)
    assert all(word in str(error.value) for word in words), error.value
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_decoded_frames_need_a_rate(fps):
    with pytest.raises(InputError, match="rate above 0"):
        clip_of_frames([numbered(1), numbered(2)], fps=fps)


def varying_clip() -> VideoClip:
    """Four moments 2.5 s apart of ten frames, the second of which stays on screen past the next moment."""
    return VideoClip(
        frames_FHWC=np.stack([numbered(number, 112, 56) for number in (0, 1, 1, 9)]),
        indices=(0, 1, 1, 9),
        times=(0.0, 2.5, 5.0, 7.5),
        source_fps=0.4,
        source_frames=10,
        span_frames=4,
        width=640,
        height=320,
        reader="pyav",
    )


def test_metadata_hold_moments_where_the_rate_varies():
    from transformers.video_utils import VideoMetadata

    held = VideoMetadata(**varying_clip().metadata())
    assert held.timestamps == pytest.approx((0.0, 2.5, 5.0, 7.5))
    assert held.sampled_fps == pytest.approx(varying_clip().sample_fps) == pytest.approx(0.4)
    assert (held.duration, held.width, held.height, held.video_backend) == (10.0, 640, 320, "pyav")


def test_metadata_hold_true_times_and_rates():
    from transformers.video_utils import VideoMetadata

    for clip in (decoded(7), decoded(50, fps=1.0), decoded(50, num_frames=4, start=2.0, end=9.0)):
        held = VideoMetadata(**clip.metadata())
        assert held.timestamps == pytest.approx(clip.times)
        assert held.frames_indices == list(clip.indices)
        assert held.sampled_fps == pytest.approx(clip.sample_fps)


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen3_vl", "smolvlm", "internvl", "llava_onevision"])
def test_video_processors_take_two_clips_as_they_are(family):
    transformers = pytest.importorskip("transformers")
    names = {
        "qwen2_vl": "Qwen2VLVideoProcessor",
        "qwen3_vl": "Qwen3VLVideoProcessor",
        "smolvlm": "SmolVLMVideoProcessor",
        "internvl": "InternVLVideoProcessor",
        "llava_onevision": "LlavaOnevisionVideoProcessor",
    }
    processor = getattr(transformers, names[family])()
    clips = [decoded(6), decoded(20, num_frames=4)]
    out = processor(
        videos=[clip.frames_FHWC for clip in clips],
        video_metadata=[clip.metadata() for clip in clips],
        do_sample_frames=False,
        return_metadata=True,
        return_tensors=None if family in ("smolvlm", "internvl", "llava_onevision") else "pt",
    )
    assert [metadata.timestamps for metadata in out["video_metadata"]] == [pytest.approx(clip.times) for clip in clips]
    if "video_grid_thw" in out:
        assert out["video_grid_thw"][:, 0].tolist() == [3, 2]


def qwen_processor(name: str):
    """A whole processor of a Qwen family on the packaged tokenizer."""
    import transformers

    from mmrl.families import load_processor

    tiny = load_processor("tiny")
    if name == "qwen2_5_vl":
        return tiny
    return transformers.Qwen3VLProcessor(
        image_processor=tiny.image_processor,
        tokenizer=tiny.tokenizer,
        video_processor=transformers.Qwen3VLVideoProcessor(),
    )


TEXT = "<|vision_start|><|video_pad|><|vision_end|>"


def test_qwen25_is_told_the_true_seconds_between_pairs():
    clips = [decoded(6), decoded(50, fps=1.0), varying_clip()]
    out = qwen_processor("qwen2_5_vl")(
        text=[TEXT] * 3,
        videos=[clip.frames_FHWC for clip in clips],
        video_metadata=[clip.metadata() for clip in clips],
        do_sample_frames=False,
        do_resize=False,
        padding=True,
        return_tensors="pt",
    )
    assert out["second_per_grid_ts"].tolist() == pytest.approx([0.4, 2.0, 5.0])
    # Frames are sized for the model already: 56 x 112 pixels are 4 x 8 patches, pairs of frames one step of time.
    assert out["video_grid_thw"].tolist() == [[3, 4, 8], [5, 4, 8], [2, 4, 8]]


def test_qwen3_reads_true_times_in_its_text():
    clip = clip_of_frames([numbered(number) for number in range(50)], fps=5.0, request=VideoRequest(fps=1.0), factor=32)
    processor = qwen_processor("qwen3_vl")
    clips = [clip, varying_clip()]
    out = processor(
        text=["<|video_pad|>"] * 2,
        videos=[found.frames_FHWC for found in clips],
        video_metadata=[found.metadata() for found in clips],
        do_sample_frames=False,
        padding=True,
    )
    first, second = (processor.tokenizer.decode(ids) for ids in out["input_ids"])
    # Sampled at 0, 1, 2.2, 3.2 ... s; each pair's mean stands before it, to a tenth.
    assert [part.split(" ")[0] for part in first.split("<")[1:] if "seconds" in part] == [
        f"{(clip.times[step] + clip.times[step + 1]) / 2:.1f}" for step in range(0, 10, 2)
    ]
    assert "<1.2 seconds>" in second
    assert "<6.2 seconds>" in second
