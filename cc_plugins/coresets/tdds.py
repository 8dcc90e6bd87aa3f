"""TDDS: how unevenly predictions move during training, and the method that keeps the images where they do most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._ranked import DYNAMICS, Ranked, ranking
from cc_plugins.coresets._window import Windowed
from ccbench.plugin import Need, Param, ScoreSpec

if TYPE_CHECKING:
    import torch

    from ccbench.plugin import CompressedDataset, Task

T, J = 30, 10  # the example of the released instructions
# ratio of images removed: epochs that count, and outputs in a window
PUBLISHED_WINDOWS = {0.3: (90, 10), 0.5: (70, 10), 0.7: (60, 20), 0.8: (20, 10), 0.9: (10, 5)}


def score_name(t: object, j: object) -> str:
    """The score with its window, as the stage ``score`` takes it."""
    return f"tdds[t={t},j={j}]"


SPECS = (
    ranking(
        "tdds",
        "cc_plugins.coresets.tdds:TDDS",
        version="1",
        summary="keeps the images whose predictions move most unevenly over a window of epochs",
        params=(
            Param(
                name="t",
                default=None,
                type=int,
                low=3,
                high=100_000,
                doc="epochs that count; auto: the published window of the nearest ratio, or 30 where j is given",
            ),
            Param(
                name="j",
                default=None,
                type=int,
                low=3,
                high=1000,
                doc="consecutive epochs in a window; auto: the published one, or 10 where t is given",
            ),
        ),
        needs=(
            Need("score", score=score_name("{t}", "{j}")),
            *(
                Need("score", score=score_name(t, j), when={"t": None, "j": None})
                for t, j in PUBLISHED_WINDOWS.values()
            ),
        ),
        cost=f"{DYNAMICS}, which holds 2 bytes for each image and class, and 4 for each image and epoch of a window",
    ),
    ScoreSpec(
        name="tdds",
        target="cc_plugins.coresets.tdds:TDDSScore",
        version="1",
        paper="Zhang et al., Spanning Training Progress: Temporal Dual-Depth Scoring, CVPR 2024",
        summary="spread of the changes of the prediction between epochs, late windows counting most",
        params=(
            Param(name="t", default=None, type=int, low=3, high=100_000, doc=f"epochs that count; auto: {T}"),
            Param(name="j", default=None, type=int, low=3, high=1000, doc=f"epochs in a window; auto: {J}"),
        ),
    ),
)


def published_window(ratio: float) -> tuple[int, int]:
    """The window (t, j) of the published ratio that is nearest; of two that are equally near, of the larger one."""
    near = min(PUBLISHED_WINDOWS, key=lambda known: (round(abs(known - ratio), 9), -known))
    return PUBLISHED_WINDOWS[near]


class TDDS(Ranked):
    """Keep the largest TDDS.

    Args:
        balanced: rank within each class.
        proxy: architecture that is trained for the score; None: the protocol's.
        t: epochs that count; None with ``j`` None: :func:`published_window` of the ratio.
        j: epochs in a window.
    """

    score = "tdds"

    def __init__(self, *, balanced: bool, proxy: str | None, t: int | None, j: int | None) -> None:
        super().__init__(balanced=balanced, proxy=proxy)
        self.t, self.j = t, j

    def compress(self, task: Task) -> CompressedDataset:
        """Keep ``task.images`` images; equal scores in order of id."""
        window = (self.t, self.j)
        if window == (None, None):
            window = published_window(1 - task.images / len(task.dataset.labels))
        return self.keep(task, score_name(*window))


class TDDSScore(Windowed):
    """Temporal dual-depth score, >= 0: of each window the spread of its changes, late windows weighing most.

    A change is sum over classes of |p' log(p' / p)| from one epoch's probabilities p to the next one's p'. A window of
    j epochs has j - 1 of them and scores the length of their deviation from their mean. A window weighs 0.9, the ones
    before it a tenth of what they weighed.

    A change compares all classes of two epochs, so the logits of the epoch before are kept, in float16 as the proxy's
    log has them: 2 n C bytes beside the window of 4 n (j - 1). No sum of them would do: which class has moved how far
    is known only once the next epoch's logits are there.
    """

    def __init__(self, n: int, classes: int, *, t: int | None, j: int | None) -> None:
        super().__init__(n, T if t is None else t, (J if j is None else j) - 1)
        self._classes = classes
        self._last: torch.Tensor | None = None

    def number(self, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The change since the image was last seen; NaN the first time."""
        import torch

        if self._last is None:
            self._last = torch.full((self.n, self._classes), torch.nan, dtype=torch.float16, device=logits.device)
        now, before = logits.log_softmax(1), self._last[ids].float().log_softmax(1)
        self._last[ids] = logits.clamp(-65504, 65504).half()
        return (now.exp() * (now - before)).abs().sum(1)

    def window(self, values: torch.Tensor) -> torch.Tensor:
        """The length of the deviation of its changes from their mean."""
        return (values - values.mean(1, keepdim=True)).norm(dim=1)

    def joined(self, before: torch.Tensor, now: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        """A moving average in which what came before keeps a tenth."""
        return 0.1 * before + 0.9 * now
