"""The names timm registers, read from its source: importing timm takes seconds, planning must not."""

from __future__ import annotations

import difflib
import importlib.util
import re
from functools import cache
from pathlib import Path

_REGISTERED = re.compile(r"^@register_model\b[^\n]*\n(?:@[^\n]*\n)*def (\w+)\(", re.MULTILINE)
# what papers and torchvision call networks, without their hyphens and underscores
_ELSEWHERE = {
    "swint": "swin_tiny",
    "swinv2t": "swinv2_tiny",
    "swintinyv2": "swinv2_tiny",
    "vits": "vit_small",
    "vits16": "vit_small",
    "shufflenet": "shufflenet_v2",
    "shufflenetv2x10": "shufflenet_v2",
    "mobilenet": "mobilenet_v2",
    "convnet": "convnet-d3",
    **{f"conv{d}": f"convnet-d{d}-bn" for d in range(3, 7)},
}


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
    """The name that is nearest to a mistyped one, or None where none is near.

    A name that differs in case, hyphens and underscores alone comes first, then another name of the same
    network (``swin_v2_t``), then the most similar one.
    """
    known = [*others, *sorted(timm_names())]
    plain = _plain(name)
    same = next((n for n in known if _plain(n) == plain), None) or _ELSEWHERE.get(plain)
    if same:
        return same
    found = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.75)
    return found[0] if found else None


def _plain(name: str) -> str:
    return re.sub(r"[-_. ]", "", name.lower())
