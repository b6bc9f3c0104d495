"""``mmrl eval``: a model over dataset folders or over a public benchmark."""

from __future__ import annotations

import typer

from mmrl.cli import eval_options as options
from mmrl.cli.evaluating import BenchmarkChoice, evaluate_benchmark, evaluate_checkpoints, evaluate_folders
from mmrl.cli.score import JudgeCache, JudgeModelName, JudgeServer


def evaluate(  # noqa: PLR0913 - options of a command, not of a function that code calls
    ctx: typer.Context,
    benchmark: options.BenchmarkName = None,
    data: options.Data = None,
    out: options.Out = None,
    model: options.Model = "tiny",  # noqa: ARG001 - read_options reads it and the like from ctx
    checkpoints: options.Checkpoints = None,
    style: options.Style = "direct",
    batch_size: options.BatchSize = 64,  # noqa: ARG001
    max_completion_length: options.Length = 256,  # noqa: ARG001
    min_pixels: options.Pixels = None,  # noqa: ARG001
    max_pixels: options.Pixels = None,  # noqa: ARG001
    video_fps: options.VideoFps = None,  # noqa: ARG001
    video_max_frames: options.VideoFrames = 768,  # noqa: ARG001
    dtype: options.Dtype = "float32",  # noqa: ARG001
    device: options.Device = None,  # noqa: ARG001
    pictures: options.Pictures = None,
    variant: options.Variant = None,
    backend: options.BackendName = "transformers",  # noqa: ARG001
    server: options.Server = None,  # noqa: ARG001
    model_name: options.ModelName = None,  # noqa: ARG001
    api_key_env: options.KeyVariable = "OPENAI_API_KEY",  # noqa: ARG001
    concurrency: options.Concurrency = 8,  # noqa: ARG001
    retries: options.Retries = 4,  # noqa: ARG001
    time_limit: options.TimeLimit = 300.0,  # noqa: ARG001
    max_requests: options.MaxRequests = None,  # noqa: ARG001
    max_tokens_total: options.MaxTokens = None,  # noqa: ARG001
    cache: options.Cache = None,  # noqa: ARG001
    judge: JudgeServer = None,  # noqa: ARG001
    judge_model: JudgeModelName = None,  # noqa: ARG001
    judge_cache: JudgeCache = None,  # noqa: ARG001
    retry_failed: options.RetryFailed = False,
    list_all: options.ListAll = False,  # noqa: ARG001 - read by EvalCommand
) -> None:
    """Evaluate a model greedily and print accuracy with 95 % intervals; --checkpoints does so along a training run.

    Items whose media cannot be used, or for which the model or server fails, count as wrong. A benchmark run that was
    interrupted goes on with the same command; nothing is asked twice.

    [bold]Examples[/]:

    mmrl eval --data runs/demo/data/transit_test --model runs/demo/stages/2-plan/final --out out

    mmrl eval --benchmark mmstar --data MMStar.tsv --model Qwen/Qwen2.5-VL-3B-Instruct --out out

    mmrl eval --benchmark mmstar --data MMStar.tsv --server http://localhost:8000/v1 --model-name NAME --out out

    mmrl eval --checkpoints runs/demo --out runs/demo-curve
    """
    asking, judging = options.read_options(ctx), options.read_judge(ctx)
    assert out is not None, "checked with the other options"
    chosen = None
    if benchmark:
        chosen = BenchmarkChoice(benchmark, data or [], pictures, variant, retry_failed, ctx.args, judging)
    if checkpoints is not None:
        evaluate_checkpoints(asking, checkpoints, out, chosen)
    elif chosen is not None:
        evaluate_benchmark(asking, chosen, out)
    else:
        evaluate_folders(asking, data or [], out, style=style)
