"""In what two compressed files differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ccbench.archive import container
from ccbench.errors import few


def parts(one: Path, other: Path) -> str:
    """What differs between two files: metadata by their names, payload by the names of its arrays.

    Args:
        one, other: whole files.

    Raises:
        UserError: one of them is damaged.
    """
    (facts, arrays, _), (other_facts, other_arrays, _) = container.read(one), container.read(other)
    names = {*arrays, *other_arrays}
    payload = sorted(n for n in names if not _same(arrays.get(n), other_arrays.get(n)))
    meta = sorted(_named(facts, other_facts))
    told = [f"payload ({few(payload)})"] * bool(payload) + [f"metadata ({few(meta)})"] * bool(meta)
    return " and ".join(told)


def _same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is not None and other is not None and one.dtype == other.dtype and np.array_equal(one, other)


def _named(one: Any, other: Any, within: str = "") -> list[str]:
    """The names of facts that differ, those inside others by both names."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        names = {*one, *other}
        return [found for n in names for found in _named(one.get(n), other.get(n), f"{within}.{n}" if within else n)]
    return [] if one == other else [within]
