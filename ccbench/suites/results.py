"""What records say of a suite's cells: the rows of today's versions, seed by seed."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from ccbench.errors import UserError
from ccbench.leaderboard.intervals import half_width
from ccbench.offers.specs import did_you_mean
from ccbench.records.record import Record, latest
from ccbench.suites.grid import Cell, Key

FIELDS = tuple(
    f.name
    for f in fields(Record)
    if f.name
    in {
        "accuracy", "best_accuracy", "nominal_ratio", "measured_ratio", "bytes", "images", "colorfulness",
        "color_distance", "compress_seconds", "construction_seconds", "train_seconds", "images_per_second",
        "compress_memory", "peak_memory", "teacher_accuracy", "teacher_bytes",
    }
)  # fmt: skip
"""What a column may show of a record, and ``stage_seconds.NAME``."""


@dataclass(frozen=True)
class Measured:
    """What was measured in one cell.

    Attributes:
        values: by seed index, in their order.
        others: rows of the same cell that differ in something else, such as the threads, and are not shown.
    """

    values: tuple[float, ...]
    others: int = 0

    @property
    def n(self) -> int:
        """Seeds."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.values)

    @property
    def half(self) -> float | None:
        """Half the length of the 95 % interval of the mean, by Student's t over seeds; None for one seed."""
        return half_width(statistics.stdev(self.values), self.n) if self.n > 1 else None


class Results:
    """Records by the cells of suites.

    Args:
        records: as they were read; of each cell the one that counts is taken.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        rows: dict[Key, dict[tuple[object, ...], list[Record]]] = defaultdict(lambda: defaultdict(list))
        for record in latest(records):
            key = Key.of(record)
            if key and record.ok:
                rows[key][tuple(record.row.values())].append(record)
        self._rows = {key: list(groups.values()) for key, groups in rows.items()}

    def of(self, cell: Cell) -> Measured | None:
        """What was measured in a cell by today's versions, or None.

        Where several rows differ in something else the one with the most seeds is taken, of equals the latest.

        Raises:
            UserError: the cell shows a field that records do not have.
        """
        if not cell.found:
            return None
        check_field(cell.field)
        rows = self._rows.get(cell.found.key, [])
        groups = [group for group in rows if _versions(group[0]) == cell.found.versions]
        found = [(values, group) for group in groups if (values := _values(group, cell.field))]
        if not found:
            return None
        values, _ = max(found, key=lambda one: (len(one[0]), max(r.finished for r in one[1])))
        return Measured(tuple(values), len(found) - 1)


def check_field(name: str) -> None:
    """Raise UserError unless records have a number of that name."""
    if name not in FIELDS and not name.startswith("stage_seconds."):
        raise UserError(
            f"there is no field {name!r} of records that a column could show{did_you_mean(name, FIELDS)}",
            mend=f"one of {', '.join(FIELDS)}, or stage_seconds.NAME",
        )


def _versions(record: Record) -> tuple[str, str, str]:
    return record.method_version, record.architecture_version, record.protocol_version


def _values(records: Sequence[Record], name: str) -> list[float]:
    """The values of a field, in the order of the seeds; of stages the seconds of one of them."""
    stage = name.removeprefix("stage_seconds.") if name.startswith("stage_seconds.") else ""
    ordered = sorted(records, key=lambda r: r.seed)
    found = [r.stage_seconds.get(stage) if stage else getattr(r, name) for r in ordered]
    return [float(value) for value in found if value is not None]
