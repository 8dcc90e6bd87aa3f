"""Forgets to return."""

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [MethodSpec(name="zoo-none", target="zoo_none:Animal", version="1", summary="Forgets to return.")]


class Animal:
    def compress(self, task):
        task.rng()
