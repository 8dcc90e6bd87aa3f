"""The map: of each suite how many rows can run here, need something, are not built, have results, agree."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ccbench.errors import UserError
from ccbench.machine import any_gpu
from ccbench.methods.ready import unready
from ccbench.offers.specs import DatasetSpec
from ccbench.suites.grid import Cell, Found, Lookup
from ccbench.suites.model import Suite, read
from ccbench.suites.published import Numbers
from ccbench.suites.results import Results

HERE, NEEDS, UNBUILT = "here", "needs", "not built"


@dataclass(frozen=True)
class Standing:
    """Where a row stands.

    Attributes:
        state: ``here`` where one of its cells can run on this machine, otherwise ``needs`` or ``not built``.
        reasons: what its other cells lack, each once.
        results: whether a cell of it has a number of ours.
        within: whether our 95 % intervals and the published ones meet wherever both are there, and one pair is.
    """

    row: str
    state: str
    reasons: tuple[str, ...]
    results: bool
    within: bool


@dataclass
class Machine:
    """What this machine has.

    Attributes:
        root: the folder of datasets, or None.
        gpu: whether there may be one.
    """

    root: Path | None
    gpu: bool

    def __post_init__(self) -> None:
        self._unready = cache(lambda expression: unready(expression, None))

    @classmethod
    def here(cls, root: Path | None = None) -> Machine:
        """This one; without a folder that of CCBENCH_DATA."""
        told = os.environ.get("CCBENCH_DATA")
        return cls(root or (Path(told) if told else None), any_gpu())

    def lacks(self, found: Found, suite: Suite) -> Iterator[str]:
        """What a cell needs that is not here."""
        if not _there(found.dataset, found.key.dataset, self.root):
            yield f"dataset {found.key.dataset}"
        modules = {m for step in found.expression.every for m in step.spec.imports}
        missing = sorted(m for m in modules if importlib.util.find_spec(m.partition(".")[0]) is None)
        if missing:
            yield f"packages {', '.join(missing)}"
        elif reason := self._unready(found.expression):
            yield reason
        if suite.gpu and not self.gpu:
            yield "a GPU"


def _there(spec: DatasetSpec, name: str, root: Path | None) -> bool:
    """Whether a dataset's images are at hand, as far as its spec says where they lie."""
    if name.startswith("folder:"):
        return Path(name.partition(":")[2]).expanduser().is_dir()
    if not spec.places:
        return True
    return root is not None and any((root / place).is_dir() for place in spec.places)


def standings(suite: Suite, lookup: Lookup, machine: Machine, results: Results) -> list[Standing]:
    """Where each row of a suite stands.

    Raises:
        UserError: its published numbers cannot be read, or a column shows what no record has.
    """
    cells, numbers = lookup.cells(suite), Numbers(suite, lookup)
    return [
        _standing(suite, row.key, [c for c in cells if c.row is row], machine, results, numbers) for row in suite.rows
    ]


def _standing(
    suite: Suite, row: str, cells: Sequence[Cell], machine: Machine, results: Results, numbers: Numbers
) -> Standing:
    lacks = [tuple(machine.lacks(cell.found, suite)) for cell in cells if cell.found]
    state = HERE if () in lacks else NEEDS if lacks else UNBUILT
    reasons = [reason for told in lacks for reason in told] + [c.reason for c in cells if not c.found]
    compared, any_result = [], False
    for cell in cells:
        ours, theirs = results.of(cell), numbers.of(cell)
        any_result |= ours is not None
        if ours and theirs and ours.half is not None:
            compared.append(abs(ours.mean - theirs.value) <= ours.half + theirs.half)
    return Standing(row, state, tuple(dict.fromkeys(reasons)), any_result, bool(compared) and all(compared))


@dataclass(frozen=True)
class Count:
    """One suite in the map; ``fault`` says why it could not be read."""

    name: str
    rows: int = 0
    here: int = 0
    needs: int = 0
    unbuilt: int = 0
    results: int = 0
    within: int = 0
    fault: str = ""

    @classmethod
    def of(cls, suite: Suite, found: Sequence[Standing]) -> Count:
        """The rows of a suite by where they stand."""
        states = [one.state for one in found]
        return cls(
            suite.name,
            len(found),
            states.count(HERE),
            states.count(NEEDS),
            states.count(UNBUILT),
            sum(one.results for one in found),
            sum(one.within for one in found),
        )


def count(name: str, lookup: Lookup, machine: Machine, results: Results) -> Count:
    """One suite's line of the map; a suite that cannot be read says so instead of stopping the others."""
    try:
        suite = read(name, lookup.plugins)
        return Count.of(suite, standings(suite, lookup, machine, results))
    except UserError as error:
        return Count(name, fault=" ".join(str(error).split()))
