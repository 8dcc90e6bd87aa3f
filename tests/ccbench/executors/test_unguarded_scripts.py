"""A script without ``if __name__ == "__main__"``, or one read from standard input, can use the local executor."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from ccbench.executors import WorkItem
from ccbench.executors.local import LocalExecutor

print("the script runs", flush=True)
before = __spec__, globals().get("__file__")
executor = LocalExecutor(jobs=1)
executor.submit(WorkItem("a", "json:dumps", {"obj": [1, 2]}, timeout=100))
while not (ended := executor.wait(1)):
    pass
executor.close()
print(ended[0].status, ended[0].value, (__spec__, globals().get("__file__")) == before)
"""


@pytest.mark.parametrize("how", ["file", "stdin"])
def test_workers_do_not_run_the_script_again(how, tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    arguments, text = ([str(path)], None) if how == "file" else (["-"], SCRIPT)
    done = subprocess.run(
        [sys.executable, *arguments], input=text, cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["the script runs", "ok [1, 2] True"]
