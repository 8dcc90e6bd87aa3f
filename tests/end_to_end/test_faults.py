"""What bad input, a full disk and kill -9 get: one clear message, nothing lost."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

RUN = ("run", "--protocol", "tiny", "--seeds", "1", "--methods", "random")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--methods", "dcqq", "--ratio", "0.92"), "did you mean 'dcq'"),
        (("run", "--methods", "dcq[clutsers=3]", "--ratio", "0.92"), "did you mean 'clusters'"),
        (("run", "--methods", "dcq[clusters=0]", "--ratio", "0.92"), "must lie in"),
        (("run", "--methods", "random", "--dataset", "cifar11", "--ratio", "0.92"), "did you mean 'cifar1"),
        (("run", "--methods", "random", "--arch", "resnet81", "--ratio", "0.92"), "did you mean"),
        (("run", "--methods", "random", "--protocol", "quik", "--ratio", "0.92"), "did you mean 'quick'"),
        (("run", "--methods", "random", "--ratio", "1"), "above 0 and below 1"),
        (("run", "--methods", "random", "--ratio", "0"), "above 0 and below 1"),
        (("run", "--methods", "random", "--ratio", "92"), "--ratio 0.08"),
        (("run", "--methods", "random", "--ratio", "much"), "must be a number"),
        (("run", "--methods", "random", "--ratio", "nan"), "must be a number"),
        (("run", "--methods", "random"), "--ratio 0.92"),
        (("run", "--methods", "random", "--ratio", "0.9999"), "less than one for each of 10 classes"),
        (("run", "--methods", "mediancut", "--ratio", "0.99", "--no-snap"), "less than the smallest palette"),
        (("run", "--methods", "random+", "--ratio", "0.9"), "method expression"),
        (("run", "--methods", "random+ccs", "--ratio", "0.9"), "at most one step"),
        (("run", "--methods", "random", "--ipc", "500"), "at most --ipc"),
        (("run", "--methods", "random", "--ratio", "0.9", "--executor", "locl"), "did you mean 'local'"),
        (("compress", "--method", "random", "--ratio", "0.9", "x.zip"), "ends in .ccb"),
        (
            ("compress", "-m", "random", "--bytes", "31000", "--match", "bytes", "--coding", "none", "x.ccb"),
            "no setting whose file",
        ),
        (("compress", "--method", "random", "--ratio", "0.9", "x.ccb", "--device", "gpu"), "--device cpu"),
        (("run", "--methods", "random", "--ratio", "0.9", "--device", "cuda:77"), "--device cpu"),
        (("evaluate", "missing.ccb"), "missing.ccb"),
        (("run", "--methods", "random", "--ratio", "0.9", "--dataset", "folder:nowhere"), "nowhere"),
        (
            ("run", "--methods", "random", "--ratio", "0.9", "--dataset", "cifar10", "--data-root", "empty"),
            "--download",
        ),
        (("runn",), "run"),
    ],
)
def test_user_faults_exit_2_with_a_mend(ccbench, arguments, said):
    assert said in ccbench(*arguments, code=2).stderr


def images(folder, counts):
    rng = np.random.default_rng(0)
    for split, classes in counts.items():
        for name, n in classes.items():
            (folder / split / name).mkdir(parents=True, exist_ok=True)
            for i in range(n):
                Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(
                    folder / split / name / f"{i}.png"
                )


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"train": {"a": 9}, "test": {"a": 3}}, "class"),
        ({"train": {"a": 9, "b": 0}, "test": {"a": 3}}, "b"),
        ({"train": {"a": 1}}, ""),
        ({"train": {"a": 9, "b": 9}}, "test"),
    ],
)
def test_datasets_that_cannot_be_compared_on(ccbench, tmp_path, counts, said):
    images(tmp_path / "set", counts)
    done = ccbench(*RUN, "--fraction", "0.5", "--dataset", f"folder:{tmp_path / 'set'}", code=2)
    assert said in done.stderr


def test_a_users_folder_from_end_to_end(ccbench, tmp_path, records):
    images(tmp_path / "set", {"train": {"a": 12, "b": 12}, "val": {"a": 4, "b": 4}})
    ccbench(*RUN, "--fraction", "0.5", "--dataset", f"folder:{tmp_path / 'set'}")
    (record,) = records(tmp_path / "ccbench-out")
    assert (record["status"], record["images"]) == ("ok", 12)


def test_out_that_cannot_be_written(ccbench, tmp_path):
    (tmp_path / "file").write_text("")
    assert "file" in ccbench(*RUN, "--ratio", "0.9", "--out", "file", code=2).stderr


@pytest.mark.skipif(os.name != "posix", reason="needs limits on file size")
def test_a_full_disk_is_said_and_leaves_no_half_file(ccbench, tmp_path, environment):
    import subprocess
    import sys

    # a limit on file size is what a full disk looks like to one process and its children
    code = (
        "import resource, signal, sys, runpy\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "sys.argv = ['ccbench', 'compress', '--method', 'random', '--ratio', '0.5', 'set.ccb']\n"
        "runpy.run_module('ccbench', run_name='__main__')\n"
    )
    ccbench(*RUN, "--ratio", "0.9", "-q")  # the dataset is in the cache from here on
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2, done.stderr
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [p for p in tmp_path.iterdir() if p.name.startswith((".set", "set"))]


def test_a_store_of_a_newer_version(ccbench, tmp_path):
    ccbench(*RUN, "--ratio", "0.9", "-q")
    (tmp_path / "ccbench-out" / "ccbench.json").write_text(json.dumps({"schema": 99}))
    assert "newer" in ccbench(*RUN, "--ratio", "0.9", code=2).stderr


def test_two_runs_on_one_folder(ccbench, start, tmp_path, wait_for):
    first = start("run", "--protocol", "quick", "--seeds", "3", "--methods", "random", "--ratio", "0.9")
    wait_for(lambda: (tmp_path / "ccbench-out" / ".owner").exists())
    assert f"process {first.pid}" in ccbench(*RUN, "--ratio", "0.9", code=2).stderr


def test_ctrl_c_keeps_finished_cells_and_exits_130(ccbench, start, tmp_path, records, wait_for):
    many = ("run", "--protocol", "tiny", "--seeds", "200", "--methods", "random", "--ratio", "0.9")
    process = start(*many)
    wait_for(lambda: len(records(tmp_path / "ccbench-out")) >= 2)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert said.splitlines()[-1] == "interrupted; the same command goes on where it stopped"
    kept = records(tmp_path / "ccbench-out")
    assert kept
    assert all(r["status"] == "ok" for r in kept)


def test_kill_9_loses_only_what_was_running(ccbench, start, tmp_path, records, wait_for):
    command = ("run", "--protocol", "tiny", "--seeds", "2", "--methods", "random,mediancut", "--ratio", "0.92")
    process = start(*command)
    out = tmp_path / "ccbench-out"
    wait_for(lambda: len(records(out)) >= 1)
    process.send_signal(signal.SIGKILL)  # not its children: they must notice
    process.wait()
    kept = {r["cell"]: r["finished"] for r in records(out)}
    done = ccbench(*command)
    assert f"{len(kept)} cached" in done.stderr
    now = {r["cell"]: r["finished"] for r in records(out)}
    assert len(now) == 4
    assert kept.items() <= now.items()
    ccbench(*command, "--out", "whole", "-q")
    tables = [list(csv.DictReader((d / "leaderboard.csv").open())) for d in (out, tmp_path / "whole")]
    for row in (*tables[0], *tables[1]):
        assert float(row.pop("compress_seconds")) <= float(row.pop("construction_seconds"))
    assert tables[0] == tables[1]
    curves = [{r["cell"]: r["curve"] for r in records(folder)} for folder in (out, tmp_path / "whole")]
    assert curves[0] == curves[1]
    assert all(len(curve["loss"]) == 12 for curve in curves[0].values())  # one for each of the protocol's updates


def test_a_damaged_artifact_is_named(ccbench, tmp_path):
    ccbench("compress", "--method", "mediancut", "--bits", "1", "set.ccb")
    data = bytearray((tmp_path / "set.ccb").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "set.ccb").write_bytes(data)
    assert "set.ccb" in ccbench("evaluate", "set.ccb", "--protocol", "tiny", code=2).stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_standard_output_that_cannot_be_written_is_said(environment, tmp_path):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ccbench", "list", "methods"],
            env=environment, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "error: standard output cannot be written: No space left on device\n"


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as a shell does")
def test_too_little_memory_to_begin_is_said(environment, tmp_path, records):
    """With 1.5 GB of addresses torch cannot be loaded."""

    def limited(*arguments):
        command = f"ulimit -v 1500000; exec {sys.executable} -m ccbench {' '.join(arguments)}"
        return subprocess.run(command, shell=True, env=environment, cwd=tmp_path, capture_output=True, text=True)

    alone = limited("compress", "-m", "random", "--ratio", "0.9", "set.ccb")
    assert alone.returncode == 1
    assert alone.stderr.startswith("error: there is too little memory\n  found: ")
    run = limited("run", "-m", "random", "--ratio", "0.9", "--seeds", "1", "-p", "tiny", "-q", "-o", "out")
    assert run.returncode == 1
    for done in (alone, run):
        assert "Traceback" not in done.stderr + done.stdout
        assert "ulimit" in done.stderr or "libraries cannot be loaded" in done.stderr
    assert [r["status"] for r in records(tmp_path / "out")] == ["oom"]


@pytest.mark.skipif(os.name != "posix", reason="closes it as a shell does")
def test_a_closed_standard_output_stops_nothing(environment, tmp_path, records):
    command = f"{sys.executable} -m ccbench run -m random --ratio 0.9 --seeds 1 -p tiny -o out >&-"
    done = subprocess.run(command, shell=True, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    assert [r["status"] for r in records(tmp_path / "out")] == ["ok"]


def test_a_name_that_the_encoding_cannot_show_is_shown_escaped(environment, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "ccbench", "plan", "-m", "random", "--ratio", "0.9", "--out", b"\xff"],
        env={**environment, "PYTHONIOENCODING": "utf-8:strict"}, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\\udcff" in done.stdout


def test_a_full_disk_is_one_line_whoever_found_out(monkeypatch, capsys):
    """Most writing says so itself; what does not must end in no traceback."""
    import ccbench.__main__ as start

    def full(**_):
        raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr(start.cli, "main", full)
    assert start.main(["list"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: a file cannot be written\n  found: File too large\n")
