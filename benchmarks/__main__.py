"""Run every benchmark and print one Markdown table."""

from __future__ import annotations

import importlib
import platform
import sys

from ccbench.machine import cores

PARTS = (
    "command_line",
    "decoding",
    "codecs",
    "training",
    "resampling",
    "dcq",
    "colors",
    "dc3_selection",
    "coresets",
    "rded",
)


def main() -> None:
    """``python -m benchmarks [PART ...]``."""
    wanted = sys.argv[1:] or PARTS
    print(f"{platform.machine()}, {cores()} cores, Python {platform.python_version()}\n")
    print("| what | ours | peer | ratio | unit | note |\n| --- | ---: | ---: | ---: | --- | --- |")
    for part in wanted:
        for row in importlib.import_module(f"benchmarks.{part}").rows():
            cells = [_text(row.get(k)) for k in ("name", "ours", "peer", "ratio", "unit", "note")]
            print("| " + " | ".join(cells) + " |", flush=True)


def _text(value: object) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
