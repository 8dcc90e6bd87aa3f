"""Selections from 1.28 million images by 512 features: k-center, class by class and over the whole set, and CCS.

``python -m benchmarks large_selection [images=1280000] [classes=1000] [each=100] [whole=300]`` writes drawn features
to a file (2.6 GB), which is memory-mapped as the stage ``last-layer`` is. Each selection runs in a process of its own
under a limit of what it may allocate; mapped files, which the system may drop at any time, do not count.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, LIMIT = 512, 8 << 30


def rows(images: str = "1280000", classes: str = "1000", each: str = "100", whole: str = "300") -> list[dict[str, Any]]:
    """Seconds, and MiB that the process held at its peak, without mapped files.

    Args:
        each: centres of each class.
        whole: centres of the whole set.
    """
    n, count = int(images), int(classes)
    kinds = {
        f"k-center, balanced, {each} of each class": ("balanced", int(each) * count),
        f"k-center, unbalanced, {whole} in all": ("unbalanced", int(whole)),
        "ccs, a tenth": ("ccs", n // 10),
    }
    table = []
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder) / "features.npy", n)
        for name, (kind, kept) in kinds.items():
            command = [sys.executable, "-m", "benchmarks.large_selection", folder, kind, str(n), classes, str(kept)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found = json.loads(done.stdout)
            note = f"{n:,} images, {count:,} classes, {WIDTH} features" if kind != "ccs" else f"{n:,} scores"
            note += f"; {found['picks']:,} kept"
            for key, unit in (("seconds", "s"), ("held", "MiB")):
                table.append({"name": f"{name}, {key}", "ours": found[key], "unit": unit, "note": note})
    return table


def draw(path: Path, n: int) -> None:
    """Write (n, 512) float32 features, what a rectified linear unit leaves of normal numbers."""
    rng, step = np.random.default_rng(0), 20_000
    out = np.lib.format.open_memmap(path, "w+", np.float32, (n, WIDTH))
    for start in range(0, n, step):
        part = out[start : start + step]
        part[:] = np.maximum(rng.standard_normal(part.shape, np.float32), 0)
    out.flush()


def measure(folder: Path, kind: str, n: int, classes: int, kept: int) -> dict[str, float]:
    """One selection in this process."""
    from ccbench.budget import Budget
    from ccbench.data import ImageDataset
    from ccbench.methods.task import Task, Workbench
    from ccbench.offers.discovery import plugins
    from ccbench.store import Store

    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.arange(n) % classes)
    pixels, names = np.zeros((n, 1, 1, 3), np.uint8), tuple(map(str, range(classes)))
    data = ImageDataset(name="drawn", split="train", images=pixels, labels=labels, classes=names, digest="drawn")
    stages: dict[str, dict[str, np.ndarray]] = {
        "last-layer": {"features": np.load(folder / "features.npy", mmap_mode="r")},
        "score": {"score": rng.normal(size=n).astype(np.float32)},
    }

    class Drawn(Task):
        def stage(self, name: str, **_: Any) -> Any:
            return stages[name]

    bench = Workbench(root=data, store=Store(folder), plugins=plugins(), recipe=None)  # type: ignore[arg-type]
    task = Drawn(bench, data, Budget(Fraction(kept, n)), np.arange(n))
    name, given = ("ccs", {}) if kind == "ccs" else ("k-center", {"balanced": kind == "balanced"})
    method = plugins().get("method", name).build(**given)
    if kind == "unbalanced":
        task.__class__.images = property(lambda _: kept)  # type: ignore[method-assign,assignment]
    started = time.perf_counter()
    with watched() as peak:
        picks = len(method.compress(task))
    return {"picks": picks, "seconds": time.perf_counter() - started, "held": peak[0]}


@contextmanager
def watched() -> Iterator[list[float]]:
    """A list of one number: MiB of this process at their peak without mapped files, looked at every 10 ms."""
    peak, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.01):
            lines = Path("/proc/self/status").read_text().splitlines()
            peak[0] = max(peak[0], *(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))))
