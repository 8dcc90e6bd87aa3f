"""Two folders of records, row by row: what changed, by how much, and whether that is more than noise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ccbench.leaderboard.significance import Difference, paired, seeds_of, welch
from ccbench.records.cells import ROW
from ccbench.records.record import Record

NAMES = (
    "dataset", "options", "method", "kept", "match", "coding", "architecture", "protocol", "teacher", "precision",
    "base_seed",
)  # fmt: skip
"""What a row is called; the rest of it are versions, digests and threads."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One row of either folder.

    Attributes:
        title: its names, for people.
        state: ``same``, ``changed``, ``only in the first`` or ``only in the second``.
        difference: second less first, where both have it.
        before, after: seeds on either side.
        apart: what of the row differs beside its names, such as ``protocol_version 1 to 2``.
    """

    title: str
    state: str
    difference: Difference | None = None
    before: int = 0
    after: int = 0
    apart: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.difference is None:
            return f"{self.state}: {self.title} ({max(self.before, self.after)} seeds)"
        star = "*" if self.difference.significant else ""
        more = f"; {', '.join(self.apart)}" if self.apart else ""
        return f"{self.state}: {self.title}: {self.difference}{star}{more}"


def compare(first: Iterable[Record], second: Iterable[Record]) -> list[Change]:
    """Each row of two folders.

    Rows that are the same in everything are compared with each other; what is left, by their names, where a name has
    one row on either side. Seeds are paired where both start from the same network, which base seed, dataset, network
    and protocol decide.

    Args:
        first, second: records of each; of a cell the record that counts.
    """
    one, other = seeds_of(first), seeds_of(second)
    pairs = [(key, key) for key in one if key in other]
    left = _by_name([key for key in one if key not in other]), _by_name([key for key in other if key not in one])
    alone: list[Change] = []
    for name in sorted({*left[0], *left[1]}, key=str):
        mine, theirs = left[0].get(name, []), left[1].get(name, [])
        if len(mine) == len(theirs) == 1:
            pairs.append((mine[0], theirs[0]))
            continue
        alone += [Change(_title(key), "only in the first", before=len(one[key])) for key in mine]
        alone += [Change(_title(key), "only in the second", after=len(other[key])) for key in theirs]
    return [*(_change(a, one[a], b, other[b]) for a, b in sorted(pairs, key=str)), *alone]


def _change(a: tuple[Any, ...], before: Mapping[int, float], b: tuple[Any, ...], after: Mapping[int, float]) -> Change:
    common = {*before} & {*after}
    difference = paired(after, before) if common else welch(after, before)
    if common and difference.p is None and len(common) < min(len(before), len(after)):
        difference = welch(after, before)
    rows = dict(zip(ROW, a, strict=True)), dict(zip(ROW, b, strict=True))
    apart = tuple(f"{n} {_short(rows[0][n])} to {_short(rows[1][n])}" for n in ROW if rows[0][n] != rows[1][n])
    state = "same" if before == after and not apart else "changed"
    return Change(_title(a), state, difference, len(before), len(after), apart)


def _by_name(keys: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], list[tuple[Any, ...]]]:
    found: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for key in keys:
        row = dict(zip(ROW, key, strict=True))
        found[tuple(row[name] for name in NAMES)].append(key)
    return found


def _title(key: tuple[Any, ...]) -> str:
    row = dict(zip(ROW, key, strict=True))
    more = [row[name] for name in ("options", "teacher") if row[name]]
    more += [f"coding {row['coding']}"] * (row["coding"] != "none") + [row["match"]] * (row["match"] != "nominal")
    where = ", ".join([row["dataset"], f"kept {row['kept']}", row["architecture"], row["protocol"], *more])
    return f"{row['method']} ({where})"


def _short(value: object) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 else text or '""'
