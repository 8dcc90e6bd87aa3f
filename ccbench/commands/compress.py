"""``ccbench compress``: one method, one dataset, one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ccbench.commands import _options
from ccbench.commands._show import defect


@click.command()
@click.option(
    "--method", "-m", required=True, help="A method expression, such as dcq or ccs[fraction=0.1]+dcq[bits=2]."
)
@_options.add(*_options.BUDGET)
@click.option("--dataset", "-d", default="photodigits", show_default=True, help="A name, or folder:PATH.")
@click.option(
    "--protocol",
    "-p",
    default="quick",
    show_default=True,
    help="Whose proxy and teacher recipes the method's stages use.",
)
@_options.add(*_options.TEACHER, *_options.DATA, *_options.MACHINE, *_options.THREADS)
@click.option("--no-snap", is_flag=True, help="Keep the ratio as given.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.argument("file", type=_options.Place(dir_okay=False))
def compress(file: Path, **given: Any) -> int:
    """Compress a dataset's training split into FILE (.ccb)."""
    from ccbench.archive.coded import said
    from ccbench.errors import MethodError, Skipped, UserError
    from ccbench.machine import counted_threads
    from ccbench.offers.discovery import plugins
    from ccbench.records.facts import Compressed
    from ccbench.runner.alone import Ended, alone
    from ccbench.runner.artifacts import plugins_of
    from ccbench.runner.compressing import Compression, Measurement
    from ccbench.runner.device import check_device, use_machine
    from ccbench.runner.display import Watch, compression
    from ccbench.runner.execute import plan_run
    from ccbench.runner.plan import Request
    from ccbench.runner.work import Context
    from ccbench.store import default_store

    if file.suffix != ".ccb":
        raise UserError("a compressed dataset's file ends in .ccb", found=file, mend=f"{file.with_suffix('.ccb')}")
    if file.exists() and not given["force"]:
        raise UserError(f"{file} exists", mend="add --force to overwrite it")
    check_device(given["device"])
    use_machine(given["device"], given["threads"])
    source = _options.source(given, given["dataset"])
    request = Request(
        methods=(given["method"],),
        budgets=_options.budgets(given),
        datasets=(given["dataset"],),
        protocols=(given["protocol"],),
        seeds=1,
        base_seed=given["base_seed"],
        snap=not given["no_snap"],
        match=given["match"],
        codings=given["coding"] or (),
        teacher=_options.teacher(given),
        precision=given["precision"],
        threads=counted_threads(given["threads"], given["device"]),
    )
    plan = plan_run(request, source, plugins(), given["device"])
    if len(plan.cells) != 1:
        raise UserError(
            "compress takes one method and one budget",
            found=f"{len(plan.cells)} of them",
            mend="ccbench run takes lists",
        )
    for note in plan.notes:
        click.echo(note, err=True)
    cell = plan.cells[0]
    context = Context.of(
        cell,
        source=source,
        cache=default_store().root,
        device=given["device"],
        precision=request.precision,
        teacher=request.teacher,
        plugins=[*plugins_of(cell.dataset, cell.protocol, cell.architecture, cell.method, request.teacher, plugins())],
        entry=plan.data[cell.dataset].entry,
    )
    work = Compression(
        context=context,
        method=cell.method,
        kept=cell.kept,
        match=cell.match,
        coding=cell.coding,
        made=cell.made,
        artifact=file,
    )
    try:
        with Watch(compression([cell]), "compressing") as heard:
            made = alone(work, heard)
            # the file alone is the result here
            after = Measurement.after(work, plan.expressions[cell.method], made, beside=False)
            facts = Compressed.from_plain(alone(after, heard))
    except Skipped as reason:
        raise UserError(f"{cell.method} cannot do this: {reason}", mend="another budget or method") from None
    except MethodError as fault:
        raise UserError(f"a defect of a method: {fault}", mend=f"ccbench check {given['method']}") from None
    except Ended as end:
        raise defect("compress", given["method"], end, mend=f"ccbench check {given['method']}") from None
    for warning in facts.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(
        f"{file}: {facts.images} images, {facts.bytes:,} bytes, measured ratio {1 - facts.measured_kept:.4f}, "
        f"asked for {cell.ratio:.4f}"
    )
    if cell.coding != "none":
        click.echo(said(file))
    return 0
