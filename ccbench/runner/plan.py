"""From what a user asks for to cells: every combination once, each one that cannot run with its reason."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from itertools import product

from ccbench import seeds
from ccbench.budget import Budget, DataShape
from ccbench.coding import names
from ccbench.data import DataSource
from ccbench.errors import UserError
from ccbench.methods import identity
from ccbench.methods.ready import unready
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import Expression, parse, read_call, without_coding, written
from ccbench.offers.specs import MethodSpec
from ccbench.quantities import amount
from ccbench.records.cells import Cell
from ccbench.training import Protocol, load_protocol

_GROUP = re.compile(r"all-[^\[\]+,\s]+")
MATCHES = ("nominal", "bytes")
ALL = "all"

MOST_SEEDS = 1000


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks for; every field is a list where the command line takes one.

    Attributes:
        methods: method expressions; ``"all"`` stands for every method there is but costly ones, ``"all-NAME"`` for
            those of a group.
        budgets: (unit, value) pairs, the unit one of ratio, bits, fraction, ipc, bytes.
        datasets, protocols: names; a protocol may be a recipe file of the user's own, such as ``./recipe.toml``.
        architectures: names; empty means each protocol's own.
        seeds: number of seeds, 1 to 1,000.
        base_seed: what every seed is derived from.
        snap: whether budgets move to the palette grid when a method needs it.
        match: ``"nominal"`` or ``"bytes"``.
        codings: how files are coded; empty: as small as can be where they are held to bytes, otherwise not at all. A
            method that ends in ``+coded`` is coded as small as can be.
        teacher: instead of the protocols' own.
        precision: number format of every training; None: what each recipe declares.
        threads: of one training on a CPU.
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
    codings: tuple[str, ...] = ()
    teacher: TeacherSource = field(default_factory=TeacherSource)
    precision: str | None = None
    threads: int = 1


@dataclass(frozen=True)
class Data:
    """What a plan knows of a dataset.

    Attributes:
        shape: of the training split.
        digest, test_digest: of what the two splits hold; "" where nobody has looked.
        options: how they are read, where not by default: ``image_size=32,skip_bad=true``.
        entry: of the cache; "" where nobody has looked.
    """

    shape: DataShape
    digest: str = ""
    test_digest: str = ""
    options: str = ""
    entry: str = ""


def option_text(source: DataSource) -> str:
    """How a source reads a dataset, where not by default: ``image_size=32,skip_bad=true``."""
    return ",".join(f"{name}={written(value)}" for name, value in source.options().items())


@dataclass
class Plan:
    """Cells in the order they run, the expressions behind their labels, and what the user should know.

    Attributes:
        data: what is known of each dataset.
        problems: why methods cannot run on this machine, each with the command that mends it.
    """

    cells: list[Cell] = field(default_factory=list)
    expressions: dict[str, Expression] = field(default_factory=dict)
    data: dict[str, Data] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def runnable(self) -> list[Cell]:
        """Cells without a reason to skip."""
        return [c for c in self.cells if not c.skip]


def joined(plans: Sequence[Plan]) -> Plan:
    """Several plans as one: each cell once, notes and problems once."""
    whole = Plan()
    cells = {cell: None for plan in plans for cell in plan.cells}
    whole.cells = list(cells)
    for plan in plans:
        whole.expressions |= plan.expressions
        whole.data |= plan.data
        whole.notes += [note for note in plan.notes if note not in whole.notes]
        whole.problems += [problem for problem in plan.problems if problem not in whole.problems]
    return whole


def make_plan(request: Request, plugins: Plugins, data_of: Callable[[str], Data], *, device: str | None = None) -> Plan:
    """Every cell of a request.

    Args:
        request: what was asked for.
        plugins: where names are looked up.
        data_of: what is known of a dataset, by name.
        device: where methods would compute; None is the best there is.

    Raises:
        UserError: an unknown name, a malformed expression or budget, or a budget that is missing.
    """
    if not request.methods:
        raise UserError("no method was named", mend="for example --methods dcq,ccs")
    if request.match not in MATCHES:
        raise UserError(f"match is one of {', '.join(MATCHES)}", found=repr(request.match))
    if not 1 <= request.seeds <= MOST_SEEDS:
        raise UserError(f"seeds are 1 to {MOST_SEEDS}", found=request.seeds, mend="--seeds 3")
    if abs(request.base_seed) > seeds.LARGEST:
        raise UserError(f"the base seed is at most {seeds.LARGEST:,} from 0", found=request.base_seed)
    for unit, value in request.budgets:
        amount(unit, value)  # what is no number is said before a dataset is read
    plan = Plan()
    wanted = [(parse(method, plugins), coding) for method, coding in _coded(request, plugins)]
    plan.expressions = {e.label: e for e, _ in wanted}
    plan.notes += _left_out(request, {step.spec.name for e, _ in wanted for step in e.steps}, plugins)
    expressions = list(plan.expressions.values())
    codings = dict.fromkeys((e.label, coding) for e, coding in wanted)
    recipes = {p.name: p for p in (load_protocol(n, plugins).at(request.precision) for n in request.protocols)}
    unable = {e.label: reason for e in expressions if (reason := unready(e, device))}
    plan.problems = list(dict.fromkeys(unable.values()))
    networks = dict.fromkeys(identity.network(name, plugins)["architecture"] for name in request.architectures)
    if request.teacher.architecture:
        read_call("architecture", request.teacher.architecture, plugins)
    conditions = [Conditions(recipe, request, plugins) for recipe in recipes.values()]
    for dataset in dict.fromkeys(canonical(name, plugins) for name in request.datasets):
        data = plan.data[dataset] = data_of(dataset)
        rows: dict[tuple[str, str, Fraction], str] = {}
        for (label, coding), asked in product(codings, _asked(request, expressions, data.shape, plan)):
            expression = plan.expressions[label]
            own = expression.budget(asked, data.shape)
            skip = unable.get(label) or _why_not(expression, own, data.shape, request.match, coding)
            rows.setdefault((label, coding, own.kept), skip)
        for under in conditions:
            by_network = {
                network: [
                    under.cell(dataset, data, plan.expressions[label], kept, network, coding=coding, skip=skip)
                    for (label, coding, kept), skip in rows.items()
                ]
                for network in networks or (under.recipe.architecture,)
            }
            for seed in range(request.seeds):
                plan.cells += [replace(cell, seed=seed) for cells in by_network.values() for cell in cells]
    return plan


def canonical(dataset: str, plugins: Plugins) -> str:
    """A dataset's own name, parameters at their defaults left out."""
    named = "[" in dataset or plugins.alias("dataset", dataset)
    return read_call("dataset", dataset, plugins).label if named else dataset


class Conditions:
    """One protocol of a request, and what results under it depend on.

    Args:
        recipe: the protocol, in the number format of the request.
        request: its base seed, match, teacher and threads count.
        plugins: where names are looked up.
    """

    def __init__(self, recipe: Protocol, request: Request, plugins: Plugins) -> None:
        self.recipe, self.request, self.plugins = recipe, request, plugins
        self.setting = identity.Setting.of(recipe, plugins, request.teacher, request.threads)
        tutor = identity.network(self.setting.recipe("teacher").architecture, plugins)["architecture"]
        own = identity.network(recipe.teacher.architecture, plugins)["architecture"]
        self._given = bool(request.teacher.digest) or tutor != own
        self._tutor = f"{tutor}@{request.teacher.digest[:12]}" if request.teacher.digest else tutor
        self._methods: dict[str, tuple[list[identity.Facts], str, str]] = {}
        # the same for every method and budget
        self._network = cache(lambda architecture: identity.network(architecture, plugins))
        self._trained = cache(self._training)

    def cell(
        self,
        dataset: str,
        data: Data,
        expression: Expression,
        kept: Fraction,
        architecture: str,
        *,
        coding: str = "none",
        skip: str = "",
    ) -> Cell:
        """The cell of the first seed.

        Args:
            dataset: as the user names it.
            data: what is known of it.
            expression: the method.
            kept: its budget, a fraction of the raw bytes.
            architecture: the network.
            coding: of the file.
            skip: why it cannot run, or "".
        """
        depends, version, fault = self._method(expression)
        request, network = self.request, self._network(architecture)
        taught = self.recipe.train.labels == "teacher"
        needed = not fault and any("teacher" in identity.roles(s.spec, self.plugins) for s in expression.every)
        return Cell(
            dataset=dataset,
            dataset_digest=data.digest,
            test_digest=data.test_digest,
            options=data.options,
            method=expression.label,
            method_version=version,
            kept=kept,
            match=request.match,
            coding=coding,
            made=identity.digest(
                data=data.digest,
                steps=depends,
                kept=str(kept),
                match=request.match,
                base_seed=request.base_seed,
                **({} if coding == "none" else names.versions(coding)),
            ),
            architecture=network["architecture"],
            architecture_version=network["version"],
            protocol=self.recipe.name,
            protocol_version=self.recipe.version,
            precision=self.recipe.train.precision,
            threads=request.threads,
            trained=self._trained(data, architecture),
            base_seed=request.base_seed,
            teacher=self._tutor if taught or (needed and self._given) else "",
            skip=skip or fault,
        )

    def _training(self, data: Data, architecture: str) -> str:
        """The digest of everything that a training depends on beside the file and the seed."""
        network, taught = self._network(architecture), self.recipe.train.labels == "teacher"
        return identity.digest(
            data=[data.digest, data.test_digest],
            recipe=self.recipe.train.using(network["architecture"]).axes(),
            network=network,
            teacher=identity.trained(self.setting, "teacher") if taught else None,
            threads=self.request.threads,
            base_seed=self.request.base_seed,
        )

    def _method(self, expression: Expression) -> tuple[list[identity.Facts], str, str]:
        """What an expression depends on, its version, and what is wrong with its declaration."""
        if expression.label not in self._methods:
            try:
                facts = identity.method(self.setting, expression)
                answer = facts, "+".join(step["version"] for step in facts), ""
            except UserError as error:  # a plugin's fault must not stop the other methods
                declared = "+".join(step.spec.version for step in expression.steps)
                answer = [], declared, f"{expression.label}: {error.what}"
            self._methods[expression.label] = answer
        return self._methods[expression.label]


def _coded(request: Request, plugins: Plugins) -> list[tuple[str, str]]:
    """(method, coding) of every combination."""
    usual = request.codings or (("best",) if request.match == "bytes" else ("none",))
    for coding in usual:
        names.check(coding)
    pairs = []
    for method in every_method(request.methods, plugins):
        plain, coded = without_coding(method)
        pairs += [(plain, coding) for coding in (("best",) if coded else usual)]
    return pairs


def every_method(methods: tuple[str, ...], plugins: Plugins) -> list[str]:
    """The methods that were asked for, ``all`` and ``all-GROUP`` spelled out, unless a method has that name."""
    return [name for method in methods for name in _spelled(method, plugins)]


def _spelled(method: str, plugins: Plugins) -> tuple[str, ...]:
    if method in plugins.names("method"):
        return (method,)
    if method == ALL:
        return tuple(name for name, spec in _methods(plugins) if not spec.costly)
    return plugins.get("group", method.removeprefix("all-")).methods if _GROUP.fullmatch(method) else (method,)


def _methods(plugins: Plugins) -> list[tuple[str, MethodSpec]]:
    """Every method by its name; a family is none by itself."""
    return [(name, plugins.get("method", name)) for name in plugins.all("method") if not name.endswith(":")]


def _left_out(request: Request, wanted: set[str], plugins: Plugins) -> list[str]:
    """A line on the methods that ``all`` leaves out, unless they were asked for otherwise."""
    if ALL not in request.methods or ALL in plugins.names("method"):
        return []
    names = [name for name, spec in _methods(plugins) if spec.costly and name not in wanted]
    groups = [g for g in plugins.all("group") if set(names) & set(plugins.get("group", g).methods)]
    how = " or ".join(["by name", *(f"with all-{group}" for group in groups)])
    return (
        [f"all leaves out {', '.join(names)}, which take many hours at their defaults: ask for them {how}"]
        if names
        else []
    )


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


def _why_not(expression: Expression, total: Budget, shape: DataShape, match: str, coding: str) -> str:
    """Why an expression cannot meet a budget on a dataset, or ""."""
    if candidates := list(expression.candidates.values()):
        reasons = [_why_not(candidate, total, shape, match, coding) for candidate in candidates]
        return "" if "" in reasons else reasons[0]
    rest, parts = shape, expression.budgets(total, shape)
    fixed = math.prod((part.kept for part in parts), start=Fraction(1))
    if fixed < total.kept:
        return (
            f"its fixed steps keep {float(fixed):.4g} of the raw bytes, less than the budget of {float(total.kept):.4g}"
        )
    for step, budget in zip(expression.steps, parts, strict=True):
        wanted = [module for one in step.every for module in one.spec.imports]
        missing = [m for m in wanted if importlib.util.find_spec(m.partition(".")[0]) is None]
        if missing:
            return f"{step.name} needs {', '.join(missing)}, which is not installed: pip install {' '.join(missing)}"
        # a file that is held to bytes takes the largest palette that fits, see ccbench.methods.match_bytes
        smaller = coding != "none"  # then a file may have fewer bits for each pixel than its palette
        free = match == "bytes" and step.budget is None and (smaller or budget.bits >= min(step.spec.bits))
        if step.spec.budgets == "bits" and budget.whole_bits not in step.spec.bits and not free:
            whole = len(step.spec.bits) == max(step.spec.bits) - min(step.spec.bits) + 1
            grid = f"{min(step.spec.bits)} to {max(step.spec.bits)}" if whole else ", ".join(map(str, step.spec.bits))
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
