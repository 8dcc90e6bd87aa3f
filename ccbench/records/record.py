"""Records: one JSON file for each attempt at a cell."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from ccbench.errors import UserError
from ccbench.files import atomic_write
from ccbench.offers.specs import BRACKETS
from ccbench.records.cells import ROW, Cell, Row, slug
from ccbench.schema import Count, Number, Ordinal, Positive, Removed, Seconds, Seed, Share, fit, parse
from ccbench.training.curve import Curve

if TYPE_CHECKING:  # it imports this module
    from ccbench.records.facts import Compressed, Trained

SCHEMA = 1
STATUSES = ("ok", "failed", "timeout", "oom", "skipped")
Status = Annotated[str, Meta(pattern=rf"^(?:{'|'.join(STATUSES)})\Z")]
FOLDER = "results"
_LONGEST = 2000  # characters of a method's label
_MEAN = {"mean": True}  # a table shows the mean over the seeds


@dataclass(frozen=True, kw_only=True)
class Record(Row):
    """One attempt at a cell: its row, what became of it, and what was measured.

    The file holds these fields, ``kept`` as text such as ``"1/12"``; others in a file are passed over.

    Attributes:
        cell: the id of a :class:`ccbench.records.cells.Cell`.
        attempt: 1, 2, ... for one cell.
        status: ``ok``, ``failed``, ``timeout``, ``oom`` or ``skipped``; ``reason`` says why where it is not ``ok``.
        seed: index 0, 1, ...; ``seed_value`` in [0, 2**32).
        planned_seeds: how many seeds the run wanted for this row.
        ratio: what was asked for (after snapping), the fraction of raw bytes removed, in [0, 1).
        nominal_ratio: by the papers' formula; ``measured_ratio`` from ``bytes``, the size of the file. May be below 0.
        images, classes: in the compressed dataset.
        picture: width x height of its images where they are not of the dataset's own size, otherwise "".
        sealed: whether the methods that made the file could see neither the test split nor the network.
        colorfulness, color_distance: of the compressed images, see :mod:`ccbench.colors`.
        compress_seconds, train_seconds, stage_seconds: wall clock; the last by stage name.
        construction_seconds: ``compress_seconds`` and what the stages that it needs took when they were made.
        accuracy: of the last epoch, a fraction in [0, 1]; ``best_accuracy`` of the best epoch where the protocol looks.
        final_loss, iterations, images_per_second: of the training.
        curve: loss and learning rate on the way, with the looks at the test set; None in older records.
        teacher_accuracy: of the teacher on the test split, a fraction; ``teacher_bytes`` the size of its weights,
            which no ratio counts.
        compress_memory: bytes, the peak of the process that made the file, with the stages that it made.
        peak_memory: bytes, of the training.
        test_images: that it was tested on, of which ``accuracy`` is a share.
        labels: what it learned from: ``hard``, ``soft`` (those of the file) or ``teacher``; "" where nobody wrote it.
        learned_lr: the learning rate that came with the images, where it was used.
        artifact: file name under ``artifacts/``.
        environment: what it was measured on (versions of ccbench, Python, torch, torchvision, timm and numpy,
            ``device``, ``cpu``, ``kernels``, threads, ``cuda`` and ``cudnn`` on a GPU), and what it takes to make it
            again (``command``, ``commit``, ``plugins`` with their versions).
        started, finished: ISO 8601 in UTC.
        checksum: sha256 over everything else; a record that does not fit it was changed by somebody.
    """

    schema: Ordinal = SCHEMA
    cell: Annotated[str, Meta(pattern=r"^[\w.-]{1,100}\Z")]
    attempt: Ordinal = 1
    status: Status
    reason: str = ""
    seed: Seed
    seed_value: Seed | None = None
    planned_seeds: Ordinal | None = None
    ratio: Share
    nominal_ratio: Removed | None = field(default=None, metadata=_MEAN)
    measured_ratio: Removed | None = field(default=None, metadata=_MEAN)
    bytes: Count | None = field(default=None, metadata=_MEAN)
    images: Count | None = field(default=None, metadata=_MEAN)
    classes: Count | None = None
    picture: str = ""
    sealed: bool = False
    colorfulness: Positive | None = field(default=None, metadata=_MEAN)
    color_distance: Positive | None = field(default=None, metadata=_MEAN)
    compress_seconds: Seconds | None = field(default=None, metadata=_MEAN)
    stage_seconds: dict[str, Seconds] = field(default_factory=dict)
    construction_seconds: Seconds | None = field(default=None, metadata=_MEAN)
    compress_memory: Count | None = None
    accuracy: Share | None = None
    best_accuracy: Share | None = field(default=None, metadata=_MEAN)
    final_loss: Number | None = None
    iterations: Count | None = None
    images_per_second: Positive | None = None
    train_seconds: Seconds | None = None
    test_images: Count | None = None
    labels: str = ""
    learned_lr: Positive | None = field(default=None, metadata=_MEAN)
    teacher_accuracy: Share | None = field(default=None, metadata=_MEAN)
    teacher_bytes: Count | None = field(default=None, metadata=_MEAN)
    peak_memory: Count | None = None
    curve: Curve | None = None
    artifact: str | None = None
    artifact_sha256: str | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    started: str = ""
    finished: str = ""
    checksum: str = ""

    @classmethod
    def of(
        cls,
        cell: Cell,
        status: str,
        reason: str = "",
        *,
        attempt: int,
        planned_seeds: int,
        artifact: Path | None = None,
        file: Compressed | None = None,
        outcome: Trained | None = None,
    ) -> Record:
        """The record of one attempt that ends now.

        Args:
            cell: what was attempted.
            status, reason, attempt, planned_seeds: see the attributes.
            artifact: the compressed file, where there is one.
            file: what is known of it.
            outcome: what its training gave, where it ended well.
        """
        measured = {name: getattr(outcome, name) for name in _OF_OUTCOME} if outcome else {}
        if file:
            measured |= {name: getattr(file, name) for name in _OF_FILE}
            measured |= {"nominal_ratio": float(1 - file.nominal_kept), "measured_ratio": 1 - file.measured_kept}
            measured["compress_memory"] = file.peak_memory
        return cls(
            **{name: getattr(cell, name) for name in ROW},
            cell=cell.id,
            attempt=attempt,
            status=status,
            reason=reason,
            seed=cell.seed,
            seed_value=cell.seed_value,
            planned_seeds=planned_seeds,
            ratio=cell.ratio,
            artifact=artifact.name if artifact and file else None,
            artifact_sha256=file.sha256 if artifact and file else None,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            **measured,
        )

    @property
    def ok(self) -> bool:
        """Whether it has a number."""
        return self.status == "ok"

    @property
    def lone(self) -> bool:
        """Whether its row is of one file that no run is known to have made; see ``ccbench evaluate``."""
        return self.method.endswith(")")

    @property
    def on_gpu(self) -> bool:
        """Whether its network was trained on a GPU."""
        return "tf32" in self.environment  # which nothing else has

    @property
    def weight(self) -> tuple[bool, str, int]:
        """Of two records of one seed the one with the greater weight counts."""
        return self.ok, self.finished, self.attempt

    def plain(self) -> dict[str, Any]:
        """JSON-able fields, as in the file: null for NaN and infinity, which JSON does not have."""
        return json.loads(json.dumps(finite({**asdict(self), "kept": str(self.kept)}), allow_nan=False, default=str))

    def path(self, out: str | Path) -> Path:
        """Where its file lies under an output folder."""
        return Path(out) / FOLDER / slug(self.dataset) / slug(self.method) / f"{self.cell}.{self.attempt}.json"


_OF_OUTCOME = (
    "accuracy", "best_accuracy", "final_loss", "iterations", "images_per_second", "train_seconds", "teacher_accuracy",
    "teacher_bytes", "peak_memory", "labels", "learned_lr", "curve", "environment", "started", "test_images",
)  # fmt: skip
_OF_FILE = (
    "bytes",
    "images",
    "classes",
    "picture",
    "sealed",
    "colorfulness",
    "color_distance",
    "compress_seconds",
    "stage_seconds",
    "construction_seconds",
)
MEANS = tuple(f.name for f in fields(Record) if f.metadata.get("mean"))


def write_record(record: Record, out: str | Path) -> Path:
    """Write one record, whole or not at all, and never over another one.

    Where the attempt's number is taken the next free one is used. The checksum is computed here.

    Returns:
        The file.

    Raises:
        UserError: the folder cannot be written.
        ValueError: the record breaks the schema, which is a defect of the caller.
    """
    try:
        checked(record.plain())
    except ValueError as error:
        raise ValueError(f"not a record: {error}") from None
    record = numbered(record, out)
    path = record.path(out)
    atomic_write(path, json.dumps(record.plain(), indent=1) + "\n")
    return path


def numbered(record: Record, out: str | Path) -> Record:
    """A record as it would be written: under the next free number of its cell's attempts, with its checksum."""
    while record.path(out).exists():
        record = replace(record, attempt=record.attempt + 1)
    return replace(record, checksum=checksum(record.plain()))


def checksum(facts: Mapping[str, Any]) -> str:
    """The sha256 of a record's content: canonical JSON of every field but the checksum itself."""
    content = {name: value for name, value in facts.items() if name != "checksum"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_all(*outs: str | Path) -> tuple[list[Record], list[str]]:
    """Every record under one or more output folders.

    Returns:
        The records in the order of their paths; and one line for each file left out because it is truncated,
        foreign, breaks the schema or does not fit its checksum.

    Raises:
        UserError: a record was written by a newer version.
    """
    records: list[Record] = []
    problems: list[str] = []
    paths = {os.path.realpath(path): path for out in outs for path in files_under(out)}
    for _, path in sorted(paths.items()):
        try:
            records.append(read_one(path))
        except ValueError as error:
            problems.append(f"{path}: {error}")
    return records, problems


def files_under(out: str | Path) -> list[Path]:
    """The files of records under an output folder, in the order of their paths; temporary ones are none."""
    return sorted(path for path in (Path(out) / FOLDER).rglob("*.json") if not path.name.startswith("."))


def read_one(path: Path) -> Record:
    """The record in a file.

    Raises:
        ValueError: there is none, or it does not fit its checksum; the text says how.
        UserError: a newer version wrote it.
    """
    if not path.is_file():
        raise ValueError("neither a file nor a link to one")
    try:
        facts = parse(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(f"not readable as JSON ({error})") from None
    if isinstance(facts, dict) and isinstance(facts.get("schema"), int) and facts["schema"] > SCHEMA:
        raise UserError(
            "a result record was written by a newer version of ccbench",
            found=f"schema {facts['schema']} in {path}; this version knows up to {SCHEMA}",
            mend="upgrade ccbench, or name another folder with --out",
        )
    try:
        record = checked(facts)
    except ValueError as error:
        raise ValueError(f"not a result record ({error})") from None
    if record.checksum != checksum(facts):
        raise ValueError("its content does not fit its checksum; it was changed after it was written")
    return record


def latest(records: Iterable[Record]) -> list[Record]:
    """One record for each cell, the one that counts: the last ok attempt, otherwise the last attempt."""
    best: dict[str, Record] = {}
    for record in records:
        other = best.get(record.cell)
        if other is None or record.weight >= other.weight:
            best[record.cell] = record
    return list(best.values())


_NEEDED = ("schema", "attempt")  # what a file holds beside the fields that have no default
_STEP = rf"[a-z0-9][^\[\]+,\s]*(?:{BRACKETS})?"
_METHOD = re.compile(rf"{_STEP}(?:\+{_STEP})*(?: \([^\x00-\x1f]*\))?")  # evaluate names the file behind it


def named(method: str) -> bool:
    """Whether a text could be the label of a method expression, such as ``ccs[fraction=0.1]+dcq``."""
    return len(method) <= _LONGEST and _METHOD.fullmatch(method) is not None


def checked(facts: Any) -> Record:
    """The record in a file's facts.

    Raises:
        ValueError: they break the schema; the text says how.
    """
    record = fit(facts, Record)
    if missing := [name for name in _NEEDED if name not in facts]:
        raise ValueError(f"without {', '.join(missing)}")
    if not 0 < record.kept <= 1:
        raise ValueError(f"kept {record.kept}, expected above 0 and at most 1")
    if not named(record.method):
        raise ValueError(f"method {record.method!r:.80}, which no expression could be")
    if record.ok and record.accuracy is None:
        raise ValueError("ok without an accuracy")
    return record


def finite(value: Any) -> Any:
    """The same with null for NaN and infinity."""
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
