"""Rows and cells: what has a number of its own, and its names."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any

from ccbench import schema, seeds
from ccbench.budget import Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What makes two results the same row of a table: everything that can change a number but the seed.

    Cells and records are rows with a seed; tables group by these fields, and no other list of them exists. ``title``
    in a field's metadata is what a column of it is called where the rows of a table differ in it.

    Attributes:
        dataset: as the user names it, ``folder:PATH`` included.
        options: how its splits were read, where not by default: ``image_size=32,skip_bad=true``.
        method: canonical label of the method expression.
        kept: the budget as an exact fraction of raw bytes.
        match: ``"nominal"`` or ``"bytes"``.
        coding: what makes the file smaller without changing a pixel; ``"none"``, ``"best"`` or a coder's name.
        architecture: canonical label of the network, ``quicknet[width=64]``.
        protocol: canonical label.
        teacher: what labels the images in training, or the user's teacher where the method needs one; "" for none.
        precision: number format of the training.
        threads: of the training on a CPU.
        base_seed: what every seed is derived from.
        method_version: versions of its steps, joined by ``+``, with the content of files that they read.
        architecture_version, protocol_version: likewise.
        dataset_digest, test_digest: of what the two splits hold; "" where nobody has looked yet.
        trained: digest of everything that the training depends on beside the file and the seed.
        made: digest of all that the compressed file depends on beside the seed; see :mod:`ccbench.methods.identity`.
    """

    dataset: str
    options: str = field(default="", metadata={"title": "Read with"})
    method: str
    kept: Fraction
    match: schema.Match = "nominal"
    coding: str = "none"
    architecture: str
    protocol: str
    teacher: str = ""
    precision: str = field(default="float32", metadata={"title": "Precision"})
    threads: schema.Ordinal = field(default=1, metadata={"title": "Threads"})
    base_seed: schema.Whole = field(default=0, metadata={"title": "Base seed"})
    method_version: str = field(default="1", metadata={"title": "Version"})
    architecture_version: str = field(default="1", metadata={"title": "Network version"})
    protocol_version: str = "1"
    dataset_digest: str = field(default="", metadata={"title": "Data", "digest": True})
    test_digest: str = field(default="", metadata={"title": "Test data", "digest": True})
    trained: str = field(default="", metadata={"title": "Training", "digest": True})
    made: str = field(default="", metadata={"title": "Compression", "digest": True})

    @property
    def row(self) -> dict[str, Any]:
        """The fields of a row, JSON-able; what differs in the seed alone has the same."""
        return {name: getattr(self, name) for name in ROW} | {"kept": str(self.kept)}


ROW = tuple(f.name for f in fields(Row))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell(Row):
    """One repetition of a row, to be run.

    Attributes:
        seed: index 0, 1, 2, ...; never the seed value itself.
        skip: why it cannot run, or "".
    """

    seed: schema.Seed = 0
    skip: str = ""

    @property
    def budget(self) -> Budget:
        """The budget of this cell."""
        return Budget(self.kept)

    @property
    def ratio(self) -> float:
        """Fraction of raw bytes removed."""
        return float(1 - self.kept)

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits over the row and the seed."""
        row = {name: value for name, value in self.row.items() if (name, value) != ("coding", "none")}
        axes = json.dumps([row, self.seed], sort_keys=True)
        return hashlib.sha256(axes.encode()).hexdigest()[:12]

    @property
    def seed_value(self) -> int:
        """The seed of its training: every method at the same seed index starts from the same network."""
        axes = {"dataset": self.dataset, "architecture": self.architecture, "protocol": self.protocol}
        return seeds.derive(self.base_seed, **axes, seed=self.seed)

    @property
    def title(self) -> str:
        """What people read in a progress line."""
        return f"{self.method} · {self.dataset} · ratio {self.ratio:.4g} · {self.architecture} · seed {self.seed}"


def slug(text: str) -> str:
    """A file name for a label: letters, digits, ``.``, ``_`` and ``-``; 60 characters at most."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:60] or "x"
