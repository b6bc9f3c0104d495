"""Entry point of ``mmrl``: commands are registered here, and errors become one line and an exit code.

Exit codes: 0 fine; 1 something of ours broke; 2 the input cannot be used as it is, or a check found problems.
"""

from __future__ import annotations

import errno
import sys

import typer

from mmrl.cli import (
    audit,
    bench,
    build,
    check,
    compare,
    contamination,
    demo,
    doctor,
    eval_options,
    evaluate,
    probe,
    report,
    score,
    train,
)
from mmrl.errors import DependencyError, InputError

HELP = """Reinforcement fine-tuning of vision-language models.

Three jobs: [bold]build[/] verifiable map, GUI and scene datasets; [bold]train[/] through a staged GRPO curriculum;
[bold]eval[/]uate checkpoints before and after. New here? [bold]mmrl demo[/] does all three on a CPU in minutes.
"""

app = typer.Typer(
    name="mmrl",
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.add_typer(build.app, name="build")
app.command("check")(check.check)
app.command("audit")(audit.audit)
app.command("train")(train.train)
app.command("eval", cls=eval_options.EvalCommand)(evaluate.evaluate)
app.command("score", cls=score.ScoreCommand, context_settings=score.LENIENT)(score.score)
app.command("probe")(probe.probe)
app.command("compare")(compare.compare)
app.command("contamination", context_settings=score.LENIENT)(contamination.contamination)
app.command("report")(report.report)
app.add_typer(bench.app, name="bench")
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line; expected failures print one line and exit with code 2."""
    try:
        app()
    except (InputError, DependencyError) as error:
        _fail(str(error))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        _fail(f"the disk must have room for the output; found {error.strerror} at {error.filename}; free some space")
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: str) -> None:
    print(f"mmrl: {message}", file=sys.stderr)
    sys.exit(2)
