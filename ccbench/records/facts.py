"""What workers say of their work: of a compressed file, of a training. Plain data on its way between processes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from ccbench.errors import few
from ccbench.files import atomic_write, file_digest
from ccbench.records.record import finite
from ccbench.schema import Count, Number, Positive, Seconds, Share, fit, parse
from ccbench.training.curve import Curve


@dataclass(frozen=True)
class Plain:
    """A dataclass that travels as JSON-able fields."""

    def plain(self) -> dict[str, Any]:
        """JSON-able fields, for another process or a file; :meth:`from_plain` reads them back."""
        return {name: str(v) if isinstance(v, Fraction) else v for name, v in asdict(self).items()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The facts that :meth:`plain` wrote down.

        Raises:
            ValueError: a field is missing, unknown, of another type or out of range.
        """
        found = fit(finite(plain), cls)
        if unknown := set(plain) - {f.name for f in fields(cls)}:
            raise ValueError(f"unknown: {few(sorted(unknown))}")
        return found


@dataclass(frozen=True, kw_only=True)
class Made(Plain):
    """How a compressed file came about.

    Attributes:
        compress_seconds: wall clock without stages; ``stage_seconds`` by the stage's name.
        construction_seconds: ``compress_seconds``, and what every stage that it needs took when it was made, whoever
            asked for it first; None where an entry of the cache does not say.
        peak_memory: bytes.
        warnings: what users should hear, such as a global setting that a method changed.
    """

    compress_seconds: Seconds | None = None
    stage_seconds: dict[str, Seconds] = field(default_factory=dict)
    construction_seconds: Seconds | None = None
    peak_memory: Count | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Compressed(Made):
    """A compressed file, and how it came about.

    Attributes:
        bytes, sha256: of the file.
        images, classes: in it.
        nominal_kept: the fraction of raw bytes kept by the papers' formula; ``measured_kept`` by the file's size.
        picture: width x height of its images where they are not of the dataset's own size, otherwise "".
        sealed: whether no method's code could see the test split or the network while it was made.
        colorfulness, color_distance: see :mod:`ccbench.colors`.
    """

    bytes: Count
    sha256: str
    images: Count
    classes: Count
    nominal_kept: Fraction
    measured_kept: Positive
    picture: str = ""
    sealed: bool = False
    colorfulness: Positive | None = None
    color_distance: Positive | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "nominal_kept", Fraction(self.nominal_kept))

    def save(self, artifact: Path) -> None:
        """Write the facts beside their file."""
        atomic_write(artifact.with_suffix(".json"), json.dumps(self.plain(), indent=1))

    @classmethod
    def read(cls, artifact: Path) -> Compressed | None:
        """The facts beside a file.

        Returns:
            None where the file has to be made again: it or its facts are missing or damaged, or do not belong together.
        """
        beside = artifact.with_suffix(".json")
        if not (artifact.is_file() and beside.is_file()):
            return None
        try:
            facts = cls.from_plain(parse(beside.read_bytes()))
            whole = artifact.stat().st_size == facts.bytes and facts.sha256 == file_digest(artifact)
        except (OSError, ValueError):
            return None
        return facts if whole else None


@dataclass(frozen=True, kw_only=True)
class Taught(Plain):
    """The teacher of a training.

    Attributes:
        teacher: its name.
        teacher_accuracy: on the test split, a fraction.
        teacher_bytes: of its weights.
        teacher_weights: which of a file's several sets they are, or "".
    """

    teacher: str
    teacher_accuracy: Share
    teacher_bytes: Count
    teacher_weights: str = ""


@dataclass(frozen=True, kw_only=True)
class Trained(Plain):
    """What one training on a compressed file gave.

    Attributes:
        accuracy .. learned_lr, curve: see :class:`ccbench.training.Outcome`.
        teacher_accuracy, teacher_bytes: see :class:`Taught`; None without a teacher.
        test_images: in the test split.
        environment: versions, device, threads that were there.
        started: ISO 8601 in UTC.
    """

    accuracy: Share
    best_accuracy: Share | None = None
    train_seconds: Seconds | None = None
    images_per_second: Positive | None = None
    iterations: Count | None = None
    final_loss: Number | None = None
    peak_memory: Count | None = None
    test_images: Count | None = None
    labels: str = ""
    learned_lr: Positive | None = None
    curve: Curve | None = None
    teacher_accuracy: Share | None = None
    teacher_bytes: Count | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    started: str = ""
