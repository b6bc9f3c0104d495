"""Forms: sound folders, even answers, and nothing to be guessed from place, length or what is stated."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from datasets_builders.forms import FormsConfig, build_forms
from datasets_builders.scenes import ScenesConfig, build_scenes
from datasets_builders.transit import TransitConfig, build_transit
from mmrl.answers import parse_completion
from mmrl.data import DatasetWriter, check_folder, read_folder
from mmrl.errors import InputError
from mmrl.geometry import original_frame
from mmrl.scoring import accuracy
from mmrl.types import Answer, Box, Boxes, Choice, Number, Sample, Text, YesNo


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("sources")
    scenes = ScenesConfig(count=160, width=112, height=112)
    transit = TransitConfig(count=90, size=112, tasks=("transit/plan", "transit/count_stops", "transit/same_line"))
    return {"scenes": build_scenes(scenes, root / "scenes"), "transit": build_transit(transit, root / "transit")}


@pytest.fixture(scope="module")
def built(sources: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = FormsConfig(source=tuple(str(path) for path in sources.values()))
    return build_forms(config, tmp_path_factory.mktemp("built") / "forms")


def of_form(built: Path, form: str) -> Iterator[Sample]:
    return (sample for sample in read_folder(built).samples if sample.meta["form"] == form)


def test_what_is_built_is_sound_and_shares_the_sources_pictures(built: Path, sources: dict[str, Path]) -> None:
    assert check_folder(built) == []
    known = {media.sha256 for path in sources.values() for row in read_folder(path).samples for media in row.media}
    used = {media.sha256 for row in read_folder(built).samples for media in row.media}
    assert used <= known
    assert len(list((built / "media").iterdir())) == len(used)


def test_each_source_row_is_asked_in_three_forms(built: Path) -> None:
    counts = Counter(sample.task for sample in read_folder(built).samples)
    for name in ("scenes/count", "scenes/color", "scenes/locate"):
        assert [counts[f"{name}.{form}"] for form in ("yes_no", "choice", "open")] == [40, 40, 40]
    assert counts["transit/plan.open"] == counts["transit/count_stops.open"] == 30
    assert not any("exists" in task or "same_line" in task for task in counts)
    told = read_folder(built).manifest["source"]
    assert "40 scenes/exists" in told
    assert "30 transit/same_line" in told


def test_answers_are_even(built: Path) -> None:
    judged = defaultdict(list)
    for sample in of_form(built, "yes_no"):
        assert isinstance(sample.answer, YesNo)
        judged[sample.task].append(sample.answer.value)
    for answers in judged.values():
        assert abs(2 * sum(answers) - len(answers)) <= 1
    letters: dict[int, Counter[str]] = defaultdict(Counter)
    for sample in of_form(built, "choice"):
        assert isinstance(sample.answer, Choice)
        letters[len(sample.choices)].update(sample.answer.letters)
    assert set(letters) <= {2, 3, 4}
    for options, counts in letters.items():
        assert len(counts) == options
        assert max(counts.values()) - min(counts.values()) <= 1


def right_option(sample: Sample) -> str:
    assert isinstance(sample.answer, Choice)
    return sample.choices["ABCD".index(sample.answer.letters[0])]


def test_wrong_options_are_wrong_by_the_open_forms_own_rule(built: Path, sources: dict[str, Path]) -> None:
    rows = {row.id: row for path in sources.values() for row in read_folder(path).samples}
    checked = Counter[str]()
    for sample in of_form(built, "choice"):
        source = rows[sample.meta["source_id"]]
        kind = {"transit/plan": "route", "scenes/count": "number", "transit/count_stops": "number"}.get(source.task)
        for option in sample.choices if kind else ():
            answer = parse_completion(f"<answer>{option}</answer>", kind=kind, style="direct").answer  # type: ignore[arg-type]
            assert answer is not None
            assert accuracy(answer, source) == (option == right_option(sample))
            checked[kind or ""] += 1
    assert min(checked["route"], checked["number"]) > 50


def test_boxes_on_offer_are_of_one_size_and_apart(built: Path) -> None:
    for sample in of_form(built, "choice"):
        if sample.task == "scenes/locate.choice":
            boxes = [json.loads(text) for text in sample.choices]
            assert len({(x2 - x1, y2 - y1) for x1, y1, x2, y2 in boxes}) == 1
            assert all(0 <= edge <= 1001 for box in boxes for edge in box)


def test_routes_on_offer_are_as_long_and_no_vote_of_their_parts_finds_the_right_one(built: Path) -> None:
    seen = 0
    for sample in of_form(built, "choice"):
        if sample.task == "transit/plan.choice" and len(sample.choices) == 4 and ";" in right_option(sample):
            parts = [text.replace(">", ":").replace(";", ":").split(":") for text in sample.choices]
            assert len({len(one) for one in parts}) == 1
            votes = [Counter(part.strip() for part in column) for column in zip(*parts, strict=True)]
            assert all(set(vote.values()) in ({4}, {2}) for vote in votes)
            seen += 1
    assert seen > 3


@pytest.mark.parametrize("task", ["scenes/count", "scenes/color"])
def test_what_is_stated_tells_little_about_yes_or_no(built: Path, task: str) -> None:
    stated: dict[str, Counter[bool]] = defaultdict(Counter)
    for sample in of_form(built, "yes_no"):
        if sample.task == f"{task}.yes_no":
            assert isinstance(sample.answer, YesNo)
            stated[sample.meta["stated"]][sample.answer.value] += 1
    total = sum(sum(counts.values()) for counts in stated.values())
    assert sum(max(counts.values()) for counts in stated.values()) / total < 0.8  # in hindsight, of 40


def test_the_rank_of_the_right_number_tells_nothing(built: Path) -> None:
    ranks = Counter(
        sorted(map(float, sample.choices)).index(float(right_option(sample)))
        for sample in of_form(built, "choice")
        if sample.task == "transit/count_stops.choice"
    )
    assert max(ranks.values()) <= 0.4 * sum(ranks.values())


def test_the_same_config_gives_the_same_bytes_and_another_seed_others(sources: dict[str, Path], tmp_path: Path) -> None:
    def rows(name: str, seed: int) -> tuple[bytes, str]:
        config = FormsConfig(source=(str(sources["scenes"]),), seed=seed, count=50, tasks=("scenes/co*",))
        folder = build_forms(config, tmp_path / name)
        assert len(read_folder(folder).samples) == 50
        return (folder / "metadata.jsonl").read_bytes(), (folder / "manifest.json").read_text()

    assert rows("a", 1) == rows("b", 1)
    assert rows("c", 2)[0] != rows("d", 1)[0]


def test_only_the_wanted_forms_are_asked(sources: dict[str, Path], tmp_path: Path) -> None:
    config = FormsConfig(source=(str(sources["scenes"]),), forms=("choice",))
    assert {row.meta["form"] for row in read_folder(build_forms(config, tmp_path / "out")).samples} == {"choice"}


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Twelve pictures, each with two boxes with classes, a fraction, and a length known to a quarter."""
    origin: dict[str, Any] = {
        "builder": "x",
        "version": "1",
        "config": {},
        "seed": 0,
        "source": "made up",
        "licence": "CC0-1.0",
    }
    with DatasetWriter(tmp_path / "labelled", **origin) as writer:
        for number, (first, second) in enumerate([("cat", "dog"), ("cow", "dog"), ("cat", "hen"), ("pig", "pig")] * 3):
            media = (writer.add_image(Image.new("RGB", (200, 100), (number, 0, 0))),)
            edges = ((1, 1, 31, 40, first), (101, 51, 131, 90, second))
            boxes = tuple(Box(x1=a, y1=b, x2=c, y2=d, label=label) for a, b, c, d, label in edges)
            fraction = "0.5" if number == 1 else f"1/{number + 2}"  # 1/2 and 0.5 are one answer
            answers: dict[str, Answer] = {
                "detect/boxes": Boxes(boxes=boxes, frame=original_frame(200, 100)),
                "sums/fraction": Text(value=fraction),
                "sums/length": Number(value=2.5 + number),
            }
            rules: dict[str, dict[str, Any]] = {
                "sums/fraction": {"rule": "mathematics"},
                "sums/length": {"tolerance": 0.25},
            }
            for task, answer in answers.items():
                name, meta = f"{task[-3:]}{number}", rules.get(task, {})
                writer.add(Sample(id=name, task=task, question="?", media=media, answer=answer, meta=meta))
    return tmp_path / "labelled"


def test_classes_are_asked_as_sets_and_values_are_told_apart(labelled: Path, tmp_path: Path) -> None:
    out = build_forms(FormsConfig(source=(str(labelled),)), tmp_path / "out")
    assert check_folder(out) == []
    samples = {sample.id: sample for sample in read_folder(out).samples}
    pair, single = samples["xes0-classes.choice"], samples["xes3-classes.choice"]
    assert isinstance(pair.answer, Choice)
    assert {pair.choices["ABCD".index(letter)] for letter in pair.answer.letters} == {"cat", "dog"}
    assert accuracy(Choice(letters=pair.answer.letters[:1]), pair) == 1 / 2
    assert right_option(single) == "pig"
    assert samples["xes0-classes.open"].answer == Text(value="cat, dog")
    assert "[5, 10, 155, 400] and [505, 510, 655, 900]" in pair.question  # of 200 x 100 pixels, in thousandths
    assert "xes0.open" in samples
    assert "xes0.choice" not in samples  # two boxes have no wrong pair
    assert not {"1/2", "0.5"} <= set(samples["ion0.choice"].choices)
    assert not {"1/2", "0.5"} <= set(samples["ion1.choice"].choices)
    for number in range(12):
        lengths = sorted(map(float, samples[f"gth{number}.choice"].choices))
        right = 2.5 + number
        assert all(abs(one - right) > 0.25 for one in lengths if one != right)


def test_nothing_to_ask_is_refused(sources: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"found none that tasks name among scenes/color, .*name other folders or tasks"
    ):
        build_forms(FormsConfig(source=(str(sources["scenes"]),), tasks=("gui/*",)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "FormsConfig.source: must"),
        ({"source": ()}, "FormsConfig.source: must name at least one; found none"),
        ({"source": ("a",), "forms": ("maybe",)}, "must be 'yes_no', 'choice' or 'open'; found 'maybe'"),
        ({"source": ("a", "a")}, "must name each once; found a, a"),
    ],
)
def test_unusable_options_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as refused:
        FormsConfig(**options)
    assert told in str(refused.value)
