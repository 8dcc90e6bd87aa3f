"""``--suite`` of run, plan and leaderboard: what a suite asks for, by the same requests as ``--methods``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ccbench.commands import _options
from ccbench.errors import UserError

if TYPE_CHECKING:
    from ccbench.runner.plan import Request
    from ccbench.suites.grid import Cell

NAME = click.option(
    "--suite", metavar="NAME|FILE.toml", help="A paper's table instead of --methods; see ccbench list suites."
)
PARTS = [
    click.option("--rows", type=_options.LIST, default="", help="Of the suite: rows by key or printed name."),
    click.option(
        "--columns",
        type=_options.LIST,
        default="",
        help="Of the suite: columns by name, group, dataset, network or budget: 0.92, bits=2.",
    ),
]
_ITS_OWN = {
    "methods": "--methods", "ratio": "--ratio", "bits": "--bits", "fraction": "--fraction", "ipc": "--ipc",
    "bytes_": "--bytes", "match": "--match", "coding": "--coding", "no_snap": "--no-snap", "dataset": "--dataset",
    "arch": "--arch", "protocol": "--protocol", "image_size": "--image-size", "skip_bad": "--skip-bad",
    "test_share": "--test-share",
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What a command asks for.

    Attributes:
        requests: for the plan.
        cells: of the suite, those that are looked at; empty without one.
        lines: why cells of it are left out, one text for each reason.
    """

    requests: Sequence[Request]
    cells: Sequence[Cell] = ()
    lines: Sequence[str] = ()


def asked(given: dict[str, Any], *, opened: bool) -> Asked:
    """The requests of a command's options, with or without a suite.

    Args:
        given: the options of ``CELLS``, :data:`NAME` and :data:`PARTS`.
        opened: whether every dataset will be opened: those that cannot be are left out with the reason.

    Raises:
        UserError: options that do not go together, an unknown suite, row or column, or nothing that could run.
    """
    if not given["suite"]:
        if given["rows"] or given["columns"]:
            raise UserError("--rows and --columns are parts of a suite", mend="--suite NAME; see ccbench list suites")
        return Asked([_options.request(given)])
    from ccbench.offers.discovery import plugins
    from ccbench.suites.grid import Lookup, left_out, requests
    from ccbench.suites.model import chosen, read

    _check(given["suite"])
    suite = read(given["suite"], plugins())
    rows, columns = chosen(suite, given["rows"], given["columns"])
    cells = Lookup(plugins(), _options.source(given)).cells(suite, rows, columns)
    cells = _at_hand(cells, given) if opened else cells
    lines = left_out(cells)
    plain = _options.request({**given, "methods": (), "seeds": _seeds(given, suite.seeds)})
    common = {name: getattr(plain, name) for name in ("seeds", "base_seed", "teacher", "precision", "threads")}
    found = requests(cells, **common)
    if not found:
        raise UserError(f"nothing of suite {suite.name} can run here", found="\n         ".join(lines) or suite.missing)
    return Asked(found, cells, lines)


def _check(suite: str) -> None:
    context = click.get_current_context()
    said = [
        option
        for name, option in _ITS_OWN.items()
        if name in context.params and context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if said:
        raise UserError(
            f"suite {suite} says itself what is run",
            found=", ".join(said),
            mend="leave them out, or take --rows and --columns",
        )


def _seeds(given: dict[str, Any], own: int) -> int:
    typed = click.get_current_context().get_parameter_source("seeds") is not ParameterSource.DEFAULT
    return given["seeds"] if typed else own


def _at_hand(cells: Sequence[Cell], given: dict[str, Any]) -> list[Cell]:
    """The same cells, those whose dataset cannot be opened with the reason."""
    from ccbench.data import open_dataset
    from ccbench.offers.discovery import plugins
    from ccbench.store import default_store

    faults: dict[str, str] = {}
    for name in dict.fromkeys(cell.found.key.dataset for cell in cells if cell.found):
        try:
            source = _options.source(given, name)
            open_dataset(name, plugins=plugins(), source=source, cache=default_store().root)
        except UserError as error:
            faults[name] = f"{error.what} ({error.mend})" if error.mend else error.what
    return [
        replace(cell, found=None, reason=faults[cell.found.key.dataset])
        if cell.found and cell.found.key.dataset in faults
        else cell
        for cell in cells
    ]
