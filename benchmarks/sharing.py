"""The main job of the README on a machine that others use too: alone, beside one busy process, beside two.

Ratios are to the same job alone. ``CCBENCH_BEFORE=DIR`` names another checkout, whose times are then the peer.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ccbench.machine import cores

HERE = Path(__file__).resolve().parents[1]
JOB = ("run", "--methods", "dcq,ccs", "--ratio", "0.92")
LIMIT = 600  # seconds, after which a job is stopped


@contextmanager
def beside(count: int) -> Iterator[None]:
    """Some processes that each want a whole core."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def seconds(checkout: Path) -> float | None:
    """Seconds of the main job with an empty cache and as many threads as it takes by itself; None beyond LIMIT."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
        environment |= {"CCBENCH_CACHE": f"{folder}/cache", "PYTHONPATH": str(checkout)}
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "ccbench", *JOB, "--out", f"{folder}/out"],
            env=environment,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            if process.wait(LIMIT):
                raise RuntimeError(f"{' '.join(JOB)} of {checkout} ended with exit code {process.returncode}")
        except subprocess.TimeoutExpired:
            process.kill()  # its workers end with it
            process.wait()
            time.sleep(2)
            return None
        return time.perf_counter() - started


def rows() -> list[dict[str, Any]]:
    """One row for each number of busy processes."""
    before = os.environ.get("CCBENCH_BEFORE")
    found, alone = [], None
    for count in (0, 1, 2):
        load = os.getloadavg()[0]
        with beside(count):
            ours = seconds(HERE)
            peer = seconds(Path(before)) if before else None
        alone = alone or ours
        found.append(
            {
                "name": f"main job beside {count} busy process{'es' * (count != 1)}, {cores()} cores",
                "ours": ours or f"over {LIMIT}",
                "peer": (peer or f"over {LIMIT}") if before else None,
                "ratio": ours / alone if ours and alone else None,
                "unit": "s",
                "note": f"ratio to the same alone; load before {load:.1f}",
            }
        )
    return found


if __name__ == "__main__":
    for row in rows():
        print(row)
