"""One piece of work in a process of its own: it imports the plugins that it names, and what it raises comes back."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from ccbench.errors import MethodError, Skipped, UserError
from ccbench.executors import Finished
from ccbench.executors.local import LocalExecutor
from ccbench.runner.work import Heard, Work, do, progress_of, unheard


class Ended(Exception):  # noqa: N818 - how it went is for whoever asked to judge
    """The work ended by something that is no fault of its input.

    Attributes:
        status: as of :class:`ccbench.executors.Finished`.
        log: a traceback, or what was printed.
    """

    def __init__(self, finished: Finished, log: str) -> None:
        super().__init__(finished.reason)
        self.status, self.log = finished.status, log


def alone(work: Work, heard: Heard | None = None) -> Any:
    """Do it, and give what it gives, as plain data.

    Args:
        work: its log is not used.
        heard: hears of the progress.

    Raises:
        UserError, MethodError, Skipped: raised by the work.
        MemoryError: there was too little.
        Ended: everything else.
    """
    executor = LocalExecutor(jobs=1, threads=work.context.threads)
    try:
        with tempfile.TemporaryDirectory(prefix="ccbench-") as folder:
            log = Path(folder, "work")
            item = replace(work, log=log).item("work")
            executor.submit(replace(item, function=f"{__name__}:told", warm=work.warm))
            while not (ended := executor.wait(0.25)):
                if so_far := progress_of(log):
                    (heard or unheard)(*so_far)
            (finished,) = ended
            printed = log.with_suffix(".log")
            text = finished.log or (printed.read_text(errors="replace") if printed.exists() else "")
    finally:
        executor.close(cancel=True)
    if finished.status == "oom":
        raise MemoryError(finished.reason)
    if finished.status != "ok":
        raise Ended(finished, text)
    given = finished.value
    if "fault" in given:
        kind, *what = given["fault"]
        raise _raised(kind, *what)
    return given["value"]


def told(**payload: Any) -> dict[str, Any]:
    """What the process does: the work; a fault that its user or a method's author can mend goes back whole."""
    try:
        return {"value": do(**payload)}
    except UserError as error:
        return {"fault": ["user", error.what, error.found, error.mend]}
    except (MethodError, Skipped) as error:
        return {"fault": [type(error).__name__, str(error), None, None]}


def _raised(kind: str, what: str, found: str | None, mend: str | None) -> Exception:
    if kind == "user":
        return UserError(what, found=found, mend=mend)
    return MethodError(what) if kind == "MethodError" else Skipped(what)
