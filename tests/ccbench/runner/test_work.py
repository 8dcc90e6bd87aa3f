"""Work travels as plain data, whatever carries it."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from ccbench.data import DataSource
from ccbench.executors import Finished
from ccbench.files import file_digest
from ccbench.methods.teacher_source import TeacherSource
from ccbench.records.facts import Compressed, Trained
from ccbench.runner.compressing import Compression, Measurement, Share
from ccbench.runner.execute import given
from ccbench.runner.training import Teaching, Training
from ccbench.runner.work import Context, Work, shorten

CONTEXT = Context(
    dataset="folder:/pictures",
    source=DataSource(Path("/data"), image_size=32, argument="/pictures", given=frozenset({"image_size"})),
    cache=Path("/cache"),
    protocol="quick",
    base_seed=3,
    device="cpu",
    precision="bfloat16",
    threads=2,
    teacher=TeacherSource(file="/t.safetensors", architecture="resnet18", digest="ab"),
)
WORK = [
    Compression(
        context=CONTEXT,
        log=Path("logs/a"),
        method="dcq",
        kept=Fraction(1, 12),
        match="bytes",
        coding="best",
        seed=1,
        made="m",
        artifact=Path("a.ccb"),
    ),
    Measurement(
        context=CONTEXT,
        method="a+b",
        kept=Fraction(1, 3),
        match="bytes",
        steps=2,
        artifact=Path("a.ccb"),
        made={"compress_seconds": 1.5},
        beside=False,
    ),
    Share(context=CONTEXT, method="dc3", kept=Fraction(2, 7), artifact=Path("a.ccb"), part=1, parts=3),
    Training(context=CONTEXT, artifact=Path("a.ccb"), architecture="quicknet", seed_value=5, micro_batch=16),
    Teaching(context=CONTEXT),
]


@pytest.mark.parametrize("work", WORK, ids=lambda work: type(work).__name__)
def test_work_is_the_same_on_the_other_side(work):
    item = work.item("x", 9.0)
    assert (item.id, item.timeout, item.function) == ("x", 9.0, f"{type(work).__module__}:do")
    plain = json.loads(json.dumps(dict(item.payload)))
    assert Work.kinds[plain.pop("kind")].from_plain(plain) == work


def test_every_kind_of_work_is_tested():
    assert {type(work).__name__ for work in WORK} == set(Work.kinds)


def test_facts_are_the_same_on_the_other_side():
    facts = Compressed(
        bytes=10, sha256="0", images=2, classes=2, nominal_kept=Fraction(1, 3), measured_kept=0.4, warnings=["w"]
    )
    assert Compressed.from_plain(json.loads(json.dumps(facts.plain()))) == facts


@pytest.mark.parametrize(
    "value",
    [
        None, "text", [], {}, {"accuracy": 0.5, "mood": "good"}, {"accuracy": "high"}, {"accuracy": 7},
        {"accuracy": float("nan")}, {"accuracy": 0.5, "iterations": 2.5}, {"accuracy": 0.5, "peak_memory": 10**400},
        {"accuracy": 0.5, "environment": None},
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_an_executor_that_gives_back_something_else_has_failed_the_item(value):
    finished, facts = given(Trained, Finished("x", "ok", value=value))
    assert facts is None
    assert finished.status == "failed"
    assert "gave back no Trained" in finished.reason


def test_a_training_that_diverged_has_ended_well():
    _, facts = given(Trained, Finished("x", "ok", value={"accuracy": 0.1, "final_loss": float("nan")}))
    assert facts is not None


@pytest.mark.parametrize("wrong", [{"nominal_kept": "1/0"}, {"bytes": "many"}, {"measured_kept": "x"}, {"warnings": 3}])
def test_facts_of_a_file_that_break_their_types_are_no_facts(tmp_path, wrong):
    artifact = tmp_path / "a.ccb"
    artifact.write_bytes(b"0123456789")
    facts = Compressed(bytes=10, sha256=file_digest(artifact), images=2, classes=2, nominal_kept=1, measured_kept=0.4)
    facts.save(artifact)
    assert Compressed.read(artifact) == facts
    artifact.with_suffix(".json").write_text(json.dumps({**facts.plain(), **wrong}))
    assert Compressed.read(artifact) is None
    finished, found = given(Compressed, Finished("x", "ok", value={**facts.plain(), **wrong}))
    assert (finished.status, found) == ("failed", None)


def test_what_did_not_end_well_stays_as_it_is():
    finished = Finished("x", "timeout", "too long")
    assert given(Trained, finished) == (finished, None)


def test_a_long_log_keeps_its_beginning_and_its_end(tmp_path):
    log = tmp_path / "a.log"
    log.write_bytes(b"first\n" + b"x" * (5 << 20) + b"\nlast\n")
    size = log.stat().st_size
    shorten(log)
    kept = log.read_bytes()
    assert kept.startswith(b"first\n")
    assert kept.endswith(b"\nlast\n")
    assert f"... {size - (1 << 20):,} bytes left out ...".encode() in kept
    assert len(kept) < (1 << 20) + 100
    shorten(log)
    assert log.read_bytes() == kept
