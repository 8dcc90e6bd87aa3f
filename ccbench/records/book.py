"""What is written down of each attempt at a cell while a run lasts."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path

from ccbench.records.cells import Cell
from ccbench.records.facts import Compressed, Trained
from ccbench.records.record import Record, numbered, write_record


class Book:
    """Writes the records of a run, and counts.

    Args:
        out: the output folder.
        cells: everything that was planned.
        attempts: attempts so far, by cell id.
    """

    def __init__(self, out: Path, cells: list[Cell], attempts: dict[str, int]) -> None:
        self.out, self.attempts = out, attempts
        self.planned = Counter(tuple(cell.row.values()) for cell in cells)
        self.counts: Counter[str] = Counter()
        self._reasons: dict[str, None] = {}

    def count(self, status: str, cell: Cell, reason: str) -> None:
        """Count a cell and keep its reason, once for all seeds."""
        self.counts[status] += 1
        line = f"{status}: {cell.method} at ratio {cell.ratio:.4g} on {cell.dataset}: {reason}"
        if reason:
            self._reasons[line] = None

    @property
    def reasons(self) -> list[str]:
        """Why cells did not end well, each once, in order."""
        return list(self._reasons)

    def write(
        self,
        cell: Cell,
        status: str,
        reason: str = "",
        *,
        artifact: Path | None = None,
        file: Compressed | None = None,
        outcome: Trained | None = None,
        log: str = "",
    ) -> Record:
        """One attempt at a cell, on disk before anything else happens.

        Args:
            cell, status, reason, artifact, file, outcome: see :meth:`Record.of`.
            log: what an executor tells of a failure.
        """
        self.attempts[cell.id] = self.attempts.get(cell.id, 0) + 1
        record = Record.of(
            cell,
            status,
            reason,
            attempt=self.attempts[cell.id],
            planned_seeds=self.planned[tuple(cell.row.values())],
            artifact=artifact,
            file=file,
            outcome=outcome,
        )
        record = numbered(record, self.out)
        write_record(record, self.out)
        if log:
            with suppress(OSError):  # no room for what is told at length: the record has the reason
                self._tell(self.out / "logs" / f"{cell.id}.log", log)
        return record

    def _tell(self, path: Path, log: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+") as held:
            held.seek(0)
            if "Traceback" not in held.read():  # the worker writes its own; a compression's belongs to every cell
                held.write(log)
