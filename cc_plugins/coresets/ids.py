"""A selection made elsewhere, as a row: ids, a mask, a ranking or scores out of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cc_plugins.coresets._ranked import RAW
from ccbench.plugin import MethodSpec, Param, Unfit, UserError

if TYPE_CHECKING:
    import numpy as np

    from ccbench.plugin import CompressedDataset, Task

SPEC = MethodSpec(
    name="ids",
    target="cc_plugins.coresets.ids:Ids",
    version="1",
    summary="keeps the images that a file names or scores: a selection made elsewhere",
    params=(
        Param(
            name="file",
            default=None,
            type=Path,
            doc="ids, a mask or scores: .npy, .npz, text with one id a line, or as PyTorch saves it (CCS, DeepCore)",
        ),
        Param(name="key", default=None, type=str, doc="which array of a file that holds several"),
        Param(
            name="keep",
            default="all",
            choices=("all", "first", "last", "largest", "smallest"),
            doc="all ids, which must fill the budget; the first or last of a ranking; or an end of one score per image",
        ),
    ),
    random=False,
    stores=RAW + ", and weights where the file has them",
    cost="reading one file; what the selection cost elsewhere is not counted",
)


class Ids:
    """Keep what a file says.

    Args:
        file: see :func:`cc_plugins.coresets._selection_file.read`. Ids count from 0 in the order of the training split.
        key: which array.
        keep: ``"all"`` ids; the ``"first"`` or ``"last"`` that the budget keeps of a ranking; or the images with the
            ``"largest"`` or ``"smallest"`` of one score per image.
    """

    def __init__(self, *, file: Path | None, key: str | None, keep: str) -> None:
        self.file, self.key, self.keep = file, key, keep

    def skip(self, task: Task) -> str | None:
        """Why there is nothing to keep, or None."""
        return None if self.file else "it names no file: ids[file=selection.npy]"

    def compress(self, task: Task) -> CompressedDataset:
        """Keep exactly ``task.images`` images.

        Raises:
            UserError: there is no file, it cannot be read, or it cannot belong to these images.
            Unfit: it fills another budget.
        """
        from cc_plugins.coresets import _selection_file
        from cc_plugins.coresets._rank import largest
        from ccbench.plugin import CompressedDataset

        if self.file is None:
            raise UserError("ids names no file", mend="ids[file=selection.npy]")
        held = _selection_file.read(self.file, self.key)
        whole = task.bench.root
        if held.labels is not None:
            self._same_labels(held.labels, whole.labels)
        if self.keep in {"largest", "smallest"}:
            scores = self._scores(task, held.values, len(whole.labels))
            kept = largest(scores if self.keep == "largest" else -scores, task.images)
            return CompressedDataset.subset(task.dataset, kept, scores={self.key or self.file.stem: scores})
        ids = self._ids(held.values, len(whole.labels))
        places, weights = self._places(task, ids, held.weights)
        if self.keep == "all":
            self._fits(task, places)
        if len(places) < task.images:
            raise Unfit(
                f"{self.file} ranks fewer images than the budget keeps",
                found=f"{len(places)} of {task.images}",
                mend="a larger --ratio",
            )
        part = slice(-task.images, None) if self.keep == "last" else slice(task.images)
        return CompressedDataset.subset(task.dataset, places[part], weights=None if weights is None else weights[part])

    def _same_labels(self, theirs: np.ndarray, ours: np.ndarray) -> None:
        import numpy as np

        if len(theirs) != len(ours):
            raise UserError(f"{self.file} is of another set of images", found=f"{len(theirs)} labels, not {len(ours)}")
        other = np.flatnonzero(theirs != ours)
        if len(other):
            raise UserError(
                f"{self.file} has its images or classes in another order than this training split",
                found=f"{len(other)} labels differ; image {other[0]} is of class {theirs[other[0]]} there and "
                f"{ours[other[0]]} here",
            )

    def _scores(self, task: Task, scores: np.ndarray, n: int) -> np.ndarray:
        """Of the task's images, (n,) float64."""
        import numpy as np

        if len(scores) != n or scores.dtype.kind == "b":
            raise UserError(
                f"keep={self.keep} takes one score for each image of the training split",
                found=f"{len(scores)} values of type {scores.dtype} for {n} images",
                mend="keep=all for a list of ids, keep=first or keep=last for a ranking",
            )
        if task.ids.min() < 0:
            raise UserError(
                "the scores of a file belong to training images, and the step before made synthetic ones",
                mend="put the selection first in the pipeline",
            )
        values = scores.astype(np.float64)[task.ids]
        wrong = int(np.count_nonzero(~np.isfinite(values)))
        if wrong:
            raise UserError(f"{self.file} has scores that are not finite", found=f"{wrong} of {len(values)}")
        return values

    def _ids(self, values: np.ndarray, n: int) -> np.ndarray:
        """Ids of the whole training split, (m,) int64, each once."""
        import numpy as np

        if values.dtype.kind == "b":
            if len(values) != n:
                raise UserError(f"{self.file} is a mask of another set of images", found=f"{len(values)}, not {n}")
            return np.flatnonzero(values)
        if values.dtype.kind == "f":
            raise UserError(
                f"{self.file} holds {values.dtype} numbers, which are no ids",
                found=f"{values[0]:g}, ...",
                mend="keep=largest or keep=smallest for scores",
            )
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= n:
            raise UserError(f"{self.file} has ids that this training split has not, 0 to {n - 1}",
                            found=f"{low} to {high}")  # fmt: skip
        ids, counts = np.unique(values, return_counts=True)
        if len(ids) < len(values):
            twice = ids[counts > 1]
            raise UserError(
                f"{self.file} has ids more than once",
                found=f"{len(twice)} of them, such as {twice[0]}",
                mend="keep=largest or keep=smallest if these are scores",
            )
        return values.astype(np.int64)

    def _places(self, task: Task, ids: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        """Where ids stand in the task's images, and their weights; a ranking passes over what was dropped before."""
        import numpy as np

        if weights is not None and len(weights) != len(ids):
            found = f"{len(weights)} and {len(ids)}"
            raise UserError(f"{self.file} has another number of weights than ids", found=found)

        place = np.full(len(task.bench.root.labels), -1)
        there = task.ids >= 0
        place[task.ids[there]] = np.flatnonzero(there)
        places = place[ids]
        gone = int(np.count_nonzero(places < 0))
        if gone and self.keep == "all":
            raise UserError(
                f"{self.file} has ids that the step before did not keep",
                found=f"{gone} of {len(ids)}",
                mend="put ids first in the pipeline",
            )
        return places[places >= 0], None if weights is None else weights.astype(np.float32)[places >= 0]

    def _fits(self, task: Task, places: np.ndarray) -> None:
        if len(places) != task.images:
            share = f"{len(places) / len(task.dataset.labels):.10g}"
            more = "more" if len(places) > task.images else "fewer"
            raise Unfit(
                f"{self.file} keeps {more} images than the budget",
                found=f"{len(places)} of {len(task.dataset.labels)}, where the budget keeps {task.images}",
                mend=f"ids[file={self.file},fraction={share}], or keep=first or keep=last for a ranking",
            )
