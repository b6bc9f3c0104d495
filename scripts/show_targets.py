"""Draw the target boxes of a dataset's timed clips on the frames that they are about, for a person to look at.

Example: python scripts/show_targets.py data/recording --out targets
"""

from __future__ import annotations

import argparse
from pathlib import Path

import av
from PIL import Image, ImageDraw

from mmrl.data import read_folder
from mmrl.types import Box, Boxes


def frame_at(path: Path, seconds: float) -> Image.Image:
    """Return the frame that is shown at a time: the last one that begins by then."""
    shown = None
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        container.seek(int(max(0.0, seconds - 1) * av.time_base))
        for frame in container.decode(stream):
            if shown is not None and frame.time is not None and frame.time > seconds:
                break
            shown = frame
    if shown is None:
        raise SystemExit(f"a frame must be there at {seconds} s; found none; at {path}")
    return shown.to_image()


def draw(picture: Image.Image, box: Box, text: str) -> None:
    """Draw a box with its label, in place."""
    pen = ImageDraw.Draw(picture)
    pen.rectangle((box.x1 - 2, box.y1 - 2, box.x2 + 2, box.y2 + 2), outline=(255, 0, 200), width=3)
    pen.text((8, picture.height - 22), text, fill=(255, 0, 200))


def main() -> None:
    """Write one picture a sample with boxes at a stated time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures to write")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    folder = read_folder(options.dataset)
    for sample in folder.samples:
        if isinstance(sample.answer, Boxes) and "time" in sample.meta:
            picture = frame_at(folder.root / sample.media[0].path, sample.meta["time"])
            draw(picture, sample.answer.boxes[0], f"{sample.meta['time']} s {sample.meta.get('control', '')}")
            picture.save(options.out / f"{sample.id}.png")
            print(sample.id, sample.question)


if __name__ == "__main__":
    main()
