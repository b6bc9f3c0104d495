"""Pictures and clips with detail: seeded noise under a bright rectangle and ellipse, no two alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw


def picture(width: int, height: int, *, seed: int) -> Any:
    """Return one RGB picture, the same for the same size and seed."""
    rng = np.random.default_rng([seed, width, height])
    image = Image.fromarray(rng.integers(0, 128, (height, width, 3), dtype=np.uint8))
    pen = ImageDraw.Draw(image)
    for shape in (pen.rectangle, pen.ellipse):
        left, top = int(rng.integers(width // 2)), int(rng.integers(height // 2))
        right, bottom = left + width // 3, top + height // 3
        shape((left, top, right, bottom), fill=tuple(int(level) for level in rng.integers(128, 256, 3)))
    return image


def images(count: int, size: int | tuple[int, int] = 56, *, seed: int = 0) -> list[Any]:
    """Return ``count`` different RGB pictures of ``size``: one side, or (width, height) in pixels."""
    width, height = (size, size) if isinstance(size, int) else size
    return [picture(width, height, seed=1000 * seed + index) for index in range(count)]


def clip(frames: int, size: int | tuple[int, int] = 56, *, seed: int = 0) -> Any:
    """Return a clip as uint8 of shape (frames, height, width, 3): one picture that moves, with fresh noise."""
    width, height = (size, size) if isinstance(size, int) else size
    still = np.asarray(picture(width, height, seed=1000 * seed + 999), dtype=np.int64)
    rng = np.random.default_rng([seed, frames, width, height])
    moved = [np.roll(still, index * width // max(1, frames), axis=1) for index in range(frames)]
    noisy = [frame + rng.integers(-20, 21, frame.shape) for frame in moved]
    return np.stack(noisy).clip(0, 255).astype(np.uint8)
