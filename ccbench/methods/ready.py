"""Whether the methods of a run can work on this machine, asked before any work starts."""

from __future__ import annotations

from ccbench.offers.expressions import Expression
from ccbench.offers.specs import imported


def unready(expression: Expression, device: str | None) -> str:
    """Why a method of an expression cannot run here and the command that mends it, or "".

    Args:
        expression: every step whose spec names a ``ready`` function is asked.
        device: as the user gave it; None is the best there is.
    """
    for step in expression.every:
        if not step.spec.ready:
            continue
        try:
            reason = imported(step.spec.ready)(step.given, device)
        except Exception as error:  # a plugin's own fault must not stop the other methods
            reason = f"its check failed with {type(error).__name__}: {error}"
        if reason:
            return f"{step.name}: {' '.join(str(reason).split())}"
    return ""
