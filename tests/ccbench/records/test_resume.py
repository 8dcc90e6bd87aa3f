"""What a run finds of an earlier one: whole artifacts are used again, all others are made again."""

import json
import os
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from ccbench.files import file_digest
from ccbench.methods.guard import watch_test_split
from ccbench.records.book import Book
from ccbench.records.cells import Cell
from ccbench.records.facts import Compressed, Trained
from ccbench.records.record import latest, read_all

CELL = Cell(dataset="noise", method="random", kept=Fraction(1, 12), architecture="quicknet", protocol="quick")


@pytest.fixture
def artifact(tmp_path):
    path = tmp_path / "random-0.ccb"
    path.write_bytes(np.arange(200, dtype=np.uint8).tobytes())
    facts = {
        "bytes": 200,
        "sha256": file_digest(path),
        "images": 1,
        "classes": 1,
        "nominal_kept": "1/12",
        "measured_kept": 0.1,
    }
    path.with_suffix(".json").write_text(json.dumps(facts))
    return path


def flip(path):
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


DAMAGE = {
    "a flipped bit": flip,
    "cut short": lambda p: p.write_bytes(p.read_bytes()[:50]),
    "deleted": lambda p: p.unlink(),
    "no facts": lambda p: p.with_suffix(".json").unlink(),
    "half the facts": lambda p: p.with_suffix(".json").write_text('{"bytes": 2'),
    "facts of something else": lambda p: p.with_suffix(".json").write_text("[1]"),
    "facts of another file": lambda p: p.with_suffix(".json").write_text('{"bytes": 7, "sha256": "0"}'),
}


def test_a_whole_artifact_is_used_again(artifact):
    assert Compressed.read(artifact).images == 1


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_artifact_is_made_again(artifact, what):
    DAMAGE[what](artifact)
    assert Compressed.read(artifact) is None


def test_an_artifact_that_is_deleted_during_the_run_does_not_stop_the_books(artifact, tmp_path):
    facts = Compressed.read(artifact)
    artifact.unlink()
    book = Book(tmp_path, [CELL], {})
    record = book.write(CELL, "failed", "no such file", artifact=artifact, file=facts)
    assert record.artifact_sha256 == facts.sha256
    assert len(read_all(tmp_path)[0]) == 1


def test_what_trackers_hear_is_what_is_written(tmp_path):
    first, second = (Book(tmp_path, [CELL], {}).write(CELL, "failed", "x") for _ in range(2))
    assert (first.attempt, second.attempt) == (1, 2)
    assert read_all(tmp_path)[0] == [first, second]


def test_an_ok_attempt_on_other_images_is_another_cell(tmp_path):
    def attempt(digest, status, number):
        cell = replace(CELL, dataset_digest=digest)
        book = Book(tmp_path, [cell], {cell.id: number - 1})
        outcome = Trained(accuracy=number / 10, train_seconds=1.0) if status == "ok" else None
        book.write(cell, status, outcome=outcome)
        found = {r.cell: r for r in latest(read_all(tmp_path)[0])}[cell.id]
        return found.dataset_digest, found.status, found.accuracy

    assert attempt("old", "ok", 1) == ("old", "ok", 0.1)
    assert attempt("new", "failed", 2) == ("new", "failed", None)
    assert attempt("new", "ok", 3) == ("new", "ok", 0.3)
    assert attempt("new", "timeout", 4) == ("new", "ok", 0.3)


def test_a_folder_whose_name_only_begins_like_the_data_is_not_watched(tmp_path):
    for folder in ("data", "data2"):
        (tmp_path / folder / "test").mkdir(parents=True)
        (tmp_path / folder / "test" / "x").write_text("")
    with watch_test_split(tmp_path / "data") as seen:
        (tmp_path / "data2" / "test" / "x").read_text()
        assert seen == []
        (tmp_path / "data" / "test" / "x").read_text()
        os.listdir(os.fsencode(tmp_path / "data" / "test"))  # noqa: PTH208 - a path may be bytes
    assert seen == [str(tmp_path / "data" / "test" / "x"), str(tmp_path / "data" / "test")]


def test_a_log_that_finds_no_room_loses_no_record(tmp_path):
    (tmp_path / "logs").write_text("a file where the folder should be")
    record = Book(tmp_path, [CELL], {}).write(CELL, "failed", "x", log="Traceback")
    assert json.loads(record.path(tmp_path).read_text())["reason"] == "x"
