"""Cells: one row of work each, and their names."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from fractions import Fraction

from ccbench.budget import Budget


@dataclass(frozen=True, slots=True)
class Cell:
    """One (dataset, method, budget, architecture, protocol, seed).

    Attributes:
        dataset: as the user names it, ``folder:PATH`` included.
        method: canonical label of the method expression.
        method_version: versions of its steps, joined by ``+``.
        kept: the budget as an exact fraction of raw bytes.
        seed: index 0, 1, 2, ...; never the seed value itself.
        match: ``"nominal"`` or ``"bytes"``.
        skip: why it cannot run, or "".
        teacher: label of the teacher that the user gave, where this cell uses one; "" for the protocol's own.
    """

    dataset: str
    method: str
    method_version: str
    kept: Fraction
    architecture: str
    protocol: str
    protocol_version: str
    seed: int
    base_seed: int
    match: str
    skip: str = ""
    architecture_version: str = "1"
    teacher: str = ""

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
        """Twelve hexadecimal digits over everything but the reason to skip."""
        axes = [
            self.dataset,
            self.method,
            self.method_version,
            str(self.kept),
            self.architecture
            if self.architecture_version == "1"
            else f"{self.architecture}@{self.architecture_version}",
            self.protocol,
            self.protocol_version,
            self.seed,
            self.base_seed,
            self.match,
        ]
        axes += [self.teacher] if self.teacher else []  # cells without one keep the names they had
        return hashlib.sha256(json.dumps(axes).encode()).hexdigest()[:12]

    @property
    def title(self) -> str:
        """What people read in a progress line."""
        return f"{self.method} · {self.dataset} · ratio {self.ratio:.4g} · {self.architecture} · seed {self.seed}"


def slug(text: str) -> str:
    """A file name for a label: letters, digits, ``.``, ``_`` and ``-``; 60 characters at most."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:60] or "x"
