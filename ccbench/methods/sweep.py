"""``fraction=auto``: how many images are worth how much quality, told by training images that are held back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ccbench import seeds
from ccbench.data import held_back
from ccbench.errors import Skipped
from ccbench.methods import identity
from ccbench.methods.task import Workbench
from ccbench.offers.expressions import SWEEP, Expression
from ccbench.training.protocols import Protocol

if TYPE_CHECKING:
    from ccbench.archive import CompressedDataset
    from ccbench.data import ImageDataset

NAME = "fraction=auto"
KIND = "fraction-sweep"
HELD_BACK = 0.2  # of the training images of each class
COST = (
    f"once for all seeds, {len(SWEEP)} compressions of four fifths of the images, with the stages that they need, and "
    "as many trainings by the protocol's proxy recipe"
)
_FOUND = "sweep.json"

T = TypeVar("T")
Make = Callable[[Expression, Workbench], "CompressedDataset"]
"""Compresses the training set of a workbench by an expression, at the budget of the whole."""
Final = Callable[[Expression, dict[str, Any]], T]
"""Compresses the whole training set by an expression, with facts for the file."""


def settled(expression: Expression, bench: Workbench, make: Make, final: Final[T], **budget: Any) -> T:
    """What comes of the expression that ``fraction=auto`` stands for here.

    A fifth of the training images is held back. Each candidate compresses the others to as many bytes for an image of
    the set as the budget allows, a network is trained on what it made by the proxy recipe, all with the same start and
    number of updates, and judged by the images held back; of equals, the one with more images wins. It is done once for
    all repetitions of a cell. No test image is looked at.

    Args:
        expression: with candidates.
        bench: of the run.
        make: compresses for the trial.
        final: compresses the whole set by a candidate; gets facts for the file's ``meta`` too. What meets the budget in
            the trial may miss it there: then the next best is taken.
        budget: what tells this budget from another.

    Raises:
        Skipped: no candidate meets the budget.
    """
    tried = _tried(expression, bench, make, budget)
    facts = {"held_back": int(_held(bench).sum()), "candidates": tried}
    reason = str(tried[0].get("reason"))
    for one in sorted((t for t in tried if "accuracy" in t), key=lambda t: -t["accuracy"]):
        try:
            told = {"fraction_auto": {"chosen": one["fraction"], **facts}}
            return final(expression.candidates[one["fraction"]], told)
        except Skipped as error:
            reason = one["reason"] = str(error)
    raise Skipped(f"{NAME} finds nothing within the budget, of which a trial has four fifths: {reason}")


def _tried(expression: Expression, bench: Workbench, make: Make, budget: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each candidate the accuracy or the reason why there is none; made once."""
    facts = {"steps": identity.method(bench.setting, expression), "root": bench.root.digest}
    key = bench.store.key(**facts, base_seed=bench.base_seed, **budget)

    def search(folder: Path, inner: Workbench) -> None:
        found = [_try(fraction, candidate, inner, make) for fraction, candidate in expression.candidates.items()]
        (folder / _FOUND).write_text(json.dumps(found))

    entry = bench.once(NAME, key, search, {"method": expression.label}, kind=KIND)
    return json.loads(entry.file(_FOUND).read_text())


def _held(bench: Workbench) -> np.ndarray:
    """(N,) bool: which training images judge."""
    seed = seeds.derive(bench.base_seed, name=NAME)
    return held_back([f"{seed}-{i}" for i in range(len(bench.root))], bench.root.labels, HELD_BACK)


def _try(fraction: str, candidate: Expression, bench: Workbench, make: Make) -> dict[str, Any]:
    """The held-back accuracy of one candidate, or why there is none."""
    held = _held(bench)
    small = replace(bench, root=bench.root.subset(np.flatnonzero(~held)))
    bench.progress(list(SWEEP).index(fraction), len(SWEEP), f"{NAME}: {candidate.label}")
    try:
        made = make(candidate, small)
    except Skipped as reason:
        return {"fraction": fraction, "reason": str(reason)}
    accuracy = _judged(made, bench.root.subset(np.flatnonzero(held)), small)
    return {"fraction": fraction, "accuracy": accuracy, "images": len(made)}


def _judged(made: CompressedDataset, judge: ImageDataset, bench: Workbench) -> float:
    from ccbench.training import evaluate

    protocol = Protocol(name=NAME, version="", summary="", train=bench.recipe, proxy=bench.recipe)
    outcome = evaluate(
        made,
        judge,
        protocol=protocol,
        full=bench.root.shape,
        kept_images=len(bench.root),
        seed=seeds.derive(bench.base_seed, name=NAME, what="training"),
        device=bench.device,
        progress=bench.progress,
        plugins=bench.plugins,
    )
    return outcome.accuracy
