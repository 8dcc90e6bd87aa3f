"""``ccbench verify``: what records claim, against what is there."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccbench.commands import _options
from ccbench.commands._show import plain
from ccbench.errors import UserError

if TYPE_CHECKING:
    from ccbench.verification.findings import Report
    from ccbench.verification.installed import Installed
    from ccbench.verification.look import Subject


@click.command()
@click.argument("paths", nargs=-1, required=True, type=_options.Place(), metavar="OUT|RECORD...")
@click.option("--recompress", is_flag=True, help="Level 2: make each file again and compare its bytes.")
@click.option(
    "--retrain", is_flag=True, help="Level 3: train networks again on the stored files and compare accuracies."
)
@click.option("--sample", type=click.IntRange(1), metavar="N",
              help="Of so many records, drawn anew each time; default: of all.")  # fmt: skip
@click.option("--ci", is_flag=True,
              help="For a repository: tables, manifest and protocol versions must hold as well.")  # fmt: skip
@click.option("--since", type=_options.Place(file_okay=False), metavar="DIR",
              help="With --ci: an earlier copy; every record in it must still be there.")  # fmt: skip
@click.option("--format", "fmt", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="What is printed.")  # fmt: skip
@click.option("--data-root", type=_options.Place(), envvar="CCBENCH_DATA", help="Folder of datasets; or CCBENCH_DATA.")
@click.option("--teacher", "teachers", multiple=True, type=_options.Place(dir_okay=False), metavar="FILE",
              help="Weights of the teacher that records had from a file; once for each such file.")  # fmt: skip
@click.option("--jobs", "-j", type=click.IntRange(1), help="Processes at a time, as for ccbench run.")
@click.option("--device", help="cpu, cuda or cuda:0; default: the best there is.")
@click.option("--timeout", type=_options.Finite(min=0, min_open=True),
              help="Seconds after which one compression or training is killed.")  # fmt: skip
def verify(
    paths: tuple[Path, ...],
    fmt: str,
    data_root: Path | None,
    ci: bool,
    since: Path | None,
    teachers: tuple[Path, ...],
    **given: Any,
) -> int:
    """Hold result records against themselves, their files and what is installed here.

    OUT is an output folder, or one that holds several; RECORD a file under its results/. In seconds: nothing is made
    or trained again unless --recompress or --retrain say so; what came of that is written beside the records, under
    verified/. Exit code 1 where a record contradicts itself, its file, another one or its own work, which is named
    with the field.
    """
    from ccbench.methods.teacher_source import TeacherSource
    from ccbench.offers.discovery import plugins
    from ccbench.store import default_store
    from ccbench.verification.installed import Installed
    from ccbench.verification.look import look, subjects

    if since is not None and not ci:
        raise UserError("--since is for a repository of leaderboards", mend="add --ci")
    found = subjects(paths)
    sources = [TeacherSource.of(file) for file in teachers]
    installed = Installed(plugins(), data_root, default_store().root, sources)
    report = look(found, installed)
    if ci:
        from ccbench.verification.repository import hold

        hold(report, paths, found, since)
    if given["recompress"] or given["retrain"]:
        _again(found, installed, report, quiet=fmt == "json", **given)
    if fmt == "json":
        click.echo(json.dumps(report.plain(), indent=1))
        return report.exit_code
    for line in report.lines():
        click.echo(line[: len(line) - len(line.lstrip())] + plain(line))
    return report.exit_code


def _again(
    found: Sequence[Subject], installed: Installed, report: Report, *, quiet: bool, sample: int | None, **given: Any
) -> None:
    """Do the work of records again and add what it says to the report."""
    from ccbench.runner.device import check_device, use_machine
    from ccbench.verification.again import How, again

    check_device(given["device"])
    use_machine(given["device"], None)
    chosen = [subject for subject in found if subject.record and subject.record.ok]
    if sample is not None and sample < len(chosen):
        chosen = sorted(random.SystemRandom().sample(chosen, sample), key=lambda subject: subject.path)

    def told(line: str) -> None:
        if not quiet:
            click.echo(plain(line), err=True)

    with tempfile.TemporaryDirectory(prefix="ccbench-verify-") as workspace:
        how = How(workspace=Path(workspace), cache=installed.cache_root, told=told, **given)
        others = [subject.record for subject in found if subject.record]
        spoken = again(chosen, others, installed, how)
    for one in report.checked:
        one.findings += spoken.get(one.path, [])
    undone = sum(any(f.text.startswith("cannot be done") for f in told) for told in spoken.values())
    report.notes.append(f"{len(chosen) - undone} of {len(chosen)} records done again; see verified/ beside results/")
    reasons = {f.text: None for told in spoken.values() for f in told if f.text.startswith("cannot be done")}
    report.notes += [f"a record {reason}" for reason in reasons]
