import json
from dataclasses import fields, replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_record import record

from ccbench.errors import UserError
from ccbench.records.record import Record, checksum, latest, read_all, write_record


def test_what_is_written_is_read(tmp_path):
    one = record(stage_seconds={"proxy": 1.5}, environment={"python": "3.11"}, bytes=123)
    path = write_record(one, tmp_path)
    assert path == tmp_path / "results" / "photodigits" / "dcq" / "abc123.1.json"
    (found,), problems = read_all(tmp_path)
    assert problems == []
    assert found == replace(one, checksum=found.checksum)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]  # no temporary file is left


def test_a_record_holds_every_field_of_the_documented_schema(tmp_path):
    documented = (
        "schema cell attempt status reason dataset dataset_digest method method_version architecture protocol "
        "protocol_version ratio nominal_ratio measured_ratio bytes images seed seed_value accuracy best_accuracy "
        "compress_seconds train_seconds stage_seconds peak_memory artifact artifact_sha256 environment "
        "started finished match"
    )
    on_disk = json.loads(write_record(record(), tmp_path).read_text())
    assert set(documented.split()) <= set(on_disk) == {f.name for f in fields(Record)}


def test_an_earlier_record_is_never_overwritten(tmp_path):
    first = write_record(record(accuracy=0.1), tmp_path)
    before = first.read_bytes()
    second = write_record(record(accuracy=0.9), tmp_path)
    assert first.read_bytes() == before
    assert second.name == "abc123.2.json"
    assert json.loads(second.read_text())["attempt"] == 2


@pytest.mark.parametrize(
    "change",
    [
        {"accuracy": None},
        {"accuracy": 1.5},
        {"accuracy": float("nan")},
        {"status": "fine"},
        {"cell": "../x"},
        {"seed": 0.5},
        {"seed": -1},
        {"kept": Fraction(0)},
        {"kept": Fraction(5, 3)},
        {"ratio": 7},
        {"planned_seeds": 0},
        {"best_accuracy": 9},
        {"bytes": 10**400},
        {"train_seconds": 10**400},
        {"stage_seconds": {"proxy": "long"}},
    ],
)
def test_a_record_that_breaks_the_schema_is_not_written(tmp_path, change):
    with pytest.raises(ValueError, match="not a record"):
        write_record(record(**change), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_infinities_are_written_as_null(tmp_path):
    path = write_record(
        record(status="failed", accuracy=None, train_seconds=float("inf"), environment={"x": [float("nan")]}), tmp_path
    )
    facts = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert facts["train_seconds"] is None
    assert facts["environment"] == {"x": [None]}


@pytest.mark.parametrize(
    "content",
    ["", "{", '{"schema": 1}', "[]", "null", "\x00", '{"schema": 1, "cell": "a"', "9" * 5000, "[" * 100_000],
    ids=["empty", "cut", "foreign", "list", "null", "binary", "truncated", "number", "deep"],
)
def test_a_damaged_file_is_named_and_the_others_are_read(tmp_path, content):
    good = write_record(record(), tmp_path)
    bad = good.with_name("zzz.1.json")
    bad.write_text(content)
    records, problems = read_all(tmp_path)
    assert [r.cell for r in records] == ["abc123"]
    assert len(problems) == 1
    assert str(bad) in problems[0]


@given(st.data())
def test_no_cut_of_a_record_is_read_as_a_record(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cut")
    path = write_record(record(), folder)
    text = path.read_bytes().rstrip()
    path.write_bytes(text[: data.draw(st.integers(0, len(text) - 1))])
    records, problems = read_all(folder)
    assert records == []
    assert len(problems) == 1


def test_nan_in_a_file_is_a_problem_not_an_accuracy(tmp_path):
    path = write_record(record(), tmp_path)
    path.write_text(path.read_text().replace("0.5", "NaN"))
    records, problems = read_all(tmp_path)
    assert records == []
    assert "NaN" in problems[0]


def test_a_newer_schema_stops(tmp_path):
    path = write_record(record(), tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))
    with pytest.raises(UserError, match="newer version") as caught:
        read_all(tmp_path)
    assert str(path) in str(caught.value)


def test_fields_that_an_older_version_did_not_have_get_their_defaults(tmp_path):
    path = write_record(record(), tmp_path)
    old = {k: v for k, v in json.loads(path.read_text()).items() if k not in {"match", "planned_seeds", "environment"}}
    path.write_text(json.dumps({**old, "checksum": checksum(old)}))
    records, _ = read_all(tmp_path)
    assert (records[0].match, records[0].planned_seeds, records[0].environment) == ("nominal", None, {})


@pytest.mark.parametrize(
    "change", [{"accuracy": 0.99}, {"bytes": 1}, {"method": "mine"}, {"added": 1}, {"checksum": ""}]
)
def test_a_record_that_somebody_changed_is_left_out_and_named(tmp_path, change):
    path = write_record(record(), tmp_path)
    facts = json.loads(path.read_text())
    assert read_all(tmp_path)[0]
    path.write_text(json.dumps({**facts, **change}))
    records, problems = read_all(tmp_path)
    assert records == []
    assert problems == [f"{path}: its content does not fit its checksum; it was changed after it was written"]


def test_the_order_of_fields_and_the_spelling_of_numbers_change_no_checksum(tmp_path):
    path = write_record(record(accuracy=0.5, stage_seconds={"proxy": 1e-7, "é": 2.0}), tmp_path)
    facts = json.loads(path.read_text())
    path.write_text(
        json.dumps(dict(reversed(facts.items())), ensure_ascii=False, indent=7).replace("1e-07", "0.0000001")
    )
    assert len(read_all(tmp_path)[0]) == 1


@pytest.mark.parametrize("schema", [0, -1])
def test_a_schema_that_never_was_is_no_record(tmp_path, schema):
    path = write_record(record(), tmp_path)
    facts = {**json.loads(path.read_text()), "schema": schema}
    path.write_text(json.dumps({**facts, "checksum": checksum(facts)}))
    assert read_all(tmp_path)[0] == []


def test_several_folders_are_merged_and_one_named_twice_counts_once(tmp_path):
    write_record(record(), tmp_path / "a")
    write_record(record(cell="def"), tmp_path / "b")
    records, _ = read_all(tmp_path / "a", tmp_path / "b", tmp_path / "a" / ".." / "a", tmp_path / "missing")
    assert sorted(r.cell for r in records) == ["abc123", "def"]


def test_an_ok_attempt_outlives_later_failures():
    def attempt(number, status):
        return record(attempt=number, status=status, accuracy=0.5 if status == "ok" else None)

    ok, later = attempt(1, "ok"), attempt(2, "timeout")
    assert latest([ok, later]) == latest([later, ok]) == [ok]
    assert latest([attempt(1, "failed"), later]) == latest([later, attempt(1, "failed")]) == [later]
    assert latest([ok, attempt(3, "ok"), later]) == [attempt(3, "ok")]
    assert latest([]) == []


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9), st.booleans()), unique_by=lambda t: t[:2]),
    st.randoms(),
)
def test_the_order_of_records_does_not_matter(attempts, random):
    records = [
        record(cell=c, attempt=n, status="ok" if ok else "oom", accuracy=0.1 if ok else None) for c, n, ok in attempts
    ]
    shuffled = random.sample(records, len(records))
    by_cell = {r.cell: r for r in latest(shuffled)}
    assert by_cell == {r.cell: r for r in latest(records)}
    for cell, chosen in by_cell.items():  # a second, plainer implementation
        mine = [r for r in records if r.cell == cell]
        pool = [r for r in mine if r.status == "ok"] or mine
        assert chosen.attempt == max(r.attempt for r in pool)


@given(st.text(min_size=1, max_size=200))
def test_any_label_stays_inside_the_folder(label):
    path = record(method=label, dataset=f"folder:{label}").path("out")
    assert path.parts[:2] == ("out", "results")
    assert len(path.parts) == 5
    assert ".." not in path.parts
    assert all(len(part.encode()) < 255 for part in path.parts)
