"""Records of several machines in one folder."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest

from ccbench.__main__ import main
from ccbench.errors import UserError
from ccbench.files import file_digest
from ccbench.leaderboard.writing import load
from ccbench.records.artifacts import held
from ccbench.records.cells import Cell
from ccbench.records.merging import merge
from ccbench.records.record import Record, read_all, write_record
from ccbench.records.verdicts import Verdict, read_verdicts, write_verdict


def attempt(out, seed=0, accuracy=0.5, cpu="one", content=b"", status="ok", **more):
    cell = Cell(dataset="toy", method="dcq", kept=Fraction(1, 12), architecture="quicknet", protocol="quick", seed=seed)
    if content:
        (out / "artifacts").mkdir(parents=True, exist_ok=True)
        (out / "artifacts" / "dcq-0.ccb").write_bytes(content)
        digest = file_digest(out / "artifacts" / "dcq-0.ccb")
        more |= {"artifact": "dcq-0.ccb", "artifact_sha256": digest}
    record = Record(
        **{**cell.row, "kept": cell.kept}, cell=cell.id, status=status, seed=seed, ratio=cell.ratio,
        accuracy=accuracy if status == "ok" else None, environment={"cpu": cpu, "device": "x", "torch": "2.9"},
        finished=f"2026-01-0{seed + 1}T00:00:00+00:00", **more,
    )  # fmt: skip
    write_record(record, out)
    return next(r for r in read_all(out)[0] if r.cell == cell.id)


@pytest.fixture
def two(tmp_path):
    return tmp_path / "a", tmp_path / "b", tmp_path / "c"


def test_equal_cells_of_two_machines_are_both_kept_and_a_seed_counts_once(two):
    a, b, c = two
    mine = [attempt(a, seed, 0.5, "one") for seed in (0, 1)]
    theirs = [attempt(b, seed, 0.6, "two") for seed in (1, 2)]
    merged = merge([a, b], c)
    assert (merged.records, merged.added) == (4, 4)
    assert {r.checksum for r in read_all(c)[0]} == {r.checksum for r in (*mine, *theirs)}
    (line,) = merged.lines
    assert line.startswith("conflict: dcq, toy, ratio 0.9167, seed 1: 50.00% on one, torch 2.9, 2026-01-02")
    assert "60.00% on two, torch 2.9, 2026-01-02" in line
    frame = load([c])
    assert list(frame["n_seeds"]) == [3]
    (note,) = frame.attrs["notes"]
    assert "1 cells were run on more than one machine" in note
    assert "dcq seed 1: 50.00% on one" in note
    assert merge([a, b], c).added == 0  # once more changes nothing
    assert len(read_all(c)[0]) == 4


def test_the_same_record_in_two_folders_is_kept_once_and_said(two):
    a, b, c = two
    record = attempt(a)
    record.path(b).parent.mkdir(parents=True)
    record.path(b).write_bytes(record.path(a).read_bytes())
    merged = merge([a, b], c)
    assert merged.records == 1
    assert merged.lines == ["1 records are in more than one folder, to the last byte: each is kept once"]


def test_files_of_one_name_and_other_bytes_come_along_with_their_records(two):
    a, b, c = two
    one, other = attempt(a, 0, content=b"first", cpu="one"), attempt(b, 0, content=b"second", cpu="two")
    merge([a, b], c)
    assert held(one, c).read_bytes() == b"first"
    assert held(other, c).read_bytes() == b"second"
    assert one.artifact == other.artifact


def test_what_does_not_come_along_has_a_line(two):
    a, b, c = two
    attempt(a, 0, content=b"lost")
    (a / "artifacts" / "dcq-0.ccb").unlink()
    (a / "logs").mkdir()
    failed = attempt(b, 1, status="failed", reason="out of luck")
    attempt(a, 1)
    broken = b / "results" / "toy" / "dcq" / "x.1.json"
    broken.write_text("{")
    lines = merge([a, b], c).lines
    assert f"1 records of {a} came without their file: dcq-0.ccb" in lines
    assert f"logs stay in {a}/logs" in lines
    assert any(line.startswith(f"left out: {broken}") for line in lines)
    assert any(line.startswith("both kept") and "failed on one" in line for line in lines)
    assert failed in read_all(c)[0]


def test_verdicts_stay_with_their_records(two):
    a, b, c = two
    record = attempt(a)
    attempt(b, cpu="two")
    write_verdict(Verdict(record=record.checksum, cell=record.cell, file="same"), record, a)
    merge([b, a], c)
    assert read_verdicts([c])[0][record.checksum].level == 2


def test_faults_of_the_caller(two, capsys):
    a, b, c = two
    attempt(a)
    with pytest.raises(UserError, match="merged into itself"):
        merge([a], a)
    with pytest.raises(UserError, match="no records under"):
        merge([a, b], c)
    assert not c.exists()
    assert main(["merge", str(a), "--out", str(c)]) == 0
    assert "1 records came in, 1 are in" in capsys.readouterr().out
    assert (c / "leaderboard.csv").exists()
    assert main(["compare", str(a), str(c)]) == 0
    assert capsys.readouterr().out == "1 rows: 1 the same, 0 not\n"


def test_a_run_goes_on_beside_what_was_merged(two):
    a, b, c = two
    record = attempt(a)
    attempt(b, cpu="two")
    merge([a, b], c)
    path = write_record(replace(record, attempt=1), c)
    assert json.loads(path.read_text())["attempt"] == 2
    assert len(read_all(c)[0]) == 3
