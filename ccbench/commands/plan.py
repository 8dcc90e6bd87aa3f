"""``ccbench plan``: what a run would do, before it does anything."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

import click

from ccbench.commands import _options, _suite


@click.command()
@_options.add(_suite.NAME, *_suite.PARTS, *_options.CELLS)
@click.option(
    "--records",
    multiple=True,
    type=_options.Place(),
    metavar="DIR",
    help="With --suite: output folders whose records tell the throughput of GPUs. [default: leaderboards/* here]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object with every cell.")
def plan(**given: Any) -> None:
    """Show every cell of a run: what is there, what would run, what is skipped and why, and how long it takes."""
    from ccbench.commands.cache import readable
    from ccbench.methods.sweep import COST
    from ccbench.offers.discovery import plugins
    from ccbench.offers.specs import imported
    from ccbench.records.record import latest, read_all
    from ccbench.runner.estimate import estimate
    from ccbench.runner.execute import plan_run

    asked = _suite.asked(given, opened=False)
    records, problems = read_all(given["out"])
    # what is there already is told by what the images are; where nothing is there, nothing has to be opened
    recorded = {r.dataset for r in records}
    made = plan_run(asked.requests, _options.source(given), plugins(), given["device"], look=recorded)
    cached = {r.cell for r in latest(records) if r.ok}
    state = {c.id: "skipped" if c.skip else "cached" if c.id in cached else "to run" for c in made.cells}
    steps = {
        step.name: step.spec
        for c in made.runnable
        if state[c.id] == "to run"
        for step in made.expressions[c.method].every
    }
    costs = {name: spec.cost for name, spec in steps.items() if spec.cost}
    if any(made.expressions[c.method].candidates for c in made.runnable if state[c.id] == "to run"):
        costs["fraction=auto"] = COST
    disk = {
        (c.dataset, step.label): imported(step.spec.disk)(dict(step.params), made.data[c.dataset].shape)
        for c in made.runnable
        if state[c.id] == "to run"
        for step in made.expressions[c.method].every
        if step.spec.disk
    }
    left = estimate(made, [c for c in made.cells if state[c.id] == "to run"], records)
    if given["as_json"]:
        cells = [
            {
                "id": c.id if c.dataset_digest else None,  # told by what the images are, where somebody looked
                "dataset": c.dataset,
                "method": c.method,
                "ratio": c.ratio,
                "architecture": c.architecture,
                "protocol": c.protocol,
                "seed": c.seed,
                "state": state[c.id],
                "reason": c.skip,
            }
            for c in made.cells
        ]
        click.echo(
            json.dumps(
                {
                    "cells": cells,
                    "notes": made.notes,
                    "problems": made.problems,
                    "costs": costs,
                    "disk": [{"dataset": d, "method": m, "bytes": size} for (d, m), size in disk.items()],
                    "seconds": left.seconds if left.unknown < left.cells else None,
                    "unknown": left.unknown,
                    "unmeasured": left.unmeasured,
                    **_costs(asked, made, state, given, records)[1],
                },
                indent=1,
            )
        )
        return
    for note in (*(f"error: {p}" for p in made.problems), *made.notes, *problems):
        click.echo(note, err=True)
    groups = defaultdict(list)
    for cell in made.cells:
        groups[cell.dataset, cell.protocol, cell.architecture, cell.method, cell.kept].append(cell)
    width = max(len(key[3]) for key in groups)
    heading = None
    for (dataset, protocol, network, method, _), row in groups.items():
        if heading != (dataset, protocol, network):
            heading = dataset, protocol, network
            click.echo(f"{dataset}, protocol {protocol}, network {network}")
        counts = ", ".join(f"{n} {what}" for what, n in Counter(state[c.id] for c in row).items())
        needs = made.expressions[method].needs
        tail = f": {row[0].skip}" if row[0].skip else f"  (stages: {', '.join(needs)})" if needs else ""
        click.echo(f"  {method:{width}}  ratio {row[0].ratio:.5f}  {counts}{tail}")
    shared = sorted({n for c in made.runnable for n in made.expressions[c.method].needs})
    if shared:
        click.echo(f"shared stages, done once for all methods: {', '.join(shared)}")
    if costs:
        click.echo("what each method costs:")
        for name, cost in costs.items():
            click.echo(f"  {name}: {cost}")
    for (dataset, method), size in disk.items():
        left_there = "known when its network is built" if size is None else readable(size)
        click.echo(f"  {method} on {dataset} leaves in the cache: {left_there}")
    total = Counter(state.values())
    click.echo(", ".join(f"{n} {what}" for what, n in total.items()))
    if total["to run"]:
        click.echo(f"estimated time of one job, from the records in {given['out']}: {left.text}")
    for line in (*_costs(asked, made, state, given, records)[0], *(f"left out: {line}" for line in asked.lines)):
        click.echo(line)


def _costs(
    asked: _suite.Asked, made: Any, state: dict[str, str], given: dict[str, Any], records: list[Any]
) -> tuple[list[str], dict[str, Any]]:
    """What each row of a suite costs: lines for people, and the same as JSON; nothing without a suite."""
    if not asked.cells:
        return [], {}
    from dataclasses import asdict
    from pathlib import Path

    from ccbench.commands._show import plain, table
    from ccbench.errors import few
    from ccbench.machine import any_gpu
    from ccbench.offers.discovery import plugins
    from ccbench.records.record import read_all
    from ccbench.suites import costs

    folders = given["records"] or [*dict.fromkeys((given["out"], *sorted(Path("leaderboards").glob("*"))))]
    known = costs.Throughput(read_all(*folders)[0], plugins())
    to_run = [c for c in made.cells if state[c.id] == "to run"]
    here = [record for record in records if record.on_gpu == any_gpu()]
    found = costs.costs(asked.cells, made, to_run, here, known)
    facts = {"rows": [asdict(cost) for cost in found], "left_out": list(asked.lines)}
    if not found:
        return [], facts
    where = f"of GPUs the trainings alone, by the images per second recorded in {few([str(f) for f in folders], 2)}"
    none = "" if known.gpus else "; no throughput of a GPU is recorded there"
    head = f"cost by row; of this machine from the records in {given['out']}; {where}{none}:"
    rows = [tuple(map(plain, row)) for row in costs.table(found, known.gpus)]
    return [head, table(rows)], facts
