"""docs/dc3.md: every ablation is a line that the command and the method understand."""

import re
import shlex
from pathlib import Path

import pytest

from cc_plugins.dc3 import COMPENSATE, DC3, SELECTIONS, STITCHES
from ccbench.commands.run import run
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import parse, split

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "dc3.md").read_text()
PLUGINS = Plugins()


def lines():
    """Every ``ccbench run`` of the page with the comment before it."""
    return [
        pytest.param(title, command, id=(title or command)[:40])
        for title, command in re.findall(r"(?:^# (.*)\n)?^(ccbench run .*)$", TEXT, re.MULTILINE)
    ]


def options(command):
    words = shlex.split(command, comments=True)
    assert words[:2] == ["ccbench", "run"]
    given, left, _ = run.make_parser(run.context_class(run)).parse_args(words[2:])
    assert not left
    return given


def methods(command):
    return [parse(text, PLUGINS) for text in split(options(command)["methods"])]


def values(table, name):
    """The values that one parameter takes in the lines of a table."""
    found = [m for p in lines() if (p.values[0] or "").startswith(table) for m in methods(p.values[1])]
    assert found, f"docs/dc3.md has no line for {table}"
    return {dict(m.steps[0].params)[name] for m in found}


@pytest.mark.parametrize(("title", "command"), lines())
def test_each_line_is_understood(title, command):
    given = options(command)
    assert given["dataset"]
    assert given["ipc"]
    for text, expression in zip(split(given["methods"]), methods(command), strict=True):
        assert expression.label == text  # as a table will show it


def test_the_tables_are_all_there():
    assert values("Table 6", "compensate") == {"null", "hr", "diffusion"}
    assert values("Table 7", "compensate") == {"color_jitter", "hsv_shift", "balance", "diffusion"}
    assert values("Table 8", "sampling") == {"dq", "submodular"}
    assert values("Table 8", "compensate") == {"none", "diffusion"}
    assert values("Table 9", "sampling") == {"submodular", *SELECTIONS}
    assert values("Table 10", "compensate") == {"none", "diffusion"}
    assert values("Table 13", "stitch") == set(STITCHES)
    assert values("Figure 9", "bins") == {1, 5, 10, 20}


def test_every_parameter_and_its_file_is_named():
    steps = TEXT[TEXT.index("| step |") : TEXT.index("**Bins.**")]
    assert {p.name for p in DC3.params} == set(re.findall(r"`(\w+)`", steps)) - {"quarter"}
    for file in re.findall(r"`(\w+\.py)`", steps):
        assert (Path(__file__).resolve().parents[2] / "cc_plugins" / "dc3" / file).exists(), file
    for kind in COMPENSATE:
        assert f"`{kind}`" in TEXT
