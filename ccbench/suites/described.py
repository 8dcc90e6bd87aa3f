"""What ``ccbench list suites`` and ``describe`` say of suites."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ccbench.offers.discovery import Plugins
from ccbench.records.record import read_all
from ccbench.suites.grid import Lookup
from ccbench.suites.model import Suite, read
from ccbench.suites.published import Numbers
from ccbench.suites.results import Results
from ccbench.suites.standing import Count, Machine, count, standings

HEAD = ("suite", "rows", "here", "need", "not built", "results", "agree", "")
LEGEND = (
    "here: rows of which a cell can run on this machine; need: rows that lack data, weights, packages or a GPU;",
    "not built: rows whose method, task, protocol or dataset does not exist; results: rows with a number of ours;",
    "agree: rows whose 95 % intervals meet the published ones wherever both are there (two seeds at least)",
)


def counts(plugins: Plugins, outs: Sequence[Path]) -> list[Count]:
    """The map: a line for each suite that plugins offer."""
    lookup, machine = Lookup(plugins), Machine.here()
    results = Results(read_all(*outs)[0])
    return [count(name, lookup, machine, results) for name in sorted(plugins.all("suite"), key=_natural)]


def _natural(name: str) -> list[tuple[int, str]]:
    """Numbers inside names in their order: table2 before table10."""
    return [(int(part or 0), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def lines(counted: Iterable[Count], plugins: Plugins) -> list[tuple[str, ...]]:
    """The map as rows of a table under :data:`HEAD`; a suite that cannot be read has its fault instead of numbers."""
    offers = plugins.all("suite")
    rows: list[tuple[str, ...]] = [HEAD]
    for one in counted:
        numbers = (one.rows, one.here, one.needs, one.unbuilt, one.results, one.within)
        shown = ("", *[""] * 5) if one.fault else tuple(map(str, numbers))
        rows.append((one.name, *shown, one.fault or offers[one.name].summary))
    return rows


def told(name: str, plugins: Plugins, outs: Sequence[Path]) -> dict[str, Any]:
    """Everything that a suite says, and where its rows stand; JSON-able."""
    suite, lookup = read(name, plugins), Lookup(plugins)
    found = standings(suite, lookup, Machine.here(), Results(read_all(*outs)[0]))
    return {
        "title": suite.title,
        "paper": suite.paper,
        "table": suite.table,
        "numbers": [file.name for file in suite.numbers],
        "published": _published(suite, lookup),
        "cells": len(suite.rows) * len(suite.columns),
        "runs": suite.runs,
        "seeds": suite.seeds,
        "gpu": suite.gpu,
        "gpu_hours": suite.gpu_hours,
        "missing": suite.missing,
        "open": list(suite.open),
        "columns": [{"key": c.key, "name": c.name, "group": c.group} for c in suite.columns],
        "rows": [
            {"key": row.key, "name": row.name, "state": one.state, "reasons": list(one.reasons),
             "results": one.results, "within": one.within}
            for row, one in zip(suite.rows, found, strict=True)
        ],
    }  # fmt: skip


def _published(suite: Suite, lookup: Lookup) -> int:
    numbers = Numbers(suite, lookup)
    return sum(numbers.of(cell) is not None for cell in lookup.cells(suite))


def text(facts: dict[str, Any]) -> Iterable[str]:
    """The lines that ``describe`` adds, not wrapped; each level is four spaces deep."""
    where = ", ".join(filter(None, (facts["paper"], facts["table"])))
    yield f"{where}: {facts['title']}"
    runs = f", each over {facts['runs']} runs" if facts["runs"] else ""
    yield f"published numbers: of {facts['published']} of {facts['cells']} cells{runs}; seeds of ours: {facts['seeds']}"
    hours = f" (the paper: {facts['gpu_hours']:g} GPU hours)" if facts["gpu_hours"] else ""
    if facts["gpu"]:
        yield f"needs a GPU{hours}"
    if facts["missing"]:
        yield f"cannot be a run: {facts['missing']}"
    if facts["columns"]:
        yield "columns"
    groups: dict[str, list[str]] = {}
    for column in facts["columns"]:
        groups.setdefault(column["group"], []).append(column["name"])
    yield from (f"    {group}{': ' if group else ''}{', '.join(names)}" for group, names in groups.items())
    if facts["rows"]:
        yield "rows"
    alike: dict[tuple[str, ...], list[str]] = {}
    for row in facts["rows"]:
        marks = [*["results"] * row["results"], *["agrees"] * row["within"]]
        label = row["key"] if row["key"] == row["name"] else f"{row['key']} ({row['name']})"
        alike.setdefault((", ".join([row["state"], *marks]), *row["reasons"]), []).append(label)
    for (state, *reasons), labels in alike.items():
        yield f"    {', '.join(labels)}: {state}"
        yield from (f"        {reason}" for reason in reasons)
    if facts["open"]:
        yield "left open or contradicted by the paper"
    yield from (f"    - {line}" for line in facts["open"])
