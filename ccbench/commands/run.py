"""``ccbench run``: compress, train, and write the leaderboard."""

from __future__ import annotations

import sys
from typing import Any

import click

from ccbench.commands import _options, _suite


@click.command()
@_options.add(_suite.NAME, *_suite.PARTS, *_options.CELLS)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1),
    help="Processes; one GPU each where there are GPUs. Default: as many as cores and memory carry; on a GPU 1.",
)
@click.option("--executor", default="local", show_default=True, help="Where work runs; see ccbench list executors.")
@click.option(
    "--timeout",
    type=_options.Finite(min=0, min_open=True),
    help="Seconds after which one compression or training is killed.",
)
@click.option(
    "--memory-limit", help="Memory of one process, such as 8GB; default: its share of what this machine allows."
)
@click.option(
    "--sealed",
    is_flag=True,
    help="Compress where neither the test split nor the network can be reached (Linux, needs bubblewrap).",
)
@click.option("--compile", "compile_", is_flag=True, help="Put networks through torch.compile.")
@click.option("--quiet", "-q", is_flag=True, help="Print the table alone.")
def run(**given: Any) -> int:
    """Compress with every method at one matched budget, train, and rank what is left.

    Only what is missing in --out is done: the same command again continues a run that was cut off.
    """
    from ccbench.runner.execute import Options, execute

    options = Options(
        out=given["out"],
        source=_options.source(given),
        jobs=given["jobs"],
        threads=given["threads"],
        executor=given["executor"],
        timeout=given["timeout"],
        memory_limit=_options.size(given["memory_limit"], "--memory-limit"),
        device=given["device"],
        compile=given["compile_"],
        sealed=given["sealed"],
        display="quiet" if given["quiet"] else "auto",
    )
    asked = _suite.asked(given, opened=True)
    for line in asked.lines:
        click.echo(f"left out: {line}", err=True)
    summary = execute(asked.requests, options)
    if sys.stdout is not None and sys.stdout.isatty():
        from ccbench.leaderboard.terminal import show
        from ccbench.leaderboard.writing import load

        show(load((summary.out,)))
    else:
        click.echo((summary.out / "leaderboard.md").read_text(encoding="utf-8"))
    counts = ", ".join(f"{n} {status}" for status, n in sorted(summary.counts.items()))
    click.echo(f"cells: {counts}. Tables, figure and records are in {summary.out}/", err=True)
    for line in summary.reasons:
        click.echo(line, err=True)
    if summary.exit_code:
        told = f"what went wrong is in {summary.out}/logs/; " if any(summary.out.glob("logs/*.log")) else ""
        click.echo(f"{told}the same command tries it again", err=True)
    return summary.exit_code
