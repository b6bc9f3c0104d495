"""``mmrl doctor``: what this machine can do."""

from __future__ import annotations


def doctor() -> None:
    """Tell what this machine can do: torch, GPU, attention kernels, video reader, browser, vLLM.

    Nothing is changed. A missing part is named with the command that adds it.

    [bold]Example[/]: mmrl doctor
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from mmrl.machine import findings

    table = Table(title="mmrl doctor", title_justify="left")
    for heading in ("part", "state", "found", "what it is for, or how to add it"):
        table.add_column(heading, overflow="fold")
    marks = {True: Text("ok", style="green"), False: Text("missing", style="yellow")}
    for finding in findings():
        table.add_row(Text(finding.part), marks[finding.usable], Text(finding.found), Text(finding.advice))
    Console().print(table)
