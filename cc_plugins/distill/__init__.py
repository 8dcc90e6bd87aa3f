"""Dataset distillation: methods that make a few pictures by gradient descent. The offers only.

Each module here that does not start with ``_`` is one of them, its ``SPEC`` beside its class; see
:class:`cc_plugins.distill._matching.Matching` for what they share.
"""

from __future__ import annotations

from collections.abc import Iterator

from ccbench.plugin import GroupSpec, MethodSpec, hookimpl, specs_of_modules


@hookimpl
def ccbench_methods() -> Iterator[MethodSpec]:
    """Every method that distils."""
    return specs_of_modules(__name__, MethodSpec)


@hookimpl
def ccbench_groups() -> list[GroupSpec]:
    """Every method that distils; at the authors' settings they want a GPU."""
    names = (*(spec.name for spec in specs_of_modules(__name__, MethodSpec)), "g-vbsm", "kip", "mtt", "sre2l", "tesla")
    return [GroupSpec(name="distill", methods=names, summary="methods that make a few pictures by gradient descent")]
