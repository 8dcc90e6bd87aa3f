"""Allocates without end."""

import numpy as np

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [
        MethodSpec(
            name="zoo-eats-memory", target="zoo_eats_memory:Animal", version="1", summary="Allocates without end."
        )
    ]


class Animal:
    def compress(self, task):
        eaten = []
        while True:
            eaten.append(np.ones(1 << 26, np.uint8))
