"""A suite's cells, looked up: the key by which plans and records know each one, or why it does not exist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

from ccbench.budget import Budget, DataShape
from ccbench.data import DataSource, shape_of
from ccbench.errors import UserError, few
from ccbench.methods import identity
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import Expression, parse, read_call, without_coding
from ccbench.offers.specs import DatasetSpec
from ccbench.records.cells import Row as RecordRow
from ccbench.runner.plan import Request, canonical
from ccbench.store import default_store
from ccbench.suites.model import Column, Place, Row, Suite
from ccbench.training import load_protocol

ACCURACY = "accuracy"


@dataclass(frozen=True)
class Key:
    """What a cell of a suite is in a plan and in a record."""

    dataset: str
    method: str
    kept: Fraction
    architecture: str
    protocol: str
    coding: str = "none"

    @classmethod
    def of(cls, row: RecordRow) -> Key | None:
        """The key of a plan's cell or a record; None where it is read or held to its budget in another way."""
        if row.match != "nominal" or row.options:
            return None
        return cls(row.dataset, row.method, row.kept, row.architecture, row.protocol, row.coding)


@dataclass(frozen=True)
class Found:
    """A cell that exists.

    Attributes:
        key: by which plans and records know it.
        expression: its method.
        dataset: its spec; shape: of its training split.
        asked: its budget as a request has it, or None where the method keeps everything.
        versions: of method, network and protocol, as they are today.
    """

    key: Key
    expression: Expression
    dataset: DatasetSpec
    shape: DataShape
    asked: tuple[str, str] | None
    versions: tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell of a suite: where it lies, and what it is or why it is nothing yet."""

    row: Row
    column: Column
    place: Place
    found: Found | None = None
    reason: str = ""
    field: str = ACCURACY


@dataclass
class Lookup:
    """Finds what cells name; what several cells share is looked up once.

    Args:
        plugins: where names are looked up.
        source: where datasets come from, for the shape of those that do not declare it.
    """

    plugins: Plugins
    source: DataSource = field(default_factory=DataSource)

    def __post_init__(self) -> None:
        self._expression = cache(self._read_method)
        self._protocol = cache(lambda name: load_protocol(name, self.plugins))
        self._network = cache(lambda name: identity.network(name, self.plugins))
        self._data = cache(self._read_dataset)
        self._shape = cache(self._read_shape)

    def cells(
        self, suite: Suite, rows: Sequence[Row] | None = None, columns: Sequence[Column] | None = None
    ) -> list[Cell]:
        """The cells of a suite, or of some of its rows and columns, row by row."""
        return [
            self.cell(suite, row, column)
            for row in (suite.rows if rows is None else rows)
            for column in (suite.columns if columns is None else columns)
        ]

    def cell(self, suite: Suite, row: Row, column: Column) -> Cell:
        """One cell."""
        place = suite.place(row, column)
        measured = place.field or ACCURACY
        reason = place.missing or suite.missing
        if reason:
            return Cell(row, column, place, reason=reason, field=measured)
        try:
            return Cell(row, column, place, self._found(place), field=measured)
        except UserError as error:
            return Cell(row, column, place, reason=error.what, field=measured)

    def shape(self, place: Place) -> DataShape | None:
        """The training split of a cell's dataset, where that is declared or at hand."""
        try:
            return self._shape(self._data(place.dataset or "")[0])
        except UserError:
            return None

    def _found(self, place: Place) -> Found:
        for what in ("method", "dataset", "protocol"):
            if not getattr(place, what):
                raise UserError(f"the suite names no {what} for it")
        protocol = self._protocol(place.protocol or "")
        expression, coding = self._expression(place.method or "")
        network = self._network(place.architecture or protocol.architecture)
        dataset, spec = self._data(place.dataset or "")
        asked = None if expression.reference else place.budget
        if asked is None and not expression.reference and any(step.budget is None for step in expression.steps):
            raise UserError(f"the suite names no budget for {expression.label}")
        shape = self._shape(dataset)
        kept = expression.budget(_budget(asked, shape), shape).kept
        versions = expression.version, network["version"], protocol.version
        key = Key(dataset, expression.label, kept, network["architecture"], protocol.name, coding)
        return Found(key, expression, spec, shape, asked, versions)

    def _read_method(self, text: str) -> tuple[Expression, str]:
        plain, coded = without_coding(text)
        return parse(plain, self.plugins), "best" if coded else "none"

    def _read_dataset(self, name: str) -> tuple[str, DatasetSpec]:
        return canonical(name, self.plugins), read_call("dataset", name, self.plugins).spec

    def _read_shape(self, dataset: str) -> DataShape:
        where = self.source.for_dataset(dataset)
        return shape_of(dataset, plugins=self.plugins, source=where, cache=default_store().root)


def _budget(asked: tuple[str, str] | None, shape: DataShape) -> Budget:
    if asked is None:
        return Budget.from_fraction(1)
    unit, value = asked
    build = getattr(Budget, f"from_{unit}")
    return build(value, shape) if unit in {"ipc", "bytes"} else build(value)


def requests(cells: Iterable[Cell], **common: object) -> list[Request]:
    """What ``ccbench run`` asks for, so that its plan has these cells and no others.

    Args:
        cells: those without a key are left out.
        common: fields of every request, such as ``seeds`` and ``threads``.
    """
    methods: dict[tuple[str, str, str, tuple[str, str] | None], dict[str, None]] = {}
    for cell in cells:
        if cell.found:
            key = cell.found.key
            label = key.method + ("+coded" if key.coding == "best" else "")
            methods.setdefault((key.dataset, key.protocol, key.architecture, cell.found.asked), {})[label] = None
    budgets: dict[tuple[str, str, str, tuple[str, ...], bool], list[tuple[str, str]]] = {}
    for (dataset, protocol, network, asked), labels in methods.items():
        held = budgets.setdefault((dataset, protocol, network, tuple(labels), asked is None), [])
        held += [asked] if asked else []
    return [
        Request(
            methods=labels,
            budgets=tuple(asked),
            datasets=(dataset,),
            architectures=(network,),
            protocols=(protocol,),
            snap=False,
            **common,  # type: ignore[arg-type]
        )
        for (dataset, protocol, network, labels, _), asked in budgets.items()
    ]


def left_out(cells: Iterable[Cell]) -> list[str]:
    """One line for each reason why cells do not exist: rows, columns, why."""
    cells = list(cells)
    every = {cell.column.title for cell in cells}
    by_reason: dict[tuple[str, str], dict[str, None]] = {}
    for cell in cells:
        if not cell.found:
            by_reason.setdefault((cell.row.key, cell.reason), {})[cell.column.title] = None
    rows: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (row, reason), columns in by_reason.items():
        rows.setdefault((reason, tuple(columns)), []).append(row)
    lines = []
    for (reason, titles), names in rows.items():
        where = "" if set(titles) == every else f" at {few(titles)}"
        lines.append(f"{few(names)}{where}: {reason}")
    return lines
