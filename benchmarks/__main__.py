"""Run every benchmark and print one Markdown table."""

from __future__ import annotations

import importlib
import platform
import sys

from ccbench.machine import cores

PARTS = (
    "command_line",
    "processes",
    "decoding",
    "coding",
    "codecs",
    "training",
    "resampling",
    "dcq",
    "colors",
    "dc3_selection",
    "coresets",
    "rded",
    "distillation",
    "trajectories",
)


def main() -> None:
    """``python -m benchmarks [PART [NAME=VALUE ...] ...]``; options are those of the part's ``rows``."""
    wanted: list[tuple[str, dict[str, str]]] = []
    for word in sys.argv[1:] or PARTS:
        name, given, value = word.partition("=")
        if given and wanted:
            wanted[-1][1][name] = value
        else:
            wanted.append((word, {}))
    print(f"{platform.machine()}, {cores()} cores, Python {platform.python_version()}\n")
    print("| what | ours | peer | ratio | unit | note |\n| --- | ---: | ---: | ---: | --- | --- |")
    for part, options in wanted:
        for row in importlib.import_module(f"benchmarks.{part}").rows(**options):
            cells = [_text(row.get(k)) for k in ("name", "ours", "peer", "ratio", "unit", "note")]
            print("| " + " | ".join(cells) + " |", flush=True)


def _text(value: object) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
