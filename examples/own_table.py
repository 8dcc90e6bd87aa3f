"""The records of a run as a table of your own: python examples/own_table.py [OUT], by default a published run."""

import sys
from pathlib import Path

import pandas as pd

from ccbench.records.record import latest, read_all

PUBLISHED = Path(__file__).resolve().parents[1] / "leaderboards" / "photodigits-ipc10"

records, problems = read_all(sys.argv[1] if len(sys.argv) > 1 else PUBLISHED)
for line in problems:  # a damaged record is left out, and named
    print(line, file=sys.stderr)
frame = pd.DataFrame(latest(records))  # one row for each cell: its last attempt
frame = frame[frame["status"] == "ok"]
frame["kB"] = frame["bytes"] / 1000
frame["accuracy"] *= 100
print(frame.pivot_table(index=["protocol", "match", "method"], values=["kB", "accuracy"], aggfunc="mean").round(1))
