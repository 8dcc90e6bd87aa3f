"""What is published, put together once: output folders, the table of their records, and every record of each row."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccbench.errors import UserError
from ccbench.leaderboard.writing import Held, framed, read_folders
from ccbench.records import verdicts
from ccbench.records.artifacts import held
from ccbench.records.cells import ROW, slug
from ccbench.records.record import FOLDER, Record, latest

if TYPE_CHECKING:
    import pandas as pd

OURS = ("assets", "data", "rows", "methods", "suites")  # folders that pages lie in


@dataclass(frozen=True)
class Source:
    """An output folder.

    Attributes:
        out: where it is.
        place: its path in the published folder, "." where it is that folder.
        original: whether it lies there already.
    """

    out: Path
    place: str
    original: bool = False

    def path(self, *parts: str) -> str:
        """A path in the published folder."""
        return "/".join(parts if self.place == "." else (self.place, *parts))


@dataclass(frozen=True)
class Attempt:
    """A record, the folder it lies in, and whether it counts: of each cell one does."""

    record: Record
    source: Source
    counts: bool

    @property
    def path(self) -> str:
        """Where its file lies in the published folder; "" where it has another name than a run gives it."""
        return self._published(self.record.path(self.source.out))

    @property
    def verdict(self) -> str:
        """Where it is said what became of doing its work again; "" where nobody did."""
        return self._published(verdicts.place(self.record, self.source.out))

    def _published(self, file: Path) -> str:
        return self.source.path(*file.relative_to(self.source.out).parts) if file.is_file() else ""

    @property
    def artifact(self) -> Path | None:
        """The compressed file that it names, where it is at hand and has the record's digest."""
        return held(self.record, self.source.out)


@dataclass(frozen=True)
class Line:
    """One row of the board.

    Attributes:
        id: twelve hexadecimal digits over what makes it a row.
        values: by the columns of :func:`ccbench.leaderboard.table`; None where there is none.
        attempts: every record of it, by seed and number.
    """

    id: str
    values: Mapping[Any, Any]
    attempts: Sequence[Attempt]

    @property
    def counting(self) -> list[Attempt]:
        """Those that its numbers are made of, one for each seed."""
        return [attempt for attempt in self.attempts if attempt.counts]

    @property
    def page(self) -> str:
        """Where its page lies in the published folder."""
        return f"rows/{self.id}.html"


@dataclass(frozen=True)
class Board:
    """All that is published.

    Attributes:
        sources: the output folders.
        read: what each holds, in the same order.
        frame: the table of all of them; see :func:`ccbench.leaderboard.table`.
        lines: its rows, in their order.
        notes: what was left out, and why.
    """

    sources: Sequence[Source]
    read: Sequence[Held]
    frame: pd.DataFrame
    lines: Sequence[Line]
    notes: Sequence[str]


def gather(outs: Sequence[Path], folder: Path, taken: Collection[str] = ()) -> Board:
    """The board of some output folders.

    Args:
        outs: folders that hold ``results/``, or folders of such folders.
        folder: where it will be published; an output folder inside it stays where it is.
        taken: names in it under which no other output folder goes.

    Raises:
        UserError: there is no record in one of them, or one of a newer version.
    """
    sources = _placed(outs, folder, taken)
    read = read_folders([source.out for source in sources])
    frame = framed(read)
    notes = [_without_places(note, sources) for note in frame.attrs["notes"]]
    frame.attrs["notes"] = notes
    return Board(sources, read, frame, _lines(frame, sources, read), notes)


def _placed(outs: Sequence[Path], folder: Path, taken: Collection[str]) -> list[Source]:
    """Each output folder with its path in the published one: where it is, otherwise under its own name."""
    home, used = folder.resolve(), {*OURS, *taken}
    found: list[Source] = []
    for out in dict.fromkeys(inner for given in outs for inner in _runs(given.resolve())):
        original = out.is_relative_to(home)
        if original:
            place = out.relative_to(home).as_posix()
        else:
            name = slug(out.name)
            names = (name if number == 1 else f"{name}-{number}" for number in count(1))
            place = next(name for name in names if name not in used)
        used.add(place)
        found.append(Source(out, place, original))
    if len(found) > 1 and any(source.place == "." for source in found):
        raise UserError(f"{folder} cannot be an output folder and the board of several", mend="name another folder")
    return found


def _runs(out: Path) -> list[Path]:
    """The folder itself where it holds records, otherwise those in it that do."""
    if (out / FOLDER).is_dir():
        return [out]
    inner = sorted(path.parent for path in out.glob(f"*/{FOLDER}") if path.is_dir())
    if not inner:
        raise UserError(f"{out} holds no result records", found=f"no {FOLDER}/ in it or in its folders",
                        mend="name the --out of a run, or a folder of such folders")  # fmt: skip
    return inner


def _without_places(note: str, sources: Sequence[Source]) -> str:
    """A note as it is published: paths as they are there, none of this machine."""
    for source in sources:
        note = note.replace(f"{source.out}/", "" if source.place == "." else f"{source.place}/")
    return note


def _lines(frame: pd.DataFrame, sources: Sequence[Source], read: Sequence[Held]) -> list[Line]:
    every = [(record, source) for source, held in zip(sources, read, strict=True) for record in held.records]
    counting = {id(record) for record in latest(record for record, _ in every)}
    groups: dict[tuple[str, ...], list[Attempt]] = defaultdict(list)
    for record, source in every:
        groups[_key({**record.row, "ratio": record.ratio})].append(Attempt(record, source, id(record) in counting))
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [
        Line(_id(key), row, sorted(groups[key], key=lambda a: (a.record.seed, a.record.attempt, a.source.place)))
        for row in rows
        for key in [_key(row)]
    ]


def _key(row: Mapping[Any, Any]) -> tuple[str, ...]:
    """What a row of the table and its records share."""
    return (*(str(row[name]) for name in ROW), f"{row['ratio']:.9f}")


def _id(key: tuple[str, ...]) -> str:
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:12]
