"""``ccbench evaluate``: train on a compressed dataset, one record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ccbench.commands import _options
from ccbench.commands._show import defect
from ccbench.records.artifacts import ARTIFACTS
from ccbench.records.record import read_one


@click.command()
@click.argument("file", type=_options.Place(dir_okay=False))
@click.option("--dataset", "-d", help="Whose test split; default: the one FILE was made from.")
@click.option("--arch", "-a", help="A network; default: the protocol's own.")
@click.option("--protocol", "-p", help="The evaluation recipe; default: the one FILE was made under.")
@click.option("--seed", type=click.IntRange(0), help="Index of the repetition; default: the one FILE was made for.")
@_options.add(*_options.TEACHER, *_options.DATA, *_options.MACHINE, *_options.THREADS)
@click.option("--compile", "compile_", is_flag=True, help="Put the network through torch.compile.")
@click.option(
    "--out",
    "-o",
    type=_options.Place(),
    default=Path("ccbench-out"),
    show_default=True,
    help="Where the record goes.",
)
@click.pass_context
def evaluate(ctx: click.Context, file: Path, **given: Any) -> None:
    """Train a network on FILE and test it on the dataset's own test split.

    The record belongs to a row of the leaderboard of --out; what stands beside it there is named. The file of a run is
    trained on as that run did, seeds and all, and makes a record of the same row; whether it agrees with those that
    are in --out and beside the file is said.
    """
    from ccbench.runner.device import check_device, use_machine

    check_device(given["device"])
    use_machine(given["device"], given["threads"])
    from ccbench.machine import counted_threads
    from ccbench.runner.alone import Ended
    from ccbench.runner.one_file import evaluate_file
    from ccbench.training.parallel import leads

    try:
        record, path = evaluate_file(
            file,
            dataset=given["dataset"],
            architecture=given["arch"],
            protocol=given["protocol"],
            seed=given["seed"],
            base_seed=given["base_seed"] if _said(ctx, "base_seed") else None,
            teacher=_options.teacher(given),
            source=_options.source(given, given["dataset"] or ""),
            device=given["device"],
            precision=given["precision"],
            threads=counted_threads(given["threads"], given["device"]),
            compile=given["compile_"],
            out=given["out"],
        )
    except Ended as end:
        raise defect("evaluate", file.stem, end, mend="ccbench plugins shows where its parts come from") from None
    if not leads():
        return
    from ccbench.leaderboard.baselines import standing
    from ccbench.verification.agreement import agreements

    click.echo(
        f"{file}: accuracy {record.accuracy:.2%} on {record.dataset} ({record.architecture}, protocol "
        f"{record.protocol}, {record.train_seconds:.1f} s); record: {path}"
    )
    for line in standing(record, [given["out"]]):
        click.echo(line)
    for line in agreements(read_one(path), [given["out"], *_home(file)]):
        click.echo(line)


def _said(ctx: click.Context, name: str) -> bool:
    """Whether an option was given, be it at its default."""
    return ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def _home(file: Path) -> list[Path]:
    """The output folder of the run that a file lies in."""
    home = file.absolute().parent
    return [home.parent] if home.name == ARTIFACTS else []
