"""Runs that are killed, or whose disk is full, at a random moment: the same table in the end."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from tests.attack.conftest import cases, fault_of

NUMBERS = [
    "method",
    "ratio",
    "nominal_ratio",
    "measured_ratio",
    "bytes",
    "accuracy_mean",
    "accuracy_std",
    "n_seeds",
    "status",
]
ASKED = ("run", "-m", "random,mediancut", "--ratio", "0.96", "--seeds", "2", "-p", "tiny", "-q", "--jobs", "2")


@pytest.fixture
def variables(tiny_path, tmp_path):
    """Variables under which ``--protocol tiny`` exists, with a cache that is empty at first."""
    paths = os.pathsep.join([str(tiny_path), os.environ.get("PYTHONPATH", "")])
    return {"PYTHONPATH": paths, "CCBENCH_PLUGINS": "tiny_protocol", "CCBENCH_CACHE": str(tmp_path / "cache")}


def _command(out):
    return [sys.executable, "-m", "ccbench", *ASKED, "--out", str(out)]


def _numbers(out):
    return pd.read_csv(out / "leaderboard.csv")[NUMBERS]


def _same(call, out, variables, expected):
    """Finish a run; what is wrong with its end, or ""."""
    done = call(*ASKED, "--out", out, variables=variables, seconds=300)
    if fault := fault_of(done, "run", codes=(0,)):
        return fault
    left = [p.name for p in out.rglob("*.part")]
    return f"left {left}" if left else "" if _numbers(out).equals(expected) else f"other numbers: {_numbers(out)}"


@cases(1, 40)
def test_kills(call, tally, tmp_path, variables, many):
    """The whole group, the run alone, or a worker, by SIGKILL, SIGTERM or SIGINT."""
    rng = random.Random(0)
    started = time.monotonic()
    assert call(*ASKED, "--out", tmp_path / "whole", variables=variables, seconds=300)["code"] == 0
    took, expected = time.monotonic() - started, _numbers(tmp_path / "whole")
    for number in range(many):
        out = tmp_path / f"out{number}"
        process = subprocess.Popen(
            _command(out), env={**os.environ, **variables}, cwd=tmp_path, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(rng.uniform(0, took))
        sign = rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        if process.poll() is None:
            (os.killpg if rng.random() < 0.5 else os.kill)(process.pid, sign)
        process.wait(60)
        tally.count(_same(call, out, variables, expected))
        shutil.rmtree(out)


@cases(0, 20)
def test_full_disks(call, tally, tmp_path, variables, many):
    """No file may grow beyond a random size."""
    rng = random.Random(1)
    assert call(*ASKED, "--out", tmp_path / "whole", variables=variables, seconds=300)["code"] == 0
    expected = _numbers(tmp_path / "whole")
    for number in range(many):
        out, blocks = tmp_path / f"out{number}", int(10 ** rng.uniform(0, 4))  # of 1,024 bytes
        command = f"ulimit -f {blocks}; exec {' '.join(_command(out))}"
        done = subprocess.run(
            ["bash", "-c", command], env={**os.environ, **variables}, capture_output=True, text=True, timeout=300,
            cwd=tmp_path,
        )  # fmt: skip
        fault = fault_of({"code": done.returncode, "text": done.stdout + done.stderr}, command, codes=(0, 1, 2, -25))
        tally.count(fault or _same(call, out, variables, expected))
        shutil.rmtree(out, ignore_errors=True)
