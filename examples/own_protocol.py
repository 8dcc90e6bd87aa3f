"""Training by a recipe of your own, short.toml: python examples/own_protocol.py [FILE.toml]."""

import sys
import tempfile
from pathlib import Path

import ccbench

if __name__ == "__main__":  # workers are spawned processes, which import this file
    recipe = sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).with_name("short.toml"))
    with tempfile.TemporaryDirectory() as out:
        table = ccbench.run("mediancut", bits=4, seeds=1, protocol=recipe, out=out, jobs=1)
    for row in table.to_dict("records"):
        print(f"{row['protocol']}  ratio {row['ratio']:.4f}  {row['iterations']} updates  {row['accuracy']:.1%}")
