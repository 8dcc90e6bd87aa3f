"""The proxy run: one network on the whole training split, for every score, feature and attention map."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch

from ccbench.methods.task import StageContext, Task
from ccbench.offers.expressions import read_call
from ccbench.stages import networks
from ccbench.stages.dynamics import Log, Scores
from ccbench.store import Entry
from ccbench.training.images import DeviceData, Normalise
from ccbench.training.loop import fit

FACTS = "facts.json"
PLAIN_BATCH = 512


def run(context: StageContext, proxy: str | None) -> dict[str, np.ndarray]:
    """Train the proxy on the full training split by the run's proxy recipe.

    The network's weights go to ``weights.safetensors`` of the entry's folder, score
    versions and failures to ``facts.json``, training outputs to ``log-*.npy``.

    Args:
        context: see ``ccbench.methods.task.StageContext``.
        proxy: architecture; None is the recipe's.

    Returns:
        ``accuracy`` () float32, on the plain training images; ``mean`` and ``std`` (3,) float32 of the pixels;
        ``score-<name>`` (N,) float32 for each registered score, at its defaults, that did not fail.
    """
    recipe = context.recipe.resolve(proxy, context.root.shape, context.root.shape.images)
    data = DeviceData.from_dataset(context.root, context.device)
    network = networks.fresh(context.bench, recipe.architecture, context.seed("weights"))
    iterations = recipe.steps(len(data))
    calls = [read_call("score", name, context.plugins) for name in context.plugins.all("score")]
    scores = Scores(calls, len(data), data.classes)
    whole = iterations * recipe.batch // len(data)
    log = Log(context.folder, rows=min(whole * len(data), iterations * recipe.batch), n=len(data), classes=data.classes)
    report = fit(
        network,
        data,
        recipe,
        iterations=iterations,
        seed=context.seed("training"),
        device=context.device,
        observers=[_WholeEpochs(whole, scores, log)],
        progress=lambda done, total, _: context.progress(done, total, "proxy"),
    )
    right, normalise = 0, data.normalisation(recipe.normalise)
    network.eval()
    for ids, images in data.batches(PLAIN_BATCH):
        with torch.no_grad():
            logits = network(normalise(images)).float()
        labels, logged = data.labels[ids], as_logged(logits)
        right += int((logits.argmax(1) == labels).sum())
        for watcher in (scores, log):
            watcher.finish(ids, logged, labels)
    log.close()
    results = scores.results()
    networks.save(network, context.folder)
    facts = {
        "architecture": recipe.architecture,
        "iterations": iterations,
        "epochs": whole,
        "precision": recipe.precision,
        "images_per_second": report.images_per_second,
        "train_seconds": report.seconds,
        "scores": {n: {"version": v, "error": scores.failed.get(n)} for n, v in scores.versions.items()},
        "log": log.kept,
    }
    (context.folder / FACTS).write_text(json.dumps(facts, indent=1))
    return {
        "accuracy": np.array(right / len(data), np.float32),
        "mean": normalise.mean.numpy(),
        "std": normalise.std.numpy(),
        **{f"score-{name}": values for name, values in results.items()},
    }


def facts_of(entry: Entry) -> dict[str, Any]:
    """What the proxy run noted: architecture, epochs, scores with versions and errors, whether a log was kept."""
    return json.loads(entry.file(FACTS).read_text())


def load_network(context: StageContext | Task, proxy: str | None = None) -> torch.nn.Module:
    """The trained proxy network in eval mode, on the context's device; it takes normalised images.

    The proxy run is made first where it was not made yet.
    """
    entry = context.stage("proxy", proxy=proxy)
    return networks.restored(context.bench, context.bench.setting.recipe("proxy", proxy).architecture, entry)


def normalisation(context: StageContext | Task, proxy: str | None = None) -> Normalise:
    """How the proxy network wants its images: (b, 3, H, W) uint8 to float32."""
    return networks.normalisation(context.bench, context.stage("proxy", proxy=proxy))


def as_logged(logits: torch.Tensor) -> torch.Tensor:
    """Logits as the log keeps them, so that a score is the same whether it watched the run or was replayed."""
    return logits.half().float()


class _WholeEpochs:
    """Keeps the last, partial epoch from observers, so that every image is seen equally often."""

    def __init__(self, epochs: int, *inner: Any) -> None:
        self.epochs, self.inner = epochs, inner

    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        if epoch < self.epochs:
            logged = as_logged(logits)
            for observer in self.inner:
                observer.update(epoch, ids, logged, labels)
