"""What the checks of a method look at: its results on the kit's images, each made when first asked for."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
import traceback
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from ccbench.archive import CompressedDataset
from ccbench.budget import Budget, DataShape
from ccbench.data import DataSource, Splits, open_dataset
from ccbench.errors import MethodError, Skipped
from ccbench.executors import HEAVY, Finished, WorkItem
from ccbench.executors.local import LocalExecutor
from ccbench.methods.compress import compress
from ccbench.methods.guard import watch_test_split
from ccbench.methods.task import Workbench
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import Expression, parse
from ccbench.offers.faults import said
from ccbench.store import Store
from ccbench.testing import offers
from ccbench.testing.report import NotRun


@dataclass(frozen=True)
class Made:
    """One compression.

    Attributes:
        result: as the method returned it, ids mapped to the training set.
        file: the bytes of its file.
        warnings: what it had disturbed.
        touched: test files that it opened.
    """

    result: CompressedDataset
    file: bytes
    warnings: tuple[str, ...]
    touched: tuple[str, ...]


class Lab:
    """The kit's images, a store and a folder of their own, and one method expression.

    Args:
        name: a method or an expression.
        extra: modules, or their names, registered beside the installed plugins.
        timeout: seconds after which the method's run in a process of its own is killed.
        folder: where to work; default: a temporary folder, removed when this process ends.

    Raises:
        UserError: the expression cannot be read or names an unknown method.
    """

    def __init__(
        self, name: str, *, extra: tuple[Any, ...] = (), timeout: float = 300.0, folder: Path | None = None
    ) -> None:
        self.modules = [m if isinstance(m, str) else m.__name__ for m in extra]
        self.plugins = Plugins(extra=(*extra, offers.__name__))
        self.expression = parse(name, self.plugins)
        self.levels = levels(self.expression, offers.SHAPE)
        self.timeout = timeout
        self._folder = folder
        self._made: dict[Any, Made | Exception] = {}

    @cached_property
    def folder(self) -> Path:
        """Images, stages and files lie here, and nothing does elsewhere."""
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            return self._folder
        folder = Path(tempfile.mkdtemp(prefix="ccbench-kit-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder

    @cached_property
    def splits(self) -> Splits:
        """The kit's images, opened as any dataset is; the test split lies in :attr:`folder` too."""
        return open_dataset(offers.DATASET, plugins=self.plugins, source=DataSource(), cache=self.folder)

    def bench(self, store: str = "") -> Workbench:
        """A workbench over this lab's store, or over another one in a folder of that name."""
        from ccbench.training import load_protocol

        recipe = load_protocol(offers.PROTOCOL, self.plugins).proxy
        return Workbench(self.splits.train, Store(self.folder / store), self.plugins, recipe)

    @property
    def first(self) -> int:
        """The first of :attr:`levels` at which the method gives a result, as its own process found.

        Raises:
            NotRun: it ended badly there.
        """
        if self.apart.status != "ok":
            raise NotRun("the method did not finish in a process of its own")
        return self.apart.value["level"]

    def make(
        self, level: int | None = None, *, seed: int = 0, again: int = 0, expression: Expression | None = None
    ) -> Made:
        """A compression at one of :attr:`levels`, or at :attr:`first`; ``again`` asks for one more, all else equal.

        Raises:
            Exception: whatever the method raises.
        """
        first = self.first  # asked in any case: nothing runs here that did not come back there
        expression = expression or self.expression
        level = first if level is None else level
        key = expression.label, expression.random, level, seed, again
        if key not in self._made:
            try:
                self._made[key] = self.compress(expression, self.levels[level][1], seed)
            except Exception as error:
                self._made[key] = error
        made = self._made[key]
        if isinstance(made, Exception):
            raise made
        return made

    def compress(self, expression: Expression, budget: Budget, seed: int = 0) -> Made:
        """One compression, watched."""
        warnings: list[str] = []
        bench = self.bench()
        with watch_test_split(self.folder) as touched:
            result = compress(expression, budget, bench, seed=seed, warnings=warnings, strict=False)
        path = self.folder / "made.ccb"
        CompressedDataset.save(result, path)  # as a run does, whatever class the method gave back
        return Made(result, path.read_bytes(), tuple(warnings), tuple(touched))

    def all_levels(self) -> list[tuple[str, Budget, Made]]:
        """Every level at which the method gives a result; the check of budgets tells of the others.

        Raises:
            NotRun: there is none.
        """
        found = []
        for level in range(self.first, len(self.levels)):
            with suppress(Exception):
                found.append((*self.levels[level], self.make(level)))
        if not found:
            raise NotRun("the method gives no result")
        return found

    @cached_property
    def apart(self) -> Finished:
        """What became of the method in a spawned process with an empty store.

        Its value is what :func:`make_apart` returns; ``folder/apart.ccb`` is its file.
        """
        payload = {
            "method": self.expression.label,
            "modules": self.modules,
            "folder": str(self.folder),
            "path": sys.path,
        }
        executor = _executor()
        executor.submit(WorkItem("kit", "ccbench.testing.lab:make_apart", payload, self.timeout, warm=HEAVY))
        while not (ended := executor.wait(1.0)):
            pass
        return ended[0]


@cache
def _executor() -> LocalExecutor:
    """One spawned process for all subjects of this process; it is replaced whenever a method takes it along."""
    executor = LocalExecutor(jobs=1)
    atexit.register(executor.close, cancel=True)
    return executor


def levels(expression: Expression, shape: DataShape) -> list[tuple[str, Budget]]:
    """Budgets to try an expression at, each with a title; the first is used where one is enough.

    What the expression fixes itself stays fixed; the step that leaves its budget open is
    moved over fractions, over palette sizes, or over both, as its spec says.
    """
    if expression.reference:
        return [("everything", Budget.from_fraction(1))]
    whole = Budget.from_fraction(1)
    opened = None
    for step in expression.steps:
        fixed = step.fixed(shape)
        if fixed is None:
            opened = step.spec
        else:
            whole = whole * fixed
    if opened is None:
        return [(f"its own, {whole.fraction:.4g} kept", whole)]
    found = []
    if opened.budgets in {"fraction", "any"}:
        for part in (Fraction(1, 4), Fraction(1, 2), Fraction(1, 12), Fraction(shape.classes, shape.images)):
            budget = whole * Budget(part)
            if budget.images(shape) >= shape.classes:
                found.append((f"{part} kept", budget))
    if opened.budgets in {"bits", "any"}:
        sizes = sorted(opened.bits)
        wanted = [q for q in (2, 1, 8) if q in sizes] or sizes[:3]
        found += [(f"{q} bit{'s' * (q > 1)}", whole * Budget.from_bits(q)) for q in wanted]
    return found or [("everything it leaves", whole)]


def make_apart(*, method: str, modules: list[str], folder: str, path: list[str]) -> dict[str, Any]:
    """Compress the kit's images in another process; writes ``folder/apart.ccb``.

    Args:
        method: label of the expression.
        modules: names of the extra plugins.
        folder: where to write.
        path: where modules are found.

    Returns:
        ``level``, the number of the first level at which the method gives a result; ``faults``, what it raised at
        levels before, each in one line; ``log``, their tracebacks.

    Raises:
        Skipped: it declines all of them.
        MethodError: it gives no result at any.
    """
    sys.path[:] = path
    lab = Lab(method, extra=tuple(modules), folder=Path(folder) / "apart")
    reasons: dict[str, str] = {}
    faults: dict[str, Exception] = {}
    for level, (title, budget) in enumerate(lab.levels):
        try:
            compress(lab.expression, budget, lab.bench(), strict=False).save(Path(folder) / "apart.ccb")
        except Skipped as skip:
            reasons[title] = str(skip)
        except Exception as error:
            faults[title] = error
        else:
            told = [f"at {title}: {said(fault, modules)}" for title, fault in faults.items()]
            log = "".join(line for fault in faults.values() for line in traceback.format_exception(fault))
            return {"level": level, "faults": told, "log": log}
    for fault in faults.values():
        raise MethodError(said(fault, modules)) from fault
    raise Skipped("; ".join(f"{title}: {reason}" for title, reason in reasons.items()))
