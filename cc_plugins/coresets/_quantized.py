"""What dataset quantization and its successors share: bins by graph cut, and patches that are dropped."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from cc_plugins.coresets._choosing import Choosing, choosing
from cc_plugins.coresets._ranked import RAW
from ccbench.plugin import MethodSpec, Need, Param

if TYPE_CHECKING:
    import numpy as np

    from cc_plugins.coresets._choosing import Group
    from ccbench.plugin import CompressedDataset, Task

FILLS = ("neighbours", "mean", "mae")
PARAMS = (
    Param(name="bins", default=10, low=1, high=1000, doc="into which each group is divided (N)"),
    Param(
        name="gradient",
        default="cross-entropy",
        choices=("cross-entropy", "released"),
        doc="released: of softmax(logits) as if that were logits, as in the released code",
    ),
    Param(
        name="drop",
        default=0.0,
        low=0,
        high=0.99,
        doc="share of the patches of each image that is dropped, those that matter least to the proxy (the paper: 0.2)",
    ),
    Param(
        name="fill",
        default="neighbours",
        choices=FILLS,
        doc="what stands for dropped patches: the nearest kept pixels or their mean, when the file is decoded; or "
        "what a masked autoencoder paints, which is stored at full size",
    ),
    Param(
        name="model",
        default=None,
        type=Path,
        doc="of fill=mae: folder of a transformers ViTMAEForPreTraining that paints pixels, not normalised ones",
    ),
)
_COST = "a column of similarities for every image: time quadratic in the images of a class, memory linear"


def quantizing(
    name: str, target: str, *, summary: str, balanced: bool = True, params: tuple[Param, ...] = (), cost: str = ""
) -> MethodSpec:
    """The spec of a method that draws from bins.

    Args:
        target: a subclass of :class:`Quantized`.
        balanced: the default of that parameter.
        params: beside those of all.
        cost: beside that of the bins.
    """
    return choosing(
        name,
        target,
        summary=summary,
        params=(*PARAMS, *params),
        cost=f"{_COST}{cost}; with drop one pass for the attention, and with fill=mae one of the autoencoder",
        balanced=balanced,
        random=True,
        stores=f"{RAW}; with drop the kept patches and a bit for each patch, or with fill=mae whole restored images",
        needs=(Need("attention", unless={"drop": 0}, cam="gradcam++"),),
        ready="cc_plugins.coresets._mae:ready",
    )


class Quantized(Choosing):
    """Divide a group into bins of equal size, the first by graph cut, the second from what is left, and so on.

    Args:
        bins: how many; at most one for each image.
        gradient: ``"cross-entropy"`` or ``"released"``.
        drop: share of patches that is dropped.
        fill: ``"neighbours"``, ``"mean"`` or ``"mae"``.
        model: folder of the masked autoencoder.
        balanced, proxy: see :class:`Choosing`.
    """

    def __init__(
        self,
        *,
        bins: int,
        gradient: str,
        drop: float,
        fill: str,
        model: Path | None,
        balanced: bool,
        proxy: str | None,
    ) -> None:
        super().__init__(balanced=balanced, proxy=proxy)
        self.bins, self.gradient = bins, gradient
        self.drop, self.fill, self.model = drop, fill, model

    def divide(self, group: Group) -> list[np.ndarray]:
        """The bins, in the order in which they are made: positions in ``group.members``, each in one of them."""
        from cc_plugins.submodular.gradients import ERRORS, Gradients
        from cc_plugins.submodular.quantization import cut

        return cut(Gradients(ERRORS[self.gradient](group.logits, group.labels), group.features), self.bins)

    def compress(self, task: Task) -> CompressedDataset:
        """Keep exactly ``task.images`` images, or with ``drop`` the more the fewer patches each keeps.

        Raises:
            UserError: the proxy's features or logits are not finite, its attention is flat everywhere, or the
                autoencoder is missing or of another kind.
        """
        if not self.drop:
            return super().compress(task)
        return self._restored(task) if self.fill == "mae" else self._dropped(task)

    def _dropped(self, task: Task) -> CompressedDataset:
        """The kept patches: so many images that their shares of patches add up to the budget."""
        import numpy as np

        from cc_plugins.coresets._patches import grid_of, important, kept_of
        from ccbench.plugin import Budget, CompressedDataset, PatchImages

        data = task.dataset
        grid = grid_of(*data.images.shape[1:3])
        kept = kept_of(self.drop, grid)
        more = min(Fraction(1), task.budget.kept * grid[0] * grid[1] / kept)
        ids = np.sort(self.picked(replace(task, budget=Budget(more)))[0])
        masks = important(self._attention(task), ids, grid, kept)
        return CompressedDataset(
            PatchImages.cut(data.images[ids], masks, self.fill), ids, data.labels[ids], classes=data.classes
        )

    def _restored(self, task: Task) -> CompressedDataset:
        """Whole pictures, and counted as such: what is painted into the dropped patches takes its bytes."""
        import numpy as np

        from cc_plugins.coresets._mae import Painter
        from cc_plugins.coresets._patches import important, kept_of
        from ccbench.plugin import CompressedDataset, RawImages

        painter = Painter(self.model, task.device)
        ids = np.sort(self.picked(task)[0])
        masks = important(self._attention(task), ids, painter.grid, kept_of(self.drop, painter.grid))
        images = painter.restored(
            task.dataset.images, ids, masks, progress=lambda done: task.progress(done, len(ids), "restoring")
        )
        return CompressedDataset(
            RawImages(images),
            np.full(len(ids), -1),
            task.dataset.labels[ids],
            classes=task.dataset.classes,
            meta={"source": np.asarray(task.ids)[ids].tolist()},
        )

    def restored(self, task: Task) -> np.ndarray:
        """(N, H, W, 3) uint8: every image as it looks when patches of it were dropped and filled."""
        import numpy as np

        from cc_plugins.coresets._mae import Painter
        from cc_plugins.coresets._patches import CHUNK, grid_of, important, kept_of
        from ccbench.plugin import PatchImages

        images, everything = task.dataset.images, np.arange(len(task.dataset.labels))
        painter = Painter(self.model, task.device) if self.fill == "mae" else None
        grid = painter.grid if painter else grid_of(*images.shape[1:3])
        masks = important(self._attention(task), everything, grid, kept_of(self.drop, grid))
        if painter:
            return painter.restored(images, everything, masks)
        out = np.empty(images.shape, np.uint8)
        for start in range(0, len(out), CHUNK):
            rows = slice(start, start + CHUNK)
            part = PatchImages.cut(np.asarray(images[rows]), masks[rows], self.fill)
            out[rows] = part.decode(np.arange(len(part)))
        return out

    def _attention(self, task: Task) -> np.ndarray:
        return task.stage("attention", cam="gradcam++", proxy=self.proxy)["attention"]
