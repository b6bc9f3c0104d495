"""Questions about scripted clips: answers spread evenly, options that differ, truths recomputed from the script."""

from __future__ import annotations

from collections import Counter

import pytest

from datasets_builders.video import VideoConfig, video_examples
from datasets_builders.video.builder import VideoDraft
from mmrl.types import Choice, Grounded, Intervals, Number, Sample, Text


@pytest.fixture(scope="module")
def drafts() -> list[VideoDraft]:
    options = {"width": 112, "height": 112, "seconds": 8, "max_events": 4, "questions_per_clip": 3}
    return list(video_examples(VideoConfig(count=9 * 96, seed=5, **options)))


@pytest.fixture(scope="module")
def by_task(drafts) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for draft in drafts:
        for sample in draft.samples:
            found.setdefault(sample.task, []).append(sample)
    return found


def test_every_task_is_asked_equally_often(by_task):
    assert {task: len(samples) for task, samples in by_task.items()} == dict.fromkeys(VideoConfig.known_tasks, 96)


@pytest.mark.parametrize("task", ["before_after", "moment_choice", "direction", "cause", "grounded"])
def test_right_options_stand_at_every_letter_equally_often(by_task, task):
    letters = Counter()
    for sample in by_task[f"video/{task}"]:
        choice = sample.answer.choice if isinstance(sample.answer, Grounded) else sample.answer
        assert isinstance(choice, Choice)
        letters[choice.letters[0]] += 1
        assert len(set(sample.choices)) == 4
    assert letters == dict.fromkeys("ABCD", 24)


def test_ways_counts_and_orders_are_balanced(by_task):
    ways = Counter(sample.choices["ABCD".index(sample.answer.letters[0])] for sample in by_task["video/direction"])
    assert ways == dict.fromkeys(("left", "right", "up", "down"), 24)
    counts = Counter(sample.answer.value for sample in by_task["video/count"] if isinstance(sample.answer, Number))
    assert counts == dict.fromkeys((1, 2, 3, 4), 24)
    for letters in ("AB", "ABC"):
        orders = [sample.meta["order"] for sample in by_task["video/order"]]
        first = Counter(order[0] for order in orders if len(order) == len(letters))
        assert set(first) == set(letters)
        assert max(first.values()) <= 1.8 * min(first.values())


def test_the_right_option_is_not_the_longest_more_often_than_chance(by_task):
    for task in ("before_after", "moment_choice", "cause"):
        samples = by_task[f"video/{task}"]
        longest = sum(
            len(sample.choices["ABCD".index(sample.answer.letters[0])]) == max(map(len, sample.choices))
            for sample in samples
        )
        ties = sum(sum(len(text) == max(map(len, sample.choices)) for text in sample.choices) / 4 for sample in samples)
        assert abs(longest - ties) <= 0.15 * len(samples)


def test_nothing_that_happens_is_a_wrong_cause_or_a_second_answer(drafts):
    for draft in drafts:
        events = {event.start: event for event in draft.script.events}
        assert len(events) == len(draft.script.events)
        for sample in draft.samples:
            if sample.task == "video/order":
                lines = dict(line.split(") ", 1) for line in sample.question.splitlines()[1:-1])
                assert sorted(sample.meta["order"]) == sorted(lines)
                assert sample.answer == Text(value=", ".join(sample.meta["order"]))


def test_moments_hold_at_the_right_time_and_at_no_other(drafts):
    """The question names a word; the script says when it is shown."""
    asked = 0
    for draft in drafts:
        for sample in draft.samples:
            if sample.task != "video/moment_choice" or "it so that the word" not in sample.question:
                continue
            asked += 1
            word = sample.question.split("the word ")[1].split()[0]
            at = [int(float(text.split()[0]) * draft.script.fps) for text in sample.choices]
            shown = [draft.script.caption(frame) == word for frame in at]
            assert shown == [letter == sample.answer.letters[0] for letter in "ABCD"]
    assert asked > 3


def test_several_stretches_are_all_asked_for_in_the_same_words(by_task):
    samples = by_task["video/localize"]
    several = [
        sample for sample in samples if isinstance(sample.answer, Intervals) and len(sample.answer.intervals) == 2
    ]
    assert len(several) == 24
    assert all(sample.question.endswith("Give every stretch of time.") for sample in samples)


def test_short_clips_count_only_as_far_as_fits():
    config = VideoConfig(count=40, seconds=4, max_events=2, tasks=("video/count",), width=112, height=112)
    counts = Counter(sample.answer.value for draft in video_examples(config) for sample in draft.samples)
    assert set(counts) == {1, 2}
