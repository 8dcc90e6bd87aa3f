"""Published accuracies from the registry, as rows that say where they come from."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from ccbench.budget import Budget
from ccbench.errors import UserError
from ccbench.leaderboard.escaping import from_spreadsheet
from ccbench.leaderboard.tables import as_frame, order, with_differences
from ccbench.offers.cards import registry
from ccbench.store import readable

PROTOCOL = "published"  # the paper's own recipe; never one of ours
_NEAR = 0.01  # papers round 1 - q/24 to two digits: 0.92 for 11/12


def published(dataset: str | None = None, architecture: str | None = None) -> pd.DataFrame:
    """Published rows of one dataset and architecture, or of all.

    The columns are those of :func:`ccbench.leaderboard.table`; ``protocol`` is ``"published"``,
    ``status`` is ``"published"`` and ``source`` reads ``"published: DCQ, Table 1"``. Differences
    are taken within one source. A ratio that names its bits per pixel and is within 0.01 of theirs is
    theirs, so that the papers' 92 % stands beside our 2 bits per pixel.

    Raises:
        UserError: a file of the registry has other columns or a number that cannot be read.
    """
    folder = registry() / "published"
    files = (
        sorted((f for f in folder.iterdir() if f.name.endswith(".csv")), key=lambda f: f.name)
        if folder.is_dir()
        else []
    )
    rows = []
    for file in files:
        for number, line in enumerate(_lines(file), start=2):
            try:
                if (dataset is None or line["dataset"] == dataset) and (
                    architecture is None or line["architecture"] == architecture
                ):
                    rows.append(_row(line))
            except (KeyError, ValueError, TypeError) as error:
                raise UserError("a file of published numbers cannot be read",
                                found=f"{file.name}, line {number}: {type(error).__name__} {error}",
                                mend="columns: method,label,dataset,architecture,ratio,ratio_printed,bits,accuracy,"
                                     "accuracy_std,source,note") from error  # fmt: skip
    return order(with_differences(as_frame(rows)))


def _lines(file: Path) -> Iterator[dict[str, str]]:
    """The lines of a CSV file by column, names as they were before a spreadsheet was kept from running them."""
    with readable(file):
        lines = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")))
    for line in lines:
        yield {name: from_spreadsheet(cell) if isinstance(cell, str) else cell for name, cell in line.items()}


def _row(line: dict[str, str]) -> dict[str, Any]:
    ratio = float(line["ratio"] or line["ratio_printed"])
    accuracy = _fraction(line["accuracy"])
    return {
        "method": line["method"] or line["label"],
        "dataset": line["dataset"],
        "architecture": line["architecture"],
        "protocol": PROTOCOL,
        "ratio": on_grid(ratio, int(line["bits"])) if line["bits"] else ratio,
        "nominal_ratio": ratio,
        "accuracy_mean": accuracy,
        "accuracy_std": _fraction(line["accuracy_std"]),
        "status": "published" if accuracy is not None else f"published: {line['note'] or 'no number'}",
        "protocol_version": "",
        "source": f"published: {line['source']}",
        "match": "nominal",
    }


def on_grid(ratio: float, bits: int) -> float:
    """The ratio 1 - bits/24 where the given one is that to within 0.01, otherwise the given one.

    Examples:
        >>> round(on_grid(0.92, 2), 5), on_grid(0.992, 2)
        (0.91667, 0.992)
    """
    exact = Budget.from_bits(bits).ratio
    return exact if abs(exact - ratio) < _NEAR else ratio


def _fraction(text: str | None) -> float | None:
    if not text:
        return None
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text} is not a fraction in [0, 1]")
    return value
