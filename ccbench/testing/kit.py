"""Run the checks: as a report, or one by one under pytest."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ccbench.data import DataSource
from ccbench.testing.report import Failed, NotRun, Outcome, Report

Told = Callable[[Outcome], None]


def check_method(name: str, *, extra: Iterable[Any] = (), timeout: float = 300.0, told: Told | None = None) -> Report:
    """Hold a method, or a pipeline, to the contract of ``compress(task)`` on a small set of images made in memory.

    Args:
        name: a method expression, such as ``"dcq"`` or ``"ccs[fraction=0.5]+dcq"``.
        extra: modules, or their names, registered beside the installed plugins; a module
            must be importable by its name, because one check runs it in a spawned process.
        timeout: seconds for that process.
        told: called with each outcome as soon as it is known.

    Returns:
        One outcome for each check; ``report.ok`` is False when one failed or none ran.

    Raises:
        UserError: the expression cannot be read, or no such method is installed.
    """
    return _report("method", name, _method(name, extra, timeout), told)


def check_dataset(
    name: str, *, source: DataSource | None = None, extra: Iterable[Any] = (), told: Told | None = None
) -> Report:
    """Open a dataset twice into empty caches and look at what comes out.

    Args:
        name: as in ``--dataset``.
        source: where its data come from; default: nowhere, and no download.
        extra: modules, or their names, registered beside the installed plugins.
        told: called with each outcome as soon as it is known.

    Raises:
        UserError: no dataset has that name.
    """
    return _report("dataset", name, _dataset(name, source, extra), told)


def checks(name: str, *, extra: Iterable[Any] = (), timeout: float = 300.0) -> list[Any]:
    """The checks of a method as parameters for ``pytest.mark.parametrize``; each is called without arguments.

    Raises:
        UserError: the expression cannot be read, or no such method is installed; pytest shows it as an error.
    """
    return _params(_method(name, extra, timeout))


def dataset_checks(name: str, *, source: DataSource | None = None, extra: Iterable[Any] = ()) -> list[Any]:
    """The checks of a dataset as parameters for ``pytest.mark.parametrize``.

    Raises:
        UserError: no dataset has that name.
    """
    return _params(_dataset(name, source, extra))


def _method(name: str, extra: Iterable[Any], timeout: float) -> Iterator[tuple[str, Callable[[], str]]]:
    from ccbench.testing.lab import Lab
    from ccbench.testing.methods import METHOD_CHECKS

    return _bound(METHOD_CHECKS, Lab(name, extra=tuple(extra), timeout=timeout))


def _dataset(name: str, source: DataSource | None, extra: Iterable[Any]) -> Iterator[tuple[str, Callable[[], str]]]:
    from ccbench.testing.datasets import DATASET_CHECKS, Shelf

    return _bound(DATASET_CHECKS, Shelf(name, source=source, extra=tuple(extra)))


def _bound(table: dict[str, Callable[[Any], str]], subject: Any) -> Iterator[tuple[str, Callable[[], str]]]:
    return ((name, _guarded(check, subject)) for name, check in table.items())


def _guarded(check: Callable[[Any], str], subject: Any) -> Callable[[], str]:
    from ccbench.errors import Skipped
    from ccbench.testing.methods import said

    def guarded() -> str:
        try:
            return check(subject)
        except (Failed, NotRun):
            raise
        except Skipped as skip:
            raise NotRun(str(skip)) from None
        except (Exception, SystemExit) as error:
            raise Failed(said(error, getattr(subject, "modules", ()))) from error

    return guarded


def _report(kind: str, subject: str, bound: Iterable[tuple[str, Callable[[], str]]], told: Told | None) -> Report:
    report = Report(kind, subject)
    for name, check in bound:
        started = time.perf_counter()
        try:
            status, detail = "ok", check()
        except Failed as failure:
            status, detail = "failed", str(failure)
            raised = "".join(traceback.format_exception(failure.__cause__)) if failure.__cause__ else failure.log
            report.log += f"{name}: {detail}\n{raised}\n" if raised else ""
        except NotRun as reason:
            status, detail = "not run", str(reason)
        outcome = Outcome(name, status, " ".join(detail.split()), round(time.perf_counter() - started, 3))
        report.outcomes.append(outcome)
        if told:
            told(outcome)
    return report


def _params(bound: Iterable[tuple[str, Callable[[], str]]]) -> list[Any]:
    import pytest

    def test(check: Callable[[], str]) -> Callable[[], None]:
        def run() -> None:
            try:
                check()
            except NotRun as reason:
                pytest.skip(str(reason))

        return run

    return [pytest.param(test(check), id=name.replace(" ", "-")) for name, check in bound]
