"""Training-dynamics scores: fed while the proxy trains, and replayed from its log afterwards."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from ccbench.offers.expressions import Call

LOG_BYTES = 2 << 30  # float16 logits of a whole run are kept while they stay under this
LOGGED = 50  # training batches that are read from the device at once: each reading waits for it


class Accumulator(Protocol):
    """A score; :class:`ccbench.offers.specs.ScoreSpec` targets a class like this.

    It is built as ``cls(n, classes, **params)`` and keeps O(n) numbers. It may have a method
    ``finish(ids, logits, labels)``, which is fed the plain images in eval mode after training.
    """

    def __init__(self, n: int, classes: int) -> None: ...

    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Take one training batch.

        Args:
            epoch: from 0; only whole epochs are shown.
            ids: (b,) int64 in 0 .. n-1.
            logits: (b, classes) float32, of the augmented images, in train mode, before the update.
            labels: (b,) int64. All on the training device.
        """

    def result(self) -> np.ndarray:
        """(n,) float32."""


class Scores:
    """Every score of a run; one that raises is dropped with its reason and never stops the others.

    Args:
        calls: scores with their parameters; results go by their labels.
        n: images of the training split.
        classes: classes of it.
    """

    def __init__(self, calls: Sequence[Call], n: int, classes: int) -> None:
        self.n = n
        self.failed: dict[str, str] = {}
        self.versions = {call.label: call.version for call in calls}
        self._live: dict[str, Any] = {}
        for call in calls:
            self._guard(call.label, lambda call=call: self._live.__setitem__(call.label, call.build(n, classes)))

    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Show one training batch to every score."""
        for name, score in list(self._live.items()):
            self._guard(name, lambda score=score: score.update(epoch, ids, logits, labels))

    def finish(self, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Show one batch of plain images to those that want them."""
        for name, score in list(self._live.items()):
            if hasattr(score, "finish"):
                self._guard(name, lambda score=score: score.finish(ids, logits, labels))

    def results(self) -> dict[str, np.ndarray]:
        """(n,) float32 by name, of the scores that did not fail."""
        arrays: dict[str, np.ndarray] = {}
        for name, score in list(self._live.items()):
            self._guard(name, lambda name=name, score=score: arrays.__setitem__(name, self._checked(score.result())))
        return arrays

    def _checked(self, values: Any) -> np.ndarray:
        array = np.asarray(values, dtype=np.float32)
        if array.shape != (self.n,):
            raise ValueError(f"result() gave shape {array.shape}, expected ({self.n},)")
        return array

    def _guard(self, name: str, call: Any) -> None:
        try:
            call()
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.failed[name] = f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"
            self._live.pop(name, None)


class Log:
    """Training outputs on disk, so that a score that is registered later needs no new training.

    Logits are float16, and kept while those of the whole run stay under :data:`LOG_BYTES`.

    Args:
        folder: where ``log-*.npy`` go.
        rows: samples that training will show.
        n: images.
        classes: classes.
    """

    def __init__(self, folder: Path, *, rows: int, n: int, classes: int) -> None:
        size = (rows * (2 * classes + 4)) + n * classes * 2
        self.kept = size <= LOG_BYTES
        self._row = 0
        self._held: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._steps: list[tuple[int, int]] = []
        if self.kept:
            self._folder = folder
            self._logits = _map(folder / "log-logits.npy", np.float16, (rows, classes))
            self._ids = _map(folder / "log-ids.npy", np.int32, (rows,))
            self._plain = _map(folder / "log-plain.npy", np.float16, (n, classes))

    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Take one training batch; :data:`LOGGED` of them are written together."""
        if self.kept:
            self._held.append((ids, _half(logits)))
            self._steps.append((epoch, len(ids)))
            if len(self._held) == LOGGED:
                self._write()

    def finish(self, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Write one batch of plain images."""
        if self.kept:
            self._plain[ids.cpu().numpy()] = _half(logits).cpu().numpy()

    def _write(self) -> None:
        if self._held:
            ids, logits = (torch.cat(parts).cpu().numpy() for parts in zip(*self._held, strict=True))
            part = slice(self._row, self._row + len(ids))
            self._logits[part], self._ids[part] = logits, ids
            self._row = part.stop
            self._held.clear()

    def close(self) -> None:
        """Flush to disk."""
        if self.kept:
            self._write()
            np.save(self._folder / "log-steps.npy", np.array(self._steps, np.int64).reshape(-1, 2), allow_pickle=False)
            for array in (self._logits, self._ids, self._plain):
                array.flush()


def replay(log: Mapping[str, np.ndarray], labels: np.ndarray, scores: Scores, batch: int = 1024) -> None:
    """Feed a run's log to scores as training did, logits rounded to float16.

    Args:
        log: arrays ``log-steps``, ``log-ids``, ``log-logits`` and ``log-plain``.
        labels: (n,) int64 of the training split.
        scores: fed in place.
        batch: plain images per call of ``finish``.
    """
    y = torch.from_numpy(np.array(labels))
    row = 0
    for epoch, count in np.array(log["log-steps"]).tolist():
        ids = torch.from_numpy(np.array(log["log-ids"][row : row + count], np.int64))
        logits = torch.from_numpy(np.array(log["log-logits"][row : row + count], np.float32))
        scores.update(epoch, ids, logits, y[ids])
        row += count
    for start in range(0, len(y), batch):
        ids = torch.arange(start, min(start + batch, len(y)))
        scores.finish(ids, torch.from_numpy(np.array(log["log-plain"][start : start + batch], np.float32)), y[ids])


def _half(logits: torch.Tensor) -> torch.Tensor:
    return logits.clamp(-65504, 65504).to(torch.float16)  # float16 must not turn large into infinite


def _map(path: Path, dtype: Any, shape: tuple[int, ...]) -> np.memmap:
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
