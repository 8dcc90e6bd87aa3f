"""Rows whose teacher came from a file are done again where the file is named, and say so where it is not."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from safetensors.torch import load_file, save_file

from ccbench.files import file_digest
from ccbench.offers.discovery import plugins
from ccbench.records.record import read_all, write_record
from ccbench.records.verdicts import read_verdicts
from ccbench.training.networks import build_network
from ccbench.verification.claims import as_cell

TAUGHT, STORED = "random", "rded[soft_labels=stored]"


@pytest.fixture(scope="module")
def finished(tiny_path, tmp_path_factory):
    """A folder with the teacher's file and the records of two runs: labelled in training by it, and in the file."""
    folder = tmp_path_factory.mktemp("finished")
    network = build_network("quicknet", classes=10, image_size=32, seed=3, plugins=plugins())
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, folder / "t.safetensors")
    env = {**os.environ, "PYTHONPATH": str(tiny_path), "CCBENCH_PLUGINS": "tiny_protocol", "OMP_NUM_THREADS": "1"}
    for method, protocol in ((TAUGHT, "taught"), (STORED, "tiny")):
        command = ["run", "-m", method, "-p", protocol, "--ipc", "10", "--seeds", "1", "-q", "--out", "out",
                   "--teacher", "t.safetensors"]  # fmt: skip
        whole = [sys.executable, "-m", "ccbench", *command]
        done = subprocess.run(whole, cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def out(finished, tmp_path):
    shutil.copytree(finished / "out", tmp_path / "out")
    shutil.copy(finished / "t.safetensors", tmp_path / "weights.bin.safetensors")  # under another name
    return tmp_path / "out"


@pytest.fixture
def weights(out, tmp_path):
    return tmp_path / "weights.bin.safetensors"


def record_of(out, method):
    (found,) = [record for record in read_all(out)[0] if record.method == method]
    return found


def verdicts(out):
    found, problems = read_verdicts([out])
    assert problems == []
    return {record.method: found.get(record.checksum) for record in read_all(out)[0]}


def test_with_the_file_everything_is_done_again(ccbench, out, weights):
    done = ccbench("verify", out, "--teacher", weights, "--recompress", "--retrain")
    assert "2 of 2 records done again" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 looked at, 2 without a contradiction, 0 wrong"
    assert "FILE" not in done.stdout
    for method, verdict in verdicts(out).items():
        assert (verdict.file, verdict.training) == ("same", "equal"), method


def test_without_the_file_what_is_missing_is_said(ccbench, out):
    teacher = record_of(out, TAUGHT).teacher
    assert teacher.startswith("quicknet@")
    missing = f"its teacher was the file {teacher}, name it by --teacher FILE"
    done = ccbench("verify", out, "--retrain")
    assert f"2 of 2 records: its row cannot be made here: {missing}" in done.stdout
    # stored labels need no teacher to be trained on
    assert "1 of 2 records done again" in done.stdout
    assert f"a record cannot be done again here: {missing}" in done.stdout
    found = verdicts(out)
    assert (found[TAUGHT], found[STORED].training) == (None, "equal")
    assert "0 of 2 records done again" in ccbench("verify", out, "--recompress").stdout


def test_another_file_is_not_taken_for_it(ccbench, out, weights, tmp_path):
    other = tmp_path / "other.safetensors"
    save_file({name: value * 0.5 for name, value in load_file(weights).items()}, other)
    done = ccbench("verify", record_of(out, TAUGHT).path(out), "--retrain", "--teacher", other)
    assert "0 of 1 records done again" in done.stdout
    assert "name it by --teacher FILE; " in done.stdout
    assert "other.safetensors is @" in done.stdout
    both = ccbench("verify", record_of(out, TAUGHT).path(out), "--retrain", "--teacher", other, "--teacher", weights)
    assert "1 of 1 records done again" in both.stdout
    assert "cannot read the teacher" in ccbench("verify", out, "--teacher", tmp_path / "none", code=2).stderr


def test_the_whole_digest_of_the_file_counts_and_not_only_what_the_row_names(ccbench, out, weights, tmp_path):
    """Somebody calls a row after the file at hand: what it was trained with says otherwise."""
    other = tmp_path / "other.safetensors"
    save_file({name: value * 0.5 for name, value in load_file(weights).items()}, other)
    record = record_of(out, TAUGHT)
    renamed = replace(record, teacher=f"quicknet@{file_digest(other)[:12]}")
    cell = as_cell(renamed)
    record.path(out).unlink()
    path = write_record(replace(renamed, cell=cell.id, seed_value=cell.seed_value), out)
    done = ccbench("verify", path, "--retrain", "--teacher", other)
    assert "its training here is another" in done.stdout
    assert "trained: the record says" in done.stdout


def test_an_accuracy_that_nobody_had_is_found(ccbench, out, weights):
    record = record_of(out, TAUGHT)
    record.path(out).unlink()
    path = write_record(replace(record, accuracy=(round(record.accuracy * 500) + 7) / 500), out)
    bad = ccbench("verify", path, "--retrain", "--teacher", weights, code=1).stdout
    assert "wrong  accuracy: trained again: other digits on the same hardware and versions" in bad
