"""Ends its process at once."""

import os

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [
        MethodSpec(name="zoo-os-exits", target="zoo_os_exits:Animal", version="1", summary="Ends its process at once.")
    ]


class Animal:
    def compress(self, task):
        os._exit(3)
