import math
import statistics
from dataclasses import replace
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccbench.leaderboard import table
from ccbench.leaderboard.columns import IDENTITY, caption, columns
from ccbench.leaderboard.writing import load
from ccbench.records.cells import ROW
from ccbench.records.record import write_record

DOCUMENTED = [
    *["method", "dataset", "architecture", "protocol", "ratio", "nominal_ratio", "measured_ratio", "bytes"],
    *["accuracy_mean", "accuracy_std", "n_seeds", "status"],
    *["protocol_version", "planned_seeds", "diff_random", "diff_full", "source"],
]


def row(frame, method, **where):
    found = frame[frame["method"] == method]
    for name, value in where.items():
        found = found[found[name] == value]
    assert len(found) == 1
    return found.iloc[0]


def test_a_table_worked_by_hand(make):
    records = [
        *make("full", 0.0, [0.9, 0.8, 1.0]),
        *make("random", 0.75, [0.4, 0.5, 0.6]),
        *make("dcq", 0.75, [0.6, 0.8, 0.7]),
        *make("dcq", 0.5, [0.7]),
    ]
    frame = table(records)
    assert list(frame.columns[: len(DOCUMENTED)]) == DOCUMENTED
    dcq = row(frame, "dcq", ratio=0.75)
    assert dcq["accuracy_mean"] == pytest.approx(0.7)
    assert dcq["accuracy_std"] == pytest.approx(0.1)  # sqrt((0.01 + 0.01 + 0) / 2)
    assert dcq["diff_random"] == pytest.approx(0.2)
    assert dcq["diff_full"] == pytest.approx(-0.2)
    assert dcq["bytes"] == 1001
    assert dcq["measured_ratio"] == pytest.approx(0.74)
    assert (dcq["n_seeds"], dcq["planned_seeds"], dcq["status"], dcq["source"]) == (3, 3, "ok", "measured")
    alone = row(frame, "dcq", ratio=0.5)
    assert math.isnan(alone["accuracy_std"])  # one seed has no spread; 0 would claim there is none
    assert math.isnan(alone["diff_random"])  # random was not measured at that ratio
    assert alone["diff_full"] == pytest.approx(-0.2)
    assert list(frame["method"]) == ["full", "dcq", "dcq", "random"]  # ratio ascending, then accuracy descending


def test_missing_seeds_are_counted_and_named(make):
    records = [
        *make("dcq", 0.75, [0.6, "timeout", 0.8]),
        *make("ccs", 0.75, [0.5, "oom", "timeout"]),
        *make("el2n", 0.75, [0.5], planned_seeds=3),
        *make("aum", 0.75, ["failed", "failed"]),
        *make("octree", 0.75, ["skipped", "skipped"]),
        *make("slow", 0.75, ["timeout"]),
    ]
    frame = table(records)
    status = dict(zip(frame["method"], frame["status"], strict=True))
    assert status == {
        "dcq": "partial (2 of 3: 1 timeout)",
        "ccs": "partial (1 of 3: 1 oom, 1 timeout)",
        "el2n": "partial (1 of 3: 2 missing)",
        "aum": "failed: the failed reason",
        "octree": "skipped: the skipped reason",
        "slow": "failed: the timeout reason",
    }
    assert row(frame, "dcq")["accuracy_mean"] == pytest.approx(0.7)
    nothing = row(frame, "aum")
    assert nothing["n_seeds"] == 0
    assert nothing[["accuracy_mean", "accuracy_std", "measured_ratio", "nominal_ratio", "diff_random"]].isna().all()
    assert pd.isna(nothing["bytes"])
    assert list(frame["method"])[-3:] == ["aum", "octree", "slow"]  # rows without accuracy come last


def test_nan_accuracy_is_no_seed(make):
    bad = make("dcq", 0.75, [0.6, 0.8])
    bad[1] = replace(bad[1], accuracy=float("nan"))
    one = row(table(bad), "dcq")
    assert (one["n_seeds"], one["accuracy_mean"]) == (1, 0.6)
    assert one["status"].startswith("partial (1 of 2")


def test_an_ok_attempt_counts_although_a_later_one_failed(make):
    first = make("dcq", 0.75, [0.6])[0]
    again = replace(first, attempt=2, status="failed", accuracy=None, reason="x")
    one = row(table([again, first]), "dcq")
    assert (one["n_seeds"], one["status"]) == (1, "ok")


def test_protocols_datasets_and_networks_never_share_a_row_or_a_reference(make):
    records = [
        *make("random", 0.75, [0.4]),
        *make("dcq", 0.75, [0.6]),
        *make("dcq", 0.75, [0.7], protocol="dcq-cifar"),
        *make("dcq", 0.75, [0.8], protocol_version="2"),
        *make("dcq", 0.75, [0.9], architecture="resnet18"),
        *make("dcq", 0.75, [0.5], dataset="cifar10"),
        *make("dcq", 0.75, [0.55], match="bytes"),
    ]
    frame = table(records)
    assert len(frame) == 7
    assert frame["diff_random"].notna().sum() == 2  # random itself, and dcq beside it
    assert row(frame, "dcq", accuracy_mean=0.6)["diff_random"] == pytest.approx(0.2)


AXES = {  # every field of a row, at another value than the fixture's
    "dataset": "cifar10", "dataset_digest": "d2", "test_digest": "t2", "options": "image_size=8", "method": "ccs",
    "method_version": "2", "kept": Fraction(1, 8), "match": "bytes", "made": "m2", "architecture": "resnet18",
    "architecture_version": "2", "protocol": "dcq-cifar", "protocol_version": "2", "precision": "bfloat16",
    "threads": 2, "trained": "n2", "base_seed": 7, "teacher": "resnet50", "coding": "best",
}  # fmt: skip


def other_than(records, axis):
    return [replace(record, **{axis: AXES[axis]}) for record in records]


def test_the_list_of_axes_is_whole():
    assert set(AXES) == set(ROW)


@pytest.mark.parametrize("axis", ROW)
def test_results_that_differ_in_an_axis_never_share_a_row(make, axis):
    one = make("dcq", 0.75, [0.1, 0.2])
    other = other_than(make("dcq", 0.75, [0.6, 0.8]), axis)
    for records in (one + other, other + one):
        frame = table(records)
        assert sorted(frame["n_seeds"]) == [2, 2]
        assert sorted(frame["accuracy_mean"]) == pytest.approx([0.15, 0.7])


@pytest.mark.parametrize("axis", ROW)
def test_references_are_of_the_same_conditions(make, axis):
    """A difference to random is taken where nothing but the method differs, and to full whatever the budget."""
    of_method = axis in {"method", "method_version", "made"}
    for reference, ratio, free in (("random", 0.75, ()), ("full", 0.0, ("kept", "match"))):
        known = make(reference, ratio, [0.4])
        frame = table(known + other_than(make("dcq", 0.75, [0.6]), axis))
        (found,) = frame.loc[frame["method"] != reference, f"diff_{reference}"]
        if of_method or axis in free or axis in ("teacher", "coding"):
            assert found == pytest.approx(0.2)
        else:
            assert math.isnan(found)


@pytest.mark.parametrize("axis", ["options", "precision", "threads", "base_seed", "method_version", "made", "trained",
                                  "architecture_version", "dataset_digest", "test_digest"])  # fmt: skip
def test_a_column_appears_where_rows_differ_and_is_folded_into_the_caption_where_they_do_not(make, axis):
    facts = {"precision": "float32", "threads": 1, "base_seed": 0, "dataset_digest": "0123456789"}
    one = make("dcq", 0.75, [0.5], **facts)
    same = table(one + make("random", 0.75, [0.4], **facts))
    title = IDENTITY[axis].title
    assert title not in [c.title for c in columns(same)]
    assert caption(same) == "All rows: precision float32, threads 1, base seed 0, data 01234567."
    other = table(one + make("dcq", 0.75, [0.6], **{**facts, axis: AXES[axis]}))
    assert [c.title for c in columns(other)].count(title) == 1
    assert f" {title.lower()} " not in caption(other)


def test_a_coded_row_is_compared_with_what_its_budget_lets_random_keep(make):
    """Coding changes no image, so that any row of random will do; but where files are held to bytes, it makes room."""
    records = [
        *make("random", 0.75, [0.4]),
        *make("dcq", 0.75, [0.6], coding="best"),
        *make("random", 0.9, [0.3], match="bytes"),
        *make("random", 0.9, [0.5], match="bytes", coding="best"),
        *make("dcq", 0.9, [0.6], match="bytes", coding="best"),
        *make("ccs", 0.9, [0.6], match="bytes", coding="rans"),
    ]
    frame = table(records)
    assert row(frame, "dcq", ratio=0.75)["diff_random"] == pytest.approx(0.2)
    assert row(frame, "dcq", ratio=0.9)["diff_random"] == pytest.approx(0.1)
    assert math.isnan(row(frame, "ccs")["diff_random"])
    assert "Coding" in [c.title for c in columns(frame)]
    assert "Coding" not in [c.title for c in columns(table(make("dcq", 0.75, [0.6])))]


def test_two_versions_of_a_reference_give_no_difference_but_to_themselves(make):
    versions = make("random", 0.75, [0.4]) + make("random", 0.75, [0.5], method_version="2")
    frame = table(versions + make("dcq", 0.75, [0.7]))
    assert math.isnan(row(frame, "dcq")["diff_random"])
    assert list(frame.loc[frame["method"] == "random", "diff_random"]) == [0, 0]


def test_versions_of_two_methods_are_no_column(make):
    frame = table(make("dcq", 0.75, [0.5], made="a") + make("random", 0.75, [0.4], method_version="2", made="b"))
    assert not {"Version", "Compression"} & {c.title for c in columns(frame)}


def test_the_same_seed_twice_counts_once(make):
    records = make("dcq", 0.75, [0.6, 0.8])
    twice = [replace(r, cell=f"{r.cell}again") for r in records]
    assert row(table(records + twice), "dcq")["n_seeds"] == 2


def test_a_merge_says_which_cells_are_there_twice(make, tmp_path):
    for out in ("a", "b"):
        for record in make("dcq", 0.75, [0.6, 0.8]):
            write_record(replace(record, cell=f"cell{record.seed}"), tmp_path / out)
    for record in make("random", 0.75, [0.4]):
        write_record(replace(record, cell="own"), tmp_path / "b")
    frame = load([tmp_path / "a", tmp_path / "b"])
    assert row(frame, "dcq")["n_seeds"] == 2
    assert frame.attrs["notes"][0].startswith("2 of 3 cells are in more than one folder")
    assert load([tmp_path / "a", tmp_path / "a"]).attrs["notes"] == []


def test_no_records_give_an_empty_table_with_every_column():
    frame = table([])
    assert len(frame) == 0
    assert list(frame.columns[: len(DOCUMENTED)]) == DOCUMENTED


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["dcq", "ccs", "random", "full"]),
            st.sampled_from([0.5, 0.75]),
            st.lists(
                st.one_of(st.floats(0, 1), st.sampled_from(["failed", "oom", "timeout", "skipped"])),
                min_size=1,
                max_size=4,
            ),
        ),
        unique_by=lambda t: t[:2],
        max_size=6,
    ),
    st.randoms(),
)
def test_against_a_second_implementation(make, rows, random):
    records = [r for one in rows for r in make(*one)]
    frame = table(random.sample(records, len(records)))
    assert len(frame) == len(rows)
    means = {}
    for method, ratio, outcomes in rows:
        values = [o for o in outcomes if not isinstance(o, str)]
        means[method, ratio] = sum(values) / len(values) if values else math.nan
        one = row(frame, method, ratio=ratio)
        assert one["n_seeds"] == len(values)
        assert one["planned_seeds"] == len(outcomes)
        assert (one["status"] == "ok") == (len(values) == len(outcomes))
        assert one["accuracy_mean"] == pytest.approx(means[method, ratio], nan_ok=True)
        spread = statistics.stdev(values) if len(values) > 1 else math.nan
        assert one["accuracy_std"] == pytest.approx(spread, nan_ok=True, abs=1e-12)
    for method, ratio, _ in rows:
        expected = means[method, ratio] - means.get(("random", ratio), math.nan)
        assert row(frame, method, ratio=ratio)["diff_random"] == pytest.approx(expected, nan_ok=True, abs=1e-12)
