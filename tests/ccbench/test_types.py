"""Contracts have types: what a method or a stage is handed is never Any, and mypy reads the tests too."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(p for folder in ("ccbench", "cc_plugins") for p in (ROOT / folder).rglob("*.py"))
HANDED = re.compile(r"\b(task|context|bench|plugins|entry|executor|recipe|expression|protocol)\s*:\s*Any\b")


def test_the_pattern_sees_what_it_looks_for():
    assert HANDED.search("def run(context: Any, proxy=None):")
    assert not HANDED.search("def run(context: StageContext, more: Any):")


def test_what_is_handed_over_has_a_type():
    found = {str(path.relative_to(ROOT)): HANDED.findall(path.read_text(encoding="utf-8")) for path in FILES}
    assert {path: names for path, names in found.items() if names} == {}


def test_mypy_checks_the_tests():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert {"ccbench", "cc_plugins", "tests"} <= set(settings["files"])
