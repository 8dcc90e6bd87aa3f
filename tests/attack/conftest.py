"""Attacks: many cases of one kind each, counted. ``pytest tests/attack -m slow`` runs the long ones.

``CCBENCH_ATTACK=N`` makes each long one N times as long. What each tried and what it found stands at the end.
"""

import os
from dataclasses import dataclass, field

import pytest

_TOLD = pytest.StashKey[list[str]]()


@dataclass
class Tally:
    """What an attack tried, and what went wrong."""

    name: str
    tried: int = 0
    faults: list[str] = field(default_factory=list)

    def count(self, fault: str = "") -> None:
        """One case; ``fault`` says what was wrong with it."""
        self.tried += 1
        if fault:
            self.faults.append(fault)

    def different(self) -> list[str]:
        """One fault of each kind, by how they end."""
        return list({fault.strip().splitlines()[-1][:40]: fault for fault in self.faults}.values())


@pytest.fixture
def tally(request):
    """Counts cases; fails the test at its end where one of them went wrong."""
    made = Tally(request.node.name)
    yield made
    request.node.user_properties.append(("attack", f"{made.name}: {made.tried:,} tried, {len(made.faults):,} failed"))
    assert made.tried, "nothing was tried"
    assert not made.faults, "\n\n".join(made.different()[:20])


def pytest_terminal_summary(terminalreporter):
    """What each attack tried."""
    told = {
        text: None
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, text in getattr(report, "user_properties", ())
        if name == "attack"
    }
    if told:
        terminalreporter.section("attacks")
        for text in told:
            terminalreporter.write_line(text)


def cases(short: int, long: int):
    """A parameter ``many``: few cases in every run of the suite, or none, and many in the slow one."""
    times = float(os.environ.get("CCBENCH_ATTACK", "1"))
    many = [*[pytest.param(short, id="short")] * bool(short)]
    many.append(pytest.param(max(1, int(long * times)), marks=pytest.mark.slow, id="long"))
    return pytest.mark.parametrize("many", many)


@pytest.fixture
def call(forked, tmp_path):
    """Run a command line with a cache of its own: ``call("list", "methods")`` has ``code`` and ``text``."""
    cache = {"CCBENCH_CACHE": str(tmp_path / "cache")}

    def run(*arguments, folder=tmp_path, seconds=60, variables=(), limits=()):
        given = {**os.environ, **cache, **dict(variables)}
        done = forked(arguments, folder, variables=given, seconds=seconds, limits=limits)
        return {"code": done.code, "text": done.out + done.err}

    return run


def fault_of(done, *arguments, codes=(0, 1, 2)):
    """What is wrong with the end of a command, or ""."""
    shown = f"{' '.join(map(repr, arguments))}\n{done['text'][-1500:]}"
    if done["code"] == -9:
        return f"it hung: {shown}"
    if "Traceback" in done["text"] or done["code"] not in codes:
        return f"exit {done['code']}: {shown}"
    return ""
