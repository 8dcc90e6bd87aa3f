"""Seeds: the hash of a base seed and of the axes that the randomness depends on."""

from __future__ import annotations

import hashlib
import json

LARGEST = (1 << 62) - 1
"""How far from 0 a base seed may lie: tables keep it as a whole number of 64 bits."""


def derive(base: int, **axes: object) -> int:
    """A seed in [0, 2**32) from a base seed and named axes.

    The same base and axes give the same seed on every machine; an axis that is
    not named cannot change it. 32 bits because scikit-learn takes no more.

    Examples:
        >>> derive(0, stage="proxy"), derive(1, stage="proxy"), derive(0, stage="proxy", seed=0)
        (1285398067, 2720396562, 3187994658)
    """
    text = json.dumps([base, axes], sort_keys=True, default=str)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
