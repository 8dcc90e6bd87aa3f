"""What a plugin raises is said short, with its place in the plugin and the name of the log; no traceback."""

import re
from pathlib import Path

import pytest

PLUGIN = """
from ccbench import MethodSpec, hookimpl

class Late:
    def compress(self, task):
        return helper(task)

def helper(task):
    raise KeyError("no such thing")

@hookimpl
def ccbench_methods():
    return [MethodSpec(name="late", target=f"{__name__}:Late", version="1", summary="fails", random=False)]
"""
SAID = "KeyError: 'no such thing' (late_plugin.py:9)"


@pytest.fixture
def plugin(tmp_path):
    (tmp_path / "late_plugin.py").write_text(PLUGIN)
    return ["-p", "./late_plugin.py"]


def test_compress(ccbench, plugin, tmp_path):
    (tmp_path / "x.log").write_text("the user's own")
    done = ccbench(*plugin, "compress", "-m", "late", "--ratio", "0.9", "x.ccb", code=2)
    assert SAID in done.stderr
    log = Path(re.search(r"its traceback is in (.*\.log)$", done.stderr, re.M).group(1))
    assert "raise KeyError" in log.read_text()
    log.unlink()
    assert (tmp_path / "x.log").read_text() == "the user's own"
    assert not (tmp_path / "x.ccb").exists()


def test_run(ccbench, plugin, records, tmp_path):
    done = ccbench(*plugin, "run", "-m", "late", "--ratio", "0.9", "--seeds", "1", "-p", "tiny", "-o", "out", code=1)
    (line,) = [line for line in done.stderr.splitlines() if "failed  late" in line]
    assert SAID in line
    (record,) = records(tmp_path / "out")
    assert record["reason"] == SAID
    log = re.search(r"; log: (logs/\w+\.log)", line).group(1)
    assert "raise KeyError" in (tmp_path / "out" / log).read_text()
