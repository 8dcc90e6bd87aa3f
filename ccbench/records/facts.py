"""What workers say of their work: of a compressed file, of a training. Plain data on its way between processes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Self, get_type_hints

from ccbench.records.record import finite, unlike
from ccbench.store import atomic_write, file_digest


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
            ValueError: a field is missing, unknown or of another type.
        """
        kinds = get_type_hints(cls)
        try:
            for name, value in plain.items() if isinstance(plain, Mapping) else ():
                if name in kinds and (expected := unlike(finite(value), kinds[name])):
                    raise ValueError(f"{name} is {value!r:.80}, not {expected}")
            return cls(**plain)
        except TypeError as error:
            raise ValueError(str(error)) from None


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

    compress_seconds: float | None = None
    stage_seconds: dict[str, float] = field(default_factory=dict)
    construction_seconds: float | None = None
    peak_memory: int | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Compressed(Made):
    """A compressed file, and how it came about.

    Attributes:
        bytes, sha256: of the file.
        images, classes: in it.
        nominal_kept: the fraction of raw bytes kept by the papers' formula; ``measured_kept`` by the file's size.
        picture: width x height of its images where they are not of the dataset's own size, otherwise "".
        colorfulness, color_distance: see :mod:`ccbench.colors`.
    """

    bytes: int
    sha256: str
    images: int
    classes: int
    nominal_kept: Fraction
    measured_kept: float
    picture: str = ""
    colorfulness: float | None = None
    color_distance: float | None = None

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
        try:
            facts = cls.from_plain(json.loads(artifact.with_suffix(".json").read_text()))
            whole = artifact.stat().st_size == facts.bytes and facts.sha256 == file_digest(artifact)
        except (OSError, ValueError, TypeError, ArithmeticError):
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
    teacher_accuracy: float
    teacher_bytes: int
    teacher_weights: str = ""


@dataclass(frozen=True, kw_only=True)
class Trained(Plain):
    """What one training on a compressed file gave.

    Attributes:
        accuracy .. learned_lr: see :class:`ccbench.training.Outcome`.
        teacher_accuracy, teacher_bytes: see :class:`Taught`; None without a teacher.
        environment: versions, device, threads that were there.
        started: ISO 8601 in UTC.
    """

    accuracy: float
    best_accuracy: float | None = None
    train_seconds: float | None = None
    images_per_second: float | None = None
    iterations: int | None = None
    final_loss: float | None = None
    peak_memory: int | None = None
    labels: str = ""
    learned_lr: float | None = None
    teacher_accuracy: float | None = None
    teacher_bytes: int | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    started: str = ""

    def __post_init__(self) -> None:
        for name in ("accuracy", "best_accuracy", "teacher_accuracy"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} is {value!r:.80}, not a fraction in [0, 1]")
