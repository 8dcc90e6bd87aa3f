"""Plain text of a report."""

from __future__ import annotations

from collections.abc import Sequence


def rows(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Names and values, aligned and indented."""
    width = max((len(name) for name, _ in pairs), default=0)
    return [f"  {name.ljust(width)}  {value}".rstrip() for name, value in pairs]
