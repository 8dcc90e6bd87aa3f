"""What a run shows while it runs: a live table on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from ccbench.cells import Cell


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

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def tick(self, running: dict[str, Any]) -> None:
        """Called several times a second with what is being worked on."""

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

    def compressed(self, method: str, facts: dict[str, Any]) -> None:
        """Warnings only."""
        for warning in facts["warnings"]:
            self.note(f"warning: {warning}")

    def cell(self, cell: Cell, status: str, reason: str, accuracy: float | None, seconds: float) -> None:
        """Failures only."""
        if status not in {"ok", "skipped"}:
            self.note(f"{status}: {cell.title}: {reason}")


class LiveDisplay(Display):
    """A table that is drawn anew in place, one row for each method at each budget."""

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
        if accuracy is None:
            self.note(f"{status}: {cell.title}: {reason}")

    def tick(self, running: dict[str, Any]) -> None:
        """Draw the table."""
        from rich.table import Table

        left = self.left()
        table = Table(
            title=f"{self.finished} of {self.todo} trainings" + (f", about {clock(left)} left" if left else "")
        )
        for column in ("method", "dataset", "ratio", "network", "done", "accuracy so far (%)", "now"):
            table.add_column(column, justify="right" if column in {"ratio", "done"} else "left")
        rows: dict[tuple, list[Cell]] = defaultdict(list)
        for cell in self.cells:
            rows[cell.method, cell.dataset, cell.kept, cell.architecture, cell.protocol].append(cell)
        now = self._now(running)
        for (method, dataset, kept, network, _), cells in rows.items():
            known = [self.accuracy[c.id] for c in cells if c.id in self.accuracy]
            accuracy = f"{100 * statistics.fmean(known):.2f}" if known else "skipped" if cells[0].skip else ""
            if len(known) > 1:
                accuracy += f" ± {100 * statistics.stdev(known):.2f}"
            done = sum(c.id in self.ended for c in cells)
            doing = next((now[k] for c in cells for k in (c.id, (c.method, c.kept)) if k in now), "")
            table.add_row(method, dataset, f"{float(1 - kept):.4f}", network, f"{done}/{len(cells)}", accuracy, doing)
        self._live.update(table)

    def _now(self, running: dict[str, Any]) -> dict[Any, str]:
        """What each running item says of itself, by cell id or (method, kept)."""
        now: dict[Any, str] = {}
        for item, (artifact, cell) in running.items():
            try:
                done, total, what = json.loads((self.logs / f"{item}.progress").read_text())
                text = f"{what} {100 * done // max(total, 1)} %"
            except (OSError, ValueError):
                text = "training" if cell else "compressing"
            key = cell.id if cell else (artifact.cells[0].method, artifact.cells[0].kept)
            now[key] = text
        return now


def clock(seconds: float) -> str:
    """Seconds as people say them: 45 s, 3 min 20 s, 2 h 5 min."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def make_display(kind: str, cells: list[Cell], done: dict[str, float], logs: Path) -> Display:
    """The display of a kind: ``auto``, ``live``, ``plain`` or ``quiet``."""
    if kind == "auto":
        kind = "live" if sys.stderr.isatty() else "plain"
    return {"live": LiveDisplay, "plain": Display, "quiet": QuietDisplay}[kind](cells, done, logs)
