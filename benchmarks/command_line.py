"""How long the command line takes to say something, and to plan."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks._measure import paired, python

IMPORTED = """
import sys
from ccbench.__main__ import main
main(["list"])
print("torch" in sys.modules, "pandas" in sys.modules)
"""


def rows() -> list[dict]:
    """ccbench --help and list beside ``import click``; planning 100,000 cells; what list imports."""
    found = []
    for what in ("--help", "list"):
        ours, peer = paired(python("-m", "ccbench", what), python("-c", "import click"), rounds=9)
        found.append(
            {
                "name": f"ccbench {what} / import click",
                "ours": ours,
                "peer": peer,
                "ratio": ours / peer,
                "unit": "s",
                "note": "aim: at most 3",
            }
        )
    done = subprocess.run([sys.executable, "-c", IMPORTED], check=True, capture_output=True, text=True)
    heavy = done.stdout.split()[-2:]
    found.append(
        {
            "name": "ccbench list imports torch, pandas",
            "ours": " ".join(heavy),
            "peer": None,
            "ratio": None,
            "unit": "",
            "note": "aim: False False",
        }
    )
    found.append(plan_many())
    return found


def plan_many() -> dict:
    """Seconds for a plan of 100,000 cells."""
    from ccbench.budget import DataShape
    from ccbench.offers.discovery import Plugins
    from ccbench.runner.plan import Data, Request, make_plan

    ratios = tuple(("ratio", f"0.{1000 + i}") for i in range(200))
    request = Request(methods=("random", "ccs", "aum", "el2n", "entropy"), budgets=ratios, seeds=100)
    found = Plugins()
    started = time.perf_counter()
    plan = make_plan(request, found, lambda name: Data(DataShape(50000, 32, 32, 10)))
    ids = {cell.id for cell in plan.cells}
    seconds = time.perf_counter() - started
    return {
        "name": f"plan {len(ids):,} cells",
        "ours": seconds,
        "peer": None,
        "ratio": None,
        "unit": "s",
        "note": "aim: under 5",
    }


if __name__ == "__main__":
    for row in rows():
        print(row)
