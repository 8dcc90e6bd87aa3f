"""The names timm registers, read from its source: importing timm takes seconds, planning must not."""

from __future__ import annotations

import difflib
import importlib.util
import re
from functools import cache
from pathlib import Path

_REGISTERED = re.compile(r"^@register_model\b[^\n]*\n(?:@[^\n]*\n)*def (\w+)\(", re.MULTILINE)


@cache
def timm_names() -> frozenset[str]:
    """Every model name of the installed timm; empty where there is no timm."""
    found = importlib.util.find_spec("timm")
    if found is None or not found.submodule_search_locations:
        return frozenset()
    names: set[str] = set()
    for root in found.submodule_search_locations:
        for file in sorted(Path(root, "models").glob("*.py")):
            names.update(_REGISTERED.findall(file.read_text(encoding="utf-8")))
    return frozenset(names)


def near(name: str, others: list[str]) -> str | None:
    """The name that is nearest to a mistyped one, or None where none is near."""
    found = difflib.get_close_matches(name.lower(), [*others, *sorted(timm_names())], n=1, cutoff=0.75)
    return found[0] if found else None
