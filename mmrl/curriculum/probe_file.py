"""What ``mmrl probe`` leaves: how often a model answers each row of a dataset right, and with which model and settings.

probe.json          settings: model with checksum, dataset with checksum, completions a row, prompt style, ...
rows.jsonl          one line a row, in the order of the dataset: pass rate, mean reward, reasons of failure
rows-2-of-4.jsonl   the second of four processes, until they are merged

A probe is finished once every row of its dataset has a line; only then is it read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from mmrl.answers import answer_to_json
from mmrl.errors import InputError
from mmrl.files import parse_json, plain_json, write_json, write_text
from mmrl.types import PromptStyle, Sample

SETTINGS_NAME = "probe.json"
ROWS_NAME = "rows.jsonl"
PARTS = "rows-*-of-*.jsonl"
FORMAT = "mmrl probe 1"
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeSettings:
    """What decides a probe's numbers."""

    model: str
    """As it was named: ``tiny``, a folder, or a hub name."""
    model_checksum: str
    """``sha256:...`` of a folder's files, ``commit:...`` of a model from the hub."""
    dataset: str
    """Name of the dataset folder."""
    dataset_checksum: str
    """See :func:`dataset_checksum`."""
    rows: Count
    """Rows of the dataset."""
    samples_per_row: Count
    """Completions sampled of each row."""
    prompt_style: PromptStyle
    temperature: float
    seed: int
    max_completion_length: int
    """Tokens."""
    rows_per_batch: Count
    """Rows sampled together; part of the settings, as a batch shares its random numbers."""
    min_pixels: int | None = None
    max_pixels: int | None = None
    dtype: str = "float32"


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeRow:
    """What came of one row."""

    id: str
    pass_rate: Share
    """Share of the completions that answer right (accuracy 1), 0..1; unreadable and cut-off ones count as wrong."""
    mean_reward: Share
    """Mean accuracy of the completions, 0..1, partial credit included."""
    failures: Mapping[str, int]
    """Completions that are not right, by reason: ``wrong``, ``truncated``, ``failed``, or why no answer could be read
    (``no_answer``, ``bad_format``, ...)."""
    detail: str = ""
    """Why media could not be used, where they could not."""
    texts: tuple[str, ...] = ()
    """The completions, where they were kept."""


_SETTINGS, _ROW = TypeAdapter(ProbeSettings), TypeAdapter(ProbeRow)


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """A finished probe."""

    settings: ProbeSettings
    pass_rates: Mapping[str, float]
    """By row id, in the order of the dataset."""
    mean_rewards: Mapping[str, float]
    failures: Mapping[str, Mapping[str, int]]

    @property
    def model(self) -> str:
        """The model's name, as it was given."""
        return self.settings.model

    @property
    def dataset(self) -> str:
        """The name of the dataset folder."""
        return self.settings.dataset

    @property
    def samples_per_row(self) -> int:
        """Completions sampled of each row."""
        return self.settings.samples_per_row


def dataset_checksum(samples: Iterable[Sample]) -> str:
    """Return the SHA-256 over all that a dataset's rows say, in order; media enter with their own checksums."""
    digest = hashlib.sha256()
    for sample in samples:
        media: list[Any] = [[medium.kind, medium.width, medium.height, medium.sha256] for medium in sample.media]
        said: list[Any] = [sample.id, sample.task, sample.question, list(sample.choices), sample.difficulty, media]
        said += [answer_to_json(sample.answer), plain_json(sample.meta, "meta")]
        digest.update(json.dumps(said, sort_keys=True, ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()


def require_probe_of(
    probe: Probe, *, model: str, samples: Sequence[Sample], where: str, model_checksum: str | None = None
) -> None:
    """Refuse a probe that says nothing about this model and this dataset.

    Args:
        probe: what was read.
        model: the model's name in the config.
        samples: the rows of the dataset, all of them and in order.
        where: what in the config names the probe: ``stages.0.filter.probe``.
        model_checksum: of the model's files as they are now. Where it is given it decides, whatever the name; else
            the name does.

    Raises:
        InputError: the probe was made with another model or on other data.
    """
    made = probe.settings
    other_files = model_checksum is not None and model_checksum != made.model_checksum
    if other_files or (model_checksum is None and made.model != model):
        found = f"{made.model}, whose files have changed since" if made.model == model else made.model
        raise InputError(
            f"a probe must be made with the model that is trained, {model}; found one made with {found}; at {where}; "
            "run mmrl probe with that model"
        )
    if made.dataset_checksum != dataset_checksum(samples):
        missing = [sample.id for sample in samples if sample.id not in probe.pass_rates]
        what = f"no row {missing[0]!r} in it" if missing else "rows that differ or stand in another order"
        raise InputError(
            f"a probe must be made on the dataset that it is used for; found one made on {made.dataset} of {made.rows} "
            f"rows, {what}; at {where}; run mmrl probe on this dataset"
        )


# ---------------------------------------------------------------------------------------------------- writing


def write_settings(folder: Path, settings: ProbeSettings) -> None:
    """Write ``probe.json``, whole or not at all."""
    stated = {field.name: getattr(settings, field.name) for field in fields(settings)}
    write_json(folder / SETTINGS_NAME, {"format": FORMAT, **stated})


def write_rows(folder: Path, rows: Iterable[ProbeRow]) -> None:
    """Write ``rows.jsonl``, whole or not at all."""
    write_text(folder / ROWS_NAME, "".join(encode_probe_row(row) + "\n" for row in rows))


def encode_probe_row(row: ProbeRow) -> str:
    """Return a row as one line of JSON, without the newline."""
    data: dict[str, Any] = {
        "id": row.id,
        "pass_rate": row.pass_rate,
        "mean_reward": row.mean_reward,
        "failures": dict(sorted(row.failures.items())),
    }
    data |= {"detail": row.detail} if row.detail else {}
    data |= {"texts": list(row.texts)} if row.texts else {}
    return json.dumps(data, ensure_ascii=False, allow_nan=False)


# ---------------------------------------------------------------------------------------------------- reading


def read_probe(path: str | Path) -> Probe:
    """Read a finished probe from its folder.

    Raises:
        InputError: there is none, a file of it is damaged, or rows are missing.
    """
    folder = Path(path)
    settings = read_settings(folder)
    rows = read_rows(folder / ROWS_NAME) if (folder / ROWS_NAME).is_file() else {}
    if len(rows) != settings.rows:
        raise InputError(
            f"a probe must be finished, with {settings.rows} rows; found {len(rows)}; at {folder / ROWS_NAME}; "
            "run the same mmrl probe again: it goes on"
        )
    return Probe(
        settings=settings,
        pass_rates={name: row.pass_rate for name, row in rows.items()},
        mean_rewards={name: row.mean_reward for name, row in rows.items()},
        failures={name: row.failures for name, row in rows.items()},
    )


def read_settings(folder: Path) -> ProbeSettings:
    """Read ``probe.json``; ``InputError`` where it is missing, damaged or of another format."""
    path = folder / SETTINGS_NAME
    if not path.is_file():
        raise InputError(f"a probe must be a folder with {SETTINGS_NAME}; found none; at {folder}; run mmrl probe")
    try:
        data = parse_json(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{SETTINGS_NAME} must be JSON; found {error}; at {path}; run mmrl probe again") from error
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise InputError(f"{SETTINGS_NAME} must say format {FORMAT!r}; found another file; at {path}; correct the path")
    return _validated(_SETTINGS, ProbeSettings, data, str(path))


def read_rows(path: Path) -> dict[str, ProbeRow]:
    """Return the rows of a file by id, in its order; a last line torn by a kill is left out.

    Raises:
        InputError: a whole line is no row, or an id stands twice; file, line and field are named.
    """
    rows: dict[str, ProbeRow] = {}
    lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last newline is empty or torn
    for number, line in enumerate(lines, start=1):
        row = _decode(line, f"{path}:{number}")
        if row.id in rows:
            raise InputError(f"a row must stand once in a probe; found {row.id!r} again; at {path}:{number}; remove it")
        rows[row.id] = row
    return rows


def _decode(line: bytes, where: str) -> ProbeRow:
    try:
        data = parse_json(line)
    except ValueError as error:
        raise InputError(f"a row of a probe must be JSON; found {error}; at {where}; run mmrl probe again") from error
    if not isinstance(data, dict):
        raise InputError(f"a row of a probe must be a JSON object; found {line[:40]!r}; at {where}; remove it")
    return _validated(_ROW, ProbeRow, data, where)


def _validated(adapter: TypeAdapter[T], kind: type[Any], data: dict[str, Any], where: str) -> T:
    """Return ``data`` as one of the records above; ``InputError`` naming the field that is missing, odd or wrong."""
    odd = sorted(data.keys() - {field.name for field in fields(kind)})
    if odd:
        raise InputError(f"a probe must hold known fields; found {odd[0]!r}; at {where}.{odd[0]}; run mmrl probe again")
    try:
        return adapter.validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(map(str, fault["loc"]))
        found = "nothing" if fault["type"] == "missing" else repr(fault["input"])
        raise InputError(
            f"a probe must hold usable values: {fault['msg']}; found {found}; at {where}.{name}; run mmrl probe again"
        ) from error
