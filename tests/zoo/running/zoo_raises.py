"""Raises."""

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [MethodSpec(name="zoo-raises", target="zoo_raises:Animal", version="1", summary="Raises.")]


class Animal:
    def compress(self, task):
        raise ValueError("the animal bites")
