"""One network trained by two processes, started by accelerate."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_evaluate_under_accelerate_writes_one_record(ccbench, environment, tmp_path, records):
    ccbench("compress", "--method", "mediancut", "--bits", "2", "set.ccb")
    command = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--cpu",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
    ]
    command += [
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
        "-m",
        "ccbench",
        "evaluate",
        "set.ccb",
        "--protocol",
        "tiny",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("accuracy") == 1
    (record,) = records(tmp_path / "ccbench-out")
    assert record["status"] == "ok"
    assert record["iterations"] == 12
