"""What a run finds of an earlier one: whole artifacts are used again, all others are made again."""

import json
from fractions import Fraction

import numpy as np
import pytest

from ccbench import results
from ccbench.bookkeeping import Book, read_facts
from ccbench.cells import Cell
from ccbench.executors import Finished
from ccbench.store import file_digest

CELL = Cell("noise", "random", "1", Fraction(1, 12), "quicknet", "quick", "1", 0, 0, "nominal")


@pytest.fixture
def artifact(tmp_path):
    path = tmp_path / "random-0.ccb"
    path.write_bytes(np.arange(200, dtype=np.uint8).tobytes())
    facts = {"bytes": 200, "sha256": file_digest(path), "images": 1, "nominal_kept": "1/12", "measured_kept": 0.1}
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
    assert read_facts(artifact)["images"] == 1
    facts = json.loads(artifact.with_suffix(".json").read_text())
    del facts["sha256"]
    artifact.with_suffix(".json").write_text(json.dumps(facts))
    assert read_facts(artifact) == facts


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_artifact_is_made_again(artifact, what):
    DAMAGE[what](artifact)
    assert read_facts(artifact) is None


def test_an_artifact_that_is_deleted_during_the_run_does_not_stop_the_books(artifact, tmp_path):
    facts = read_facts(artifact)
    artifact.unlink()
    book = Book(tmp_path, [CELL], {"noise": "d"}, {})
    record = book.write(CELL, Finished(CELL.id, "failed", "no such file"), artifact, facts)
    assert record["artifact_sha256"] == facts["sha256"]
    assert len(results.read_all(tmp_path)[0]) == 1
