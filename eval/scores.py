"""From predictions to scores, without a model: parse, score, and the rows in which both are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.decoding import FailedPrediction
from mmrl.answers import answer_to_json, parse_completion
from mmrl.errors import InputError
from mmrl.families import FrameRule
from mmrl.scoring import accuracy
from mmrl.types import Frame, Parsed, ParseStatus, Prediction, PromptStyle, Sample, Score, StopReason, answer_kind


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoredPrediction:
    """One item from raw output to score."""

    prediction: Prediction
    parsed: Parsed
    score: Score
    cluster: str
    """Items with the same value ask about the same picture and are not independent."""


def score_predictions(
    samples: Sequence[Sample], predictions: Sequence[Prediction], style: PromptStyle, frame_of: FrameRule
) -> list[ScoredPrediction]:
    """Score one prediction for each sample, matched by id, in the order of ``samples``.

    A failed prediction is not parsed: its status is ``empty``, its score 0 and its detail the reason.

    Raises:
        InputError: an id is missing, unknown or repeated.
    """
    by_id = _matched(samples, predictions)
    return [
        score_prediction(sample, by_id[sample.id], style=style, frame=frame_of(sample.media[0]) if sample.media else None)
        for sample in samples
    ]


def score_prediction(
    sample: Sample, prediction: Prediction, *, style: PromptStyle, frame: Frame | None
) -> ScoredPrediction:
    """Parse and score one prediction; ``frame`` is the one in which the model was asked to write coordinates."""
    if prediction.stop is StopReason.FAILED:
        reason = prediction.reason if isinstance(prediction, FailedPrediction) else "no completion"
        parsed = Parsed(status=ParseStatus.EMPTY, detail=reason)
    else:
        parsed = parse_completion(prediction.prediction, kind=answer_kind(sample.answer), style=style, frame=frame)
    score = Score(
        id=sample.id,
        task=sample.task,
        status=parsed.status,
        scores={"accuracy": accuracy(parsed.answer, sample)},
    )
    cluster = sample.media[0].sha256[:16] if sample.media else sample.id
    return ScoredPrediction(prediction=prediction, parsed=parsed, score=score, cluster=cluster)


def _matched(samples: Sequence[Sample], predictions: Sequence[Prediction]) -> dict[str, Prediction]:
    by_id = {prediction.id: prediction for prediction in predictions}
    wanted = {sample.id for sample in samples}
    odd = sorted(by_id.keys() ^ wanted)
    if odd or len(by_id) != len(predictions):
        kind = "a repeated id" if not odd else f"{'an unknown' if odd[0] in by_id else 'no prediction for the'} id {odd[0]!r}"
        raise InputError(
            f"predictions must answer each sample once; found {kind} among {len(predictions)} predictions for "
            f"{len(samples)} samples; at predictions; give the predictions of this dataset"
        )
    return by_id


# ---------------------------------------------------------------------------------------------------- rows


def prediction_row(dataset: str, prediction: Prediction) -> dict[str, Any]:
    """Return the stored form of a prediction."""
    row = {
        "dataset": dataset,
        "id": prediction.id,
        "prediction": prediction.prediction,
        "stop": str(prediction.stop),
    }
    return row | ({"reason": prediction.reason} if isinstance(prediction, FailedPrediction) else {})


def row_prediction(row: Mapping[str, Any]) -> Prediction:
    """Return the prediction of a stored row; KeyError or ValueError where it is damaged."""
    stop = StopReason(row["stop"])
    if stop is StopReason.FAILED:
        return FailedPrediction(id=row["id"], prediction="", stop=stop, reason=row.get("reason", "no completion"))
    return Prediction(id=row["id"], prediction=row["prediction"], stop=stop)


def score_row(dataset: str, scored: ScoredPrediction) -> dict[str, Any]:
    """Return the stored form of a scored item: raw text, what was read from it, and its scores."""
    parsed = scored.parsed
    return {
        "dataset": dataset,
        "id": scored.score.id,
        "task": scored.score.task,
        "cluster": scored.cluster,
        "prediction": scored.prediction.prediction,
        "stop": str(scored.prediction.stop),
        "parsed": answer_to_json(parsed.answer) if parsed.answer is not None else None,
        "status": str(parsed.status),
        "detail": parsed.detail,
        "well_formed": parsed.well_formed,
        "scores": dict(scored.score.scores),
    }
