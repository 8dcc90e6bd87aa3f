"""Run a method expression on a training set and hold it to its budget."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ccbench.archive import CompressedDataset, RawImages
from ccbench.budget import Budget
from ccbench.data import ImageDataset
from ccbench.data.images import labels_digest
from ccbench.errors import MethodError, Skipped
from ccbench.methods import sweep
from ccbench.methods.guard import undisturbed, watch_test_split
from ccbench.methods.task import Room, Task, Workbench
from ccbench.offers.expressions import Expression, Step


def compress(
    expression: Expression,
    budget: Budget,
    bench: Workbench,
    *,
    seed: int = 0,
    watch: tuple[str | os.PathLike[str] | None, ...] = (),
    warnings: list[str] | None = None,
    meta: Mapping[str, Any] | None = None,
    strict: bool = True,
    room: Room | None = None,
) -> CompressedDataset:
    """Compress a training set by one method or by a pipeline of them.

    Args:
        expression: from :func:`ccbench.offers.expressions.parse`.
        budget: of the whole, as :meth:`ccbench.offers.expressions.Expression.budget` gives it.
        bench: the training set and what is shared.
        seed: index of the repetition; steps that are not random do not see it.
        watch: folders in which opening a test split is a breach of contract.
        warnings: gets one line for each thing that was found disturbed and put back, and what a method notes in its
            result's ``meta["notes"]``.
        meta: JSON-able facts that the file keeps.
        strict: whether what a method returns is held to its contract; the conformance kit does that itself.
        room: of the file; the steps of a pipeline do not see it.

    Returns:
        The compressed dataset; its ids are those of the whole training split.

    Raises:
        MethodError: the result is not a CompressedDataset, is over budget, holds ids or pixels
            that the training split does not have, or the method opened the test split.
        Skipped: a step declined, with its reason.
    """
    if expression.candidates:
        own: dict[str, Any] = {"watch": watch, "strict": strict}
        more = meta or {}
        return sweep.settled(
            expression,
            bench,
            lambda candidate, small: compress(candidate, budget, small, **own),
            lambda candidate, told: compress(
                candidate, budget, bench, seed=seed, warnings=warnings, meta={**more, **told}, **own
            ),
            kept=str(budget.kept),
        )
    root = bench.root
    dataset, ids, result, scores = root, np.arange(len(root.labels)), None, dict[str, np.ndarray]()
    for step, part in zip(expression.steps, expression.budgets(budget, root.shape), strict=True):
        asker = step.spec, dict(step.params)
        alone = len(expression.steps) == 1
        task = Task(bench, dataset, part, ids, axes(expression, step, root, part, seed), asker, room if alone else None)
        method = step.build()
        with watch_test_split(*watch) as touched, undisturbed() as changed:
            made = made_by(step, method, task)
        if touched:
            raise MethodError(f"{step.name} opened the test split: {touched[0]}")
        if changed and warnings is not None:
            warnings.append(f"{step.name} changed {' and '.join(changed)}; it was put back")
        if warnings is not None:
            warnings += [note for note in notes_of(made) if note not in warnings]  # of several attempts once
        if strict:
            check(step.name, made, part, dataset)
        scores |= _of_all(made.scores, ids, len(root.labels))
        result = made if result is None else made.after(result)
        dataset, ids = (result.to_dataset(root.name), result.ids) if len(expression.steps) > 1 else (dataset, ids)
    assert result is not None
    if strict and len(expression.steps) > 1:
        check(expression.label, result, budget, root, steps=len(expression.steps))
    result.scores = scores
    notes = [*notes_of(result), *(meta or {}).get("notes", [])]
    result.meta.update(
        {**(meta or {}), **({"notes": notes} if notes else {})},
        content=result.content_digest(),
        **({"scores": list(scores)} if scores else {}),
    )
    return result


def made_by(step: Step, method: Any, task: Task) -> CompressedDataset:
    """What the method of a step, built, makes of a task.

    Raises:
        MethodError: it has no ``compress``, changes labels or gives something else.
        Skipped: it declines, with its reason.
    """
    if not callable(getattr(method, "compress", None)):
        raise MethodError(f"{step.name}: {step.spec.target} has no compress(task) method")
    handed = labels_digest(task.dataset.labels)
    reason = method.skip(task) if callable(getattr(method, "skip", None)) else None
    if reason:
        raise Skipped(f"{step.name}: {reason}")
    made = method.compress(task)
    if labels_digest(task.dataset.labels) != handed:
        raise MethodError(f"{step.name} changed the labels that it was handed")
    if not isinstance(made, CompressedDataset):
        found = type(made).__name__
        raise MethodError(f"{step.name}: compress(task) must return a CompressedDataset, found {found}")
    return made


def notes_of(made: CompressedDataset) -> list[str]:
    """What a method says of its result: lines that its file keeps, and that users are told."""
    notes = made.meta.get("notes", [])
    return [str(note) for note in notes] if isinstance(notes, list) else []


def prepare(expression: Expression, budget: Budget, bench: Workbench, *, part: int, parts: int, seed: int = 0) -> None:
    """Do one share of a compression; its results stay in the store, where :func:`compress` finds them.

    Args:
        expression: a single method whose spec says ``prepare``.
        budget, bench, seed: as for :func:`compress`.
        part: 0 .. parts-1.
    """
    (step,) = expression.steps
    (own,) = expression.budgets(budget, bench.root.shape)
    seeds, asker = axes(expression, step, bench.root, own, seed), (step.spec, dict(step.params))
    task = Task(bench, bench.root, own, np.arange(len(bench.root.labels)), seeds, asker)
    method = step.build()
    if not (callable(getattr(method, "skip", None)) and method.skip(task)):
        method.prepare(task, part, parts)


def _of_all(scores: Mapping[str, np.ndarray], ids: np.ndarray, n: int) -> dict[str, np.ndarray]:
    """Scores of a step's images as scores of all n of the training split, NaN where it did not see one."""
    spread, real = {name: np.full(n, np.nan, np.float32) for name in scores}, ids >= 0
    for name, values in scores.items():
        spread[name][ids[real]] = values[real]
    return spread


def axes(expression: Expression, step: Step, root: ImageDataset, part: Budget, seed: int) -> dict[str, Any]:
    """What a step's seeds depend on beside the base seed.

    Args:
        expression: of the step.
        step: its label counts.
        root: the whole training split.
        part: the step's budget.
        seed: index of the repetition, which counts where the expression is random.
    """
    own = {"method": step.label, "dataset": root.digest, "kept": str(part.kept)}
    return own | ({"seed": seed} if expression.random else {})


def check(name: str, made: CompressedDataset, budget: Budget | None, root: ImageDataset, *, steps: int = 1) -> None:
    """Hold what a method or a pipeline made of a training split to its contract.

    A step that makes images cheaper loses that where a later one stores them anew.

    Args:
        name: of the method or the pipeline.
        made: the compressed set.
        budget: what it may keep by the papers' formula; None: it is held to bytes instead.
        root: the training split that it was given.
        steps: of the pipeline.

    Raises:
        MethodError: it is over the budget, or holds classes, ids or pixels that the training split does not have.
    """
    slack = Fraction(steps, 2 * len(root.labels))  # each step is rounded to whole images
    kept = made.nominal_kept(root.shape)
    if budget is not None and kept > budget.kept + slack:
        last = "; a step that stores images in fewer bits comes last" if steps > 1 else ""
        raise MethodError(
            f"{name} is over its budget: it keeps {float(kept):.6g} of the raw bytes, "
            f"{float(budget.kept):.6g} were allowed{last}"
        )
    n = len(root.labels)
    if tuple(made.classes) != tuple(root.classes):
        raise MethodError(f"{name} changed the classes: {len(made.classes)} instead of {len(root.classes)}")
    real = made.ids[made.ids >= 0]
    if len(real) and real.max() >= n:
        raise MethodError(f"{name} returned id {int(real.max())}; the training split has {n} images")
    if isinstance(made.payload, RawImages) and len(real) == len(made):
        same = all(np.array_equal(made.payload.images[i], root.images[j]) for i, j in enumerate(made.ids))
        if not same or not np.array_equal(made.labels, root.labels[made.ids]):
            raise MethodError(f"{name} returned images or labels that differ from the training split's at the same ids")
