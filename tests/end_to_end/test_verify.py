"""A real run, doctored: what ``ccbench verify`` finds without making or training anything again."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, fields, replace
from fractions import Fraction
from pathlib import Path

import pytest

from ccbench.archive import CompressedDataset
from ccbench.errors import UserError
from ccbench.files import file_digest
from ccbench.leaderboard.rendering import render
from ccbench.leaderboard.writing import load
from ccbench.offers.discovery import Plugins
from ccbench.records.facts import Trained
from ccbench.records.record import Record, checksum, read_all, read_one
from ccbench.records.verdicts import Verdict, place, read_verdicts, write_verdict
from ccbench.training.curve import Curve
from ccbench.verification.agreement import interval, judge
from ccbench.verification.claims import _curve, as_cell
from ccbench.verification.findings import OTHER, UNSEEN, WRONG
from ccbench.verification.installed import Installed
from ccbench.verification.look import look, subjects

METHODS = "random,mediancut"


@pytest.fixture(scope="module")
def finished(tiny_path, tmp_path_factory):
    """A folder of a finished run: two methods, two seeds; never changed."""
    folder = tmp_path_factory.mktemp("finished")
    command = ["run", "-m", METHODS, "--protocol", "tiny", "--bits", "2", "--seeds", "2", "-q", "--out", "out"]
    env = {**os.environ, "PYTHONPATH": str(tiny_path), "CCBENCH_PLUGINS": "tiny_protocol", "OMP_NUM_THREADS": "1"}
    whole = [sys.executable, "-m", "ccbench", *command]
    done = subprocess.run(whole, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "out"


@pytest.fixture
def out(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture(scope="module")
def here(tiny_path):
    """What is installed in this process, with the protocol of the run."""
    sys.path.insert(0, str(tiny_path))
    yield Installed(Plugins(extra=("tiny_protocol",)), None, Path(os.environ["CCBENCH_CACHE"]))
    sys.path.remove(str(tiny_path))


def record_of(out, method="random", seed=0):
    (found,) = [r for r in read_all(out)[0] if (r.method, r.seed) == (method, seed)]
    return found


def write(out, old, new):
    """Put a record where another one was, with a checksum that fits."""
    old.path(out).unlink()
    path = new.path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = new.plain()
    path.write_text(json.dumps({**facts, "checksum": checksum(facts)}))
    return path


def named(out, here, kinds=(WRONG, OTHER)):
    """The fields that are found, by kind."""
    report = look(subjects([out]), here)
    return {f.field for one in report.checked for f in one.findings if f.kind in kinds}


def test_a_run_agrees_with_itself_and_with_its_files(out, here):
    report = look(subjects([out]), here)
    assert report.exit_code == 0
    assert len(report.checked) == 4
    assert [f for one in report.checked for f in one.findings] == []


LIE = {
    "dataset": "cifar10", "options": "image_size=16", "method": "full", "kept": Fraction(1, 24), "match": "bytes",
    "coding": "best", "architecture": "resnet18", "protocol": "quick", "teacher": "resnet18",
    "precision": "bfloat16", "threads": 2, "base_seed": 1, "method_version": "9", "architecture_version": "9",
    "protocol_version": "9", "dataset_digest": "0" * 64, "test_digest": "0" * 64, "trained": "0" * 12,
    "made": "0" * 12, "schema": None, "cell": "0" * 12, "attempt": 2, "status": "failed", "reason": "tired", "seed": 5,
    "seed_value": 1, "planned_seeds": 1, "ratio": 0.95, "nominal_ratio": 0.5, "measured_ratio": 0.95, "bytes": 300_000,
    "images": 50, "classes": 11, "picture": "8x8", "sealed": True, "colorfulness": 1.5, "color_distance": 0.0001,
    "compress_seconds": 1e6, "compress_memory": 1, "stage_seconds": {"proxy": 1.0}, "construction_seconds": -0.9,
    "accuracy": 0.98765,
    "best_accuracy": 0.99, "final_loss": 0.1, "iterations": 40_000, "images_per_second": 1e6, "train_seconds": 0.001,
    "test_images": 10_000, "labels": "soft", "learned_lr": 0.5, "teacher_accuracy": 0.9, "teacher_bytes": 5,
    "peak_memory": 1, "artifact": "random-000000000000.ccb", "artifact_sha256": "0" * 64,
    "environment": {"torch": "9", "threads": "1"}, "started": "2026-01-01T00:00:00+00:00",
    "finished": "2020-01-01T00:00:00+00:00", "checksum": None, "curve": Curve(iterations=(1,), loss=(0.5,), lr=(0.1,)),
}  # fmt: skip
BESIDE = {"sealed", "colorfulness", "color_distance"}  # found against what lies beside the file, not without it
BY_FILE = {"picture", "images", "artifact_sha256"}  # found against the file, not without it
NOBODY = {  # nothing here contradicts them
    "attempt", "planned_seeds", "stage_seconds", "peak_memory", "compress_memory", "environment",
    "started",
}  # fmt: skip


def test_every_field_of_a_record_has_a_lie():
    assert set(LIE) == {f.name for f in fields(Record)}


def lied(record, name):
    changes = {name: LIE[name]}
    return replace(record, **changes)


@pytest.mark.parametrize("name", [n for n in LIE if LIE[n] is not None])
def test_a_field_that_is_changed_under_a_new_checksum(out, here, name):
    record = record_of(out)
    write(out, record, lied(record, name))
    found = named(out, here)
    assert (found == set()) == (name in NOBODY)
    shutil.rmtree(out / "artifacts")
    assert (named(out, here) == set()) == (name in NOBODY | BESIDE | BY_FILE)


def test_a_field_that_is_changed_under_the_old_checksum(out, here):
    path = record_of(out).path(out)
    path.write_text(path.read_text().replace('"accuracy": 0.', '"accuracy": 0.9'))
    report = look(subjects([out]), here)
    assert report.exit_code == 1
    (text,) = [f.text for one in report.checked for f in one.findings]
    assert "checksum" in text


ROW = ("method", "kept", "coding", "architecture", "protocol", "threads", "base_seed", "trained", "made")


@pytest.mark.parametrize("name", ROW)
def test_a_row_that_is_changed_with_its_cell_and_the_place_of_its_file(out, here, name):
    shutil.rmtree(out / "artifacts")
    record = record_of(out)
    new = lied(record, name)
    cell = as_cell(new)
    write(out, record, replace(new, cell=cell.id, seed_value=cell.seed_value, ratio=cell.ratio))
    report = look(subjects([out]), here)
    others = named(out, here, (OTHER,))
    assert others == {"protocol_version"} if name == "protocol" else report.exit_code == 1 or others == {"made"}


def test_one_training_written_down_as_two_seeds(out, here):
    record = record_of(out)
    other = record_of(out, seed=1)
    cell = replace(as_cell(record), seed=1)
    write(out, other, replace(record, seed=1, cell=cell.id, seed_value=cell.seed_value))
    report = look(subjects([out]), here)
    assert report.exit_code == 1
    assert "train_seconds" in named(out, here, (WRONG,))


def test_a_better_file_of_the_same_name_is_found(out, here):
    record = record_of(out)
    (out / "artifacts" / record.artifact).write_bytes(b"other")
    assert named(out, here) == {"artifact_sha256", "bytes"}


def test_the_file_of_another_row_is_found(out, here):
    record, other = record_of(out), record_of(out, "mediancut")
    taken = {name: getattr(other, name) for name in ("artifact", "artifact_sha256", "bytes", "measured_ratio", "images",
             "nominal_ratio", "colorfulness", "color_distance")}  # fmt: skip
    write(out, record, replace(record, **taken))
    assert {"artifact", "method"} <= named(out, here)


def test_an_accuracy_of_another_share_of_the_test_images_is_all_that_nobody_finds(out, here):
    record = record_of(out)
    write(out, record, replace(record, accuracy=(round(record.accuracy * 500) + 7) / 500))
    assert named(out, here) == set()  # docs/verify.md says so; --retrain finds it


def test_records_of_other_versions_are_named_and_are_not_wrong(out, here):
    record = record_of(out)
    new = replace(record, method_version="0")
    cell = as_cell(new)
    write(out, record, replace(new, cell=cell.id))
    report = look(subjects([out]), here)
    assert report.exit_code == 0
    assert named(out, here, (OTHER,)) == {"method_version"}
    assert "1 of other versions" in list(report.lines())[-1]


def test_what_is_not_installed_is_unseen(out, here):
    record = record_of(out)
    shutil.rmtree(out / "artifacts")
    new = replace(record, method="nobodys-method", artifact="mine.ccb")
    write(out, record, replace(new, cell=as_cell(new).id))
    report = look(subjects([out]), here)
    assert report.exit_code == 0
    assert any("nobodys-method" in note for note in report.notes)
    assert {f.kind for one in report.checked for f in one.findings} == {UNSEEN}


def test_through_the_command_line(ccbench, out):
    record = record_of(out)
    path = write(out, record, replace(record, bytes=record.bytes - 5))
    bad = ccbench("verify", out, code=1)
    assert bad.stdout.splitlines()[-1] == "4 looked at, 3 without a contradiction, 1 wrong"
    assert f"wrong  bytes: the record says {record.bytes - 5:,}, the file has {record.bytes:,}" in bad.stdout
    told = json.loads(ccbench("verify", path, "--format", "json", code=1).stdout)
    assert (told["schema"], told["checked"], told["wrong"]) == (1, 1, 1)
    assert {f["field"] for f in told["records"][0]["findings"]} == {"bytes", "measured_ratio"}
    assert "there is no nowhere" in ccbench("verify", "nowhere", code=2).stderr


def test_a_folder_of_folders_and_a_file_alone(out, tmp_path, here):
    shutil.copytree(out, tmp_path / "boards" / "one")
    shutil.copytree(out, tmp_path / "boards" / "two")
    assert len(subjects([tmp_path / "boards", tmp_path / "boards" / "one"])) == 8
    with pytest.raises(UserError, match="there are no records"):
        subjects([out / "artifacts"])
    lone = tmp_path / "lone.json"
    shutil.copy(record_of(out).path(out), lone)
    assert read_one(lone)
    assert {"cell", "attempt"} <= named(lone, here)


def test_a_record_knows_what_makes_it_again(out):
    told = record_of(out).environment
    assert told["command"].startswith("ccbench run -m random,mediancut --protocol tiny --bits 2")
    assert {"ccbench", "python", "torch", "torchvision", "timm", "device", "cpu", "kernels", "threads"} <= set(told)
    assert "ccbench 0.1.0" in told["plugins"]


def verdict_of(out, record):
    verdicts, problems = read_verdicts([out])
    assert problems == []
    return verdicts[record.checksum]


def test_files_made_again_and_networks_trained_again(ccbench, out, finished):
    shutil.rmtree(out / "artifacts")  # they are made again from the records alone
    done = ccbench("verify", out, "--recompress", "--retrain")
    assert "4 of 4 records done again" in done.stdout
    for record in read_all(out)[0]:
        verdict = verdict_of(out, record)
        assert (verdict.file, verdict.training, verdict.level) == ("same", "equal", 3)
        assert (verdict.accuracy, verdict.final_loss) == (record.accuracy, record.final_loss)
    board = render(load([out]), "md")
    assert board.count("| file 2 of 2, training 2 of 2 |") == 2
    # the records are as they were, and their files are nowhere but where verify made them
    assert {r.checksum for r in read_all(out)[0]} == {r.checksum for r in read_all(finished)[0]}
    assert not (out / "artifacts").exists()


def test_an_accuracy_that_nobody_had_is_found_by_training_again_on_the_stored_file(ccbench, out):
    record = record_of(out)
    path = write(out, record, replace(record, accuracy=(round(record.accuracy * 500) + 7) / 500))
    bad = ccbench("verify", path, "--retrain", "--sample", "1", code=1).stdout
    assert "wrong  accuracy: trained again: other digits on the same hardware and versions" in bad
    assert verdict_of(out, read_one(path)).contradicts
    assert "training differs 1 of 2" in set(load([out])["verified"])


def test_a_file_that_is_not_what_its_method_makes_is_found_by_making_it_again(ccbench, out):
    record = record_of(out)
    stored = out / "artifacts" / record.artifact
    other = CompressedDataset.open(stored)
    soft = CompressedDataset(other.payload, other.ids, (other.labels + 1) % 10, classes=other.classes, meta=other.meta)
    soft.save(stored)
    digest, size = file_digest(stored), stored.stat().st_size
    path = write(out, record, replace(record, artifact_sha256=digest, bytes=size))
    assert size == record.bytes
    assert named(path, Installed(Plugins(extra=("tiny_protocol",)), None, Path(os.environ["CCBENCH_CACHE"]))) == set()
    bad = ccbench("verify", path, "--recompress", code=1).stdout
    assert "artifact_sha256: made again: " in bad
    assert "payload (labels) differ" in bad
    assert verdict_of(out, read_one(path)).file == "differs"


def test_a_verdict_that_is_moved_to_another_record_counts_nowhere(out):
    record, other = record_of(out), record_of(out, seed=1)
    verdict = Verdict(record=record.checksum, cell=record.cell, file="same", file_sha256=record.artifact_sha256)
    path = write_verdict(verdict, record, out)
    assert list(load([out])["verified"]).count("file 1 of 2") == 1
    path.rename(place(other, out))
    write(out, record, replace(record, planned_seeds=7))  # what it was bound to is gone
    assert set(load([out])["verified"]) == {""}
    text = place(other, out).read_text().replace(record.checksum, other.checksum)
    place(other, out).write_text(text)
    frame = load([out])
    assert set(frame["verified"]) == {""}
    assert "no verdict, or changed" in frame.attrs["notes"][0]


def test_what_cannot_be_done_again_is_said(ccbench, out):
    record = record_of(out)
    shutil.rmtree(out / "artifacts")
    new = replace(record, made="0" * 12, artifact="mine.ccb")
    path = write(out, record, replace(new, cell=as_cell(new).id))
    told = ccbench("verify", path, "--recompress").stdout
    assert "0 of 1 records done again" in told
    assert "its file is made by other versions here" in told
    assert not (out / "verified").exists()


def test_evaluating_a_runs_own_file_is_its_row_again_and_agrees(ccbench, out):
    (seed1,) = [r for r in read_all(out)[0] if (r.method, r.seed) == ("random", 1)]
    told = ccbench("evaluate", out / "artifacts" / seed1.artifact, "--out", out).stdout.splitlines()
    assert told[-1].startswith("agrees with the record of ")
    assert "(attempt 1)" in told[-1]
    assert not told[-2].startswith("agrees")
    assert "equal to the last digit" in told[-1]
    again = [r for r in read_all(out)[0] if r.cell == seed1.cell]
    assert [r.attempt for r in again] == [1, 2]
    assert {(r.accuracy, r.final_loss, r.method) for r in again} == {(seed1.accuracy, seed1.final_loss, "random")}
    assert named(out, Installed(Plugins(extra=("tiny_protocol",)), None, Path(os.environ["CCBENCH_CACHE"]))) == set()


def test_a_record_has_the_curve_of_its_training(out):
    for record in read_all(out)[0]:
        assert record.curve.iterations == tuple(range(1, 13))  # as many as the protocol makes
        assert record.curve.last_loss == pytest.approx(record.final_loss, rel=1e-6)
        assert record.curve.loss[0] > record.curve.loss[-1] > 0
        assert (max(record.curve.lr), record.curve.looked) == (0.05, ())


CURVES = {
    "iterations": lambda curve: replace(curve, iterations=(*curve.iterations[:-1], 13)),
    "loss": lambda curve: replace(curve, loss=tuple(value / 2 for value in curve.loss)),
    "lr": lambda curve: replace(curve, lr=(0.01, *curve.lr[1:])),
    "looked": lambda curve: replace(curve, looked=(6, 12), accuracy=(0.5, 0.9)),
    "accuracy": lambda curve: replace(curve, looked=(12,), accuracy=(0.12345,)),
}


@pytest.mark.parametrize("name", CURVES)
def test_a_doctored_curve_is_found(out, here, name):
    record = record_of(out)
    path = record.path(out)
    path.write_text(json.dumps({**json.loads(path.read_text()), "curve": asdict(CURVES[name](record.curve))}))
    assert named(out, here) == {"file"}  # under the old checksum
    write(out, record, replace(record, curve=CURVES[name](record.curve)))
    assert named(out, here) == {"curve"}


def test_a_curve_where_the_test_set_is_looked_at_agrees_with_both_accuracies(out):
    record = replace(record_of(out), accuracy=0.5, best_accuracy=0.6)
    sound = replace(record, curve=replace(record.curve, looked=(6, 9, 12), accuracy=(0.4, 0.6, 0.5)))
    assert [*_curve(sound)] == []
    for looked, accuracy in (((6, 12), (0.4, 0.5)), ((6, 12), (0.6, 0.4)), ((6, 9), (0.6, 0.5)), ((), ())):
        other = replace(record, curve=replace(record.curve, looked=looked, accuracy=accuracy))
        assert {finding.field for finding in _curve(other)} == {"curve"}


def test_a_record_of_before_there_were_curves_is_as_good(out, here):
    record = record_of(out)
    old = {name: value for name, value in record.plain().items() if name != "curve"}
    path = record.path(out)
    path.write_text(json.dumps({**old, "checksum": checksum(old)}))
    assert read_one(path).curve is None
    assert named(out, here) == set()


def test_a_curve_that_nobody_had_is_found_by_training_again(out):
    record = record_of(out)
    lied = replace(record, curve=replace(record.curve, loss=(9.0, *record.curve.loss[1:])))
    fresh = Trained(accuracy=record.accuracy, final_loss=record.final_loss, curve=record.curve,
                    environment=record.environment)  # fmt: skip
    assert judge(record, fresh, [])[0] == "equal"
    assert judge(replace(record, curve=None), fresh, [])[0] == "equal"
    assert judge(lied, fresh, [])[0] == "outside"


ENVIRONMENT = {"device": "x86_64", "cpu": "one", "torch": "2"}


@pytest.mark.parametrize(
    ("fresh", "elsewhere", "accuracies", "word"),
    [
        (0.5, {}, [0.5], "equal"),
        (0.5, {"cpu": "two"}, [0.5], "equal"),
        (0.502, {}, [0.5, 0.6, 0.4], "outside"),  # the same machine: no digit may differ
        (0.502, {"cpu": "two"}, [0.5], "unjudged"),
        (0.51, {"cpu": "two"}, [0.50, 0.51, 0.49], "within"),
        (0.57, {"torch": "3"}, [0.50, 0.51, 0.49], "outside"),
        (0.56, {"torch": "3"}, [0.50, 0.51, 0.49], "within"),
    ],
)
def test_how_far_two_trainings_may_be_apart(out, fresh, elsewhere, accuracies, word):
    record = replace(record_of(out), accuracy=0.5, final_loss=1.0, environment=ENVIRONMENT)
    now = Trained(accuracy=fresh, final_loss=1.0, environment={**ENVIRONMENT, **elsewhere})
    assert judge(record, now, accuracies)[0] == word


def test_the_interval_by_hand():
    # s = 0.01, t of 2 degrees of freedom at 97.5 % is 4.30265
    assert interval([0.50, 0.51, 0.49]) == pytest.approx(4.30265 * 0.01 * 2**0.5, rel=1e-5)
    assert interval([0.5]) is None
