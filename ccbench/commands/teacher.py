"""``ccbench teacher``: train or import the network that labels pictures, and test it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ccbench.commands import _options
from ccbench.commands._show import defect


@click.command()
@click.argument("file", type=_options.Place(dir_okay=False), required=False)
@click.option("--arch", "-a", metavar="NAME", help="The teacher's network; default: the protocol's.")
@click.option("--dataset", "-d", default="photodigits", show_default=True, help="A name, or folder:PATH.")
@click.option("--protocol", "-p", default="quick", show_default=True, help="Whose teacher recipe is followed.")
@_options.add(*_options.DATA, *_options.MACHINE, *_options.THREADS)
def teacher(file: Path | None, **given: Any) -> None:
    """Show what the teacher of a protocol gets right on a dataset's test split.

    FILE holds its weights (.safetensors, or a checkpoint that torch.load reads with weights_only=True; of several
    sets in it the averaged ones are taken, model_ema before model, and named). Without FILE it is trained by the
    protocol's recipe, once: runs find it in the cache. Use it with --teacher FILE.
    """
    from ccbench.data import open_dataset
    from ccbench.machine import counted_threads
    from ccbench.methods.teacher_source import TeacherSource
    from ccbench.offers.discovery import plugins
    from ccbench.offers.expressions import read_call
    from ccbench.records.facts import Taught
    from ccbench.runner.alone import Ended, alone
    from ccbench.runner.artifacts import plugins_of
    from ccbench.runner.device import check_device, use_machine
    from ccbench.runner.training import Teaching
    from ccbench.runner.work import Context
    from ccbench.store import default_store
    from ccbench.training import load_protocol

    check_device(given["device"])
    use_machine(given["device"], given["threads"])
    source = TeacherSource.of(file, given["arch"])
    offers = plugins()
    network = source.architecture or load_protocol(given["protocol"], offers).teacher.architecture
    read_call("architecture", network, offers)
    data, cache = _options.source(given, given["dataset"]), default_store().root
    context = Context(
        dataset=given["dataset"],
        source=data,
        cache=cache,
        protocol=given["protocol"],
        base_seed=given["base_seed"],
        device=given["device"],
        precision=given["precision"],
        threads=counted_threads(given["threads"], given["device"]),
        teacher=source,
        plugins=[*plugins_of(given["dataset"], given["protocol"], network, "", source, offers)],
        entry=open_dataset(given["dataset"], plugins=offers, source=data, cache=cache).key,
    )
    try:
        facts = Taught.from_plain(alone(Teaching(context=context)))
    except Ended as end:
        raise defect("teacher", network, end, mend="ccbench plugins shows where its parts come from") from None
    which = f" ({facts.teacher_weights})" if facts.teacher_weights else ""
    click.echo(
        f"{network}{f' from {file}{which}' if file else ''}: {facts.teacher_accuracy:.2%} on the test split of "
        f"{given['dataset']}, {facts.teacher_bytes:,} bytes"
    )
