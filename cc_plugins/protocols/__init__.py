"""The protocols of this project: recipes in TOML files beside this module."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from ccbench.offers.hookspecs import hookimpl
from ccbench.offers.specs import ProtocolSpec


@hookimpl
def ccbench_protocols() -> list[ProtocolSpec]:
    """``quick``, ``dcq-cifar`` and its short form, and with a teacher ``quick-soft``, ``rded`` and ``dc3``."""
    return [
        ProtocolSpec(
            name="quick",
            card="ccbench.registry:protocols/quick.toml",
            target="cc_plugins.protocols:quick",
            version="2",
            summary="quicknet, any set up to 64 pixels; about a minute for CIFAR-10 on two CPU cores.",
        ),
        ProtocolSpec(
            name="quick-soft",
            card="ccbench.registry:protocols/quick-soft.toml",
            target="cc_plugins.protocols:quick_soft",
            version="2",
            summary="quick's updates with labels from a quicknet teacher, CutMix and AdamW.",
        ),
        ProtocolSpec(
            name="dcq-cifar",
            card="ccbench.registry:protocols/dcq-cifar.toml",
            target="cc_plugins.protocols:dcq_cifar",
            version="2",
            summary="DCQ's CIFAR recipe: ResNet-18, 40,000 iterations of batch 256, SGD, cosine.",
        ),
        ProtocolSpec(
            name="dcq-cifar-50",
            card="ccbench.registry:protocols/dcq-cifar-50.toml",
            target="cc_plugins.protocols:dcq_cifar_50",
            version="1",
            summary="dcq-cifar with 9,750 iterations (50 epochs), the first row of DCQ's Table 20.",
        ),
        ProtocolSpec(
            name="rded",
            card="ccbench.registry:protocols/rded.toml",
            target="cc_plugins.protocols:rded",
            version="2",
            summary="RDED's evaluation: ResNet-18, 300 epochs of what is kept, labels by an online teacher, CutMix.",
        ),
        ProtocolSpec(
            name="rded-hard",
            card="ccbench.registry:protocols/rded-hard.toml",
            target="cc_plugins.protocols:rded_hard",
            version="2",
            summary="rded with the images' own labels, unmixed.",
        ),
        ProtocolSpec(
            name="dc3",
            card="ccbench.registry:protocols/dc3.toml",
            target="cc_plugins.protocols:dc3",
            version="2",
            summary="DC3's evaluation: RDED's with larger batches, shuffled patches at every size, longer on CIFAR-10.",
        ),
        ProtocolSpec(
            name="dc3-hard",
            card="ccbench.registry:protocols/dc3-hard.toml",
            target="cc_plugins.protocols:dc3_hard",
            version="2",
            summary="dc3 with the images' own labels, unmixed.",
        ),
    ]


def quick() -> dict[str, Any]:
    """The table of ``quick.toml``."""
    return _table("quick")


def quick_soft() -> dict[str, Any]:
    """The table of ``quick-soft.toml`` over that of ``quick``."""
    return _table("quick-soft")


def dcq_cifar() -> dict[str, Any]:
    """The table of ``dcq-cifar.toml``."""
    return _table("dcq-cifar")


def dcq_cifar_50() -> dict[str, Any]:
    """The table of ``dcq-cifar-50.toml`` over that of ``dcq-cifar``."""
    return _table("dcq-cifar-50")


def rded() -> dict[str, Any]:
    """The table of ``rded.toml``."""
    return _table("rded")


def rded_hard() -> dict[str, Any]:
    """The table of ``rded-hard.toml`` over that of ``rded``."""
    return _table("rded-hard")


def dc3() -> dict[str, Any]:
    """The table of ``dc3.toml`` over that of ``rded``."""
    return _table("dc3")


def dc3_hard() -> dict[str, Any]:
    """The table of ``dc3-hard.toml`` over that of ``dc3``."""
    return _table("dc3-hard")


def _table(name: str) -> dict[str, Any]:
    """A file's tables; one with a ``base`` changes keys of that file, its rules taking the place of the base's."""
    table = tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    base = _table(table.pop("base")) if "base" in table else {}
    return base | {part: base.get(part, {}) | keys for part, keys in table.items()}
