"""Offers a dataset as a method, and a plain dict."""

from ccbench import DatasetSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [DatasetSpec(name="zoo-dataset", target="a:B", version="1", summary="not a method"), {"name": "zoo-dict"}]
