"""Published accuracies from the registry, as rows that say where they come from."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ccbench.leaderboard.numbers import ACCURACY, Number, all_files, on_grid, read
from ccbench.leaderboard.tables import as_frame, order, with_differences

PROTOCOL = "published"  # the paper's own recipe; never one of ours


def published(dataset: str | None = None, architecture: str | None = None) -> pd.DataFrame:
    """Published rows of one dataset and architecture, or of all.

    The columns are those of :func:`ccbench.leaderboard.table`; ``protocol`` is ``"published"``,
    ``status`` is ``"published"`` and ``source`` reads ``"published: DCQ, Table 1"``. Differences
    are taken within one source. A ratio that names its bits per pixel and is within 0.01 of theirs is
    theirs, so that the papers' 92 % stands beside our 2 bits per pixel.

    Raises:
        UserError: a file of the registry has other columns or a number that cannot be read.
    """
    rows = [
        _row(number)
        for file in all_files()
        for number in read(file)
        if number.field == ACCURACY
        and (dataset is None or number.dataset == dataset)
        and (architecture is None or number.architecture == architecture)
    ]
    return order(with_differences(as_frame(rows)))


def _row(number: Number) -> dict[str, Any]:
    return {
        "method": number.method or number.label,
        "dataset": number.dataset,
        "architecture": number.architecture,
        "protocol": PROTOCOL,
        "ratio": on_grid(number.removed, int(number.bits)) if number.bits else number.removed,
        "nominal_ratio": number.removed,
        "accuracy_mean": number.value,
        "accuracy_std": number.std,
        "status": "published" if number.value is not None else f"published: {number.note or 'no number'}",
        "protocol_version": "",
        "source": f"published: {number.source}",
        "match": "nominal",
    }
