"""From a script to an MP4 file: H.264 where the installed PyAV can write it, else MPEG-4; the same bytes every time."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
from av.video.stream import VideoStream

from datasets_builders.video.draw import Painter
from datasets_builders.video.script import Script
from mmrl.errors import InputError

# Bytes must not depend on the number of cores, so one thread; nor on what memory held before: with lookahead and
# B-frames x264 (build 165) gave 2 of 20 clips other bytes from run to run, without them none of 340 rendered 3 times.
_X264 = "threads=1:bframes=0:rc-lookahead=0:mbtree=0:scenecut=0:weightp=0"
_CODECS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast", "crf": "18", "threads": "1", "x264-params": _X264},
    "mpeg4": {"qscale": "3", "threads": "1"},
}


@lru_cache(maxsize=1)
def codec_name() -> str:
    """Return the first encoder that the installed PyAV has."""
    for name in _CODECS:
        try:
            av.codec.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            continue
        return name
    raise InputError(
        f"PyAV must have one of the encoders {', '.join(_CODECS)}; found none; in this installation; "
        "install the wheel of PyPI: pip install av"
    )


def render(script: Script, path: Path) -> None:
    """Write a script's clip. One frame is held at a time; frames that show the same are drawn once."""
    painter = Painter(script)
    name = codec_name()
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact", "movflags": "+faststart"}) as container:
        stream = container.add_stream(name, rate=script.fps, options=_CODECS[name])
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = script.width, script.height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, script.fps)
        stream.codec_context.thread_count = 1
        shown: tuple[object, ...] = ()
        for number in range(script.frames):
            key = painter.key(number)
            if key != shown:
                shown, frame = key, av.VideoFrame.from_image(painter.draw(number)).reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, script.fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
