"""Wanted frames, taken as they are decoded and kept at the size that the model sees."""

from __future__ import annotations

import numpy as np

from mmrl.video.clip import fit_frame
from mmrl.video.sampling import VideoRequest, frame_size


class FrameTaker:
    """Takes wanted frames in whatever order they are decoded, and keeps them resized.

    Its memory is that of the clip: frames x height x width x 3 bytes, reserved when the first frame comes.
    """

    def __init__(self, indices: tuple[int, ...], request: VideoRequest, factor: int) -> None:
        self.rows: dict[int, list[int]] = {}
        """For each wanted frame of the source the rows in which it is shown."""
        for row, index in enumerate(indices):
            self.rows.setdefault(index, []).append(row)
        self.count, self.request, self.factor = len(indices), request, factor
        self.clear()

    def clear(self) -> None:
        """Forget what was taken."""
        self.taken = np.empty((0, 0, 0, 3), dtype=np.uint8)
        self.width = self.height = 0

    def take(self, index: int, pixels_HWC: np.ndarray) -> None:
        """Keep one upright frame (uint8 RGB) in each of its rows; the first one taken fixes the size of all."""
        if not self.width:
            self.height, self.width = pixels_HWC.shape[:2]
            size = frame_size(self.height, self.width, self.count, self.request, self.factor)
            self.taken = np.empty((self.count, *size, 3), dtype=np.uint8)
        self.taken[self.rows[index]] = fit_frame(pixels_HWC, (self.taken.shape[1], self.taken.shape[2]))
