"""What the board's table shows of a row: columns, each with a key that permalinks name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ccbench.leaderboard.columns import ALWAYS, CHOSEN, IDENTITY, VERIFIED, Column
from ccbench.leaderboard.escaping import clean
from ccbench.publishing.board import Line
from ccbench.publishing.methods import Method, kind_of

STATES = ("ok", "partial", "failed", "skipped")
FILTERS = {"dataset": "Dataset", "budget": "Budget", "protocol": "Protocol", "network": "Network", "kind": "Kind",
           "state": "State"}  # fmt: skip
_ALWAYS = ("method", "ratio", "nominal_ratio", "measured_ratio", "bytes", "accuracy", "n", "vs_random", "vs_full")
_SHOWN = {"method", "dataset", "protocol", "network", "ratio", "measured_ratio", "bytes", "accuracy", "n", "vs_random",
          "vs_full", "status", "verified"}  # fmt: skip
_NARROW = {"method", "dataset", "bytes", "accuracy", "status"}


@dataclass(frozen=True)
class Shown:
    """A column of the board.

    Attributes:
        key: what permalinks call it.
        column: its title and its text of a row.
    """

    key: str
    column: Column

    def text(self, values: Mapping[Any, Any]) -> str:
        """One line of plain text, which whoever shows it has to escape."""
        return clean(self.column.text(dict(values)))

    @property
    def facts(self) -> dict[str, Any]:
        """What the page's script is told of it."""
        column = self.column
        visible = {"shown": self.key in _SHOWN, "narrow": self.key in _NARROW}
        return {"key": self.key, "title": column.title, "number": column.right, "note": column.note, **visible}


def columns(lines: Sequence[Line], methods: Mapping[str, Method]) -> list[Shown]:
    """The columns in which some row has a text, in their order."""
    always = dict(zip(_ALWAYS, ALWAYS, strict=True))
    place = {
        "dataset": _text("Dataset", lambda row: row["dataset"]),
        "network": _text("Network", lambda row: row["architecture"]),
        "protocol": _text("Protocol", protocol),
        "budget": _text("Budget", budget),
        "kind": _text("Kind", lambda row: kind_of(row["method"], methods)),
    }
    further = {
        "teacher": CHOSEN["teacher"],
        **CHOSEN,
        "match": _text("Match", lambda row: row["match"]),
        "coding": _text("Coding", lambda row: row["coding"]),
        **IDENTITY,
        "picture": _text("Picture", lambda row: row["picture"]),
        "sealed": _text("Sealed", lambda row: row["sealed"]),
        "verified": VERIFIED,
    }
    every = {"method": always.pop("method"), **place, **always, **further,
             "state": _text("State", state), "status": _text("Status", lambda row: row["status"])}  # fmt: skip
    shown = [Shown(key, column) for key, column in every.items()]
    needed = {*FILTERS, *_ALWAYS, "status"}
    return [one for one in shown if one.key in needed or any(one.text(line.values) for line in lines)]


def protocol(row: Mapping[Any, Any]) -> str:
    """A protocol and its version: two of them are never compared."""
    return f"{row['protocol']} (version {row['protocol_version']})" if row["protocol_version"] else row["protocol"]


def budget(row: Mapping[Any, Any]) -> str:
    """What a row was asked to keep, and by which count."""
    if row["kept"] == "1":
        return "everything kept"
    return f"ratio {row['ratio']:.4f}, {'bytes of the file' if row['match'] == 'bytes' else 'nominal'}"


def state(row: Mapping[Any, Any]) -> str:
    """One of :data:`STATES`."""
    word = row["status"].partition(" ")[0].rstrip(":")
    return word if word in STATES else "failed"


def _text(title: str, text: Callable[[dict[Any, Any]], str]) -> Column:
    return Column(title, text, right=False)
