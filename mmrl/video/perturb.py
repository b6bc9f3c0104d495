"""Clips made harder to see, or put out of order: noise, masked frames, fewer frames, shuffled frames. Pure functions.

All randomness comes from the generator that is given. Times stay true: a frame that is left out takes its time with
it; shuffled frames are shown at the times of the ordered ones, as a clip that was cut apart and joined again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mmrl.video.clip import VideoClip

MASK = 128
"""Grey level of a masked frame."""
LEAST_FRAMES = 2
"""Frames that are always left: processors take no fewer."""


def noisy(pixels: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Return uint8 pixels of any shape with Gaussian noise of ``deviation``, in shares of the range 0 to 255."""
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(255.0 * deviation)
    return np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)


def with_noise(clip: VideoClip, deviation: float, rng: np.random.Generator) -> VideoClip:
    """Return the clip with noise on every frame, a frame of its own on each."""
    return replace(clip, frames_FHWC=noisy(clip.frames_FHWC, deviation, rng))


def with_masked_frames(clip: VideoClip, share: float, rng: np.random.Generator) -> VideoClip:
    """Return the clip with ``share`` of its frames, rounded to the nearest number and never all, grey."""
    total = len(clip.indices)
    chosen = rng.permutation(total)[: min(total - 1, round(share * total))]
    frames = clip.frames_FHWC.copy()
    frames[chosen] = MASK
    return replace(clip, frames_FHWC=frames)


def with_fewer_frames(clip: VideoClip, share: float) -> VideoClip:
    """Return the clip without ``share`` of its frames: evenly spaced ones are left, the first and the last among them.

    As many as that leaves, rounded to an even number, since vision towers take frames in pairs; at least two.
    """
    total = len(clip.indices)
    left = max(LEAST_FRAMES, 2 * round(total * (1.0 - share) / 2))
    if left >= total:
        return clip
    kept = [round(place) for place in np.linspace(0, total - 1, left)]
    return replace(
        clip,
        frames_FHWC=clip.frames_FHWC[kept],
        indices=tuple(clip.indices[place] for place in kept),
        times=tuple(clip.times[place] for place in kept),
    )


def with_shuffled_frames(clip: VideoClip, rng: np.random.Generator) -> VideoClip:
    """Return the clip with its frames in another order, never the given one; times and indices stay in order."""
    total = len(clip.indices)
    order = rng.permutation(total)
    if total > 1 and (order == np.arange(total)).all():
        order = np.roll(order, 1)
    return replace(clip, frames_FHWC=clip.frames_FHWC[order])
