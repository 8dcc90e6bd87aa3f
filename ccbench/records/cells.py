"""Cells: one row of work each, and their names."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ccbench.budget import Budget

ROW = (
    "dataset", "dataset_digest", "test_digest", "options", "method", "method_version", "kept", "match", "made",
    "architecture", "architecture_version", "protocol", "protocol_version", "precision", "threads", "trained",
    "base_seed", "teacher",
)  # fmt: skip
"""What makes two results the same row of a table: everything but the seed. Cells and records have these fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One (dataset, method, budget, architecture, protocol, seed), with everything that can change its number.

    Attributes:
        dataset: as the user names it, ``folder:PATH`` included.
        dataset_digest, test_digest: of what its two splits hold; "" where nobody has looked yet.
        options: how they were read, where not by default: ``image_size=32,skip_bad=true``.
        method: canonical label of the method expression.
        method_version: versions of its steps, joined by ``+``, with the content of files that they read.
        kept: the budget as an exact fraction of raw bytes.
        match: ``"nominal"`` or ``"bytes"``.
        made: digest of all that the compressed file depends on beside the seed; see :mod:`ccbench.methods.identity`.
        architecture: canonical label of the network, ``quicknet[width=64]``.
        protocol: canonical label.
        precision: number format of the training.
        threads: of the training on a CPU.
        trained: digest of everything that the training depends on beside the file and the seed.
        base_seed: what every seed is derived from.
        teacher: what labels the images in training, or the user's teacher where the method needs one; "" for none.
        seed: index 0, 1, 2, ...; never the seed value itself.
        skip: why it cannot run, or "".
    """

    dataset: str
    dataset_digest: str = ""
    test_digest: str = ""
    options: str = ""
    method: str
    method_version: str = "1"
    kept: Fraction
    match: str = "nominal"
    made: str = ""
    architecture: str
    architecture_version: str = "1"
    protocol: str
    protocol_version: str = "1"
    precision: str = "float32"
    threads: int = 1
    trained: str = ""
    base_seed: int = 0
    teacher: str = ""
    seed: int = 0
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
    def row(self) -> dict[str, Any]:
        """The fields of :data:`ROW`: cells that differ in the seed alone have the same."""
        return {name: getattr(self, name) for name in ROW} | {"kept": str(self.kept)}

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits over the row and the seed."""
        axes = json.dumps([self.row, self.seed], sort_keys=True)
        return hashlib.sha256(axes.encode()).hexdigest()[:12]

    @property
    def title(self) -> str:
        """What people read in a progress line."""
        return f"{self.method} · {self.dataset} · ratio {self.ratio:.4g} · {self.architecture} · seed {self.seed}"


def slug(text: str) -> str:
    """A file name for a label: letters, digits, ``.``, ``_`` and ``-``; 60 characters at most."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:60] or "x"
