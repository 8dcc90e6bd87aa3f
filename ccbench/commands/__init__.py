"""The subcommands of ``ccbench``, as data: each lies in a file of its own and is imported when it is called."""

from __future__ import annotations

from ccbench.offers.hookspecs import hookimpl
from ccbench.offers.specs import CommandSpec

_SUMMARIES = {
    "run": "Compress with each method at one budget, train on what is left, write records and a leaderboard.",
    "plan": "Show what a run would do: cells to run, cells done, skips and why, shared stages.",
    "compress": "Write one compressed dataset to a file.",
    "evaluate": "Train on a compressed dataset and record the accuracy.",
    "teacher": "Train or import a protocol's teacher and show its accuracy.",
    "export": "Write a compressed dataset as folders of PNG images.",
    "inspect": "Show what a compressed dataset holds, its ratios and colours, and write figures of it.",
    "recommend": "Try methods on a sample of a dataset and say which one to take for a size or a loss.",
    "leaderboard": "Tables and figure from result records.",
    "merge": "Bring the records of several output folders into one.",
    "compare": "Show what changed between two output folders, and whether it is more than noise.",
    "verify": "Hold records against themselves, their files and what is installed here.",
    "publish": "Write a board to browse, exports and a manifest, for a static host.",
    "list": "List methods, datasets, architectures, protocols and every other offer.",
    "describe": "Show everything known about one name.",
    "plugins": "Show every plugin, what it offers, and what is broken.",
    "check": "Run the conformance kit on a method.",
    "new": "Write the package of a new method.",
    "doctor": "Show versions, devices, data and cache of this machine.",
    "cache": "Show or clear the cache.",
}
# the attribute where it differs from the command's name: a module-level `list` would hide the builtin
_ATTRIBUTES = {"list": "list_"}


@hookimpl
def ccbench_commands() -> list[CommandSpec]:
    """The harness's own subcommands, in the order of ``--help``."""
    return [
        CommandSpec(name=name, target=f"ccbench.commands.{name}:{_ATTRIBUTES.get(name, name)}", summary=summary)
        for name, summary in _SUMMARIES.items()
    ]
