"""Everything a plugin can offer. A plugin is a module with ``@hookimpl`` functions and one entry point.

    [project.entry-points.ccbench]
    my-plugin = "my_module"

Every hook returns data (see :mod:`ccbench.offers.specs`) and imports nothing heavy.
An implementation may take fewer arguments than the hook offers.
``docs/plugins.md`` has an example of each.
"""

from __future__ import annotations

from typing import Any

import pluggy

from ccbench.offers import specs

hookspec = pluggy.HookspecMarker("ccbench")
hookimpl = pluggy.HookimplMarker("ccbench")


@hookspec
def ccbench_methods() -> list[specs.MethodSpec]:
    """Compression methods."""


@hookspec
def ccbench_datasets() -> list[specs.DatasetSpec]:
    """Datasets."""


@hookspec
def ccbench_architectures() -> list[specs.ArchitectureSpec]:
    """Networks that are trained on what a method kept."""


@hookspec
def ccbench_protocols() -> list[specs.ProtocolSpec]:
    """Evaluation recipes."""


@hookspec
def ccbench_executors() -> list[specs.ExecutorSpec]:
    """Places where work items run."""


@hookspec
def ccbench_stages() -> list[specs.StageSpec]:
    """Shared work that methods ask for by ``task.stage(name)`` and that is done once."""


@hookspec
def ccbench_scores() -> list[specs.ScoreSpec]:
    """Training-dynamics scores, all fed by one proxy run."""


@hookspec
def ccbench_groups() -> list[specs.GroupSpec]:
    """Methods that belong together, for ``--methods all-NAME``."""


@hookspec
def ccbench_suites() -> list[specs.SuiteSpec]:
    """Tables of papers as rows and columns, for ``ccbench run --suite NAME``."""


@hookspec
def ccbench_commands() -> list[specs.CommandSpec]:
    """Subcommands of ``ccbench``."""


@hookspec(firstresult=True)
def ccbench_resolve(kind: str, name: str) -> specs.Spec | None:
    """A spec for a name that no list holds, such as any timm network; None where the name is not yours."""


@hookspec
def ccbench_cell_finished(record: dict[str, Any]) -> None:
    """Called in the parent process after each cell, with its record as written; for trackers."""
