"""docs/suites.md: the map and the tables are what the command line prints today, and the shortest suite is read."""

import os
import re
import subprocess
import sys
from pathlib import Path

from ccbench.offers.discovery import plugins
from ccbench.suites.grid import Lookup
from ccbench.suites.model import _Column, _File, _Row, read_file

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "suites.md").read_text(encoding="utf-8")
BARE = (
    "import ccbench.machine; ccbench.machine.any_gpu = lambda: False; "
    "from ccbench.__main__ import main; raise SystemExit(main())"
)


def printed(command, tmp_path):
    """What a command of the page prints on a machine without data, weights and GPU."""
    env = {k: v for k, v in os.environ.items() if k not in {"CCBENCH_DATA", "HF_HUB_CACHE", "CCBENCH_PLUGINS"}}
    env["HF_HOME"] = str(tmp_path)
    arguments = command.removeprefix("ccbench ").split()
    done = subprocess.run([sys.executable, "-c", BARE, *arguments], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def blocks():
    """(command, what the page shows of it): a comment names the command, the lines follow until the end."""
    return re.findall(r"^<!-- output: (ccbench .+?) -->\n(.*?)^<!-- end -->$", TEXT, re.MULTILINE | re.DOTALL)


def test_there_are_a_map_and_a_table():
    assert [command.split(" --")[0] for command, _ in blocks()] == ["ccbench list suites", "ccbench leaderboard"]


def test_outputs_are_current(tmp_path):
    """Anew: the command's output between the comment and ``<!-- end -->``, tables of text in a code block."""
    for command, shown in blocks():
        expected = printed(command, tmp_path)
        if shown.startswith("```"):
            assert shown == f"```text\n{expected}```\n"
        else:
            rows = [line for line in expected.splitlines() if line.startswith("|")]
            assert [line for line in shown.splitlines() if line.startswith("|")] == rows


def test_the_shortest_suite_is_one(tmp_path):
    (text,) = re.findall(r"^```toml\n(# mine\.toml\n.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    (tmp_path / "mine.toml").write_text(text)
    suite = read_file(tmp_path / "mine.toml")
    assert all(cell.found for cell in Lookup(plugins()).cells(suite))
    assert len(text.splitlines()) < 16


def test_every_key_is_explained():
    named = set(re.findall(r"`([a-z_]+)`", TEXT.split("## Every key")[1]))
    known = {key for kind in (_File, _Row, _Column) for key in kind.__struct_fields__} - {"columns", "rows", "all"}
    assert known <= named
