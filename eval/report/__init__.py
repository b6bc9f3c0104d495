"""One self-contained HTML page about a run."""

from eval.report.write import render_report, write_report

__all__ = ["render_report", "write_report"]
