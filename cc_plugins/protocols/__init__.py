"""The protocols of this project: recipes in TOML files beside this module."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from ccbench.hookspecs import hookimpl
from ccbench.specs import ProtocolSpec


@hookimpl
def ccbench_protocols() -> list[ProtocolSpec]:
    """``quick`` and ``dcq-cifar``."""
    return [
        ProtocolSpec(
            name="quick",
            target="cc_plugins.protocols:quick",
            version="1",
            summary="quicknet, any set up to 64 pixels; about a minute for CIFAR-10 on two CPU cores.",
        ),
        ProtocolSpec(
            name="dcq-cifar",
            target="cc_plugins.protocols:dcq_cifar",
            version="1",
            summary="DCQ's CIFAR recipe: ResNet-18, 40,000 iterations of batch 256, SGD, cosine.",
            paper="Dataset Color Quantization, appendix A.1",
        ),
    ]


def quick() -> dict[str, Any]:
    """The table of ``quick.toml``."""
    return _table("quick")


def dcq_cifar() -> dict[str, Any]:
    """The table of ``dcq-cifar.toml``."""
    return _table("dcq-cifar")


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
