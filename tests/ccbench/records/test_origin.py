"""What records say of how they came about."""

import sys

import pytest

from ccbench.machine import processor
from ccbench.records import origin


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/usr/bin/ccbench", "run", "-m", "ccs[fraction=0.1]+dcq"], "ccbench run -m 'ccs[fraction=0.1]+dcq'"),
        (["/x/ccbench/__main__.py", "evaluate", "a b.ccb"], "ccbench evaluate 'a b.ccb'"),
        (["/home/me/study.py", "--fast"], "python study.py --fast"),
        ([""], "python -c"),
    ],
)
def test_the_command_is_what_a_shell_takes(arguments, said):
    assert origin.command(arguments) == said


def test_the_command_of_this_process(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ccbench", "run", "--ratio", "0.92"])
    assert origin.origin([])["command"] == "ccbench run --ratio 0.92"


def test_every_distribution_once_with_its_version():
    told = origin.origin(["ccbench/coresets", "ccbench/datasets", "click/none", "(given by name)/mine"])["plugins"]
    assert [part.partition(" ")[0] for part in told.split(", ")] == ["ccbench", "click"]
    assert all(part.partition(" ")[2][0].isdigit() for part in told.split(", "))


def test_the_commit_of_a_clone(tmp_path, monkeypatch):
    run = lambda *words: origin._git(tmp_path, *words)  # noqa: E731
    package = tmp_path / "ccbench" / "__init__.py"
    package.parent.mkdir()
    package.write_text("")
    monkeypatch.setattr(origin.ccbench, "__file__", str(package))
    origin.commit.cache_clear()
    assert origin.commit() == ""
    run("init", "-q")
    run("add", ".")
    run("-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "x")
    origin.commit.cache_clear()
    assert (held := origin.commit()) == run("rev-parse", "HEAD")
    assert len(held) == 40
    package.write_text("changed = True")
    origin.commit.cache_clear()
    assert origin.commit() == f"{held}+changed"
    origin.commit.cache_clear()


def test_the_processor_is_named(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text("processor\t: 0\nmodel name\t: AMD EPYC 7B13\n")
    assert processor(tmp_path) == "AMD EPYC 7B13"
    assert processor(tmp_path / "nowhere")
