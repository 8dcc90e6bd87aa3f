"""One training loop for proxies and evaluation, the recipes that steer it, and the networks it trains.

Names are imported when they are asked for: planning reads protocols and must not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccbench.training.evaluation import Outcome, accuracy, evaluate
    from ccbench.training.images import DeviceData
    from ccbench.training.loop import FitReport, fit
    from ccbench.training.networks import build_network
    from ccbench.training.protocols import Protocol, Recipe, load_protocol
    from ccbench.training.teacher import Teacher

_HOME = {
    "DeviceData": "images",
    "FitReport": "loop",
    "Outcome": "evaluation",
    "Protocol": "protocols",
    "Recipe": "protocols",
    "Teacher": "teacher",
    "accuracy": "evaluation",
    "build_network": "networks",
    "evaluate": "evaluation",
    "fit": "loop",
    "load_protocol": "protocols",
}

__all__ = [
    "DeviceData",
    "FitReport",
    "Outcome",
    "Protocol",
    "Recipe",
    "Teacher",
    "accuracy",
    "build_network",
    "evaluate",
    "fit",
    "load_protocol",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"ccbench.training.{_HOME[name]}"), name)
    raise AttributeError(f"module 'ccbench.training' has no attribute {name!r}")
