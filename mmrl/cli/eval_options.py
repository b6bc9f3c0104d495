"""The options of ``mmrl eval``, and which of them go together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from mmrl.cli.benchmarks import LIST_HELP
from mmrl.cli.evaluating import Asking, ServerChoice
from mmrl.cli.score import ScoreCommand, make_judge
from mmrl.errors import InputError
from mmrl.types import PromptStyle

if TYPE_CHECKING:
    from mmrl.judges import Judge

BenchmarkName = Annotated[str | None, typer.Option(help="A public one; --list names all.", is_eager=True)]
Data = Annotated[list[Path] | None, typer.Option(help="A dataset folder, repeat for several; or a benchmark's file.")]
Out = Annotated[Path | None, typer.Option(help="Folder for prompts, predictions and scores.")]
Model = Annotated[str, typer.Option(help="'tiny', a checkpoint folder, or a hub name.")]
Checkpoints = Annotated[Path | None, typer.Option(help="A run's folder: every checkpoint of it, in order.")]
Style = Annotated[str, typer.Option(help="direct, think, boxed or json; for dataset folders.")]
BatchSize = Annotated[int, typer.Option(help="Items generated together.")]
Length = Annotated[int, typer.Option(help="Tokens.")]
Pixels = Annotated[int | None, typer.Option(help="Image budget of the processor.")]
VideoFps = Annotated[float | None, typer.Option(help="Frames a second shown of a clip; the default is 2.")]
VideoFrames = Annotated[int, typer.Option(help="Most frames shown of a clip.")]
Dtype = Annotated[str, typer.Option(help="float32 or bfloat16.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, ...; the default is cuda where there is one.")]
Pictures = Annotated[Path | None, typer.Option(help="Folder of the files that a benchmark only names.")]
Variant = Annotated[str | None, typer.Option(help="Scoring rule of the benchmark; its first by default.")]
BackendName = Annotated[str, typer.Option(help="transformers or vllm.")]
Server = Annotated[str | None, typer.Option(help="Ask an OpenAI-compatible server: http://host:port/v1.")]
ModelName = Annotated[str | None, typer.Option(help="The model's name on the server.")]
KeyVariable = Annotated[str, typer.Option(help="Environment variable that holds the server's key.")]
Concurrency = Annotated[int, typer.Option(help="Requests on their way at once.")]
Retries = Annotated[int, typer.Option(help="How often a failed request is sent again.")]
TimeLimit = Annotated[float, typer.Option(help="Seconds that one request to a server may take.")]
MaxRequests = Annotated[int | None, typer.Option(help="Stop after so many requests, retries included.")]
MaxTokens = Annotated[int | None, typer.Option(help="Stop at so many tokens, prompts included.")]
Cache = Annotated[Path | None, typer.Option(help="Folder of replies by content, shared between runs.")]
RetryFailed = Annotated[bool, typer.Option(help="Ask again for what failed in an earlier run.")]
ListAll = Annotated[bool, typer.Option("--list", help=LIST_HELP)]

_SERVER = ("model_name", "api_key_env", "concurrency", "retries", "time_limit", "max_requests", "max_tokens_total")
_ONLY = {"benchmark": ("judge", "pictures", "variant", "server", "backend", "cache", "retry_failed"), "server": _SERVER}
"""Options that mean something only beside another."""


class EvalCommand(ScoreCommand):
    """Takes a benchmark's own options beside ``--benchmark``, and refuses unknown ones without."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the line strictly unless it names a benchmark."""
        lenient = any(argument.partition("=")[0] == "--benchmark" for argument in args)
        ctx.ignore_unknown_options = ctx.allow_extra_args = lenient
        return super().parse_args(ctx, args)


def read_options(ctx: typer.Context) -> Asking:
    """Return which model is asked and how; ``InputError`` where options are wrong or do not go together."""
    from eval.decoding import Decoding
    from mmrl.video import Reading, VideoRequest
    from mmrl.video.reading import DEFAULT_TIMEOUT_S

    given = ctx.params
    _check_options(ctx)
    video = VideoRequest(fps=given["video_fps"], max_frames=given["video_max_frames"], max_pixels=given["max_pixels"])
    decoding = Decoding(
        batch_size=given["batch_size"],
        max_completion_length=given["max_completion_length"],
        video=video,
        reading=Reading(timeout_s=DEFAULT_TIMEOUT_S),
    )
    plain = {name: given[name] for name in ("model", "dtype", "device", "min_pixels", "max_pixels", "backend", "cache")}
    server = ServerChoice(given["server"], *(given[name] for name in _SERVER)) if given["server"] else None
    return Asking(decoding=decoding, server=server, **plain)


def read_judge(ctx: typer.Context) -> Judge | None:
    """Return the judge that the options name, if any; ``InputError`` where a part is missing."""
    return make_judge(ctx.params["judge"], ctx.params["judge_model"], ctx.params["judge_cache"])


def _check_options(ctx: typer.Context) -> None:
    given = ctx.params
    needed = ("out",) if given["checkpoints"] and not given["benchmark"] else ("data", "out")
    absent = ", ".join(f"--{name}" for name in needed if not given[name])
    if absent:
        wanted = " and ".join(f"--{name}" for name in needed)
        raise InputError(f"mmrl eval needs {wanted}; found no {absent}; see mmrl eval --help")
    if given["style"] not in get_args(PromptStyle):
        raise InputError(f"--style must be one of {', '.join(get_args(PromptStyle))}; found {given['style']!r}")
    if given["dtype"] not in ("float32", "bfloat16", "float16"):
        raise InputError(f"--dtype must be float32, bfloat16 or float16; found {given['dtype']!r}")
    _refuse_unused(ctx)


def _refuse_unused(ctx: typer.Context) -> None:
    """Refuse options that would be ignored: a result must not differ from what its command says."""
    given = ctx.params
    stated = {name for name in given if str(ctx.get_parameter_source(name)).endswith("COMMANDLINE")}
    for owner, names in _ONLY.items():
        unused = [_flag(name) for name in names if name in stated] if given[owner] is None else []
        if unused:
            raise InputError(f"{', '.join(unused)} must stand beside --{owner}; found none; see mmrl eval --help")
    if given["benchmark"] is not None and "style" in stated:
        raise InputError("--style must stand with dataset folders; found --benchmark, which has a prompt of its own")
    local: dict[str, tuple[str, ...]] = {
        "server": ("model", "dtype", "device", "backend", "batch_size"),
        "checkpoints": ("model", "server"),
    }
    for owner, others in local.items():
        unused = [_flag(name) for name in others if name in stated] if given[owner] else []
        if unused:
            raise InputError(f"--{owner} must stand without {', '.join(unused)}; found both; leave one out")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
