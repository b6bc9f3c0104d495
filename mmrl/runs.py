"""The run folder: where a training run keeps its config, data, stages, log and results, safe against a kill.

Whole files are written atomically, the log a line at a time, and a checkpoint counts only once its marker, written
last, agrees with every file in it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrl.errors import InputError
from mmrl.files import (
    append_line,
    explain_write_errors,
    parse_json,
    sha256_file,
    sync_path,
    without_nonfinite,
    write_json,
    write_text,
)

CONFIG_NAME = "config.yaml"
LOG_NAME = "log.jsonl"
DONE_NAME = "done.json"
SUMMARY_NAME = "summary.json"
AUDIT_NAME = "audit.json"
"""Written once the audit before training has passed."""
MARKER_NAME = "complete.json"
RUN_ENTRIES = frozenset(
    {CONFIG_NAME, LOG_NAME, DONE_NAME, SUMMARY_NAME, AUDIT_NAME, "report.html", "data", "stages", "eval"}
)
"""Everything that a run writes directly into its folder."""

_PARTIAL_PATTERN = re.compile(r"\.(.+)\.[0-9a-f]{8}\.partial")  # what a killed write leaves; see mmrl.files
# How the libraries that save weights, optimiser and tokenizer word a refusing disk: they raise no OSError.
_DISK_PATTERN = re.compile(r"\(os error (?:27|28|122)\)|inline_container\.cc|PytorchStreamWriter")
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO})
_CHECKPOINT_PATTERN = re.compile(r"checkpoint-(\d+)")
_NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class RunFolder:
    """A run's folder. Making the object touches nothing; see :meth:`create` and :meth:`open`."""

    path: Path

    @classmethod
    def create(cls, path: str | Path, config_text: str) -> RunFolder:
        """Start a new run: make the folder and store its resolved config.

        Raises:
            InputError: ``path`` exists and is not an empty folder.
        """
        path = Path(path)
        if not is_vacant(path):
            raise InputError(
                f"a new run needs a new folder; found an existing {'folder' if path.is_dir() else 'file'}; at {path}; "
                "choose another name, resume the run, or remove it"
            )
        run = cls(path)
        run.write_text(CONFIG_NAME, config_text)
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Open an existing run, to resume it or to read its results.

        Raises:
            InputError: there is no run folder at ``path``.
        """
        path = Path(path)
        if not (path / CONFIG_NAME).is_file():
            found = f"a folder without {CONFIG_NAME}" if path.is_dir() else "no folder"
            raise InputError(f"a run folder must hold {CONFIG_NAME}; found {found}; at {path}; correct the path")
        return cls(path)

    @property
    def config_path(self) -> Path:
        """The resolved config."""
        return self.path / CONFIG_NAME

    def foreign_entry(self) -> Path | None:
        """Return something in the folder that no run writes there, or None."""
        for path in sorted(self.path.iterdir()):
            partial = _PARTIAL_PATTERN.fullmatch(path.name)
            if (partial[1] if partial else path.name) not in RUN_ENTRIES:
                return path
        return None

    def write_text(self, name: str, text: str) -> None:
        """Write a file of the run atomically; ``name`` is relative and may hold folders, which are made."""
        write_text(self.path / name, text)

    def write_json(self, name: str, data: Any) -> None:
        """Write JSON atomically; ``name`` is relative and may hold folders, which are made."""
        write_json(self.path / name, data)

    def read_json(self, name: str) -> Any:
        """Read a JSON file of the run; ``InputError`` where it is missing or damaged."""
        path = self.path / name
        if not path.is_file():
            raise InputError(f"the run must hold {name}; found nothing; at {path}; run the step that writes it")
        try:
            return parse_json(path.read_bytes())
        except ValueError as error:
            raise InputError(f"{name} must be JSON; found {error}; at {path}; remove it and redo its step") from error

    def append_log(self, record: Mapping[str, Any]) -> None:
        """Append one record to ``log.jsonl``; NaN and infinite measurements are stored as null."""
        append_line(self.path / LOG_NAME, json.dumps(without_nonfinite(record), ensure_ascii=False))

    def read_log(self) -> list[dict[str, Any]]:
        """Return the records of ``log.jsonl``; a last line torn by a kill is dropped, no log means no records.

        Raises:
            InputError: a whole line is no JSON object, with its number.
        """
        path = self.path / LOG_NAME
        if not path.exists():
            return []
        lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last newline is empty or torn
        return [_log_record(line, f"{path}:{number}") for number, line in enumerate(lines, start=1)]

    def stage_dir(self, index: int, name: str) -> Path:
        """Return the folder ``stages/<index>-<name>`` of a stage, made where absent."""
        return _made(self.path / "stages" / f"{index}-{_plain_name(name)}")

    def last_checkpoint(self) -> Path | None:
        """Return the newest checkpoint or final weights, of the last stage that has any; checksums are not looked at.

        The path is relative to the run's folder. What was being written when the run ended is not counted.
        """
        stages = {int(path.name.split("-", 1)[0]): path for path in (self.path / "stages").glob("[0-9]*-*")}
        for index in sorted(stages, reverse=True):
            found = [marker.parent for marker in stages[index].glob(f"*/{MARKER_NAME}")]
            if found:
                return max(found, key=_step_of).relative_to(self.path)
        return None

    def eval_dir(self, name: str) -> Path:
        """Return the folder ``eval/<name>`` (``before``, ``after``), made where absent."""
        return _made(self.path / "eval" / _plain_name(name))


def is_vacant(path: Path) -> bool:
    """Return whether nothing stands at ``path`` but an empty folder, or one that a kill left in its first write."""
    if not path.exists():
        return True
    return path.is_dir() and all(_PARTIAL_PATTERN.fullmatch(entry.name) for entry in path.iterdir())


@contextlib.contextmanager
def withdrawing(path: Path, *, keep_folder: bool) -> Iterator[None]:
    """Remove the run at ``path`` where the block is refused; an interrupted one stays, to be gone on with.

    ``keep_folder`` leaves the folder itself, which may be a mounted volume.
    """
    try:
        yield
    except InputError:
        shutil.rmtree(path, ignore_errors=True)
        if keep_folder:
            path.mkdir(exist_ok=True)
        raise


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[None]:
    """Put the folder at ``path``, where there is one, aside while the block makes a new one in its place.

    It is removed when the block ends well. After any exception what the block made is removed, and the folder is back;
    after a kill it stands beside ``path`` as ``NAME.replaced-...``, see :func:`settle_replaced`. Where
    nothing has to be put aside, nothing is done.

    Raises:
        InputError: the folder cannot be moved.
    """
    if is_vacant(path):
        yield
        return
    folder = path.resolve()
    aside = folder.with_name(f"{folder.name}.replaced-{secrets.token_hex(4)}")
    with explain_write_errors(path):
        folder.rename(aside)
    try:
        yield
    except BaseException:  # an interrupt too must bring the folder back; it goes on upwards
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
        raise
    with explain_write_errors(aside):
        shutil.rmtree(aside)


def _step_of(checkpoint: Path) -> float:
    """Return the step of a checkpoint; a stage's final weights come after all of them."""
    match = _CHECKPOINT_PATTERN.fullmatch(checkpoint.name)
    return int(match[1]) if match else float("inf")


def settle_replaced(path: Path) -> str:
    """Put back what a killed :func:`replacing` left aside, where nothing stands in its place; returns what to tell.

    Nothing is ever removed. Where something stands at ``path``, or several folders were left, they stay as they are and
    are named. Empty where there is nothing to tell.
    """
    folder = path.resolve()
    pattern = re.compile(re.escape(folder.name) + r"\.replaced-[0-9a-f]{8}")
    beside = sorted(folder.parent.iterdir()) if folder.parent.is_dir() else []
    left = [one for one in beside if pattern.fullmatch(one.name) and one.is_dir()]
    if not left:
        return ""
    is_free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if is_free and len(left) == 1 and (left[0] / CONFIG_NAME).is_file():
        with explain_write_errors(path):
            left[0].rename(folder)
        return f"the run that --overwrite had put aside when it was killed is back at {path}"
    names = ", ".join(map(str, left))
    return f"{names}: left by --overwrite when it was killed, the run that was replaced; remove it, or move it back"


def _made(folder: Path) -> Path:
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _log_record(line: bytes, where: str) -> dict[str, Any]:
    try:
        record = parse_json(line)
    except ValueError as error:
        raise InputError(f"a log line must be JSON; found {error}; at {where}; remove the line") from error
    if not isinstance(record, dict):
        raise InputError(f"a log line must be a JSON object; found {line[:40]!r}; at {where}; remove the line")
    return record


def _plain_name(name: str) -> str:
    if not _NAME_PATTERN.fullmatch(name):
        raise InputError(
            f"a name must be letters, digits, '.', '_' and '-', not starting with a mark; found {name!r}; rename it"
        )
    return name


# ---------------------------------------------------------------------------------------------------- checkpoints


@contextlib.contextmanager
def saving_checkpoint(folder: Path) -> Iterator[None]:
    """Explain a full disk while the block saves weights, optimiser or processor in ``folder``, and remove the folder.

    Raises:
        InputError: the disk refused, in whatever words the saving library says so.
    """
    try:
        yield
    except Exception as error:
        refused = isinstance(error, OSError) and error.errno in _DISK_ERRORS
        if not (refused or isinstance(error, InputError) or _DISK_PATTERN.search(str(error))):
            raise
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"saving a checkpoint needs a disk with room; found {' '.join(str(error).split())!r}; at {folder}; "
            "free some space and start again: the run goes on from its last whole checkpoint"
        ) from error


def mark_complete(checkpoint_dir: Path) -> None:
    """Declare a checkpoint whole: force its files to the disk, then write a marker with each one's size and SHA-256.

    Raises:
        InputError: the folder is missing or empty, or the disk is full.
    """
    files = _checkpoint_files(checkpoint_dir)
    if not files:
        raise InputError(f"a checkpoint must hold files; found none; at {checkpoint_dir}; save it first")
    listing = {}
    with explain_write_errors(checkpoint_dir):
        for name, path in files.items():
            sync_path(path)
            listing[name] = {"size": path.stat().st_size, "sha256": sha256_file(path)}
        for folder in {checkpoint_dir.parent, *(path.parent for path in files.values())}:
            sync_path(folder)
    write_json(checkpoint_dir / MARKER_NAME, {"files": listing})


def is_complete(checkpoint_dir: Path) -> bool:
    """Return whether the marker is there and every file that it lists has its size and checksum.

    A checkpoint half-written, damaged later, or partly overwritten is not complete. Files added later do not matter.
    """
    marker = checkpoint_dir / MARKER_NAME
    if not marker.is_file():
        return False
    try:
        listing = parse_json(marker.read_bytes())["files"]
        wanted = {checkpoint_dir / name: (facts["size"], facts["sha256"]) for name, facts in listing.items()}
    except (ValueError, KeyError, TypeError, AttributeError):  # a damaged marker vouches for nothing
        return False
    same_sizes = all(path.is_file() and path.stat().st_size == size for path, (size, _) in wanted.items())
    return bool(wanted) and same_sizes and all(sha256_file(path) == digest for path, (_, digest) in wanted.items())


def latest_complete(stage_dir: Path) -> Path | None:
    """Return the complete ``checkpoint-N`` with the greatest N in a stage's folder, or None."""
    numbered = {}
    for path in stage_dir.iterdir() if stage_dir.is_dir() else ():
        match = _CHECKPOINT_PATTERN.fullmatch(path.name)
        if match and path.is_dir():
            numbered[int(match[1])] = path
    return next((numbered[step] for step in sorted(numbered, reverse=True) if is_complete(numbered[step])), None)


def _checkpoint_files(checkpoint_dir: Path) -> dict[str, Path]:
    """Return the regular files below a checkpoint by relative name, sorted, its marker left out."""
    found = {path.relative_to(checkpoint_dir).as_posix(): path for path in sorted(checkpoint_dir.rglob("*"))}
    return {name: path for name, path in found.items() if path.is_file() and name != MARKER_NAME}
