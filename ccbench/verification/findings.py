"""What a check found in a record or beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

WRONG, OTHER, UNSEEN = "wrong", "other", "unseen"
"""It contradicts something; it is of another version than what is installed; what it needs is not here."""


@dataclass(frozen=True)
class Finding:
    """One field of a record, and what is the matter with it.

    Attributes:
        kind: :data:`WRONG`, :data:`OTHER` or :data:`UNSEEN`.
        field: of the record; "file" or "table" where it is none.
        text: what it says and what speaks against it.
    """

    kind: str
    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind:6} {self.field}: {self.text}"


def differs(field: str, said: object, found: object, why: str, kind: str = WRONG) -> Finding:
    """A finding on a field that says one thing where another was found.

    Args:
        field: of the record.
        said: its value.
        found: what it should be.
        why: where that comes from.
    """
    return Finding(kind, field, f"the record says {_short(said)}, {why} {_short(found)}")


def _short(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else f"{value}"[:100] or '""'


@dataclass
class Checked:
    """A file that was looked at, and what was found.

    Attributes:
        path: of the record, or of a table or folder.
        title: what people know it by.
    """

    path: Path
    title: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The gravest kind of what was found, "" where nothing was."""
        kinds = {finding.kind for finding in self.findings}
        return next((kind for kind in (WRONG, OTHER, UNSEEN) if kind in kinds), "")


@dataclass
class Report:
    """What was looked at."""

    checked: list[Checked] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """1 where anything is wrong."""
        return int(any(one.kind == WRONG for one in self.checked))

    def count(self, *kinds: str) -> int:
        """How many of what was looked at are of some kinds."""
        return sum(one.kind in kinds for one in self.checked)

    def plain(self) -> dict[str, Any]:
        """JSON-able; schema 1."""
        return {
            "schema": 1,
            "checked": len(self.checked),
            "wrong": self.count(WRONG),
            "other": self.count(OTHER),
            "records": [
                {"path": str(one.path), "title": one.title, "findings": [asdict(f) for f in one.findings]}
                for one in self.checked
            ],
            "notes": self.notes,
        }

    def lines(self) -> Iterable[str]:
        """What people read: each file with a finding that is not only unseen, then one line on all."""
        for one in self.checked:
            if told := [f for f in one.findings if f.kind != UNSEEN]:
                yield f"{one.path}{f' ({one.title})' if one.title else ''}"
                yield from (f"  {finding}" for finding in told)
        yield from (f"note: {note}" for note in self.notes)
        wrong, other = self.count(WRONG), self.count(OTHER)
        sound = len(self.checked) - wrong - other
        parts = [f"{len(self.checked)} looked at", f"{sound} without a contradiction"]
        parts += [f"{other} of other versions than installed here"] * bool(other)
        yield ", ".join([*parts, f"{wrong} wrong"])
