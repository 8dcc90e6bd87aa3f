"""What a plan says where a class keeps so few images that an accuracy depends on which ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from ccbench.budget import Budget, DataShape
from ccbench.offers.expressions import Expression
from ccbench.records.cells import Cell

FEW = 10  # images of a class


def few_notes(
    cells: Iterable[Cell], expressions: Mapping[str, Expression], shapes: Mapping[str, DataShape]
) -> Iterator[str]:
    """One line for each dataset and budget at which methods keep fewer than :data:`FEW` images of a class.

    Args:
        cells: of a plan; skipped ones say nothing.
        expressions: by the cells' method labels.
        shapes: of the training splits, by the cells' datasets.
    """
    kept_few: dict[tuple[str, Fraction, int], list[str]] = {}
    for cell in cells:
        shape = shapes[cell.dataset]
        images = 0 if cell.skip else kept_images(expressions[cell.method], Budget(cell.kept), shape)
        if 0 < images < FEW * shape.classes:
            methods = kept_few.setdefault((cell.dataset, cell.kept, images), [])
            methods += [cell.method] * (cell.method not in methods)
    for (dataset, kept, images), methods in kept_few.items():
        each = images / shapes[dataset].classes
        kept_by = f"{images:,} images, {each:.3g} of a class on average, are kept by {', '.join(methods)}"
        yield (
            f"{dataset} at ratio {float(1 - kept):.5g}: {kept_by}; with fewer than {FEW} the accuracy hangs on which "
            "ones: look at its spread over seeds"
        )


def kept_images(expression: Expression, budget: Budget, shape: DataShape) -> int:
    """How many images an expression keeps at a budget: all of them, unless a step keeps fewer."""
    rest = shape
    for step, part in zip(expression.steps, expression.budgets(budget, shape), strict=True):
        if step.spec.budgets == "fraction":
            rest = DataShape(part.images(rest), shape.height, shape.width, shape.classes)
    return rest.images
