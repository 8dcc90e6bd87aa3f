"""The names timm registers, read from its source: importing timm takes seconds, planning must not."""

from __future__ import annotations

import difflib
import importlib.util
import re
from functools import cache
from pathlib import Path

_TAGGED = re.compile(r"""^\s*['"](\w+)\.([\w.-]+)['"]\s*:""", re.MULTILINE)
_RENAMED = re.compile(r"^register_model_deprecations\(__name__, \{(.*?)^\}\)", re.MULTILINE | re.DOTALL)
_PAIR = re.compile(r"""['"]([\w.-]+)['"]\s*:\s*['"]([\w.-]+)['"]""")
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
    **{f"conv{d}": f"convnet-d{d}-bn" for d in range(3, 7)},
}


@cache
def timm_names() -> frozenset[str]:
    """Every model name of the installed timm, without pretrained tags; empty where there is no timm."""
    return frozenset(name for source in _sources() for name in _REGISTERED.findall(source))


def is_timm(name: str) -> bool:
    """Whether timm builds a network of that name, with or without a pretrained tag (``resnet18.a1_in1k``).

    Some tags do not stand in timm's source as they are: for a tag that is not found there, timm is imported.
    """
    network, dot, tag = name.partition(".")
    if network not in timm_names():
        return False
    return not dot or tag in _tags().get(network, ()) or _timm_knows(name)


@cache
def _sources() -> tuple[str, ...]:
    found = importlib.util.find_spec("timm")
    roots = (found.submodule_search_locations if found else None) or ()
    files = (file for root in roots for file in sorted(Path(root, "models").glob("*.py")))
    return tuple(file.read_text(encoding="utf-8") for file in files)


@cache
def _tags() -> dict[str, list[str]]:
    """The pretrained tags of each model, as far as the source spells them out."""
    tags: dict[str, list[str]] = {}
    for source in _sources():
        for network, tag in _TAGGED.findall(source):
            tags.setdefault(network, []).append(tag)
    return tags


@cache
def _renamed() -> dict[str, str]:
    """Names that timm gave up, with those of today."""
    return dict(pair for source in _sources() for block in _RENAMED.findall(source) for pair in _PAIR.findall(block))


def _timm_knows(name: str) -> bool:
    from timm.models import get_pretrained_cfg

    try:
        return get_pretrained_cfg(name) is not None
    except RuntimeError:
        return False


def near(name: str, others: list[str]) -> str | None:
    """The name that is nearest to a mistyped one, or None where none is near.

    A name that differs in case, hyphens and underscores alone comes first, then another name of the same
    network (``swin_v2_t``, or one that timm gave up), then the most similar one. Of a known network with an
    unknown tag it is the most similar tag, or the network without one.
    """
    network, dot, tag = name.partition(".")
    if dot and network in timm_names():
        tags = difflib.get_close_matches(tag.lower(), _tags().get(network, ()), n=1, cutoff=0.5)
        return ".".join([network, *tags])
    if name in _renamed():
        return _renamed()[name]
    name = network
    known = [*others, *sorted(timm_names())]
    plain = _plain(name)
    same = next((n for n in known if _plain(n) == plain), None) or _ELSEWHERE.get(plain)
    if same:
        return same
    found = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.75)
    return found[0] if found else None


def _plain(name: str) -> str:
    return re.sub(r"[-_. ]", "", name.lower())
