"""What a run shows while it runs: a live table on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccbench.records.cells import Cell
from ccbench.records.facts import Compressed
from ccbench.runner.pace import Pace, times, told
from ccbench.runner.schedule import Artifact, Doing
from ccbench.runner.work import progress_of

_LONG = 60.0  # seconds after which a line says how far an item is, where no table does
_RARELY = 600.0  # seconds between such lines at most; they come ever more rarely until then
_TRAINING = "train"  # what a training calls its own updates, after whatever it prepares


@dataclass
class Due:
    """When a line is due on work that began at a time: after a minute, then ever more rarely.

    Attributes:
        began: seconds.
    """

    began: float
    _next: float = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.began + _LONG

    def now(self, now: float) -> bool:
        """Whether one is due; the next is then due later."""
        if now < self._next:
            return False
        self._next = now + min(max(now - self.began, _LONG), _RARELY)
        return True


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
        self._lines: dict[str, Due] = {}
        self._part = 0.0  # of the trainings that are running, as a number of trainings

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def tick(self, running: dict[str, Doing]) -> None:
        """Called several times a second with what is being worked on.

        Args:
            running: by item id.
        """
        now = time.monotonic()
        paces = self._follow(running, now)
        self._lines = {item: self._lines.get(item) or Due(now) for item in running}
        for item, work in running.items():
            if self._lines[item].now(now):
                title, doing = (
                    (work.cell.title, "training") if work.cell else (compression(work.artifact.cells), "compressing")
                )
                self.note(f"{title}: {told([paces[item]], now, doing, self._lines[item].began)}")

    def starting(self, item: str) -> None:
        """An item is about to be worked on: what a killed process said of it once counts no more."""
        self._progress(item).unlink(missing_ok=True)
        self._paces.pop(item, None)

    def _progress(self, item: str) -> Path:
        return self.logs / f"{item}.progress"

    def _follow(self, running: dict[str, Doing], now: float) -> dict[str, Pace]:
        """How far each running item says it is."""
        self._paces = {item: self._paces.get(item) or Pace() for item in running}
        for item, pace in self._paces.items():
            if so_far := progress_of(self.logs / item):
                pace.tell(*so_far, now)
        training = [self._paces[item] for item, work in running.items() if work.cell]
        self._part = sum(min(p.done / p.total, 1) for p in training if p.what == _TRAINING and p.total > 0)
        return self._paces

    def note(self, text: str) -> None:
        """Something worth a line."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the program's output

    def compressed(self, cells: list[Cell], facts: Compressed) -> None:
        """An artifact was made, for these cells."""
        stages = "".join(f", {n} {s:.1f} s" for n, s in facts.stage_seconds.items() if s >= 0.05)
        size = f"{facts.bytes:,} bytes, ratio {1 - facts.measured_kept:.4f} measured"
        self.note(f"compressed {compression(cells)}: {size}, {facts.compress_seconds or 0:.1f} s{stages}")
        for warning in facts.warnings:
            self.note(f"warning: {warning}")

    def cell(self, cell: Cell, status: str, reason: str, accuracy: float | None, seconds: float) -> None:
        """A cell ended."""
        self._count(cell, accuracy)
        what = f"accuracy {accuracy:.2%}" if accuracy is not None else reason
        self.note(f"[{self.finished}/{self.todo}] {status:7} {cell.title}: {what} ({seconds:.1f} s{self._times()})")

    def _count(self, cell: Cell, accuracy: float | None) -> None:
        self.finished += 1
        self.ended.add(cell.id)
        if accuracy is not None:
            self.accuracy[cell.id] = accuracy

    def left(self) -> float | None:
        """Seconds that are left, from the pace so far; None in the first minute, while no cell has ended.

        The parts of running trainings that are done count: a first training of hours does not keep it from being said.
        """
        done, so_far = self.finished + self._part, time.monotonic() - self.started
        if not done or (not self.finished and so_far < _LONG):
            return None
        return so_far / done * max(self.todo - done, 0)

    def _times(self) -> str:
        return times(time.monotonic() - self.started, self.left() if self.finished < self.todo else None)


class QuietDisplay(Display):
    """Shows nothing but warnings."""

    def tick(self, running: dict[str, Doing]) -> None:
        """Nothing."""

    def compressed(self, cells: list[Cell], facts: Compressed) -> None:
        """Warnings only."""
        for warning in facts.warnings:
            self.note(f"warning: {warning}")

    def cell(self, cell: Cell, status: str, reason: str, accuracy: float | None, seconds: float) -> None:
        """Failures only."""
        if status not in {"ok", "skipped"}:
            self.note(f"{status}: {cell.title}: {reason}")


@dataclass
class Line:
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


# a number is never cut, however narrow the terminal is; names are folded instead
_COLUMNS: dict[str, dict[str, Any]] = {
    "ratio": {"justify": "right", "no_wrap": True, "min_width": 6},
    "done": {"justify": "right", "no_wrap": True, "min_width": 4},
    "accuracy so far (%)": {"min_width": 12},  # 55.00 ± 7.07
}


class LiveDisplay(Display):
    """A table that is drawn anew in place, one row for each method at each budget."""

    def __init__(self, cells: list[Cell], done: dict[str, float], logs: Path) -> None:
        super().__init__(cells, done, logs)
        rows: dict[tuple, Line] = {}
        self._row: dict[str, Line] = {}  # by cell id: a tick touches what has changed, not every cell of the plan
        for cell in cells:
            key = (
                cell.method,
                cell.dataset,
                cell.kept,
                cell.architecture,
                cell.protocol,
                cell.match,
                cell.coding,
                cell.teacher,
            )
            row = rows.setdefault(key, Line((cell.method, cell.dataset, f"{cell.ratio:.4f}", cell.architecture)))
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

    def tick(self, running: dict[str, Doing]) -> None:
        """Draw the table."""
        from rich.table import Table
        from rich.text import Text

        doing = self._doing(running)
        table = Table(title=f"{self.finished} of {self.todo} trainings{self._times()}")
        for column in ("method", "dataset", "ratio", "network", "done", "accuracy so far (%)", "now"):
            table.add_column(column, **_COLUMNS.get(column, {"overflow": "fold"}))
        shown = self._visible(doing)
        for row in shown:
            # brackets of a method's parameters are no markup
            table.add_row(*(Text(" ".join(text.split())) for text in (*row.texts, doing.get(id(row), ""))))
        if len(shown) < len(self.rows):
            table.caption = f"and {len(self.rows) - len(shown):,} more rows"
        self._live.update(table)

    def _doing(self, running: dict[str, Doing]) -> dict[int, str]:
        """What is being done for each row; one artifact may be made for several, and by several items."""
        now = time.monotonic()
        paces = self._follow(running, now)
        compressing: dict[int, tuple[Artifact, list[Pace]]] = {}
        texts: dict[int, str] = {}
        for item, work in running.items():
            if work.cell is None:
                compressing.setdefault(id(work.artifact), (work.artifact, []))[1].append(paces[item])
        for artifact, shares in compressing.values():
            text = told(shares, now, "compressing")
            texts |= {id(self._row[cell.id]): text for cell in artifact.cells}
        for item, work in running.items():
            if work.cell:
                texts[id(self._row[work.cell.id])] = told([paces[item]], now, "training")
        return texts

    def _visible(self, doing: dict[int, str]) -> list[Line]:
        """The rows that fit on the terminal, in their order: what is being done first of all, then what is to come."""
        room = max(self._console.height - 6, 1)  # title, head, edges, caption
        if len(self.rows) <= room:
            return self.rows
        first = sorted(self.rows, key=lambda row: (id(row) not in doing, row.ended == len(row.cells)))[:room]
        chosen = {id(row) for row in first}
        return [row for row in self.rows if id(row) in chosen]


def compression(cells: list[Cell]) -> str:
    """What people read of a compression; one that does not depend on the seed serves all of them."""
    cell, seeds = cells[0], sorted({cell.seed for cell in cells})
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
    return f"{cell.method} · {cell.dataset} · ratio {cell.ratio:.4g} · {which}"


class Watch:
    """Shows how far one piece of work of this process is.

    On a terminal that is a line in place; elsewhere lines, the first after a minute and then ever more rarely.

    Args:
        title: of the work.
        doing: what to say while it has said nothing.
    """

    def __init__(self, title: str, doing: str) -> None:
        self.title, self.doing = title, doing
        self._pace, self._due = Pace(), Due(time.monotonic())
        self._said, self._lock = threading.Event(), threading.Lock()

    def __enter__(self) -> Watch:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True) if _terminal() else None
        if self._live:
            self._live.start()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._said.set()
        self._thread.join()
        if self._live:
            self._live.stop()

    def __call__(self, done: int, total: int, what: str = "") -> None:
        """The work tells how far it is."""
        with self._lock:
            self._pace.tell(done, total, what, time.monotonic())

    def _follow(self) -> None:
        while not self._said.wait(0.25):
            self.look()

    def look(self) -> None:
        """Show what there is to show."""
        now = time.monotonic()
        with self._lock:
            text = told([self._pace], now, self.doing, self._due.began)
        if self._live:
            from rich.text import Text

            title = Text(self.title)  # the numbers are what the line is for: the title alone is shortened
            room = self._live.console.width - Text(text).cell_len - 2
            title.truncate(max(room, 0), overflow="ellipsis")
            line = Text.assemble(title, ": ", text) if room > 0 else Text(text)
            line.no_wrap, line.overflow = True, "ellipsis"
            self._live.update(line, refresh=True)
        elif self._due.now(now):
            print(f"{self.title}: {text}", file=sys.stderr, flush=True)  # noqa: T201 - this is the program's output


def _terminal() -> bool:
    return sys.stderr.isatty()


def make_display(kind: str, cells: list[Cell], done: dict[str, float], logs: Path) -> Display:
    """The display of a kind: ``auto``, ``live``, ``plain`` or ``quiet``."""
    if kind == "auto":
        kind = "live" if _terminal() else "plain"
    return {"live": LiveDisplay, "plain": Display, "quiet": QuietDisplay}[kind](cells, done, logs)
