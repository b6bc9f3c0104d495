"""Clips made harder to see, or put out of order, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from mmrl.video import VideoClip, clip_of_frames
from mmrl.video.perturb import MASK, noisy, with_fewer_frames, with_masked_frames, with_noise, with_shuffled_frames
from tests.video.clips import numbered, numbers_of


def clip(frames: int = 8) -> VideoClip:
    return clip_of_frames([numbered(number, 128, 56) for number in range(frames)], fps=2.0)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_noise_has_the_asked_deviation_and_leaves_the_clip_alone() -> None:
    grey = np.full((4, 56, 56, 3), 128, dtype=np.uint8)
    found = noisy(grey, 0.1, rng()).astype(float)
    assert found.std() == pytest.approx(25.5, rel=0.02)
    assert found.mean() == pytest.approx(128, abs=0.5)
    whole = clip()
    before = whole.frames_FHWC.copy()
    changed = with_noise(whole, 0.1, rng())
    assert (whole.frames_FHWC == before).all()
    assert (changed.frames_FHWC != before).mean() > 0.3  # black and white stay where noise points outwards
    assert (changed.times, changed.indices) == (whole.times, whole.indices)
    assert (changed.frames_FHWC == with_noise(whole, 0.1, rng()).frames_FHWC).all()
    assert (changed.frames_FHWC != with_noise(whole, 0.1, rng(1)).frames_FHWC).any()


@pytest.mark.parametrize(("share", "masked"), [(0.0, 0), (0.25, 2), (0.5, 4), (1.0, 7)])
def test_a_share_of_the_frames_is_masked_and_never_all(share: float, masked: int) -> None:
    whole = clip()
    changed = with_masked_frames(whole, share, rng())
    grey = [bool((frame == MASK).all()) for frame in changed.frames_FHWC]
    assert sum(grey) == masked
    kept = [at for at, flag in enumerate(grey) if not flag]
    assert numbers_of(changed.frames_FHWC[kept]) == kept
    assert numbers_of(whole.frames_FHWC) == list(range(8))


@pytest.mark.parametrize(
    ("share", "kept"),
    [(0.0, list(range(8))), (0.25, [0, 1, 3, 4, 6, 7]), (0.5, [0, 2, 5, 7]), (0.9, [0, 7]), (1.0, [0, 7])],
)
def test_fewer_frames_keep_their_times(share: float, kept: list[int]) -> None:
    changed = with_fewer_frames(clip(), share)
    assert numbers_of(changed.frames_FHWC) == kept
    assert changed.times == tuple(number / 2 for number in kept)
    assert changed.metadata()["frames_indices"] == kept


def test_shuffled_frames_are_the_same_ones_in_another_order_at_the_same_times() -> None:
    whole = clip()
    for seed in range(5):
        changed = with_shuffled_frames(whole, rng(seed))
        numbers = numbers_of(changed.frames_FHWC)
        assert sorted(numbers) == list(range(8))
        assert numbers != list(range(8))
        assert changed.times == whole.times
    assert all(numbers_of(with_shuffled_frames(clip(2), rng(seed)).frames_FHWC) == [1, 0] for seed in range(8))
