"""Video: from a file, or from frames already decoded, to sampled frames that know their time.

``sampling`` says which frames and at what size (pure), ``clip`` is what comes out, ``timeline`` is what a file's
packets say about its frames (pure), ``reading`` decodes.
"""

from mmrl.video.clip import VideoClip, clip_of_frames, frames_of_numbers
from mmrl.video.reading import PLAIN_READING, Reading, read_video
from mmrl.video.sampling import DEFAULT_REQUEST, PIXEL_FACTOR, VideoRequest, frame_indices, frame_size
from mmrl.video.scan import VIDEO_FORMATS

__all__ = [
    "DEFAULT_REQUEST",
    "PIXEL_FACTOR",
    "PLAIN_READING",
    "VIDEO_FORMATS",
    "Reading",
    "VideoClip",
    "VideoRequest",
    "clip_of_frames",
    "frame_indices",
    "frame_size",
    "frames_of_numbers",
    "read_video",
]
