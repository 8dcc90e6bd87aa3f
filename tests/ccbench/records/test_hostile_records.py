"""Records that nobody's ccbench wrote: each is left out and named in one line, and the board is made of the others."""

import json
import os
import shutil
from dataclasses import fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_record import record

from ccbench.__main__ import main
from ccbench.errors import UserError
from ccbench.records.out_folder import claimed
from ccbench.records.record import MEANS, Record, checksum, named, read_all, write_record
from ccbench.runner.one_file import _title
from ccbench.runner.plan import Request, make_plan

DEEP = "[" * 100_000
NUMBERS = ("seed", "seed_value", "attempt", "planned_seeds", "threads", "base_seed", "ratio", "accuracy", *MEANS)
WRONG = [
    *[(name, value) for name in NUMBERS for value in ([1], {"a": 1}, "1", True, 1e308, 2**64, 10**30, -(2**63))],
    *(("seed", 2**63), ("seed", 2**32), ("seed", -1), ("seed", 0.5), ("base_seed", 2**63), ("attempt", 0)),
    *(("accuracy", 1.0001), ("accuracy", -0.1), ("best_accuracy", 7), ("teacher_accuracy", 1e300)),
    *(("bytes", -1), ("images", -5), ("teacher_bytes", -1), ("peak_memory", -1), ("iterations", -1), ("classes", -1)),
    *(("nominal_ratio", 1.5), ("measured_ratio", 2), ("nominal_ratio", -1e10), ("ratio", -4), ("colorfulness", -1)),
    *(("kept", text) for text in ("1/0", "5", "0", "-1", "abc", "1e999999999", "1/1e9", 5, None, 0.5, ["1/2"])),
    *(("method", text) for text in ("", "=cmd()", "<script>", "a b", "a[b", "a\nb", "\ud800", "x" * 3000, 3, "+a")),
    *(("status", text) for text in ("fine", "", "OK", 1, None, ["ok"])),
    *(("stage_seconds", value) for value in ([], {"a": "b"}, {"a": [1]}, {"a": 10**400}, "x")),
    *(("environment", value) for value in ([], "x", 5)),
    *(("cell", text) for text in ("../x", "", "a" * 200, "a\n", 5)),
]


def put(path, facts):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**facts, "checksum": checksum(facts)}))


@pytest.fixture
def out(tmp_path):
    write_record(record(), tmp_path)
    return tmp_path


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda v: f"{v!r:.20}".encode("ascii", "replace").decode())
def test_a_bad_field_leaves_its_record_out_and_is_named(out, name, value):
    (good,), _ = read_all(out)
    put(out / "results" / "a" / "b" / "bad.1.json", {**good.plain(), "cell": "bad", name: value})
    records, problems = read_all(out)
    assert records == [good]
    (problem,) = problems
    assert "bad.1.json: not a" in problem
    assert "\n" not in problem
    assert len(problem) < 400


@pytest.mark.parametrize("text", ["1e999", "-1e999", "NaN", "-Infinity", "9" * 5000, DEEP, DEEP + "]" * 100_000])
@pytest.mark.parametrize("name", ["accuracy", "seed", "environment", "never_heard_of"])
def test_what_is_no_json_leaves_its_record_out(out, name, text):
    (good,), _ = read_all(out)
    content = json.dumps({**good.plain(), "cell": "bad", name: "@"}).replace('"@"', text)
    (out / "results" / "bad.1.json").write_text(content)
    records, (problem,) = read_all(out)
    assert records == [good]
    assert "bad.1.json: not" in problem


def test_what_a_newer_version_adds_is_let_through(out):
    (good,), _ = read_all(out)
    put(out / "results" / "new.1.json", {**good.plain(), "cell": "new", "mood": {"deep": [1, {"a": None}]}})
    records, problems = read_all(out)
    assert {r.cell for r in records} == {"abc123", "new"}
    assert problems == []


HOSTILE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**80), 2**80), st.floats(allow_nan=False), st.text(),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=3), st.integers(), max_size=3),
    st.sampled_from(["\ud800", "=1+1", "1/12", "ok", 2**63, 10**400, 1e308, -0.0]),
)  # fmt: skip


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([f.name for f in fields(Record)]), HOSTILE, min_size=1, max_size=4))
def test_whatever_passes_can_be_tabulated(tmp_path_factory, changes):
    out = tmp_path_factory.mktemp("any")
    write_record(record(), out)
    (good,), _ = read_all(out)
    put(out / "results" / "any.1.json", {**good.plain(), "cell": "any", **changes})
    try:
        records, problems = read_all(out)
    except UserError:  # of a schema that is newer
        assert changes["schema"] > 1
        return
    assert len(records) + len(problems) == 2
    from ccbench.leaderboard import render, table

    for form in ("csv", "md", "html", "latex"):
        assert render(table(records), form)
    shutil.rmtree(out)


def test_the_board_stands_beside_bad_records(out, capsys):
    (good,), _ = read_all(out)
    for i, (name, value) in enumerate(WRONG[::7]):
        put(out / "results" / "bad" / f"bad{i}.1.json", {**good.plain(), "cell": f"bad{i}", name: value})
    assert main(["leaderboard", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "dcq" in said.out
    assert "Traceback" not in said.err
    assert said.err.count("not a result record") == len(WRONG[::7])


@pytest.mark.parametrize(
    "text", [DEEP, '{"schema": 1e999}', '{"schema": [1]}', '{"schema": -1}', '{"schema": true}', "[]"]
)
def test_a_marker_that_says_nothing_is_named(tmp_path, text):
    (tmp_path / "ccbench.json").write_text(text)
    with pytest.raises(UserError, match=r"ccbench\.json cannot be read"), claimed(tmp_path):
        pass


def test_a_marker_may_say_more(tmp_path):
    (tmp_path / "ccbench.json").write_text('{"schema": 1, "by": "somebody"}')
    with claimed(tmp_path):
        pass
    assert json.loads((tmp_path / "ccbench.json").read_text())["by"] == "somebody"


@pytest.mark.parametrize("seed", [2**62, -(2**62), 2**63, 10**30])
def test_a_base_seed_that_no_table_holds_is_refused_before_anything_runs(seed, capsys, tmp_path):
    with pytest.raises(UserError, match="base seed"):
        make_plan(Request(methods=("random",), base_seed=seed), plugins=None, data_of=None)
    assert main(["plan", "-m", "random", "--base-seed", str(seed)]) == 2
    assert "--base-seed" in capsys.readouterr().err


@pytest.mark.parametrize("label", ["dcq", "ccs[fraction=0.1]+dcq[bits=2]", "ccs[score=tdds[t=20]]", "deepcore:Craig+a"])
def test_labels_are_names(label, tmp_path):
    assert named(label)
    assert named(_title(label, tmp_path / "a (1).ccb"))
    assert named(_title("=" + label, tmp_path / "x\n\ud800.ccb"))


def test_what_is_no_file_among_records_is_named_and_never_waited_for(out):
    (good,), _ = read_all(out)
    os.mkfifo(out / "results" / "pipe.json")
    (out / "results" / "zero.json").symlink_to("/dev/zero")
    (out / "results" / "loop.json").symlink_to("loop.json")
    (out / "results" / "gone.json").symlink_to("nowhere.json")
    (out / "results" / "folder.json").mkdir()
    records, problems = read_all(out)
    assert records == [good]
    assert len(problems) == 5
    assert all("neither a file nor a link to one" in problem for problem in problems)
