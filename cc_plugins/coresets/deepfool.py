"""DeepFool: the smallest change to an image that changes the network's mind; the nearest to it are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cc_plugins.coresets._ranked import PROXY, Ranked, ranking
from ccbench.plugin import Need, Param, StageSpec

if TYPE_CHECKING:
    import numpy as np
    import torch

    from ccbench.plugin import CompressedDataset, StageContext, Task

_PARAMS = (
    Param(name="iterations", default=50, low=1, high=1000, doc="most steps towards another class"),
    Param(name="candidates", default=10, low=2, high=1000, doc="classes that are looked at, the most probable ones"),
)
SPECS = (
    ranking(
        "deepfool",
        "cc_plugins.coresets.deepfool:DeepFool",
        version="1",
        summary="keeps the images that the smallest change moves to another class",
        params=_PARAMS,
        needs=(Need("perturbation"),),
        cost="one proxy training, shared; up to iterations x candidates backward passes per image, for all budgets",
    ),
    StageSpec(
        name="perturbation",
        target="cc_plugins.coresets.deepfool:run",
        version="1",
        summary="length of the smallest change to each image that moves the proxy network's prediction",
        paper="Moosavi-Dezfooli, Fawzi and Frossard, DeepFool, CVPR 2016",
        params=(*_PARAMS, PROXY),
        needs=("proxy",),
    ),
)
BATCH = 256
OVERSHOOT = 0.02  # how far past the boundary a change is tried, as in the paper's code


def perturbation(
    network: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor, *, iterations: int, candidates: int
) -> torch.Tensor:
    """The length of each image's change, (b,) float32.

    In each step the network counts as linear, and the image moves straight to the nearest boundary with another class
    (Algorithm 2). An image stops once its class has changed; one that never does has the length of its last step.

    Args:
        network: gives logits (b, C), each image's from that image alone.
        images: (b, ...) float32.
        iterations: most steps.
        candidates: classes, the most probable ones at the start, the predicted class among them.
    """
    import torch

    with torch.no_grad():
        logits = network(images).float()
        classes = logits.topk(min(candidates, logits.shape[1]), dim=1).indices
    change, moving = torch.zeros_like(images), torch.arange(len(images), device=images.device)
    for _ in range(iterations):
        x = (images[moving] + (1 + OVERSHOOT) * change[moving]).requires_grad_()
        logits = network(x).float()
        still = logits.argmax(1) == classes[moving, 0]
        if not still.any():
            break
        step = _step(logits, x, classes[moving])
        change[moving[still]] += step[still]
        moving = moving[still]
    return change.flatten(1).norm(dim=1)


def _step(logits: torch.Tensor, x: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The way to the nearest boundary of the linearised network, shaped as x."""
    import torch

    best, found = torch.full((len(x),), torch.inf, device=x.device), torch.zeros_like(x)
    count = classes.shape[1]
    for k in range(1, count):
        ahead = logits.gather(1, classes[:, :1]) - logits.gather(1, classes[:, k : k + 1])
        (slope,) = torch.autograd.grad(ahead.sum(), x, retain_graph=k + 1 < count)
        square = slope.flatten(1).square().sum(1).clamp(min=1e-20)
        gap = ahead[:, 0].detach().abs()
        nearer = gap / square.sqrt() < best
        best = torch.where(nearer, gap / square.sqrt(), best)
        way = (gap / square).view(-1, *[1] * (x.dim() - 1)) * -slope
        found = torch.where(nearer.view(-1, *[1] * (x.dim() - 1)), way, found)
    return found


def run(context: StageContext, iterations: int, candidates: int, proxy: str | None) -> dict[str, np.ndarray]:
    """Lengths of the changes of ``context.dataset``'s normalised images.

    Returns:
        ``length`` (n,) float32.
    """
    import numpy as np

    from ccbench.plugin import DeviceData, load_network
    from ccbench.stages.proxy import normalisation

    network, normalise = load_network(context, proxy).requires_grad_(False), normalisation(context, proxy)
    data = DeviceData.from_dataset(context.dataset, context.device)
    lengths = np.empty(len(data), np.float32)
    for ids, images in data.batches(BATCH):
        change = perturbation(network, normalise(images), iterations=iterations, candidates=candidates)
        lengths[ids.cpu().numpy()] = change.cpu().numpy()
        context.progress(int(ids[-1]) + 1, len(data), "perturbations")
    return {"length": lengths}


class DeepFool(Ranked):
    """Keep the smallest change.

    Args:
        balanced: rank within each class.
        proxy: architecture that is trained; None: the protocol's.
        iterations: most steps towards another class.
        candidates: classes that are looked at.
    """

    score = "deepfool"
    sign = -1

    def __init__(self, *, balanced: bool, proxy: str | None, iterations: int, candidates: int) -> None:
        super().__init__(balanced=balanced, proxy=proxy)
        self.iterations, self.candidates = iterations, candidates

    def compress(self, task: Task) -> CompressedDataset:
        """Keep ``task.images`` images; equal lengths in order of id.

        Raises:
            UserError: the proxy's training ended in numbers that are not finite.
        """
        import numpy as np

        from ccbench.plugin import UserError

        entry = task.stage("perturbation", iterations=self.iterations, candidates=self.candidates, proxy=self.proxy)
        values = np.asarray(entry["length"], np.float64)
        wrong = int(np.count_nonzero(~np.isfinite(values)))
        if wrong:
            raise UserError(
                f"the proxy gives no finite outputs for {wrong} of {len(values)} images",
                mend="train the proxy at a learning rate it survives",
            )
        return self.kept(task, self.sign * values, {self.score: values})
