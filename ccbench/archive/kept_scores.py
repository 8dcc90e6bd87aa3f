"""The scores that a selection went by, kept in the cache for whoever looks at its file."""

from __future__ import annotations

import numpy as np

from ccbench.archive import CompressedDataset
from ccbench.schema import fit
from ccbench.store import Entry, Store, damaged

KIND = "selection-scores"


def keep(store: Store, result: CompressedDataset) -> None:
    """Write a selection's scores under the content of its file; nothing where it has none.

    Args:
        result: from :func:`ccbench.methods.compress.compress`.

    Raises:
        UserError: the cache cannot be written.
    """
    if result.scores:
        names, values = list(result.scores), np.stack(list(result.scores.values()))
        store.get_or_make(KIND, _key(result), lambda _: {"scores": values}, {"names": names})


def find(store: Store, compressed: CompressedDataset) -> dict[str, np.ndarray]:
    """By name, (N,) float32 of the training split's images; empty where the cache has none for this file.

    Raises:
        UserError: what the cache has is damaged.
    """
    entry: Entry | None = store.get(KIND, _key(compressed))
    if entry is None:
        return {}
    try:
        return dict(zip(fit(entry.meta.get("names"), list[str]), entry["scores"], strict=True))
    except ValueError as error:
        raise damaged(entry.path / "meta.json", error) from None


def _key(compressed: CompressedDataset) -> str:
    return Store.key(**{name: compressed.meta.get(name) for name in ("content", "made", "method", "dataset_digest")})
