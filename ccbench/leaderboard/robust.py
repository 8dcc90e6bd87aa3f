"""How far a set's gain stands without soft labels or augmentation: DD-Ranking's two scores, from rows that are there.

The label-robust score weighs what a set gains on random images under its protocol against what it lacks of the whole
set with hard labels; the augmentation-robust score weighs its gains on random images with and without augmentation.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd

from ccbench.errors import UserError, few
from ccbench.offers.discovery import plugins
from ccbench.offers.expressions import Call, read_call
from ccbench.offers.specs import ProtocolSpec
from ccbench.records.cells import ROW

LABEL, AUGMENTATION = "label_robust_score", "augmentation_robust_score"
NOTES = {
    LABEL: "Label-robust score (DD-Ranking), in 0 .. 1: of half the gain over random less half the distance to full "
    "with hard labels, as fractions; 0.27 where both are none.",
    AUGMENTATION: "Augmentation-robust score (DD-Ranking), in 0 .. 1: of the mean gain over random with and without "
    "augmentation, as fractions; 0.27 where there is none.",
}
_WEIGHT = 0.5  # of either half
_SAME = tuple(name for name in ROW if name not in {"protocol", "protocol_version", "trained", "teacher"})
"""What two rows of one set under two protocols share."""


def score(weighed: float) -> float:
    """In [0, 1] for what lies in [-1, 1].

    Examples:
        >>> round(score(-1), 3), round(score(0), 3), round(score(1), 3)
        (0.0, 0.269, 1.0)
    """
    return (math.exp(weighed) - math.exp(-1)) / (math.e - math.exp(-1))


def with_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """Fill the two columns from ``diff_random`` and ``diff_full``; missing where a row that they need is."""
    rows = _Rows(frame)
    told = {LABEL: rows.label_robust, AUGMENTATION: rows.augmentation_robust}
    found = {name: [f(row)[0] for row in rows.all] for name, f in told.items()}
    return frame.assign(**{name: pd.Series(v, frame.index, "float64") for name, v in found.items()})


def missing(frame: pd.DataFrame, chosen: Sequence[str]) -> Iterator[str]:
    """One line for each reason why measured rows have no score, of the scores that are chosen."""
    rows = _Rows(frame)
    for name, told in ((LABEL, rows.label_robust), (AUGMENTATION, rows.augmentation_robust)):
        without: dict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
        for row in rows.all if name in chosen else ():
            value, reason = told(row)
            if math.isnan(value) and row["accuracy_mean"] is not None:
                without[row["dataset"], row["protocol"], reason][row["method"]] = None
        title = NOTES[name].partition(" (")[0]
        for (dataset, protocol, reason), methods in without.items():
            yield f"{title} on {dataset} under {protocol}: missing for {few(sorted(methods), 4)}, {reason}."


class _Rows:
    """Rows, found by what they share under other protocols."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.all: list[dict[Any, Any]] = frame.astype(object).where(frame.notna(), None).to_dict("records")
        self._held: dict[tuple[Any, ...], list[dict[Any, Any]]] = defaultdict(list)
        for row in self.all:
            self._held[*_place(row), row["protocol"]].append(row)

    def label_robust(self, row: Mapping[Any, Any]) -> tuple[float, str]:
        """The score of a row, or NaN and the reason."""
        own = _protocol(row)
        labels = row["labels"] or (own[1] if own and own[1] == "hard" else "")
        if not labels:
            return math.nan, "whose records do not say by which labels they were trained"
        hard = row["protocol"] if labels == "hard" else own[0].hard if own else ""
        if not hard:
            return math.nan, "whose protocol names none that is the same with hard labels"
        other = row if labels == "hard" else self._under(row, hard)
        if other is None:
            return math.nan, f"which have no row under {hard}"
        if other["diff_full"] is None:
            return math.nan, f"beside which there is no row full under {hard}"
        if row["diff_random"] is None:
            return math.nan, f"beside which there is no row random under {row['protocol']}"
        return score(_WEIGHT * row["diff_random"] + (1 - _WEIGHT) * other["diff_full"]), ""

    def augmentation_robust(self, row: Mapping[Any, Any]) -> tuple[float, str]:
        """The score of a row, or NaN and the reason."""
        own = _protocol(row)
        plain = own[0].plain if own else ""
        if not plain:
            return math.nan, "whose protocol names none that is the same without augmentation"
        other = self._under(row, plain)
        if other is None:
            return math.nan, f"which have no row under {plain}"
        for one, protocol in ((row, row["protocol"]), (other, plain)):
            if one["diff_random"] is None:
                return math.nan, f"beside which there is no row random under {protocol}"
        return score(_WEIGHT * row["diff_random"] + (1 - _WEIGHT) * other["diff_random"]), ""

    def _under(self, row: Mapping[Any, Any], protocol: str) -> dict[Any, Any] | None:
        """The row of the same set under another protocol, as it is today, where there is one."""
        found = [one for one in self._held[*_place(row), protocol] if _protocol(one)]
        return found[0] if len(found) == 1 else None


def _place(row: Mapping[Any, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _SAME)


def _protocol(row: Mapping[Any, Any]) -> tuple[ProtocolSpec, str] | None:
    """The protocol of a row and the labels of its recipe; None where it is not the one that trained it."""
    held = _read(row["protocol"])
    return held if held and held[0].version == row["protocol_version"] else None


@cache
def _read(protocol: str) -> tuple[ProtocolSpec, str] | None:
    try:
        call: Call[ProtocolSpec] = read_call("protocol", protocol, plugins())
        return call.spec, str(call.build()["train"].get("labels", "hard"))
    except (UserError, KeyError, TypeError, AttributeError, OSError, ValueError):  # another machine's, or broken
        return None
