"""Which model a set of images gets: the one that makes the smallest file, itself counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccbench.coding.contexts import Contexts
from ccbench.coding.counts import Counts
from ccbench.coding.network import Network, train
from ccbench.coding.sample import Sample
from ccbench.coding.tables import TOTAL

Model = Network | Counts

_NEIGHBOURS = {1: 14, 2: 7, 3: 5, 4: 4, 5: 3, 6: 2, 7: 2, 8: 1}  # of a network's contexts, by bits
_ENTRIES, _COUNTS = 24 << 20, 4 << 20  # of a table by a network, and of one of counts, at most
_CLUSTERS = 64  # told apart at most
_WIDTHS = (
    (400_000, (16, 16)),
    (4_000_000, (32, 32)),
    (16_000_000, (64, 32)),
)  # pixels from which a network of these widths may pay
_STEPS = 2000  # of training


def choose(pixels: np.ndarray, clusters: np.ndarray, bits: int, palettes: int, total: int) -> Model:
    """The model of a set that promises the fewest bytes of coded pixels and model.

    Args:
        pixels: (H, W, n) uint8, the set or a part of it.
        clusters: (n,) the palette of each of these images.
        bits: of a pixel.
        palettes: of the whole set; more than ``_CLUSTERS`` are not told apart.
        total: pixels of the whole set.
    """
    single = np.zeros_like(clusters)
    made: list[tuple[float, Model]] = []

    def judge(model: Model, sample: Sample, starts: np.ndarray) -> None:
        each = sample.bits(np.diff(starts.astype(np.int64), axis=1, append=1 << TOTAL), 1 << TOTAL) / pixels.size
        made.append((len(model.tobytes()) + each * total / 8, model))

    for many in (1, palettes) if 1 < palettes <= _CLUSTERS else (1,):
        room = min(_COUNTS, total // 32)
        most = max((k for k in range(15) if many << bits * (k + 1) <= room), default=0)
        for neighbours in range(max(0, most - 1), most + 1):
            contexts = Contexts(bits, neighbours, many)
            sample = Sample.of(contexts, pixels, clusters if many > 1 else single)
            counts = Counts.of(sample)
            judge(counts, sample, counts.thresholds())
    hidden = next((widths for least, widths in reversed(_WIDTHS) if total >= least), None)
    if hidden:
        many = palettes if palettes <= _CLUSTERS else 1
        neighbours = _NEIGHBOURS[bits]
        while neighbours > 1 and many << bits * (neighbours + 1) > min(_ENTRIES, 2 * total):
            neighbours -= 1
        sample = Sample.of(Contexts(bits, neighbours, many), pixels, clusters if many > 1 else single)
        network = train(sample, hidden, _STEPS)
        judge(network, sample, network.thresholds())
    return min(made, key=lambda pair: pair[0])[1]


def store(model: Model) -> tuple[dict[str, Any], np.ndarray]:
    """Facts and bytes of a model."""
    about: dict[str, Any] = {"neighbours": model.contexts.neighbours, "clusters": model.contexts.clusters}
    if isinstance(model, Network):
        about |= {"model": "network", "hidden": list(model.parts[1].shape)}
    else:
        about["model"] = "counts"
    return about, np.frombuffer(model.tobytes(), np.uint8)


def restore(about: dict[str, Any], data: np.ndarray, bits: int) -> Model:
    """The inverse of :func:`store`.

    Raises:
        ValueError: facts and bytes do not fit together, or this version knows no such model.
    """
    contexts = Contexts(bits, int(about["neighbours"]), int(about["clusters"]))
    if not (0 <= contexts.neighbours <= 14 and contexts.clusters >= 1 and contexts.count << bits <= 2 * _ENTRIES):
        raise ValueError(f"a table of {contexts.count} contexts")
    if about["model"] == "network":
        a, b = (int(v) for v in about["hidden"])
        return Network.frombytes(contexts, (a, b), data.tobytes())
    if about["model"] == "counts":
        return Counts.frombytes(contexts, data.tobytes())
    raise ValueError(f"a model {about['model']!r}")
