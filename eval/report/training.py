"""What the training log says: a line a stage, and curves over steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eval.report.charts import SCALE, Chart, finite, line_chart
from eval.report.load import RunRecord
from eval.report.text import visible

_PLACE_KEYS = ("event", "stage", "stage_index", "step", "global_step", "time")
TERM_PREFIX = "rewards/"


@dataclass(frozen=True, kw_only=True, slots=True)
class StageRow:
    """One stage in figures; "first" and "last" are means over the first and last tenth of its steps."""

    name: str
    steps: int
    mix: str
    prompt_style: str
    reward_first: str
    reward_last: str
    flat_groups: str
    mean_length: str
    parse_failures: str
    duration: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    """All charts of the page; a quantity that was not logged has none."""

    reward: Chart | None
    terms: tuple[Chart, ...]
    groups: tuple[Chart, ...]
    optimiser: tuple[Chart, ...]
    held_out: tuple[Chart, ...] = ()
    """Accuracy of held-out data at the looks that stages take."""
    sampling: tuple[Chart, ...] = ()
    """Share of the prompts that each task and difficulty gets, where stages follow the learner."""
    decisions: tuple[DecisionRow, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionRow:
    """One decision of the curriculum with its numbers."""

    stage: str
    step: str
    """Over all stages."""
    what: str
    text: str


def stage_rows(record: RunRecord) -> list[StageRow]:
    """Return the stages that have logged steps, in order."""
    indices = sorted({step.get("stage_index", 0) for step in record.steps})
    configured = record.config.get("stages")
    rows = []
    for index in indices:
        steps = [step for step in record.steps if step.get("stage_index", 0) == index]
        plan = configured[index] if isinstance(configured, list) and index < len(configured) else {}
        rows.append(_stage_row(steps, plan if isinstance(plan, dict) else {}, record.config))
    return rows


def _stage_row(steps: Sequence[Mapping[str, Any]], plan: Mapping[str, Any], config: Mapping[str, Any]) -> StageRow:
    tenth = max(1, len(steps) // 10)
    return StageRow(
        name=visible(str(steps[0].get("stage", ""))),
        steps=len(steps),
        mix=visible(_kind_text(plan.get("kind")) + _mix_text(plan.get("mix"))),
        prompt_style=visible(str(plan.get("prompt_style") or config.get("prompt_style") or "")),
        reward_first=_mean_text(steps[:tenth], "reward"),
        reward_last=_mean_text(steps[-tenth:], "reward"),
        flat_groups=_mean_text(steps, dead_key(steps), share=True),
        mean_length=_mean_text(steps, "completions/mean_length"),
        parse_failures=_mean_text(steps[-tenth:], "parse_failures", share=True),
        duration=_duration(steps),
    )


def _kind_text(kind: Any) -> str:
    """Say before its data how a stage is trained, where that is not by reward."""
    return {"sft": "supervised: ", "rejection": "its own best: "}.get(str(kind), "")


def _mix_text(mix: Any) -> str:
    """Write a stage's data mix; nothing where the config holds none, or something else in its place."""
    if not isinstance(mix, dict) or any(finite(weight) is None for weight in mix.values()):
        return ""
    return ", ".join(f"{name} × {weight:g}" for name, weight in mix.items())


def _mean_text(steps: Sequence[Mapping[str, Any]], key: str, *, share: bool = False) -> str:
    values = [value for value in (finite(step.get(key)) for step in steps) if value is not None]
    if not values:
        return ""
    mean = sum(values) / len(values)
    return f"{100 * mean:.0f} %" if share else f"{mean:.3g}"


def _duration(steps: Sequence[Mapping[str, Any]]) -> str:
    times = [value for value in (finite(step.get("time")) for step in steps) if value is not None]
    if len(times) < 2 or times[-1] < times[0]:
        return ""
    seconds = round(times[-1] - times[0])
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def term_names(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the reward terms in the log, in the order in which they first appear."""
    return list(
        dict.fromkeys(key.removeprefix(TERM_PREFIX) for step in steps for key in step if key.startswith(TERM_PREFIX))
    )


def dead_key(steps: Sequence[Mapping[str, Any]]) -> str:
    """Return under which name the share of groups without signal was logged; TRL's leaves out those of one reward."""
    return "groups/dead" if any("groups/dead" in step for step in steps) else "frac_reward_zero_std"


def _unless_zero(steps: Sequence[Mapping[str, Any]], key: str, **options: Any) -> Chart | None:
    """Return the chart of something rare; None where it never happened."""
    return line_chart(steps, key, **options) if any(finite(step.get(key)) for step in steps) else None


def curves(steps: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]] = ()) -> Curves:
    """Return the charts of a training log, with what the curriculum decided."""

    def several(*charts: Chart | None) -> tuple[Chart, ...]:
        return tuple(chart for chart in charts if chart)

    return Curves(
        held_out=several(*_held_out_charts(events)),
        sampling=several(*_sampling_charts(events)),
        decisions=tuple(decision_rows(events)),
        reward=_marked(
            line_chart(steps, "reward", title="Reward", unit="mean over a step's completions"), steps, events
        ),
        terms=several(
            *(
                line_chart(steps, TERM_PREFIX + name, title=visible(name), unit="mean, unweighted", unit_if_fits=True)
                for name in term_names(steps)
            )
        ),
        groups=several(
            line_chart(
                steps, dead_key(steps), title="Groups without reward variance", unit="share, no signal", share=True
            ),
            _unless_zero(
                steps,
                "groups/dead_before",
                title="Without variance at first",
                unit="share, before sampling again",
                share=True,
            ),
            _unless_zero(steps, "groups/unjudged", title="Judged by no term", unit="share of completions", share=True),
            _unless_zero(steps, "groups/resampled", title="Groups sampled again", unit="each generation"),
            line_chart(steps, "reward_std", title="Reward spread", unit="standard deviation"),
            line_chart(steps, "completions/mean_length", title="Completion length", unit="tokens, mean"),
            line_chart(
                steps,
                "completions/clipped_ratio",
                title="Cut off by the token limit",
                unit="share of completions",
                share=True,
            ),
            line_chart(steps, "parse_failures", title="Unreadable answers", unit="share of completions", share=True),
            line_chart(steps, "failed_rollouts", title="Failed rollouts", unit="share of completions", share=True),
        ),
        optimiser=several(
            line_chart(steps, "loss", title="Loss", unit=""),
            line_chart(steps, "grad_norm", title="Gradient norm", unit=""),
            line_chart(steps, "learning_rate", title="Learning rate", unit=""),
            line_chart(steps, "kl", title="Divergence from the reference", unit="nats, KL"),
            line_chart(steps, "entropy", title="Entropy", unit="nats, per token"),
            line_chart(
                steps, "mean_token_accuracy", title="Tokens predicted", unit="share, supervised stages", share=True
            ),
        ),
    )


_RULES = {
    "reward": "the mean of {steps} steps was {mean:.3g}, surely {lower_bound:.3g} or more; asked for {at_least:.3g}",
    "plateau": "{steps} steps went from {mean_before:.3g} to {mean:.3g}, surely no gain of {upper_bound_of_gain:.3g}; "
    "less than {min_gain:.3g} ends the stage",
    "held_out": "{accuracy:.1%} of {items} held-out items, surely {lower_bound:.1%} or more; asked for {at_least:.1%}",
    "stalled": "{looks} looks went from {accuracy_before:.1%} to {accuracy:.1%}, surely no gain of "
    "{upper_bound_of_gain:.1%}; less than {min_gain:.1%} ends the stage",
}
_DROPPED = {
    "other_tasks": "of other tasks",
    "other_levels": "of other levels",
    "too_hard": "too hard",
    "too_easy": "too easy",
}


def decision_rows(events: Sequence[Mapping[str, Any]]) -> list[DecisionRow]:
    """Return what was decided of each stage's data and of its end, in order; what a log lacks is left out."""
    rows = []
    for event in events:
        what, text = _decision(event)
        if what:
            step = event.get("global_step")
            stage = visible(str(event.get("stage", "")))
            rows.append(DecisionRow(stage=stage, step="" if step is None else str(step), what=what, text=visible(text)))
    return rows


def _decision(event: Mapping[str, Any]) -> tuple[str, str]:
    """Return what kind of decision an event is, and its numbers in words; nothing where it is none."""
    try:
        if event["event"] == "filter":
            dropped = ", ".join(f"{event[key]} {why}" for key, why in _DROPPED.items() if key in event)
            return "filter", f"{event['dataset']}: {event['kept']} of {event['rows']} rows kept; left out {dropped}"
        if event["event"] == "mix":
            return "mix", _parts(event["sources"])
        if event["event"] == "replay":
            return "replay", f"{event['share']:.0%} of the prompts: {_parts(event['sources'])}"
        if event["event"] == "early_stop":
            return "promotion", _RULES[event["rule"]].format(**event)
    except (KeyError, TypeError, ValueError, AttributeError):  # of another version, or damaged
        return str(event.get("event", "")), ", ".join(f"{key} {value}" for key, value in _details(event).items())
    return "", ""


def _parts(sources: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(f"{name} {part['prompts']} prompts from {part['rows']} rows" for name, part in sources.items())


def _details(event: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in _PLACE_KEYS}


def _marked(
    chart: Chart | None, steps: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]
) -> Chart | None:
    """Mark on a chart where stages were ended by a rule: a line, and the rule beside the stage's name."""
    ends = {event.get("stage"): event for event in events if event["event"] == "early_stop"}
    if chart is None or not ends:
        return chart
    low, high = float(steps[0]["global_step"]), float(steps[-1]["global_step"])
    places = [(finite(event.get("global_step")), event) for event in ends.values()]
    lines = [f"M{SCALE * (place - low) / (high - low):.1f} 0V{SCALE}" for place, _ in places if place is not None]
    rules = {name: visible(str(event.get("rule", "a rule"))).replace("_", " ") for name, event in ends.items()}
    spans = [
        replace(span, name=f"{span.name} · ended by {rules[span.name]}") if span.name in rules else span
        for span in chart.spans
    ]
    return replace(chart, raw=chart.raw + "".join(lines), spans=tuple(spans))


def _held_out_charts(events: Sequence[Mapping[str, Any]]) -> list[Chart | None]:
    looks = [event for event in events if event["event"] == "held_out" and "global_step" in event]
    names = dict.fromkeys(str(event.get("dataset")) for event in looks)
    return [
        line_chart(
            [event for event in looks if str(event.get("dataset")) == name],
            "accuracy",
            title=visible(name),
            unit="accuracy, greedy",
            share=True,
        )
        for name in names
    ]


def _sampling_charts(events: Sequence[Mapping[str, Any]]) -> list[Chart | None]:
    logged = [
        event
        for event in events
        if event["event"] == "weights" and isinstance(event.get("cells"), dict) and "global_step" in event
    ]
    cells = dict.fromkeys(cell for event in logged for cell in event["cells"])
    series = {
        cell: [{**event, "share": event["cells"].get(cell, {}).get("share")} for event in logged] for cell in cells
    }
    return [
        line_chart(points, "share", title=visible(cell), unit="of the prompts", share=True)
        for cell, points in series.items()
    ]


def remarks(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what happened besides plain steps (resumed, warned, stopped early), a sentence each."""
    return [_remark(event) for event in events if event["event"] not in ("stage_start", "stage_end", "bad_media")]


@dataclass(frozen=True, kw_only=True, slots=True)
class BadMedia:
    """A row whose picture or clip could not be used: its completions were failed rollouts."""

    sample: str
    steps: int
    """Optimiser steps that met it."""
    reason: str
    """It names the file."""


def bad_media(events: Sequence[Mapping[str, Any]]) -> list[BadMedia]:
    """Return the rows whose media failed in training, by reason, those that most steps met first."""
    met = Counter(
        (str(event.get("sample")), str(event.get("reason"))) for event in events if event["event"] == "bad_media"
    )
    return [
        BadMedia(sample=visible(sample), steps=steps, reason=visible(reason))
        for (sample, reason), steps in met.most_common()
    ]


def _remark(event: Mapping[str, Any]) -> str:
    place = f"Stage {event['stage']}, " if event.get("stage") else ""
    step = f"step {event.get('global_step')}: " if event.get("global_step") is not None else ""
    rest = {key: value for key, value in event.items() if key not in _PLACE_KEYS}
    details = str(rest.pop("message", "")) or ", ".join(f"{key} {value}" for key, value in rest.items())
    if decided := _decision(event)[1]:
        details = decided
    elif event["event"] == "weights":
        details = "shares of the prompts, drawn above"
    name = str(event["event"]).replace("_", " ")
    return visible(f"{place}{step}{name}" + (f" ({details})" if details else ""))
