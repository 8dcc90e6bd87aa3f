"""Calls sys.exit."""

import sys

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [MethodSpec(name="zoo-exits", target="zoo_exits:Animal", version="1", summary="Calls sys.exit.")]


class Animal:
    def compress(self, task):
        sys.exit(3)
