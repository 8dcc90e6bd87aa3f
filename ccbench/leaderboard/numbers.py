"""Published numbers as their CSV files have them: one line for each number of a paper's table. No pandas here."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ccbench.budget import Budget
from ccbench.errors import UserError
from ccbench.files import readable
from ccbench.leaderboard.escaping import from_spreadsheet
from ccbench.offers.cards import registry

ACCURACY = "accuracy"
_PLACE = ("method", "label", "dataset", "architecture", "ratio", "ratio_printed", "bits")
COLUMNS = (*_PLACE, "accuracy", "accuracy_std", "source", "note")
"""Of a table of accuracies, as fractions."""
MEASURED = (*_PLACE, "field", "value", "value_std", "source", "note")
"""Of a table of something else: seconds, bytes, another measure of accuracy."""
_NEAR = 0.01  # papers round 1 - q/24 to two digits: 0.92 for 11/12


@dataclass(frozen=True)
class Number:
    """One line.

    Attributes:
        method: of ours, or a name that none of ours has; label: as printed.
        ratio: fraction of raw bytes removed, exact; ratio_printed: as the paper rounds it; bits: per pixel. Texts, ""
            where the table has none.
        field: what was measured, ``"accuracy"`` or another name.
        value: a fraction where it is an accuracy; None where the table has no number. std: beside it, or None.
        source: paper and table.
        note: what is special about it.
    """

    method: str
    label: str
    dataset: str
    architecture: str
    ratio: str
    ratio_printed: str
    bits: str
    field: str
    value: float | None
    std: float | None
    source: str
    note: str

    @property
    def removed(self) -> float:
        """The ratio as a number; the printed one where there is no other."""
        return float(self.ratio or self.ratio_printed)


def all_files() -> list[Path]:
    """The files of published numbers in the registry, by name."""
    folder = registry() / "published"
    return sorted(folder.glob("*.csv"), key=lambda file: file.name) if folder.is_dir() else []


def read(file: Path) -> Iterator[Number]:
    """The numbers of one file.

    Raises:
        UserError: it has other columns, or something in a line cannot be read; the text names the line.
    """
    with readable(file):
        lines = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")))
    for count, line in enumerate(lines, start=2):
        try:
            yield _number({name: from_spreadsheet(cell) for name, cell in line.items()})
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise UserError("a file of published numbers cannot be read",
                            found=f"{file.name}, line {count}: {type(error).__name__} {error}",
                            mend=f"columns: {','.join(COLUMNS)}; or, of other measures: {','.join(MEASURED)}"
                            ) from error  # fmt: skip


def _number(line: dict[str, str]) -> Number:
    place = {name: line[name] for name in _PLACE}
    kind = line.get("field", ACCURACY)
    value, std = ("accuracy", "accuracy_std") if "field" not in line else ("value", "value_std")
    int(place["bits"] or 0)
    number = Number(
        **place,
        field=kind,
        value=_read(line[value], kind),
        std=_read(line[std], kind),
        source=line["source"],
        note=line["note"],
    )
    if kind == ACCURACY:
        number.removed  # noqa: B018 - every accuracy stands at a ratio
    return number


def _read(text: str, kind: str) -> float | None:
    if not text:
        return None
    value = float(text)
    if kind == ACCURACY and not 0 <= value <= 1:
        raise ValueError(f"{text} is not a fraction in [0, 1]")
    return value


def on_grid(ratio: float, bits: int) -> float:
    """The ratio 1 - bits/24 where the given one is that to within 0.01, otherwise the given one.

    Examples:
        >>> round(on_grid(0.92, 2), 5), on_grid(0.992, 2)
        (0.91667, 0.992)
    """
    exact = Budget.from_bits(bits).ratio
    return exact if abs(exact - ratio) < _NEAR else ratio
