"""A table of frequencies that every machine must compute alike; run as a script it prints the table's digest."""

import hashlib

import numpy as np

from ccbench.coding import network
from ccbench.coding.contexts import Contexts


def full_range(seed=0):
    """A network whose weights use the whole of their range, which training seldom does."""
    rng = np.random.default_rng(seed)
    contexts = Contexts(2, 5, 3)
    shapes = network.Network.shapes(contexts, (32, 32))
    parts = [
        rng.integers(-127, 128, s).astype(np.int8) if len(s) == 2 else rng.integers(-32767, 32768, s).astype(np.int16)
        for s in shapes
    ]
    return network.Network(contexts, parts)


def digest():
    return hashlib.sha256(full_range(1).thresholds().tobytes()).hexdigest()


if __name__ == "__main__":
    print(digest())
