"""Reading folders of scores for a page or a file for others: benchmarks' and dataset folders' alike.

What an item is comes from ``items.jsonl`` where a benchmark was scored, and from ``prompts.jsonl`` where dataset
folders were; what a model wrote from there or from ``predictions.jsonl``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.backends.base import texts_of
from eval.benchmark_media import Library
from eval.item_views import ITEMS_NAME
from eval.report.marks import Mark, stored_marks
from eval.report.pictures import inside
from eval.storage import PREDICTIONS_NAME, PROMPTS_NAME, SCORES_NAME, SETTINGS_NAME, Key, rows_by_key
from mmrl.answers import answer_from_json, write_answer
from mmrl.errors import InputError
from mmrl.files import parse_json

SUMMARY_NAME = "summary.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownMedium:
    """A picture or clip of an item."""

    name: str
    kind: str
    path: Path | None
    """None where it is not found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownItem:
    """What was asked, and what a run made of it."""

    id: str
    dataset: str
    question: str
    choices: Mapping[str, str]
    gold: str
    cluster: str
    groups: Mapping[str, str]
    media: tuple[ShownMedium, ...]
    size: tuple[float, float] | None
    """Frame of the places; None means the picture's own pixels."""
    gold_marks: list[Mark]
    marks: list[Mark]
    accuracy: float
    scores: Mapping[str, float]
    status: str
    stop: str
    parsed: str
    output: str
    detail: str


@dataclass(kw_only=True, slots=True)
class ResultSet:
    """The scored items of one folder, in its order."""

    path: Path
    summary: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    items: dict[Key, ShownItem] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The folder's name; with that of the one above where it says only before or after."""
        path = self.path.resolve()
        return "/".join(path.parts[-3:]) if path.parent.name == "eval" else path.name


def is_result_folder(path: Path) -> bool:
    """Whether a folder holds scores, as ``mmrl score`` and ``mmrl eval`` write them."""
    return (path / SCORES_NAME).is_file()


def load_results(path: Path, pictures: Path | None = None) -> ResultSet:
    """Read a folder of scores; ``pictures`` is where files are that the scores only name.

    Raises:
        InputError: there are no scores, or a file is damaged; file and line are named.
    """
    if not is_result_folder(path):
        raise InputError(f"results must be a folder with {SCORES_NAME}; found none; at {path}; run mmrl score or eval")
    results = ResultSet(path=path, summary=_json(path / SUMMARY_NAME), settings=_json(path / SETTINGS_NAME))
    scores = rows_by_key(path / SCORES_NAME, ("scores", "status"))
    if not scores:
        raise InputError(f"{SCORES_NAME} must hold items; found none; at {path}; score the run again")
    views, prompts, outputs = (_rows(path / name) for name in (ITEMS_NAME, PROMPTS_NAME, PREDICTIONS_NAME))
    finder = _Finder(results, pictures)
    for key, score in scores.items():
        prompt = prompts.get(key, {})
        view = _typed_view(prompt, score) if "gold" in prompt else views.get(key, {})
        results.items[key] = _item(key, score, view, prompt, outputs.get(key, {}), finder)
    return results


def _rows(path: Path) -> dict[Key, dict[str, Any]]:
    return rows_by_key(path) if path.is_file() else {}


def _json(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = parse_json(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path.name} must be JSON; found {error}; at {path}; score the run again") from None
    return value if isinstance(value, dict) else {}


def _item(
    key: Key,
    score: Mapping[str, Any],
    view: Mapping[str, Any],
    prompt: Mapping[str, Any],
    output: Mapping[str, Any],
    finder: _Finder,
) -> ShownItem:
    scores = {str(name): float(value) for name, value in _mapping(score["scores"]).items() if _is_number(value)}
    if "accuracy" not in scores:
        raise InputError(f"every item must have an accuracy; found none; at {SCORES_NAME}, id {key[1]!r}; score again")
    marks, size = _mapping(view.get("marks")), view.get("size")
    question = str(view.get("question") or "\n".join(texts_of(prompt.get("messages") or [])))
    raw = next((one[name] for one, name in ((view, "output"), (score, "prediction")) if name in one), None)
    return ShownItem(
        id=key[1],
        dataset=key[0],
        question=question,
        choices=_mapping(view.get("choices")),
        gold=str(view.get("gold", "")),
        cluster=str(score.get("cluster") or key[1]),
        groups=_groups(score, prompt),
        media=finder.media(key, view, prompt),
        size=(float(size[0]), float(size[1])) if isinstance(size, list) and len(size) == 2 else None,
        gold_marks=list(marks.get("gold") or ()),
        marks=list(marks.get("predicted") or ()),
        accuracy=scores["accuracy"],
        scores=scores,
        status=str(score["status"]),
        stop=str(score.get("stop") or ""),
        parsed=str(view.get("parsed_text") or _parsed_text(score.get("parsed"))),
        output=str(output.get("prediction", "") if raw is None else raw),
        detail=str(output.get("reason") or score.get("detail") or ""),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _groups(score: Mapping[str, Any], prompt: Mapping[str, Any]) -> dict[str, str]:
    groups = {str(name): str(value) for name, value in _mapping(score.get("groups")).items()}
    stated = (("task", score), ("difficulty", prompt), ("dataset", score))
    return groups | {name: str(row[name]) for name, row in stated if row.get(name)}


def _parsed_text(parsed: Any) -> str:
    """Write what was read: letters and numbers as they are, structures as ``name value`` pairs."""
    if parsed is None:
        return ""
    if isinstance(parsed, Mapping):
        return "; ".join(f"{name} {_parsed_text(value)}" for name, value in parsed.items())
    if isinstance(parsed, list):
        return f"[{', '.join(map(_parsed_text, parsed))}]"
    return f"{parsed:g}" if isinstance(parsed, float) else str(parsed)


def _typed_view(prompt: Mapping[str, Any], score: Mapping[str, Any]) -> dict[str, Any]:
    """Return the view of an item of a dataset folder, whose answers are typed."""
    media = prompt.get("media") or []
    size = (int(media[0]["width"]), int(media[0]["height"])) if media else None
    parsed = score.get("parsed")
    return {
        "question": prompt.get("question", ""),
        "choices": {chr(ord("A") + place): text for place, text in enumerate(prompt.get("choices") or [])},
        "gold": prompt.get("gold_text", ""),
        "size": list(size) if size else None,
        "marks": {"gold": stored_marks(prompt["gold"], size), "predicted": stored_marks(parsed, size)},
        "parsed_text": "" if parsed is None else write_answer(answer_from_json(parsed)),
    }


class _Finder:
    """Finds the files of items: where the run says, or below a folder that the user names."""

    def __init__(self, results: ResultSet, pictures: Path | None) -> None:
        stated = results.settings.get("pictures")
        self._library = Library(pictures) if pictures is not None else None
        self._roots = [results.path, *([results.path / stated] if isinstance(stated, str) else [])]
        datasets = _mapping(results.settings.get("datasets"))
        self._datasets = {name: results.path / str(_mapping(facts).get("path", "")) for name, facts in datasets.items()}
        self._known: dict[tuple[str, str], Path | None] = {}

    def media(self, key: Key, view: Mapping[str, Any], prompt: Mapping[str, Any]) -> tuple[ShownMedium, ...]:
        """Return an item's media: those of the prompt, which were really shown, else those that the data name."""
        shown = prompt.get("media") or [{"name": name} for name in view.get("media") or ()]
        return tuple(self._medium(key[0], _mapping(one)) for one in shown)

    def _medium(self, dataset: str, one: Mapping[str, Any]) -> ShownMedium:
        name = str(one.get("name") or one.get("path") or "")
        if (dataset, name) not in self._known:
            self._known[dataset, name] = self._find(dataset, name)
        path = self._known[dataset, name]
        return ShownMedium(name=name, kind=str(one.get("kind") or _kind_of(path)), path=path)

    def _find(self, dataset: str, name: str) -> Path | None:
        if self._library is not None:
            found = self._library.find(name) if name else None
            if found is not None and self._library.folder is not None:
                return self._library.folder / found
        roots = [self._datasets[dataset]] if dataset in self._datasets else self._roots
        return inside(roots, name) if name else None


def _kind_of(path: Path | None) -> str:
    return "video" if path is not None and path.suffix.lower() in (".mp4", ".webm", ".mkv", ".mov", ".avi") else "image"


def common_items(runs: Sequence[ResultSet]) -> Iterable[Key]:
    """Return the keys of the first run that all hold, in its order."""
    return [key for key in runs[0].items if all(key in run.items for run in runs[1:])]
