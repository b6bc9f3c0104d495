"""Writing a dataset folder: everything goes to a hidden sibling that takes the folder's name when all is well."""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from PIL import Image

from mmrl.data.manifest import (
    CARD_NAME,
    FORMAT,
    FORMAT_VERSION,
    MANIFEST_NAME,
    RowCounts,
    companion,
    dataset_card,
    foreign_file,
    read_manifest,
)
from mmrl.data.reader import video_size
from mmrl.data.rows import MEDIA_FOLDER, METADATA_NAME, RowError, encode_row
from mmrl.errors import InputError
from mmrl.files import explain_write_errors, plain_json, sha256_file, write_json, write_text
from mmrl.media import check_image_size, png_bytes, to_rgb
from mmrl.types import Media, Sample

_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


class DatasetWriter:
    """Writes one dataset folder, whole or not at all; use it as a context manager.

    ``with DatasetWriter(out, ...) as writer: media = writer.add_image(image); writer.add(sample)``. When the block ends
    without an exception, the folder appears at ``out``; after any exception, a full disk included, ``out`` is as it was
    and nothing is left beside it. The same calls give the same bytes (of pictures: under one version of Pillow).

    Args:
        out: the dataset folder, one split. Parents are made.
        builder: name of what makes the dataset, as the manifest shall state it.
        version: the builder's version.
        config: the builder's settings, JSON values only; no time, no path of this machine.
        seed: the seed that everything random came from.
        source: where the facts or pictures come from.
        licence: under which terms the dataset may be used.
        overwrite: replace an existing ``out``, if it is a dataset folder that holds nothing but its own files.

    Raises:
        InputError: ``out`` exists and may not be replaced, or the disk refuses; in the block also for a sample that is
            no usable row, a duplicate id, and at its end for a dataset without rows.
    """

    def __init__(
        self,
        out: str | Path,
        *,
        builder: str,
        version: str,
        config: Mapping[str, Any],
        seed: int,
        source: str,
        licence: str,
        overwrite: bool = False,
    ) -> None:
        self._out = Path(out).resolve()
        self._overwrite = overwrite
        self._origin = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "builder": plain_json(builder, "builder"),
            "version": plain_json(version, "version"),
            "config": dict(sorted(plain_json(config, "config").items())),
            "seed": plain_json(seed, "seed"),
            "source": plain_json(source, "source"),
            "licence": plain_json(licence, "licence"),
        }
        self._partial = self._out.parent / f".{self._out.name}.{secrets.token_hex(4)}.partial"
        self._rows: IO[bytes] | None = None
        self._made_parents: list[Path] = []
        self._broken = False
        self._first_row: dict[str, int] = {}
        self._media_by_pixels: dict[bytes, Media] = {}
        self._clips: dict[str, Media] = {}
        """By checksum."""
        self._beside: dict[Media, dict[str, str]] = {}
        """The files that stand beside a picture: checksums by name."""
        self._stored_media: set[Media] = set()
        self._used_media: set[Media] = set()
        self._counts = RowCounts()

    def __enter__(self) -> DatasetWriter:
        try:
            with explain_write_errors(self._out):
                _require_replaceable(self._out, overwrite=self._overwrite)
                self._made_parents = [folder for folder in self._out.parents if not folder.exists()]
                (self._partial / MEDIA_FOLDER).mkdir(parents=True)
                self._rows = (self._partial / METADATA_NAME).open("xb")
        except BaseException:  # an interrupt too must leave nothing behind; it goes on upwards
            self._discard()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._discard()

    def add_image(
        self, image: Image.Image, *, png: bytes | None = None, beside: Mapping[str, bytes] | None = None
    ) -> Media:
        """Store a picture as RGB PNG and return its record.

        Equal pixels are stored once; a picture that no row asks about is dropped at the end.

        Args:
            image: the picture; it is not decoded where ``png`` is given.
            png: its pixels as :func:`mmrl.media.png_bytes` encodes them, where that is done already.
            beside: files about the picture by suffix (``.svg``), which are stored beside it under the same name.

        Raises:
            InputError: the picture is empty or has more than ``mmrl.media.MAX_IMAGE_PIXELS``, or the disk refuses.
        """
        check_image_size(image.width, image.height, where="add_image")
        if png is not None:
            medium = self._store(png, image.size)
        else:
            rgb = to_rgb(image)
            key = hashlib.sha256(f"{rgb.width}x{rgb.height}:".encode() + rgb.tobytes()).digest()
            if key not in self._media_by_pixels:
                self._media_by_pixels[key] = self._store(png_bytes(rgb), rgb.size)
            medium = self._media_by_pixels[key]
        if beside and medium not in self._beside:
            self._beside[medium] = dict(self._store_beside(medium, *file) for file in sorted(beside.items()))
        return medium

    def _store(self, data: bytes, size: tuple[int, int]) -> Media:
        digest = hashlib.sha256(data).hexdigest()
        medium = Media(path=f"{MEDIA_FOLDER}/{digest[:16]}.png", width=size[0], height=size[1], sha256=digest)
        if medium not in self._stored_media:
            with self._writing():
                (self._partial / medium.path).write_bytes(data)
            self._stored_media.add(medium)
        return medium

    def _store_beside(self, medium: Media, suffix: str, data: bytes) -> tuple[str, str]:
        name = companion(medium.path, suffix)
        with self._writing():
            (self._partial / name).write_bytes(data)
        return name, hashlib.sha256(data).hexdigest()

    def add_video(self, path: str | Path) -> Media:
        """Store a clip as it is and return its record; equal files are stored once.

        Raises:
            InputError: the clip cannot be read, its size is out of bounds, or the disk refuses.
        """
        path = Path(path)
        width, height = video_size(path)
        digest = sha256_file(path)
        if digest not in self._clips:
            suffix = path.suffix.lower() if _SUFFIX.fullmatch(path.suffix.lower()) else ""
            name = f"{MEDIA_FOLDER}/{digest[:16]}{suffix}"
            with self._writing():
                shutil.copyfile(path, self._partial / name)
            self._clips[digest] = Media(path=name, kind="video", width=width, height=height, sha256=digest)
            self._stored_media.add(self._clips[digest])
        return self._clips[digest]

    def add(self, sample: Sample) -> None:
        """Append one row; its media must come from :meth:`add_image` or :meth:`add_video` of this writer.

        Raises:
            InputError: the sample has no answer or no medium, its id was used before, or the disk refuses.
        """
        place = f"sample {len(self._first_row) + 1} ({sample.id!r})"
        try:
            line = encode_row(sample)
        except RowError as error:
            raise InputError(f"{error.reason}; at {place}.{error.field}; correct the builder") from error
        if sample.id in self._first_row:
            raise InputError(
                f"ids must be unique; found {sample.id!r} of sample {self._first_row[sample.id]} again; at {place}.id; "
                "correct the builder"
            )
        foreign = next((media for media in sample.media if media not in self._stored_media), None)
        if foreign is not None:
            raise InputError(
                "media must come from add_image or add_video of this writer; "
                f"found {foreign.path!r}; at {place}.media; add it first"
            )
        with self._writing() as rows:
            rows.write(line.encode("utf-8") + b"\n")
        self._first_row[sample.id] = len(self._first_row) + 1
        self._used_media.update(sample.media)
        self._counts.add(sample)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[IO[bytes]]:
        """Lend the open rows file; a failed write spoils the dataset even if the caller goes on."""
        if self._rows is None:
            raise InputError("a DatasetWriter must be used in a with block; found it closed; open it with `with`")
        try:
            with explain_write_errors(self._out):
                yield self._rows
        except InputError:
            self._broken = True
            raise

    def _finish(self) -> None:
        if self._broken:
            raise InputError(
                f"a dataset must be written whole; found an earlier write failed; at {self._out}; write it anew"
            )
        if not self._first_row:
            raise InputError(
                f"a dataset must hold at least one row; found none; at {self._out}; check the builder's config"
            )
        with self._writing() as rows:
            rows.close()
        checksums = {media.path: media.sha256 for media in self._used_media}
        with explain_write_errors(self._out):
            for unused in self._stored_media - self._used_media:
                for name in (unused.path, *self._beside.pop(unused, ())):
                    (self._partial / name).unlink()
            for files in self._beside.values():
                checksums |= files
            card = dataset_card(self._used_media, beside=bool(self._beside))
            if card is not None:
                write_text(self._partial / CARD_NAME, card)
                checksums[CARD_NAME] = sha256_file(self._partial / CARD_NAME)
            checksums[METADATA_NAME] = sha256_file(self._partial / METADATA_NAME)
            manifest = self._origin | self._counts.as_fields() | {"checksums": dict(sorted(checksums.items()))}
            write_json(self._partial / MANIFEST_NAME, manifest)
            self._install()

    def _install(self) -> None:
        """Give the finished folder its name; a folder that it replaces is gone only after that."""
        _require_replaceable(self._out, overwrite=self._overwrite)
        if not self._out.exists():
            self._partial.rename(self._out)
            return
        retired = self._partial.with_suffix(".old")
        self._out.rename(retired)
        try:
            self._partial.rename(self._out)
        except OSError:
            retired.rename(self._out)
            raise
        shutil.rmtree(retired)

    def _discard(self) -> None:
        """Remove what is left beside ``out``: all of it after a failure, nothing after success."""
        if self._rows is not None:
            with contextlib.suppress(OSError):  # a full disk refuses the last bytes of what is thrown away anyway
                self._rows.close()
            self._rows = None
        shutil.rmtree(self._partial, ignore_errors=True)
        for folder in self._made_parents:
            with contextlib.suppress(OSError):  # not empty: `out` stands there, or somebody else's folder
                folder.rmdir()


def _require_replaceable(out: Path, *, overwrite: bool) -> None:
    """Raise ``InputError`` unless ``out`` is free, or may be replaced without losing a file that is not a dataset's."""
    if not out.exists():
        return
    if not overwrite:
        raise InputError(
            f"the output folder must be new; found it there already; at {out}; choose another, or replace it with "
            "--overwrite (in a script: overwrite=True)"
        )
    if not out.is_dir():
        raise InputError(f"only a dataset folder is overwritten; found a file; at {out}; choose another name")
    if not any(out.iterdir()):
        return
    foreign = foreign_file(out, read_manifest(out))
    if foreign is not None:
        raise InputError(
            f"only a folder of nothing but its dataset is overwritten; found {foreign.name!r}, not in its "
            f"manifest; at {foreign}; move it away or choose another folder"
        )
