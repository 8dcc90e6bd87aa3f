"""Never comes back."""

import time

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [MethodSpec(name="zoo-hangs", target="zoo_hangs:Animal", version="1", summary="Never comes back.")]


class Animal:
    def compress(self, task):
        while True:
            time.sleep(1)
