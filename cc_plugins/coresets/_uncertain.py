"""What rankings by the finished network's uncertainty have in common, and DeepCore's reading of them."""

from __future__ import annotations

from cc_plugins.coresets._ranked import Ranked
from ccbench.plugin import Param

COMPAT = Param(
    name="compat",
    default="none",
    choices=("none", "deepcore"),
    doc="deepcore: what DeepCore's released code does where it differs from the definition; see the card",
)


class Uncertain(Ranked):
    """Keep the images that the network is least certain of.

    Args:
        balanced: rank within each class.
        proxy: architecture that is trained for the score; None: the protocol's.
        compat: ``"deepcore"`` keeps the most certain ones where classes are not balanced, as its code sorts there.
    """

    def __init__(self, *, balanced: bool, proxy: str | None, compat: str) -> None:
        super().__init__(balanced=balanced, proxy=proxy)
        self.compat = compat
        if compat == "deepcore" and not balanced:
            self.sign = -type(self).sign
