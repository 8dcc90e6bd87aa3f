"""What became of doing a record's work again: one JSON file beside the records, bound to the record by its checksum."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from ccbench.files import atomic_write
from ccbench.records.cells import slug
from ccbench.records.record import Record, checksum, finite
from ccbench.schema import Number, Ordinal, Share, fit, parse

SCHEMA = 1
FOLDER = "verified"
Digest = Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{64})?\Z")]
File = Annotated[str, Meta(pattern=r"^(?:|same|differs|failed)\Z")]
Training = Annotated[str, Meta(pattern=r"^(?:|equal|within|outside|unjudged|failed)\Z")]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the work of a record gave when it was done again.

    Attributes:
        record: the checksum of the record; a verdict that was moved to another one counts nowhere.
        cell: of the record.
        file: of the file that was made again: ``same`` bytes, ``differs``, ``failed``, or "" where nobody did.
        file_sha256: of that file; ``file_text`` says in which part it differs, or why there is none.
        training: ``equal`` to the last digit, ``within`` the interval, ``outside`` it, ``unjudged`` where nothing says
            how far two may be apart, ``failed``, or "".
        accuracy, final_loss: of the training.
        margin: half the interval, a fraction; None where it was not asked for or there is none.
        training_text: how it was judged.
        environment: of the training, otherwise of the compression.
        finished: ISO 8601 in UTC.
        checksum: sha256 over everything else.
    """

    schema: Ordinal = SCHEMA
    record: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    cell: Annotated[str, Meta(pattern=r"^[\w.-]{1,100}\Z")]
    file: File = ""
    file_sha256: Digest = ""
    file_text: str = ""
    training: Training = ""
    accuracy: Share | None = None
    final_loss: Number | None = None
    margin: Share | None = None
    training_text: str = ""
    environment: dict[str, Any] = field(default_factory=dict)
    finished: str = ""
    checksum: str = ""

    @property
    def level(self) -> int:
        """3 where a network was trained again and agrees, 2 where the file was made again and is the same, or 0."""
        return 3 if self.training in ("equal", "within") else 2 if self.file == "same" else 0

    @property
    def contradicts(self) -> bool:
        """Whether the file or the accuracy came out otherwise."""
        return self.file == "differs" or self.training == "outside"

    def plain(self) -> dict[str, Any]:
        """JSON-able fields, as in the file."""
        return finite(asdict(self))


def place(record: Record, out: str | Path) -> Path:
    """Where the verdict on a record lies under its output folder."""
    name = f"{record.cell}.{record.checksum[:12]}.json"
    return Path(out) / FOLDER / slug(record.dataset) / slug(record.method) / name


def write_verdict(verdict: Verdict, record: Record, out: str | Path) -> Path:
    """Write what became of a record's work; what an earlier verdict says of the other half stays.

    Returns:
        The file.

    Raises:
        UserError: the folder cannot be written.
    """
    path = place(record, out)
    before = _read(path) if path.is_file() else None
    if before and before.record == verdict.record:
        if not verdict.file:
            kept = {name: getattr(before, name) for name in ("file", "file_sha256", "file_text")}
            verdict = replace(verdict, **kept)
        if not verdict.training:
            names = ("training", "accuracy", "final_loss", "margin", "training_text", "environment")
            verdict = replace(verdict, **{name: getattr(before, name) for name in names})
    verdict = replace(verdict, checksum=checksum(verdict.plain()))
    atomic_write(path, json.dumps(verdict.plain(), indent=1) + "\n")
    return path


def read_verdicts(outs: Iterable[str | Path]) -> tuple[dict[str, Verdict], list[str]]:
    """Every verdict under some output folders.

    Returns:
        By the checksum of the record that each is bound to; and one line for each file that is none.
    """
    found: dict[str, Verdict] = {}
    problems = []
    for out in outs:
        for path in sorted((Path(out) / FOLDER).rglob("*.json")):
            if path.name.startswith("."):
                continue
            if verdict := _read(path):
                found[verdict.record] = verdict
            else:
                problems.append(f"{path}: no verdict, or changed after it was written")
    return found, problems


def _read(path: Path) -> Verdict | None:
    try:
        facts = parse(path.read_bytes())
        verdict = fit(facts, Verdict)
    except (OSError, ValueError):
        return None
    return verdict if verdict.schema <= SCHEMA and verdict.checksum == checksum(facts) else None
