"""Ids of kept images in as few bytes as a plain array allows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccbench.archive.checks import smallest


def store_ids(ids: np.ndarray) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Facts and arrays for (n,) int64 ids: nothing for 0..n-1 or all -1, steps where they rise, else the values + 1.

    Examples:
        >>> store_ids(np.array([5, 6, 300]))
        ({'form': 'rising', 'first': 5}, {'ids': array([  1, 294], dtype=uint16)})
        >>> store_ids(np.arange(50_000))
        ({'form': 'range', 'count': 50000, 'first': 0}, {})
    """
    steps = np.diff(ids)
    if (ids == -1).all():
        return {"form": "synthetic", "count": len(ids)}, {}
    if ids[0] >= 0 and (steps == 1).all():
        return {"form": "range", "count": len(ids), "first": int(ids[0])}, {}
    if ids[0] >= 0 and (steps > 0).all():
        return {"form": "rising", "first": int(ids[0])}, {"ids": steps.astype(smallest(int(steps.max())))}
    return {"form": "values"}, {"ids": (ids + 1).astype(smallest(int(ids.max()) + 1))}


def restore_ids(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The inverse of :func:`store_ids`; a count must be that of ``arrays["labels"]``."""
    form, n = facts["form"], len(arrays["labels"])
    if facts.get("count", n) != n:  # before memory is taken for it
        raise ValueError(f"{facts['count']} ids for {n} labels")
    if form == "synthetic":
        return np.full(n, -1, np.int64)
    if form == "range":
        return np.arange(n, dtype=np.int64) + int(facts["first"])
    if form == "rising":
        return np.cumsum(np.concatenate([[int(facts["first"])], arrays["ids"]]).astype(np.int64))
    if form == "values":
        return arrays["ids"].astype(np.int64) - 1
    raise ValueError(f"ids of form {form!r}")
