"""Distillation by kernels of infinitely wide networks. The offers only."""

from __future__ import annotations

from collections.abc import Iterator

from ccbench.plugin import MethodSpec, hookimpl, specs_of_modules


@hookimpl
def ccbench_methods() -> Iterator[MethodSpec]:
    """Every method that learns pictures for a kernel."""
    return specs_of_modules(__name__, MethodSpec)
