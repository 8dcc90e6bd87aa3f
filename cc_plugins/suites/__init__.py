"""The numbered tables of the papers that this project reproduces: one TOML file each beside this module."""

from __future__ import annotations

from ccbench.plugin import SuiteSpec, hookimpl

_TABLES = {
    "dcq-table1": "Pruning against DCQ: CIFAR-10, CIFAR-100, ImageNet-1K at five ratios",
}


@hookimpl
def ccbench_suites() -> list[SuiteSpec]:
    """DCQ's tables and DC3's."""
    return [
        SuiteSpec(name=name, table=f"cc_plugins.suites:{name}.toml", summary=summary)
        for name, summary in _TABLES.items()
    ]
