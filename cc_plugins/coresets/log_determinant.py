"""Log determinant: images that none of the others kept explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._choosing import choosing
from cc_plugins.coresets._submodular import PARAMS, Submodular

if TYPE_CHECKING:
    from cc_plugins.coresets._choosing import Group
    from cc_plugins.submodular.functions import LogDeterminant as Function
    from ccbench.plugin import Task

SPEC = choosing(
    "log-determinant",
    "cc_plugins.coresets.log_determinant:LogDeterminant",
    summary="keeps images whose gradients span the largest volume",
    params=PARAMS,
    cost="similarities to the kept images, and a triangular system, for each gain that is looked at: memory linear in "
    "images and quadratic in those a class keeps",
)


class LogDeterminant(Submodular):
    """Maximise the log determinant of the similarities, (1 + cosine) / 2, among the kept images.

    With ``compat="deepcore"`` the gain is what the kept images explain of another. That rises with every choice, so
    only ``naive`` and ``stochastic`` find its largest.
    """

    def __init__(self, *, greedy: str, compat: str, balanced: bool, proxy: str | None) -> None:
        rising = compat == "deepcore"
        super().__init__(
            greedy="naive" if rising and greedy == "auto" else greedy, compat=compat, balanced=balanced, proxy=proxy
        )

    def skip(self, task: Task) -> str | None:
        """Why the way to choose does not fit the gain, or None."""
        if self.compat == "deepcore" and "lazy" in self.greedy:
            return f"greedy={self.greedy} needs gains that never rise, and those of compat=deepcore do"
        return None

    def function(self, group: Group) -> Function:
        """Of the group's gradients."""
        from cc_plugins.submodular.functions import Cosine
        from cc_plugins.submodular.functions import LogDeterminant as Function

        return Function(Cosine(group.gradients()), explained=self.compat == "deepcore")
