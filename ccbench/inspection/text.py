"""Plain text of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_RAMP = " .:-=+*#%@"


def rows(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Names and values, aligned and indented."""
    width = max((len(name) for name, _ in pairs), default=0)
    return [f"  {name.ljust(width)}  {value}".rstrip() for name, value in pairs]


def shades(line: Sequence[float], top: float) -> str:
    """A curve as characters, the darker the higher; the darkest from ``top`` on."""
    return "".join(_RAMP[min(int(value / (top or 1) * len(_RAMP)), len(_RAMP) - 1)] for value in line)


def as_option(item: tuple[str, Any]) -> list[str]:
    """A source option as it is written on a command line."""
    name, value = item
    return [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
