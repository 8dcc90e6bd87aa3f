"""The conformance kit: does a method keep the contract, does a dataset?

In a plugin's own tests::

    import pytest
    from ccbench import testing

    @pytest.mark.parametrize("check", testing.checks("my-method"))
    def test_conformance(check):
        check()

and on the command line ``ccbench check my-method``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccbench.testing.images import image_set
    from ccbench.testing.kit import check_dataset, check_method, checks, dataset_checks
    from ccbench.testing.report import Failed, NotRun, Outcome, Report

# this package is also a plugin's home (offers.py), so importing it must not import torch
_HOME = {
    "Failed": "report",
    "NotRun": "report",
    "Outcome": "report",
    "Report": "report",
    "check_dataset": "kit",
    "check_method": "kit",
    "checks": "kit",
    "dataset_checks": "kit",
    "image_set": "images",
}

__all__ = [
    "Failed",
    "NotRun",
    "Outcome",
    "Report",
    "check_dataset",
    "check_method",
    "checks",
    "dataset_checks",
    "image_set",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"ccbench.testing.{_HOME[name]}"), name)
    raise AttributeError(f"module 'ccbench.testing' has no attribute {name!r}")
