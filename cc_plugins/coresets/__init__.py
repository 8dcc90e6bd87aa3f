"""Coreset selection: methods that keep whole images, and the training-dynamics scores they rank by.

Each module here that does not start with ``_`` is one of them, or a method with the score of its name: its ``SPEC`` or
``SPECS`` beside its class. To add one, add its module. Nothing heavy is imported before a method or a score runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from ccbench.plugin import GroupSpec, MethodSpec, ScoreSpec, StageSpec, hookimpl, specs_of_modules


@hookimpl
def ccbench_methods() -> Iterator[MethodSpec]:
    """The selection methods of DCQ's tables, and the reference row."""
    return specs_of_modules(__name__, MethodSpec)


@hookimpl
def ccbench_scores() -> Iterator[ScoreSpec]:
    """Scores that one proxy training feeds."""
    return specs_of_modules(__name__, ScoreSpec)


@hookimpl
def ccbench_stages() -> Iterator[StageSpec]:
    """What selections compute once for every budget."""
    return specs_of_modules(__name__, StageSpec)


@hookimpl
def ccbench_groups() -> list[GroupSpec]:
    """Every selection here; ``ids`` wants a file."""
    names = (s.name for s in specs_of_modules(__name__, MethodSpec) if s.budgets == "fraction" and s.name != "ids")
    return [GroupSpec(name="coresets", methods=tuple(names), summary="methods that keep whole images")]
