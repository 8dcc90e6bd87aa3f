"""``ccbench check``: the conformance kit."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import click

from ccbench.commands import _options
from ccbench.commands._show import fresh_log, plain
from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins, plugins
from ccbench.offers.specs import did_you_mean


@click.command()
@click.argument("name")
@click.option("--json", "as_data", is_flag=True, help="Print JSON: one object with every outcome.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=300.0,
    show_default=True,
    help="Seconds for the method's run in a process of its own.",
)
@_options.add(*_options.DATA)
def check(name: str, as_data: bool, timeout: float, **given: Any) -> None:
    """Run the conformance kit on NAME: a method, a method expression, or a dataset.

    Exit code 0 when every check passed, 1 when one failed or none ran, 2 when nothing has that name.
    """
    from ccbench.runner.device import use_machine

    use_machine(None, None)
    kind = kind_of(name, plugins())
    from ccbench.testing import check_dataset, check_method
    from ccbench.testing.report import Outcome

    def told(outcome: Outcome) -> None:
        if not as_data:
            click.echo(f"{outcome.status:7}  {outcome.name}{': ' * bool(outcome.detail)}{plain(outcome.detail)}")

    with _stdout_aside() if as_data else nullcontext():
        if kind == "method":
            report = check_method(name, timeout=timeout, told=told)
        else:
            report = check_dataset(name, source=_options.source(given, name), told=told)
    click.echo(report.as_json() if as_data else str(report).splitlines()[-1])
    if report.log:
        click.echo(f"tracebacks: {fresh_log('check', name, report.log)}", err=True)
    if not report.ok:
        sys.exit(1)


@contextmanager
def _stdout_aside() -> Iterator[None]:
    """Send what a method prints, here and in its own process, to stderr: JSON must stay readable."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def kind_of(name: str, offers: Plugins) -> str:
    """Whether a name is a method's or a dataset's.

    Raises:
        UserError: it is neither, or it is a folder of images without ``folder:``.
    """
    from ccbench.offers.expressions import base_name, parse

    base = base_name(name)
    for kind in ("dataset", "method"):
        if base in offers.names(kind):
            return kind
    if ":" in base and base.partition(":")[0] + ":" in offers.all("dataset"):
        return "dataset"
    try:
        parse(name, offers)
    except UserError as error:
        if "+" in name or "[" in name or "offered by both" in error.what:
            raise
        names = [*offers.names("method"), *offers.names("dataset")]
        broken = ", ".join(f"{p.name} of {p.distribution}" for p in offers.broken())
        mend = "ccbench list methods, ccbench list datasets"
        if Path(name).is_dir():
            mend = f"ccbench check folder:{name}"
        raise UserError(
            f"no method or dataset is called {name!r}{did_you_mean(name, names)}",
            found=f"broken plugins: {broken}" if broken else None,
            mend=mend,
        ) from None
    return "method"
