"""What a run shows while it runs: a live table on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccbench.cells import Cell
from ccbench.pace import Pace, clock, told

_LONG = 60.0  # seconds after which a line says how far an item is, where no table does
_RARELY = 600.0  # seconds between such lines at most; they come ever more rarely until then


class Display:
    """Follows a run; this one prints a line for everything that ends.

    Args:
        cells: everything that was planned.
        done: accuracies that are known already, by cell id.
        logs: the folder where running items leave their progress.
    """

    def __init__(self, cells: list[Cell], done: dict[str, float], logs: Path) -> None:
        self.cells, self.accuracy, self.logs = cells, dict(done), logs
        self.ended: set[str] = set(done)
        self.todo = sum(not c.skip and c.id not in done for c in cells)
        self.finished = 0
        self.started = time.monotonic()
        self._paces: dict[str, Pace] = {}
        self._lines: dict[str, tuple[float, float]] = {}  # when an item began, and when a line on it is due

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def tick(self, running: dict[str, Any]) -> None:
        """Called several times a second with what is being worked on.

        Args:
            running: by item id, the artifact it works on and the cell it trains, or None where it compresses.
        """
        now = time.monotonic()
        paces = self._follow(running, now)
        self._lines = {item: self._lines.get(item, (now, now + _LONG)) for item in running}
        for item, (artifact, cell) in running.items():
            began, due = self._lines[item]
            if now < due:
                continue
            self._lines[item] = began, now + min(max(now - began, _LONG), _RARELY)
            title = cell.title if cell else _compression(artifact.cells[0])
            self.note(f"{title}: {told([paces[item]], now, 'training' if cell else 'compressing')}")

    def _follow(self, running: dict[str, Any], now: float) -> dict[str, Pace]:
        """How far each running item says it is."""
        self._paces = {item: self._paces.get(item) or Pace() for item in running}
        for item, pace in self._paces.items():
            try:
                done, total, what = json.loads((self.logs / f"{item}.progress").read_text())
                pace.tell(int(done), int(total), str(what), now)
            except (OSError, ValueError, TypeError):
                continue  # it has not said anything yet, or is done
        return self._paces

    def note(self, text: str) -> None:
        """Something worth a line."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the program's output

    def compressed(self, method: str, facts: dict[str, Any]) -> None:
        """An artifact was made."""
        stages = "".join(f", {n} {s:.1f} s" for n, s in facts["stage_seconds"].items() if s >= 0.05)
        self.note(
            f"compressed {method}: {facts['bytes']:,} bytes, ratio {1 - facts['measured_kept']:.4f} measured, "
            f"{facts['compress_seconds']:.1f} s{stages}"
        )
        for warning in facts["warnings"]:
            self.note(f"warning: {warning}")

    def cell(self, cell: Cell, status: str, reason: str, accuracy: float | None, seconds: float) -> None:
        """A cell ended."""
        self._count(cell, accuracy)
        left = self.left()
        what = f"accuracy {accuracy:.2%}" if accuracy is not None else reason
        rest = f", about {clock(left)} left" if left and self.finished < self.todo else ""
        self.note(f"[{self.finished}/{self.todo}] {status:7} {cell.title}: {what} ({seconds:.1f} s{rest})")

    def _count(self, cell: Cell, accuracy: float | None) -> None:
        self.finished += 1
        self.ended.add(cell.id)
        if accuracy is not None:
            self.accuracy[cell.id] = accuracy

    def left(self) -> float | None:
        """Seconds that are left, from the pace so far; None before the first cell has ended."""
        if not self.finished:
            return None
        return (time.monotonic() - self.started) / self.finished * (self.todo - self.finished)


class QuietDisplay(Display):
    """Shows nothing but warnings."""

    def tick(self, running: dict[str, Any]) -> None:
        """Nothing."""

    def compressed(self, method: str, facts: dict[str, Any]) -> None:
        """Warnings only."""
        for warning in facts["warnings"]:
            self.note(f"warning: {warning}")

    def cell(self, cell: Cell, status: str, reason: str, accuracy: float | None, seconds: float) -> None:
        """Failures only."""
        if status not in {"ok", "skipped"}:
            self.note(f"{status}: {cell.title}: {reason}")


@dataclass
class Row:
    """One row of the live table: the seeds of one method at one budget."""

    head: tuple[str, str, str, str]  # method, dataset, ratio, network
    cells: list[Cell] = field(default_factory=list)
    known: list[float] = field(default_factory=list)  # accuracies
    ended: int = 0

    @property
    def texts(self) -> tuple[str, ...]:
        """Its cells but for the last, which says what is being done now."""
        accuracy = f"{100 * statistics.fmean(self.known):.2f}" if self.known else ""
        if len(self.known) > 1:
            accuracy += f" ± {100 * statistics.stdev(self.known):.2f}"
        if self.cells[0].skip and not self.known:
            accuracy = "skipped"
        return *self.head, f"{self.ended}/{len(self.cells)}", accuracy


class LiveDisplay(Display):
    """A table that is drawn anew in place, one row for each method at each budget."""

    def __init__(self, cells: list[Cell], done: dict[str, float], logs: Path) -> None:
        super().__init__(cells, done, logs)
        rows: dict[tuple, Row] = {}
        self._row: dict[str, Row] = {}  # by cell id: a tick touches what has changed, not every cell of the plan
        for cell in cells:
            key = (cell.method, cell.dataset, cell.kept, cell.architecture, cell.protocol, cell.match, cell.teacher)
            row = rows.setdefault(key, Row((cell.method, cell.dataset, f"{cell.ratio:.4f}", cell.architecture)))
            row.cells.append(cell)
            row.ended += cell.id in self.ended
            row.known += [self.accuracy[cell.id]] if cell.id in self.accuracy else []
            self._row[cell.id] = row
        self.rows = list(rows.values())

    def __enter__(self) -> LiveDisplay:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True)
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._live.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.__exit__(None, None, None)

    def note(self, text: str) -> None:
        """A line above the table."""
        self._console.print(text, highlight=False, markup=False)

    def cell(self, cell: Cell, status: str, reason: str, accuracy: float | None, seconds: float) -> None:
        """Only what went wrong gets a line; the table shows the rest."""
        self._count(cell, accuracy)
        row = self._row[cell.id]
        row.ended += 1
        row.known += [] if accuracy is None else [accuracy]
        if accuracy is None:
            self.note(f"{status}: {cell.title}: {reason}")

    def tick(self, running: dict[str, Any]) -> None:
        """Draw the table."""
        from rich.table import Table
        from rich.text import Text

        left, doing = self.left(), self._doing(running)
        table = Table(
            title=f"{self.finished} of {self.todo} trainings" + (f", about {clock(left)} left" if left else "")
        )
        for column in ("method", "dataset", "ratio", "network", "done", "accuracy so far (%)", "now"):
            table.add_column(column, justify="right" if column in {"ratio", "done"} else "left")
        shown = self._visible(doing)
        for row in shown:
            # brackets of a method's parameters are no markup
            table.add_row(*(Text(" ".join(text.split())) for text in (*row.texts, doing.get(id(row), ""))))
        if len(shown) < len(self.rows):
            table.caption = f"and {len(self.rows) - len(shown):,} more rows"
        self._live.update(table)

    def _doing(self, running: dict[str, Any]) -> dict[int, str]:
        """What is being done for each row; one artifact may be made for several, and by several items."""
        now = time.monotonic()
        paces = self._follow(running, now)
        compressing: dict[int, tuple[Any, list[Pace]]] = {}
        texts: dict[int, str] = {}
        for item, (artifact, cell) in running.items():
            if cell is None:
                compressing.setdefault(id(artifact), (artifact, []))[1].append(paces[item])
        for artifact, shares in compressing.values():
            text = told(shares, now, "compressing")
            texts |= {id(self._row[cell.id]): text for cell in artifact.cells}
        for item, (_, cell) in running.items():
            if cell is not None:
                texts[id(self._row[cell.id])] = told([paces[item]], now, "training")
        return texts

    def _visible(self, doing: dict[int, str]) -> list[Row]:
        """The rows that fit on the terminal, in their order: what is being done first of all, then what is to come."""
        room = max(self._console.height - 6, 1)  # title, head, edges, caption
        if len(self.rows) <= room:
            return self.rows
        first = sorted(self.rows, key=lambda row: (id(row) not in doing, row.ended == len(row.cells)))[:room]
        chosen = {id(row) for row in first}
        return [row for row in self.rows if id(row) in chosen]


def _compression(cell: Cell) -> str:
    return f"{cell.method} · {cell.dataset} · ratio {cell.ratio:.4g}"


def make_display(kind: str, cells: list[Cell], done: dict[str, float], logs: Path) -> Display:
    """The display of a kind: ``auto``, ``live``, ``plain`` or ``quiet``."""
    if kind == "auto":
        kind = "live" if sys.stderr.isatty() else "plain"
    return {"live": LiveDisplay, "plain": Display, "quiet": QuietDisplay}[kind](cells, done, logs)
