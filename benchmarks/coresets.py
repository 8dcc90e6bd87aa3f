"""Coresets of the last layer against the same definitions with gradients and all pairs written out.

``python -m benchmarks coresets [images=5000,20000] [classes=10,100] [seconds=300] [methods=craig,...]`` prints seconds,
and the memory that a choice adds at its peak, each measured in a process of its own under a limit of address space. The
last layer is drawn: 512 features, chosen among as one set. A plain version that needs more memory or time says so.
"""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, KEPT, LIMIT = 512, 100, 8 << 30
DRAWN: dict[str, dict[str, Any]] = {
    "k-center": {},
    "graph-cut": {"greedy": "auto", "compat": "none"},
    "facility-location": {"greedy": "auto", "compat": "none"},
    "craig": {"greedy": "auto", "compat": "none"},
    "gradmatch": {"lam": 1.0, "compat": "none"},
}


def rows(
    images: str = "5000", classes: str = "10", seconds: str = "300", methods: str = ",".join(DRAWN)
) -> Iterator[dict[str, Any]]:
    """Seconds and MiB of every method, ours and plain, and how many picks agree.

    Args:
        images, classes, methods: lists with commas.
        seconds: what a plain version may take.
    """
    for n, count, name in itertools.product(images.split(","), classes.split(","), methods.split(",")):
        ours = _apart(name, "ours", n, count, None)
        plain = _apart(name, "plain", n, count, float(seconds))
        what = f"{int(n):,} images as one set, {WIDTH} features, {count} classes, NumPy"
        if "why" in plain:
            note, pairs = f"plain: {plain['why']}; {what}", {"seconds": None, "added": None}
        else:
            same = len(set(ours["picks"]) & set(plain["picks"]))
            placed = sum(a == b for a, b in zip(ours["picks"], plain["picks"], strict=True))
            note, pairs = f"{same} of {KEPT} picks the same, {placed} at the same place; {what}", plain
        for key, unit in (("seconds", "s"), ("added", "MiB")):
            peer = pairs[key]
            yield {"name": f"{name}, {key}", "ours": ours[key], "peer": peer, "unit": unit, "note": note,
                   "ratio": None if peer is None else peer / max(ours[key], 1e-9)}  # fmt: skip


def measure(name: str, kind: str, n: int, classes: int) -> dict[str, Any]:
    """One choice in this process: its picks, seconds and MiB at its peak above what was there before."""
    from ccbench.offers.discovery import plugins

    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    layer, labels = last_layer(n, classes)
    method = plugins().get("method", name).load()(**DRAWN[name], balanced=False, proxy=None)
    calls = {"ours": ours, "plain": plain}
    small, some = last_layer(60, classes)
    calls[kind](name, method, small, some, 3)  # imports are not counted
    Path("/proc/self/clear_refs").write_text("5")  # the peak is from now on
    before, started = _memory("VmRSS"), time.perf_counter()
    picks = calls[kind](name, method, layer, labels, KEPT)
    seconds = time.perf_counter() - started
    return {"picks": picks.tolist(), "seconds": seconds, "added": (_memory("VmHWM") - before) / 2**10}


def plain_bytes(name: str, n: int, classes: int) -> int:
    """What a plain version holds at once, float32: gradients, a copy of them, all pairs and what is made of them."""
    gradients, pairs = 4 * n * classes * (WIDTH + 1), 4 * n * n
    if name == "k-center":
        return 3 * pairs
    return gradients if name == "gradmatch" else 2 * gradients + 3 * pairs


def last_layer(n: int, classes: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Features, logits and labels, drawn."""
    rng = np.random.default_rng(0)
    features = np.maximum(rng.normal(size=(n, WIDTH)), 0).astype(np.float32)
    logits = rng.normal(0, 2, (n, classes)).astype(np.float32)
    return {"features": features, "logits": logits}, rng.integers(0, classes, n)


def ours(name: str, method: Any, layer: dict[str, np.ndarray], labels: np.ndarray, kept: int) -> np.ndarray:
    """The method's own choice, and its weights."""
    from cc_plugins.coresets._choosing import Group

    group = Group(np.arange(len(labels)), labels, layer, np.random.default_rng(0))
    picks: np.ndarray = method.choose(group, kept)
    method.weigh(group, picks)
    return picks


def plain(name: str, method: Any, layer: dict[str, np.ndarray], labels: np.ndarray, kept: int) -> np.ndarray:
    """The definition as one would write it down, in float32."""
    first = int(np.random.default_rng(0).integers(len(labels)))
    return PLAIN[name](layer["features"] if name == "k-center" else plain_gradients(layer, labels), kept, first)


def plain_gradients(layer: dict[str, np.ndarray], labels: np.ndarray) -> np.ndarray:
    """(n, C * (D + 1)) float32."""
    errors = np.exp(layer["logits"] - layer["logits"].max(1, keepdims=True))
    errors /= errors.sum(1, keepdims=True)
    errors[np.arange(len(labels)), labels] -= 1
    inputs = np.concatenate([layer["features"], np.ones((len(labels), 1), np.float32)], axis=1)
    return (errors[:, :, None] * inputs[:, None, :]).reshape(len(labels), -1)


def plain_distances(rows: np.ndarray) -> np.ndarray:
    """(n, n)."""
    squares = np.square(rows).sum(1)
    return np.sqrt(np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0))


def plain_cosines(rows: np.ndarray) -> np.ndarray:
    """(n, n), (1 + cosine) / 2."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return 0.5 + 0.5 * unit @ unit.T


def plain_centers(rows: np.ndarray, kept: int, first: int) -> np.ndarray:
    """Farthest first."""
    distances, picks = plain_distances(rows), [first]
    while len(picks) < kept:
        picks.append(int(distances[picks].min(0).argmax()))
    return np.array(picks)


def plain_cut(rows: np.ndarray, kept: int, first: int) -> np.ndarray:
    """Graph cut, gains summed over the picks."""
    pairs, picks = plain_cosines(rows), np.empty(0, np.int64)
    for _ in range(kept):
        gains = pairs.sum(0) - 2 * pairs[picks].sum(0)
        gains[picks] = -np.inf
        picks = np.append(picks, gains.argmax())
    return picks


def plain_location(pairs: np.ndarray, kept: int) -> np.ndarray:
    """Facility location, every gain for every pick."""
    picks, largest = np.empty(0, np.int64), np.zeros(len(pairs), pairs.dtype)
    for _ in range(kept):
        gains = np.maximum(pairs - largest[:, None], 0).sum(0)
        gains[picks] = -np.inf
        picks = np.append(picks, gains.argmax())
        largest = np.maximum(largest, pairs[:, picks[-1]])
    return picks


def plain_craig(rows: np.ndarray, kept: int, first: int) -> np.ndarray:
    """Facility location of distances, and the sizes of clusters."""
    distances = plain_distances(rows)
    picks = plain_location(distances.max() - distances, kept)
    np.bincount(distances[:, picks].argmin(1), minlength=kept)
    return picks


def plain_match(rows: np.ndarray, kept: int, first: int) -> np.ndarray:
    """Orthogonal matching pursuit with the design matrix."""
    from scipy.optimize import nnls

    mean = residual = rows.mean(0)
    picks = np.empty(0, np.int64)
    for _ in range(kept):
        along = rows @ residual
        along[picks] = -np.inf
        picks = np.append(picks, along.argmax())
        own = rows[picks]
        gram = own @ own.T + np.eye(len(picks), dtype=own.dtype)
        residual = mean - np.linalg.solve(gram, own @ mean) @ own
    nnls(np.concatenate([own.T, np.eye(kept)]), np.append(mean, np.zeros(kept)))
    return picks


PLAIN: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
    "k-center": plain_centers,
    "graph-cut": plain_cut,
    "facility-location": lambda rows, kept, first: plain_location(plain_cosines(rows), kept),
    "craig": plain_craig,
    "gradmatch": plain_match,
}


def _apart(name: str, kind: str, n: str, classes: str, seconds: float | None) -> dict[str, Any]:
    needed = plain_bytes(name, int(n), int(classes))
    if kind == "plain" and needed > LIMIT:
        return {"why": f"would hold {needed / 2**30:.1f} GiB, more than {LIMIT >> 30}"}
    command = [sys.executable, "-m", "benchmarks.coresets", name, kind, n, classes]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"why": f"more than {seconds:g} s"}
    if "MemoryError" in done.stderr:
        return {"why": f"out of memory at {LIMIT >> 30} GiB"}
    done.check_returncode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _memory(what: str) -> int:
    """KiB of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
