"""What came out of the checks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


class Failed(AssertionError):  # noqa: N818 - read as a sentence: the check failed
    """A check found a breach of the contract; the text says what and where. pytest shows it as a failed test.

    Args:
        text: one line.
        log: a traceback from another process.
    """

    def __init__(self, text: str, log: str = "") -> None:
        super().__init__(text)
        self.log = log


class NotRun(Exception):  # noqa: N818 - it is an outcome, not an error
    """A check had nothing to look at, because an earlier one failed or it does not apply; the text says why."""


@dataclass(frozen=True)
class Outcome:
    """One check's outcome.

    Attributes:
        name: of the check.
        status: ``ok``, ``failed`` or ``not run``.
        detail: what was found or measured, one line.
        seconds: wall clock.
    """

    name: str
    status: str
    detail: str
    seconds: float


@dataclass
class Report:
    """All outcomes for one subject.

    Attributes:
        kind: ``"method"`` or ``"dataset"``.
        subject: the name or expression that was checked.
        outcomes: in the order they ran.
        log: tracebacks of what the subject raised.
    """

    kind: str
    subject: str
    outcomes: list[Outcome] = field(default_factory=list)
    log: str = ""

    @property
    def ran(self) -> int:
        """How many checks came to a verdict."""
        return sum(o.status != "not run" for o in self.outcomes)

    @property
    def failures(self) -> list[Outcome]:
        """The checks that failed."""
        return [o for o in self.outcomes if o.status == "failed"]

    @property
    def ok(self) -> bool:
        """Whether nothing failed, and something ran at all."""
        return self.ran > 0 and not self.failures

    def as_data(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "ok": self.ok,
            "ran": self.ran,
            "failed": len(self.failures),
            "outcomes": [asdict(o) for o in self.outcomes],
        }

    def as_json(self) -> str:
        """:meth:`as_data` as text."""
        return json.dumps(self.as_data(), indent=1)

    def __str__(self) -> str:
        """One line per check, and a last one that says how many ran."""
        width = max((len(o.name) for o in self.outcomes), default=0)
        lines = [f"{o.status:7}  {o.name:{width}}  {o.detail}".rstrip() for o in self.outcomes]
        silent = len(self.outcomes) - self.ran
        last = f"{self.kind} {self.subject}: {self.ran} checks ran, {len(self.failures)} failed"
        if silent:
            last += f", {silent} did not run"
        if not self.ran:
            last += "; a kit that ran no check has proved nothing, so this is a failure"
        return "\n".join([*lines, last])
