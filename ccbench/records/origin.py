"""What a record says of how it came about: the command, the version or commit, and the distributions of its plugins."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import ccbench

_OURS = {"ccbench", "ccbench.exe", "__main__.py"}
_LONGEST = 4000  # characters of a command


def origin(plugins: Iterable[str]) -> dict[str, str]:
    """The part of a record's ``environment`` that the process knows which asked for the work.

    Args:
        plugins: ids of those whose offers the work names, ``distribution/name``.
    """
    owners = sorted({"ccbench", *(plugin.partition("/")[0] for plugin in plugins)})
    found = {
        "command": command(),
        "plugins": ", ".join(f"{name} {edition}" for name in owners if (edition := of(name))),
    }
    return found | ({"commit": held} if (held := commit()) else {})


def command(arguments: list[str] | None = None) -> str:
    """What was typed, ready for a shell: ``ccbench run --methods dcq ...``, or the script that called ccbench.

    Args:
        arguments: as in ``sys.argv``, which is the default.
    """
    first, *rest = arguments or sys.argv or [""]
    name = Path(first).name
    words = ["ccbench", *rest] if name in _OURS else ["python", name or "-c", *rest]
    return shlex.join(words)[:_LONGEST]


@cache
def of(name: str) -> str:
    """The version of an installed distribution, "" where it is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


@cache
def commit() -> str:
    """The commit that this ccbench is of, ``+changed`` where its files were changed since; "" where nobody knows."""
    try:
        told = json.loads(distribution("ccbench").read_text("direct_url.json") or "{}")
        if held := told.get("vcs_info", {}).get("commit_id"):
            return str(held)
    except (PackageNotFoundError, ValueError, AttributeError):
        pass
    root = Path(ccbench.__file__).parents[1]
    if not (root / ".git").exists():
        return ""
    head = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "ccbench", "cc_plugins")
    return head + ("+changed" if head and changed else "")


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
