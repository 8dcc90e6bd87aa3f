"""Whether the methods of a run can work on this machine, asked before any work starts."""

from __future__ import annotations

import hashlib

from ccbench.expressions import Expression, Step
from ccbench.specs import imported


def version_of(expression: Expression) -> str:
    """The versions of an expression's steps, joined by ``+``, each with what its ``identity`` says of files it reads.

    ``1@3f0c...`` is version 1 with one content of its files; another content is another version. A method that is
    not ready has no content yet.
    """
    return "+".join(_version(step) for step in expression.steps)


def _version(step: Step) -> str:
    if not step.spec.identity:
        return step.spec.version
    try:
        content = imported(step.spec.identity)(dict(step.params))
    except Exception:  # whatever is wrong with the files, unready says it
        content = ""
    return f"{step.spec.version}@{hashlib.sha256(content.encode()).hexdigest()[:12]}" if content else step.spec.version


def unready(expression: Expression, device: str | None) -> str:
    """Why a method of an expression cannot run here and the command that mends it, or "".

    Args:
        expression: every step whose spec names a ``ready`` function is asked.
        device: as the user gave it; None is the best there is.
    """
    for step in expression.steps:
        if not step.spec.ready:
            continue
        try:
            reason = imported(step.spec.ready)(dict(step.params), device)
        except Exception as error:  # a plugin's own fault must not stop the other methods
            reason = f"its check failed with {type(error).__name__}: {error}"
        if reason:
            return f"{step.name}: {' '.join(str(reason).split())}"
    return ""
