"""Scripted clips: shapes that appear, move, collide and change at known times, as real MP4 files."""

from datasets_builders.video.builder import build_video, video_examples
from datasets_builders.video.config import VideoConfig

__all__ = ["VideoConfig", "build_video", "video_examples"]
