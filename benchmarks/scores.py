"""Twelve scores out of one proxy training against a training for each of them.

``python -m benchmarks scores [images=5000] [epochs=5]`` takes images of CIFAR-10 where ``CCBENCH_DATA`` has them,
otherwise crops of photographs; labels are drawn.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SCORES = (
    "aum", "correctness", "el2n", "entropy", "forgetting", "least-confidence", "margin", "dual", "true-probability",
    "tdds", "tdds[t=10,j=5]", "tdds[t=20,j=10]",
)  # fmt: skip


def rows(images: str = "5000", epochs: str = "5") -> list[dict[str, Any]]:
    """Seconds of twelve scores from one run, which keeps its log, and of one score from a run that feeds it alone."""
    data, source = dataset(int(images))
    seconds(data, SCORES[:1], 1)  # imports are not counted
    alone = [seconds(data, SCORES[:1], int(epochs))]
    together = seconds(data, SCORES, int(epochs))
    alone.append(seconds(data, SCORES[:1], int(epochs)))
    each = min(alone)  # of one before and one after it
    note = f"{images} images of {source}, quicknet, {epochs} epochs; peer: a run for each, {each:.3g} s, twelve times"
    peer = len(SCORES) * each
    return [{"name": f"{len(SCORES)} scores", "ours": together, "peer": peer, "ratio": peer / together, "unit": "s",
             "note": note}]  # fmt: skip


def seconds(data: Any, scores: tuple[str, ...], epochs: int) -> float:
    """Of one proxy training and these scores of it, in a cache of its own."""
    from ccbench.methods.task import Task, Workbench
    from ccbench.offers.discovery import plugins
    from ccbench.store import Store
    from ccbench.training.protocols import load_protocol

    recipe = dataclasses.replace(load_protocol("quick", plugins()).proxy, epochs=epochs, min_iterations=0)
    with tempfile.TemporaryDirectory() as folder:
        bench = Workbench(root=data, store=Store(Path(folder)), plugins=plugins(), recipe=recipe)
        started, task = time.perf_counter(), Task.whole(bench)
        for score in scores:
            assert len(task.stage("score", score=score)["score"]) == len(data.labels)
        return time.perf_counter() - started


def dataset(n: int) -> tuple[Any, str]:
    """Images with labels, and where they are from."""
    from benchmarks.dcq import images
    from ccbench.data import ImageDataset

    pixels, source = images(n)
    labels = np.random.default_rng(0).integers(0, 10, n)  # scores cost the same whatever they are
    return ImageDataset.from_arrays(pixels, labels, tuple("0123456789"), name="benchmark"), source
