"""Dataset quantization: bins by graph cut, a draw from each, and patches that may be dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._quantized import Quantized, quantizing

if TYPE_CHECKING:
    import numpy as np

    from cc_plugins.coresets._choosing import Group

SPEC = quantizing(
    "dq",
    "cc_plugins.coresets.dq:DQ",
    summary="Dataset quantization's images: drawn evenly from bins that graph cut makes one after the other",
)


class DQ(Quantized):
    """Draw from each bin without replacement, equally many.

    Where the budget is no multiple of the bins, later and larger ones give one image more.
    """

    def choose(self, group: Group, budget: int) -> np.ndarray:
        """Evenly from the bins."""
        from cc_plugins.submodular.quantization import drawn

        return drawn(self.divide(group), budget, group.rng)
