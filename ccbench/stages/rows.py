"""Arrays with one row for each image, written batch by batch: a million images do not fit into memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np


class RowFile:
    """An ``.npy`` file (n, D) float32 that is made when the first rows show what D is.

    Args:
        path: the file.
        n: rows in all.
    """

    def __init__(self, path: Path, n: int) -> None:
        self.path, self.n = path, n
        self._file: np.memmap | None = None

    def write(self, start: int, rows: np.ndarray) -> None:
        """Put (b, D) rows at ``start``, ``start + 1``, ..."""
        if self._file is None:
            shape = (self.n, rows.shape[1])
            self._file = np.lib.format.open_memmap(self.path, mode="w+", dtype=np.float32, shape=shape)
        self._file[start : start + len(rows)] = rows

    def close(self) -> None:
        """Flush to disk."""
        if self._file is not None:
            self._file.flush()
