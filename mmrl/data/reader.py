"""Reading a dataset folder: every row is validated before the first is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from mmrl.data.manifest import read_manifest
from mmrl.data.rows import METADATA_NAME, RowError, decode_row, read_lines
from mmrl.errors import InputError
from mmrl.geometry import MAX_ASPECT_RATIO
from mmrl.media import open_image
from mmrl.types import Media, Sample
from mmrl.video import VideoClip, VideoRequest, read_video

LONGEST_SHAPE = f"a picture's longer side must be at most {MAX_ASPECT_RATIO} times its shorter one"


def is_too_long(media: Media) -> bool:
    """Whether a picture has a shape that Qwen's processors refuse, which would end a run at its batch."""
    return max(media.width, media.height) > MAX_ASPECT_RATIO * min(media.width, media.height)


@dataclass(frozen=True)
class DatasetFolder:
    """A dataset folder in memory: its samples in order and its manifest; pictures stay on the disk."""

    root: Path
    samples: list[Sample]
    manifest: dict[str, Any]

    def open_image(self, media: Media) -> Image.Image:
        """Open a sample's picture as RGB.

        Raises:
            InputError: it cannot be opened, has not the size that its row states, so coordinates would be wrong, or is
                too long for processors.
        """
        path = self.root / media.path
        if is_too_long(media):
            raise InputError(
                f"{LONGEST_SHAPE}; found {media.width} x {media.height}; at {path}; crop it or leave it out"
            )
        image = open_image(path)
        if image.size != (media.width, media.height):
            raise InputError(
                f"a picture must have the size in its row, {media.width} x {media.height}; "
                f"found {image.width} x {image.height}; at {path}; build the dataset again"
            )
        return image

    def open_video(self, media: Media, read: Callable[[Path], VideoClip]) -> VideoClip:
        """Read a sample's clip with ``read``, which says what frames are taken.

        Raises:
            InputError: it cannot be read, has not the size that its row states, or is too long for processors.
        """
        path = self.root / media.path
        if is_too_long(media):
            raise InputError(
                f"{LONGEST_SHAPE}; found {media.width} x {media.height}; at {path}; crop it or leave it out"
            )
        clip = read(path)
        if (clip.width, clip.height) != (media.width, media.height):
            raise InputError(
                f"a clip must have the size in its row, {media.width} x {media.height}; "
                f"found {clip.width} x {clip.height}; at {path}; build the dataset again"
            )
        return clip


def video_size(path: Path) -> tuple[int, int]:
    """Return the width and height of a clip; its first and last frame are decoded.

    Raises:
        InputError: it cannot be read.
    """
    clip = read_video(path, VideoRequest(num_frames=2, max_pixels=1))
    return clip.width, clip.height


def read_folder(path: str | Path) -> DatasetFolder:
    """Read and validate a dataset folder; of the pictures only that they exist (``check_folder`` opens them).

    Raises:
        InputError: the folder or a file is missing, the manifest is not ours, or a row is not JSON, lacks a column, an
            answer or a picture, has an unknown answer kind or an id used before; line and field are named.
    """
    root = require_folder(path)
    manifest = read_manifest(root)
    metadata = root / METADATA_NAME
    samples: list[Sample] = []
    ids = SeenIds()
    present: set[str] = set()
    for number, line in read_lines(metadata):
        try:
            sample = decode_row(line)
            ids.add(sample.id, number)
            _require_media(root, sample, present)
        except RowError as error:
            raise error.at(metadata, number) from error
        samples.append(sample)
    if not samples:
        raise InputError(f"a dataset must hold at least one row; found none; at {metadata}; build the dataset again")
    return DatasetFolder(root=root, samples=samples, manifest=manifest)


def require_folder(path: str | Path) -> Path:
    """Return ``path`` as a ``Path``; ``InputError`` unless it is a folder that holds ``metadata.jsonl``."""
    root = Path(path)
    if not root.is_dir():
        found = "a file" if root.exists() else "nothing"
        raise InputError(f"a dataset must be a folder; found {found}; at {root}; correct the path or build it")
    if not (root / METADATA_NAME).is_file():
        raise InputError(
            f"a dataset folder must hold {METADATA_NAME}; found none; at {root}; correct the path or build it"
        )
    return root


class SeenIds:
    """The ids met so far, each with its line."""

    def __init__(self) -> None:
        self._line_of: dict[str, int] = {}

    def add(self, sample_id: str, line: int) -> None:
        """Note an id; ``RowError`` naming the earlier line where it was used before."""
        first = self._line_of.setdefault(sample_id, line)
        if first != line:
            raise RowError("id", f"ids must be unique; found {sample_id!r} in line {first} and again in line {line}")


def _require_media(root: Path, sample: Sample, present: set[str]) -> None:
    for media in sample.media:
        if media.path not in present and not (root / media.path).is_file():
            raise RowError("media", f"the {media.kind} must be there; found no file {media.path!r}")
        present.add(media.path)
