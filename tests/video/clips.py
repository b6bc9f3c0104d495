"""Video files whose every frame shows its own number, so that a frame that comes out can be told from all others."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = 8
"""Columns, one for each bit of the frame's number: black 0, white 1, the highest on the left."""


def numbered(number: int, width: int = 128, height: int = 64) -> np.ndarray:
    """A picture of a number below 256."""
    bits = [255 * (number >> (BITS - 1 - bit) & 1) for bit in range(BITS)]
    columns = np.array(bits, dtype=np.uint8)[np.arange(width) * BITS // width]
    return np.broadcast_to(columns[None, :, None], (height, width, 3)).copy()


def read_number(frame: np.ndarray) -> int:
    """The number on a picture of any size; fails where a column is neither black nor white."""
    height, width, _ = frame.shape
    centres = [int((bit + 0.5) * width / BITS) for bit in range(BITS)]
    levels = [frame[height // 2, x].mean() for x in centres]
    assert all(level < 64 or level > 192 for level in levels), levels
    return sum(int(level > 128) << (BITS - 1 - bit) for bit, level in enumerate(levels))


def numbers_of(frames_FHWC: np.ndarray) -> list[int]:
    return [read_number(frame) for frame in frames_FHWC]


def write_clip(
    path: Path,
    frames: int,
    *,
    fps: Fraction | int = 30,
    codec: str = "libx264",
    size: tuple[int, int] = (128, 64),
    stamps: list[int] | None = None,
    options: dict[str, str] | None = None,
    group: int = 12,
) -> Path:
    """Write a clip by PyAV: ``size`` is (width, height), ``stamps`` milliseconds in place of the constant rate."""
    unit = Fraction(1, 1000) if stamps else 1 / Fraction(fps)
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as container:
        stream = container.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv444p" if size[0] % 2 or size[1] % 2 else "yuv420p"
        stream.codec_context.gop_size = group
        stream.codec_context.time_base = unit
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered(number, *size), "rgb24")
            frame.pts, frame.time_base = stamps[number] if stamps else number, unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_sound(path: Path, *, cover: bool = False) -> Path:
    """A second of silence, with or without a cover picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        picture = container.add_stream("mjpeg", rate=1) if cover else None
        if picture:
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            still = av.VideoFrame.from_ndarray(numbered(1, 64, 64), "rgb24")
            container.mux(picture.encode(still.reformat(format="yuvj420p")))
            container.mux(picture.encode())
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), "fltp", "mono")
        sound.sample_rate = 16000
        for step in range(16):
            sound.pts = step * 1024
            container.mux(stream.encode(sound))
        container.mux(stream.encode())
    return path


def set_display_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Write a display matrix into the track header of an MP4 (version 0), where a telephone writes how it was held."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 44  # after name, flags, two times, track, duration, layer, group, volume, gaps
    values = (a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    data[place : place + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in values)
    path.write_bytes(data)
    return path


def trim_without_encoding(source: Path, target: Path, start: Fraction) -> Path:
    """Cut away what comes before ``start`` seconds by an edit list: the packets stay, marked not to be shown."""
    with av.open(str(source)) as whole, av.open(str(target), "w") as part:
        stream = whole.streams.video[0]
        copy = part.add_stream_from_template(stream)
        shift = int(start / stream.time_base)
        for packet in whole.demux(stream):
            if packet.dts is not None:
                packet.stream, packet.pts, packet.dts = copy, packet.pts - shift, packet.dts - shift
                part.mux(packet)
    return target
