"""A suite's TOML file, read and checked: no torch, no pandas, and no method, dataset or network is looked up here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct, structs

from ccbench.budget import Budget
from ccbench.errors import UserError
from ccbench.offers.cards import registry
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import BUDGETS
from ccbench.offers.resources import read_table, resource
from ccbench.offers.specs import SuiteSpec, did_you_mean
from ccbench.schema import Ordinal, Positive, fit

Text = Annotated[str, Meta(min_length=1, max_length=2000)]
Amount = int | float | Text
_MOST = 20_000  # cells of one suite
_UNKNOWN = re.compile(r"unknown field `(.*?)`")


class Place(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where a cell lies, as far as one layer of the file says so: all cells, a column, a row, or one cell of a row.

    Attributes:
        method: an expression.
        dataset, architecture, protocol: names; without an architecture the protocol's own is trained.
        ratio, bits, fraction, ipc, bytes: the budget, in one of these units.
        field: what is measured, a field of a record: ``accuracy``, ``construction_seconds``,
            ``stage_seconds.attention``.
        missing: why this cannot be run: what does not exist.
        published: what the line of the published number says in these columns of its CSV, where it is not this layer's
            own ``dataset``, ``architecture``, budget or name.
    """

    method: Text | None = None
    dataset: Text | None = None
    architecture: Text | None = None
    protocol: Text | None = None
    ratio: Amount | None = None
    bits: Amount | None = None
    fraction: Amount | None = None
    ipc: Amount | None = None
    bytes: Amount | None = None
    field: Text | None = None
    missing: str | None = None
    published: dict[str, str] = {}

    @property
    def budget(self) -> tuple[str, str] | None:
        """(unit, value) as a request has it, or None."""
        return next(((unit, str(v)) for unit in BUDGETS if (v := getattr(self, unit)) is not None), None)

    def under(self, upper: Place) -> Place:
        """This layer with another one over it."""
        said = {name: value for name, value in structs.asdict(upper).items() if value is not None}
        if upper.budget:
            said = dict.fromkeys(BUDGETS) | said
        return structs.replace(self, **{**said, "published": self.published | upper.published})


class _Column(Struct, kw_only=True, forbid_unknown_fields=True):
    """One ``[[columns]]``: one of its values may be a list, which makes as many columns."""

    group: str = ""
    name: Text | list[Text] = ""
    dataset: Text | list[Text] | None = None
    architecture: Text | list[Text] | None = None
    protocol: Text | list[Text] | None = None
    method: Text | list[Text] | None = None
    ratio: Amount | list[Amount] | None = None
    bits: Amount | list[Amount] | None = None
    fraction: Amount | list[Amount] | None = None
    ipc: Amount | list[Amount] | None = None
    bytes: Amount | list[Amount] | None = None
    field: Text | list[Text] | None = None
    missing: str | None = None
    published: dict[str, str | list[str]] = {}


class _Row(Place, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One ``[[rows]]``."""

    name: Text
    key: Text | None = None
    at: dict[str, Place] = {}


class _File(Struct, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    title: Text
    paper: Text
    table: Text = ""
    source: str | None = None
    numbers: list[Annotated[str, Meta(pattern=r"^[\w-][\w.-]*\.csv\Z")]] = []
    runs: Ordinal | None = None
    seeds: Annotated[int, Meta(ge=1, le=1000)] = 3
    gpu: bool = False
    gpu_hours: Positive | None = None
    open: list[Text] = []
    missing: str = ""
    all: Place = Place()
    columns: list[_Column] = []
    rows: list[_Row] = []


@dataclass(frozen=True, eq=False)
class Column:
    """One column as printed: ``92%`` of the group ``CIFAR-10``."""

    key: str
    name: str
    group: str
    place: Place

    @property
    def title(self) -> str:
        """Group and name in one."""
        return f"{self.group} {self.name}".strip()


@dataclass(frozen=True, eq=False)
class Row:
    """One row as printed; ``at`` holds what is different in single columns, by their keys."""

    key: str
    name: str
    place: Place
    at: Mapping[str, Place]


@dataclass(frozen=True)
class Suite:
    """A table: rows times columns.

    Attributes:
        name: by which it is asked for.
        title, paper, table: of the paper.
        source: what the lines of its published numbers have as their source.
        numbers: the CSV files of published numbers, beside the suite's own or in the registry.
        runs: trainings behind each published number, where the paper says so.
        seeds: trainings of each cell.
        gpu: whether it takes more than a CPU can do in days; ``gpu_hours`` as the paper says, or None.
        open: what the paper leaves open or contradicts.
        missing: why none of it can be run, or "".
    """

    name: str
    path: Path
    title: str
    paper: str
    table: str
    source: str
    numbers: tuple[Path, ...]
    runs: int | None
    seeds: int
    gpu: bool
    gpu_hours: float | None
    open: tuple[str, ...]
    missing: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def place(self, row: Row, column: Column) -> Place:
        """Where a cell lies: the layers over one another, the row's own over the column's."""
        place = column.place.under(row.place)
        own = row.at.get(column.key)
        return place if own is None else place.under(own)

    def cells(self) -> Iterator[tuple[Row, Column]]:
        """Every cell, row by row."""
        return product(self.rows, self.columns)


def read(name: str, plugins: Plugins) -> Suite:
    """A suite by its name, or by the path of its file: ``./mine.toml``.

    Raises:
        UserError: there is none, or its file cannot be read or says something else than a suite; the text names it.
    """
    if name.endswith(".toml"):
        return read_file(Path(name))
    spec = plugins.get("suite", name)
    assert isinstance(spec, SuiteSpec)
    path = resource(spec.table)
    if path is None:
        raise UserError(f"the table of suite {name} is not there", found=spec.table)
    return read_file(path, spec.name)


def read_file(path: Path, name: str = "") -> Suite:
    """The suite in a file.

    Args:
        path: of the TOML file.
        name: of the suite; "": the file's, without its ending.

    Raises:
        UserError: as :func:`read`.
    """
    name = name or path.stem
    try:
        held = fit(read_table(path), _File)
        return _suite(held, path, name)
    except FileNotFoundError:
        raise UserError(
            f"there is no suite file {path}", mend="ccbench list suites shows the suites that plugins offer"
        ) from None
    except OSError as error:
        raise UserError(f"cannot read the suite file {path}", found=error.strerror or error) from None
    except ValueError as error:
        raise UserError(
            f"suite {name} cannot be read",
            found=f"{path}: {error}{_meant(str(error))}",
            mend="docs/suites.md has every key",
        ) from None


def _meant(text: str) -> str:
    match = _UNKNOWN.search(text)
    known = {key for kind in (_File, _Column, _Row) for key in kind.__struct_fields__}
    return did_you_mean(match[1], known) if match else ""


def _suite(held: _File, path: Path, name: str) -> Suite:
    columns = [column for entry in held.columns for column in _columns(entry, held.all)]
    rows = [_row(entry) for entry in held.rows]
    for what, keys in (("columns", [c.key for c in columns]), ("rows", [r.key for r in rows])):
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"several {what} are called {twice[0]!r}: give each a group, a name or a key of its own")
        if not keys and not held.missing:
            raise ValueError(f"no {what}, and no `missing` that says why")
    if len(rows) * len(columns) > _MOST:
        raise ValueError(f"{len(rows)} rows times {len(columns)} columns are more than {_MOST:,} cells")
    known = {column.key for column in columns}
    for row in rows:
        for key in set(row.at) - known:
            raise ValueError(f"row {row.key!r} has a cell at {key!r}, which is no column{did_you_mean(key, known)}")
    return Suite(
        name=name,
        path=path,
        title=held.title,
        paper=held.paper,
        table=held.table,
        source=f"{held.paper}, {held.table}" if held.source is None else held.source,
        numbers=tuple(_numbers(path, number) for number in held.numbers),
        runs=held.runs,
        seeds=held.seeds,
        gpu=held.gpu,
        gpu_hours=held.gpu_hours,
        open=tuple(held.open),
        missing=held.missing,
        columns=tuple(columns),
        rows=tuple(rows),
    )


def _numbers(path: Path, number: str) -> Path:
    """A file of published numbers: beside the suite's own, otherwise in the registry."""
    places = path.with_name(number), registry() / "published" / number
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise ValueError(f"numbers name {number!r}, which is neither beside it nor in the registry")
    return found


def _columns(entry: _Column, below: Place) -> Iterator[Column]:
    """The columns of one entry: as many as its lists have values, which must be equally many."""
    given = {key: value for key, value in structs.asdict(entry).items() if value is not None}
    flat = {**given, **{f"published.{key}": value for key, value in entry.published.items()}}
    lengths = {key: len(value) for key, value in flat.items() if isinstance(value, list)}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key} {n}" for key, n in lengths.items())
        raise ValueError(f"the lists of a column have different lengths: {told}")
    units = [unit for unit in BUDGETS if unit in given]
    if len(units) > 1:
        raise ValueError(f"a column has one budget, not {' and '.join(units)}")
    for i in range(next(iter(lengths.values()), 1)):
        one = {key: value[i] if isinstance(value, list) else value for key, value in given.items()}
        published = {key: v[i] if isinstance(v, list) else v for key, v in entry.published.items()}
        name, group = one.pop("name") or _told(one), one.pop("group")
        place = Place(**{**one, "published": published})
        yield Column(f"{group} {name}".strip(), name, group, below.under(place))


def _told(one: Mapping[str, Any]) -> str:
    """The name of a column that has none: its budget, otherwise the first thing that it says."""
    unit = next((unit for unit in BUDGETS if unit in one), "")
    if unit:
        return f"{unit} {one[unit]}"
    said = [str(one[key]) for key in ("architecture", "dataset", "protocol", "method", "field") if key in one]
    if not said:
        raise ValueError("a column without a name says nothing that could be its name")
    return said[0]


def _row(entry: _Row) -> Row:
    if len([unit for unit in BUDGETS if getattr(entry, unit) is not None]) > 1:
        raise ValueError(f"row {entry.name!r} has more than one budget")
    said = {key: value for key, value in structs.asdict(entry).items() if key not in {"name", "key", "at"}}
    return Row(entry.key or entry.method or entry.name, entry.name, Place(**said), entry.at)


def chosen(suite: Suite, rows: Sequence[str], columns: Sequence[str]) -> tuple[tuple[Row, ...], tuple[Column, ...]]:
    """The rows and columns that words name; no word names all.

    A row answers to its key or its printed name; a column also to its group, its dataset, network, protocol or field,
    to its budget (``2``, ``bits=2``) and to a ratio as papers round it: ``0.92`` is 2 bits per pixel.

    Raises:
        UserError: a word names none.
    """
    taken = [_named(suite, "row", word, {r: {r.key.lower(), r.name.lower()} for r in suite.rows}) for word in rows]
    across = [_named(suite, "column", word, {c: _words(c) for c in suite.columns}) for word in columns]
    keep = {r.key for found in taken for r in found}, {c.key for found in across for c in found}
    return (
        tuple(r for r in suite.rows if not rows or r.key in keep[0]),
        tuple(c for c in suite.columns if not columns or c.key in keep[1]),
    )


def _named(suite: Suite, what: str, word: str, known: Mapping[Any, set[str]]) -> list[Any]:
    found = [one for one in known if one.key.lower() == word.lower()]
    found = found or [one for one, words in known.items() if word.lower() in words]
    if not found:
        keys = [text for one in known for text in (one.key, one.name)]
        raise UserError(
            f"suite {suite.name} has no {what} {word!r}{did_you_mean(word, keys)}",
            mend=f"ccbench describe {suite.name} shows its rows and columns",
        )
    return found


def _words(column: Column) -> set[str]:
    place, words = column.place, {column.key, column.name, column.group}
    words |= {text for text in (place.dataset, place.architecture, place.protocol, place.method, place.field) if text}
    if place.budget:
        unit, value = place.budget
        words |= {value, f"{unit}={value}", *_rounded(unit, value)}
    return {word.lower() for word in words}


def _rounded(unit: str, value: str) -> set[str]:
    """The ratio of a budget in bits as papers print it: with two digits, and with three."""
    if unit != "bits":
        return set()
    ratio = Budget.from_bits(value).ratio
    return {text for digits in (2, 3, 4) for text in (f"{ratio:.{digits}f}", f"{ratio:.{digits}f}".rstrip("0"))}
