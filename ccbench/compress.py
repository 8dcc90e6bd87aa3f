"""Run a method expression on a training set and hold it to its budget."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ccbench.archive import CompressedDataset, RawImages
from ccbench.budget import BITS_PER_PIXEL, Budget
from ccbench.data import ImageDataset
from ccbench.expressions import Expression
from ccbench.guard import undisturbed, watch_test_split
from ccbench.task import Task, Workbench


class MethodError(Exception):
    """A method broke its contract; the text says which clause and what was found."""


class Skipped(Exception):  # noqa: N818 - it is an outcome, not an error
    """A method said that this cell makes no sense; the text is its reason."""


def compress(
    expression: Expression,
    budget: Budget,
    bench: Workbench,
    *,
    seed: int = 0,
    watch: tuple[Any, ...] = (),
    warnings: list[str] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> CompressedDataset:
    """Compress a training set by one method or by a pipeline of them.

    Args:
        expression: from :func:`ccbench.expressions.parse`.
        budget: of the whole, as :meth:`ccbench.expressions.Expression.budget` gives it.
        bench: the training set and what is shared.
        seed: index of the repetition; steps that are not random do not see it.
        watch: folders in which opening a test split is a breach of contract.
        warnings: gets one line for each thing that was found disturbed and put back.
        meta: JSON-able facts that the file keeps.

    Returns:
        The compressed dataset; its ids are those of the whole training split.

    Raises:
        MethodError: the result is not a CompressedDataset, is over budget, holds ids or pixels
            that the training split does not have, or the method opened the test split.
        Skipped: a step declined, with its reason.
    """
    root = bench.root
    dataset, ids, result = root, np.arange(len(root.labels)), None
    for step, part in zip(expression.steps, expression.budgets(budget, root.shape), strict=True):
        axes = {"method": step.label, "dataset": root.digest, "kept": str(part.kept)}
        task = Task(bench, dataset, part, ids, axes | ({"seed": seed} if expression.random else {}))
        method = step.spec.load()(**dict(step.params))
        if not callable(getattr(method, "compress", None)):
            raise MethodError(f"{step.name}: {step.spec.target} has no compress(task) method")
        with watch_test_split(*watch) as touched, undisturbed() as changed:
            reason = method.skip(task) if callable(getattr(method, "skip", None)) else None
            if reason:
                raise Skipped(f"{step.name}: {reason}")
            made = method.compress(task)
        if touched:
            raise MethodError(f"{step.name} opened the test split: {touched[0]}")
        if changed and warnings is not None:
            warnings.append(f"{step.name} changed {' and '.join(changed)}; it was put back")
        _check(step.name, made, part, dataset)
        result = made if result is None else made.after(result)
        dataset, ids = (result.to_dataset(root.name), result.ids) if len(expression.steps) > 1 else (dataset, ids)
    assert result is not None
    result.meta.update(meta or {})
    return result


def _check(name: str, made: Any, budget: Budget, given: ImageDataset) -> None:
    """Hold one step to its contract."""
    if not isinstance(made, CompressedDataset):
        raise MethodError(f"{name}: compress(task) must return a CompressedDataset, found {type(made).__name__}")
    n = len(given.labels)
    slack = Fraction(1, 2 * n)  # a budget is rounded to whole images
    kept = made.nominal_kept(given.shape)
    if kept > budget.kept + slack:
        raise MethodError(
            f"{name} is over its budget: it keeps {float(kept):.6g} of the raw bytes, "
            f"{float(budget.kept):.6g} were allowed"
        )
    if tuple(made.classes) != tuple(given.classes):
        raise MethodError(f"{name} changed the classes: {len(made.classes)} instead of {len(given.classes)}")
    real = made.ids[made.ids >= 0]
    if len(real) and real.max() >= n:
        raise MethodError(f"{name} returned id {int(real.max())}; the training split has {n} images")
    if isinstance(made.payload, RawImages) and len(real) == len(made):
        same = all(np.array_equal(made.payload.images[i], given.images[j]) for i, j in enumerate(made.ids))
        if not same or not np.array_equal(made.labels, given.labels[made.ids]):
            raise MethodError(f"{name} returned images or labels that differ from the training split's at the same ids")


def fit_bytes(
    expression: Expression, size: int, bench: Workbench, path: Any, *, attempts: int = 12, **options: Any
) -> tuple[CompressedDataset, int]:
    """Compress so that the *file* has at most ``size`` bytes (``--match bytes``).

    The nominal budget starts at ``size`` and shrinks by what the file was over; where the
    step that is left open takes only palette sizes, it goes down one size at a time.

    Raises:
        Skipped: no budget of this method gives a file that small.
    """
    shape = bench.root.shape
    share = expression.fixed_share(shape).kept
    step = next((s for s in expression.steps if s.budget is None), None)  # what can give way
    sizes = step.spec.bits if step and step.spec.budgets == "bits" else ()
    kept = min(Fraction(size, shape.raw_bytes), share)
    for _ in range(attempts if step else 1):
        if step is None:
            budget = Budget(share)
        elif sizes:
            fitting = [q for q in sizes if share * q / BITS_PER_PIXEL <= kept]
            if not fitting:
                break
            budget = Budget(share * max(fitting) / BITS_PER_PIXEL)
        else:
            budget = Budget(kept)
            if (budget / Budget(share)).images(shape) < shape.classes:
                break
        result = compress(expression, budget, bench, **options)
        written = result.save(path)
        if written <= size:
            return result, written
        path.unlink(missing_ok=True)
        if sizes:
            kept = budget.kept - share / (2 * BITS_PER_PIXEL)
        else:
            kept = max(kept - Fraction(written - size, shape.raw_bytes) - share / shape.images, Fraction(0))
    raise Skipped(f"{expression.label} has no setting whose file is within {size} bytes")
