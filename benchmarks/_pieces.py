"""Measurements within a time that was given: what is measured is written at once, and the same command goes on."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class OutOfTimeError(Exception):
    """The time that was given is over."""


class NotHereError(Exception):
    """What a piece needs is not here; it says how to come by it."""


class Deadline:
    """A time from now on.

    Args:
        seconds: how long.
        spare: of these, kept for ending well.
    """

    def __init__(self, seconds: float, spare: float = 0.0) -> None:
        self._end = time.monotonic() + seconds - spare

    @property
    def left(self) -> float:
        """Seconds, at least 0."""
        return max(0.0, self._end - time.monotonic())

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Raise OutOfTimeError inside as soon as no time is left."""

        def over(*_: object) -> None:
            raise OutOfTimeError

        before = signal.signal(signal.SIGALRM, over)
        signal.setitimer(signal.ITIMER_REAL, max(1e-3, self.left))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


class Ledger:
    """What was measured, a JSON line for each finished piece.

    Args:
        file: made where it is missing.
        place: what it was measured on: pieces of another one do not count.
    """

    def __init__(self, file: Path, place: str) -> None:
        self.file, self.place = file, place
        self._pieces: dict[str, list[Row]] = {}
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
            with suppress(ValueError):  # a line that was cut off is none
                one = json.loads(line)
                self._pieces |= {one["piece"]: one["rows"]} if one["place"] == place else {}

    def rows(self, piece: str) -> list[Row] | None:
        """Those of a piece, or None where it was not measured yet."""
        return self._pieces.get(piece)

    def value(self, piece: str) -> float | None:
        """Ours, of the first row of a piece; None where it was not measured."""
        return (self.rows(piece) or [{}])[0].get("ours")

    def add(self, piece: str, rows: list[Row]) -> None:
        """Keep a piece that is finished."""
        self._pieces[piece] = rows
        self.file.parent.mkdir(parents=True, exist_ok=True)
        begun = "\n" if self.file.exists() and not self.file.read_bytes().endswith(b"\n") else ""
        with self.file.open("a", encoding="utf-8") as out:
            out.write(f"{begun}{json.dumps({'piece': piece, 'place': self.place, 'rows': rows})}\n")


@dataclass(frozen=True)
class Piece:
    """Something to be measured.

    Attributes:
        name: unique.
        rows: gives them as they are measured.
        needs: seconds that it takes, asked for right before it would begin; None: nobody can say yet.
    """

    name: str
    rows: Callable[[], Iterator[Row]]
    needs: Callable[[], float | None] = lambda: 0.0


def measured(pieces: list[Piece], ledger: Ledger, deadline: Deadline) -> Iterator[Row]:
    """The rows of all pieces, one after another: those kept, those measured now, and why the others have none.

    A piece that would not finish in the time left is not begun, one that does not finish is cut off, and what
    fails leaves the others to be measured; the same call tries all of these again.
    """
    for piece in pieces:
        kept = ledger.rows(piece.name)
        if kept is not None:
            yield from kept
            continue
        needs, left = piece.needs(), deadline.left
        if needs is None or needs > left or not left:
            why = "its time cannot be told yet" if needs is None else f"it takes about {math.ceil(needs)} s"
            yield {"name": piece.name, "note": f"not begun: {why}, {left:.0f} s are left"}
            continue
        found: list[Row] = []
        try:
            with deadline.guard():
                for row in piece.rows():
                    found.append(row)
                    yield row
        except OutOfTimeError:
            yield {"name": piece.name, "note": "cut off: the time was over"}
        except NotHereError as why:
            yield {"name": piece.name, "note": f"not measured: {why}"}
        except Exception as error:  # a GPU that is lent for minutes goes on with the rest
            yield {"name": piece.name, "note": f"failed: {type(error).__name__}: {' '.join(str(error).split())[-300:]}"}
        else:
            ledger.add(piece.name, found)
