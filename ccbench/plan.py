"""From what a user asks for to cells: every combination once, each one that cannot run with its reason."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

from ccbench.budget import Budget, DataShape
from ccbench.cells import Cell
from ccbench.errors import UserError
from ccbench.expressions import Expression, parse
from ccbench.plugins import Plugins
from ccbench.readiness import unready, version_of
from ccbench.teacher_source import TeacherSource
from ccbench.training import load_protocol


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks for; every field is a list where the command line takes one.

    Attributes:
        methods: method expressions; ``"all"`` stands for every method there is.
        budgets: (unit, value) pairs, the unit one of ratio, bits, fraction, ipc, bytes.
        datasets, protocols: names; a protocol may be a recipe file of the user's own, such as ``./recipe.toml``.
        architectures: names; empty means each protocol's own.
        seeds: number of seeds, >= 1.
        base_seed: what every seed is derived from.
        snap: whether budgets move to the palette grid when a method needs it.
        match: ``"nominal"`` or ``"bytes"``.
        teacher: instead of the protocols' own.
    """

    methods: tuple[str, ...]
    budgets: tuple[tuple[str, str], ...] = ()
    datasets: tuple[str, ...] = ("photodigits",)
    architectures: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ("quick",)
    seeds: int = 3
    base_seed: int = 0
    snap: bool = True
    match: str = "nominal"
    teacher: TeacherSource = field(default_factory=TeacherSource)


@dataclass
class Plan:
    """Cells in the order they run, the expressions behind their labels, and what the user should know.

    Attributes:
        problems: why methods cannot run on this machine, each with the command that mends it.
    """

    cells: list[Cell] = field(default_factory=list)
    expressions: dict[str, Expression] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def runnable(self) -> list[Cell]:
        """Cells without a reason to skip."""
        return [c for c in self.cells if not c.skip]


def make_plan(
    request: Request, plugins: Plugins, shape_of: Callable[[str], DataShape], *, device: str | None = None
) -> Plan:
    """Every cell of a request.

    Args:
        request: what was asked for.
        plugins: where names are looked up.
        shape_of: the shape of a dataset's training split, by name.
        device: where methods would compute; None is the best there is.

    Raises:
        UserError: an unknown name, a malformed expression or budget, or a budget that is missing.
    """
    if not request.methods:
        raise UserError("no method was named", mend="for example --methods dcq,ccs")
    if request.seeds < 1:
        raise UserError("at least one seed is needed", found=request.seeds, mend="--seeds 3")
    plan = Plan()
    expressions = list({e.label: e for e in (parse(m, plugins) for m in _every(request.methods, plugins))}.values())
    plan.expressions = {e.label: e for e in expressions}
    protocols = [(spec.name, spec) for spec in {n: plugins.get("protocol", n) for n in request.protocols}.values()]
    recipes = {name: load_protocol(name, plugins) for name, _ in protocols}
    networks = {name: request.architectures or (recipe.architecture,) for name, recipe in recipes.items()}
    versions = {a: plugins.get("architecture", a).version for names in networks.values() for a in names}
    unable = {e.label: reason for e in expressions if (reason := unready(e, device))}
    contents = {e.label: version_of(e) for e in expressions}
    plan.problems = list(dict.fromkeys(unable.values()))
    if request.teacher.architecture:
        plugins.get("architecture", request.teacher.architecture)
    for dataset in dict.fromkeys(request.datasets):
        shape = shape_of(dataset)
        asked = _asked(request, expressions, shape, plan)
        rows: dict[tuple[str, Fraction], tuple[Expression, str]] = {}
        for expression, budget in product(expressions, asked):
            own = expression.budget(budget, shape)
            skip = unable.get(expression.label) or _why_not(expression, own, shape, request.match)
            rows.setdefault((expression.label, own.kept), (expression, skip))
        for (name, spec), seed in product(protocols, range(request.seeds)):
            for architecture in networks[name]:
                for (label, kept), (expression, skip) in rows.items():
                    taught = recipes[name].train.labels == "teacher" or "teacher" in expression.needs
                    plan.cells.append(
                        Cell(
                            dataset,
                            label,
                            contents[label],
                            kept,
                            architecture,
                            name,
                            spec.version,
                            seed,
                            request.base_seed,
                            request.match,
                            skip,
                            versions[architecture],
                            request.teacher.label if taught else "",
                        )
                    )
    return plan


def _every(methods: tuple[str, ...], plugins: Plugins) -> list[str]:
    """The methods that were asked for, ``all`` spelled out, unless a method has that name."""
    there = plugins.all("method")
    return [name for method in methods for name in (there if method == "all" and "all" not in there else [method])]


def _asked(request: Request, expressions: list[Expression], shape: DataShape, plan: Plan) -> list[Budget]:
    """The budgets of a run: the same for every method, on the palette grid where a method needs that."""
    open_ = [e for e in expressions if not e.reference and any(s.budget is None for s in e.steps)]
    budgets = []
    for unit, value in request.budgets:
        build = getattr(Budget, f"from_{unit}")
        budgets.append(build(value, shape) if unit in {"ipc", "bytes"} else build(value))
    if not budgets:
        if open_:
            raise UserError(f"how much may {open_[0].label} keep?", mend="for example --ratio 0.92, which keeps 8 %")
        return [Budget.from_fraction(1)]  # every expression brings its own
    gridded = [e.label for e in open_ if len(e.steps) == 1 and e.steps[0].spec.budgets == "bits"]
    if not (gridded and request.snap and request.match == "nominal"):
        return list(dict.fromkeys(budgets))
    snapped = []
    for budget in budgets:
        near = budget.snap()
        if near != budget:
            note = (
                f"ratio {budget.ratio:.6g} is not on the palette grid of {', '.join(gridded)}: every method gets ratio "
                f"{near.ratio:.5f} (q = {near.palette_bits} bits per pixel); --no-snap keeps the number as given"
            )
            if note not in plan.notes:
                plan.notes.append(note)
        snapped.append(near)
    return list(dict.fromkeys(snapped))


def _why_not(expression: Expression, total: Budget, shape: DataShape, match: str) -> str:
    """Why an expression cannot meet a budget on a dataset, or ""."""
    rest, parts = shape, expression.budgets(total, shape)
    fixed = math.prod((part.kept for part in parts), start=Fraction(1))
    if fixed < total.kept:
        return (
            f"its fixed steps keep {float(fixed):.4g} of the raw bytes, less than the budget of {float(total.kept):.4g}"
        )
    for step, budget in zip(expression.steps, parts, strict=True):
        missing = [m for m in step.spec.imports if importlib.util.find_spec(m.partition(".")[0]) is None]
        if missing:
            return f"{step.name} needs {', '.join(missing)}, which is not installed: pip install {' '.join(missing)}"
        # a file that is held to bytes takes the largest palette that fits, see ccbench.fitting
        free = match == "bytes" and step.budget is None and budget.bits >= min(step.spec.bits)
        if step.spec.budgets == "bits" and budget.palette_bits not in step.spec.bits and not free:
            grid = f"{min(step.spec.bits)} to {max(step.spec.bits)}"
            if budget.bits < min(step.spec.bits):
                return f"{step.name}: {budget.bits:.3g} bits per pixel are less than the smallest palette has"
            return (
                f"{step.name} can only keep q of 24 bits, q = {grid}; this budget is {budget.bits:.4g} bits per pixel"
            )
        if step.spec.budgets == "fraction":
            kept = budget.images(rest)
            if kept < shape.classes:
                return (
                    f"{step.name}: this budget keeps {kept} of {rest.images} images, less than one for each of "
                    f"{shape.classes} classes; the largest ratio is {1 - shape.classes / rest.images:.4g}"
                )
            rest = DataShape(kept, shape.height, shape.width, shape.classes)
    return ""
