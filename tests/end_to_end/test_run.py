"""ccbench run: from the command line to the leaderboard, and again."""

import csv
import json

import pytest

from ccbench.archive import container

RUN = ("run", "--protocol", "tiny", "--ratio", "0.92", "--seeds", "2")


def table(out):
    with (out / "leaderboard.csv").open() as file:
        return list(csv.DictReader(file))


def test_dcq_and_ccs_meet_in_one_table_and_the_second_run_does_nothing(ccbench, tmp_path, records):
    first = ccbench(*RUN, "--methods", "dcq[refine_steps=2],ccs,random,full")
    out = tmp_path / "ccbench-out"
    rows = {r["method"]: r for r in table(out)}
    assert set(rows) == {"dcq[refine_steps=2]", "ccs", "random", "full"}
    for name, row in rows.items():
        assert row["status"] == "ok"
        assert row["n_seeds"] == "2"
        assert 0 <= float(row["accuracy_mean"]) <= 1
        assert int(row["bytes"].split(".")[0]) > 0
        if name != "full":
            assert float(row["ratio"]) == pytest.approx(22 / 24)
            assert float(row["measured_ratio"]) == pytest.approx(22 / 24, abs=0.02)
    assert float(rows["full"]["ratio"]) == 0
    assert float(rows["ccs"]["nominal_ratio"]) == pytest.approx(1 - 108 / 1297)
    assert (out / "leaderboard.png").read_bytes().startswith(b"\x89PNG")
    assert "0.91667" in first.stderr, "the snapped ratio is said"
    before = {p: p.stat().st_mtime_ns for p in out.glob("results/**/*.json")}
    leaderboard = (out / "leaderboard.csv").read_bytes()
    again = ccbench(*RUN, "--methods", "dcq[refine_steps=2],ccs,random,full")
    assert "8 cached" in again.stderr
    assert before == {p: p.stat().st_mtime_ns for p in out.glob("results/**/*.json")}
    assert leaderboard == (out / "leaderboard.csv").read_bytes()
    assert {r["artifact_sha256"] for r in records(out)}.isdisjoint({None})


def test_the_same_command_elsewhere_gives_the_same_numbers(ccbench, tmp_path, records):
    for out in ("a", "b"):
        ccbench(*RUN, "--methods", "random", "--out", out)
    key = lambda r: (r["cell"], r["accuracy"], r["artifact_sha256"])  # noqa: E731
    assert sorted(map(key, records(tmp_path / "a"))) == sorted(map(key, records(tmp_path / "b")))


@pytest.mark.slow
def test_two_jobs_end_in_the_same_table_as_one(ccbench, tmp_path, records):
    for jobs in (1, 2):
        ccbench(*RUN, "--methods", "random,mediancut", "--jobs", jobs, "--out", f"jobs{jobs}")
    one, two = (sorted((r["cell"], r["artifact_sha256"]) for r in records(tmp_path / f"jobs{j}")) for j in (1, 2))
    assert one == two


def test_a_pipeline_brings_its_own_budget(ccbench, tmp_path, records):
    ccbench("run", "--protocol", "tiny", "--seeds", "1", "--methods", "random[fraction=0.5]+mediancut[bits=2]")
    (record,) = records(tmp_path / "ccbench-out")
    assert record["status"] == "ok"
    assert record["nominal_ratio"] == pytest.approx(1 - 649 / 1297 / 12)
    assert record["images"] == 649


def test_match_bytes_holds_the_file_to_the_budget(ccbench, tmp_path, records):
    ccbench(
        "run",
        "--protocol",
        "tiny",
        "--seeds",
        "1",
        "--methods",
        "random,mediancut",
        "--ratio",
        "0.9",
        "--match",
        "bytes",
        "--coding",
        "none",
    )
    for record in records(tmp_path / "ccbench-out"):
        assert record["status"] == "ok"
        assert record["bytes"] <= 0.1 * 1297 * 3072 + 1


def test_no_snap_keeps_the_number_and_skips_palettes(ccbench, tmp_path, records):
    ccbench("run", "--protocol", "tiny", "--seeds", "1", "--methods", "random,mediancut", "--ratio", "0.9", "--no-snap")
    found = {r["method"]: r for r in records(tmp_path / "ccbench-out")}
    assert found["mediancut"]["status"] == "skipped"
    assert "q of 24 bits" in found["mediancut"]["reason"]
    assert found["random"]["ratio"] == 0.9


def test_plan_says_what_run_would_do(ccbench, tmp_path):
    before = ccbench(
        "plan", "--protocol", "tiny", "--seeds", "2", "--methods", "random,ccs", "--ratio", "0.92", "--json"
    )
    cells = json.loads(before.stdout)["cells"]
    assert len(cells) == 4
    assert {c["state"] for c in cells} == {"to run"}
    assert not (tmp_path / "ccbench-out").exists(), "a plan writes nothing"
    ccbench("run", "--protocol", "tiny", "--seeds", "1", "--methods", "random", "--ratio", "0.92", "-q")
    after = json.loads(
        ccbench(
            "plan", "--protocol", "tiny", "--seeds", "2", "--methods", "random,ccs", "--ratio", "0.92", "--json"
        ).stdout
    )
    assert [c["state"] for c in after["cells"]].count("cached") == 1
    assert after["unknown"] == 0
    assert after["seconds"] > 0


def test_compress_evaluate_export(ccbench, tmp_path, records):
    (tmp_path / "set.json").write_text("the user's own")
    said = ccbench("compress", "--method", "mediancut", "--ratio", "0.875", "set.ccb").stdout
    size = (tmp_path / "set.ccb").stat().st_size
    assert f"{size:,} bytes" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set.ccb", "set.json"]
    assert (tmp_path / "set.json").read_text() == "the user's own"
    ccbench("compress", "--method", "mediancut", "--ratio", "0.875", "set.ccb", code=2)
    alone = ccbench("evaluate", "set.ccb", "--protocol", "tiny").stdout
    assert "row: mediancut" in alone
    assert "photodigits, ratio 0.875, quicknet, protocol tiny" in alone
    assert "nothing beside it" in alone
    (record,) = records(tmp_path / "ccbench-out")
    assert (record["bytes"], record["ratio"], record["method"]) == (size, 0.875, "mediancut")
    ccbench("export", "set.ccb", "png")
    assert len(list((tmp_path / "png").glob("*/*.png"))) == 1297
    ccbench("export", "set.ccb", "png", code=2)


def test_evaluate_names_its_row_and_what_stands_beside_it(ccbench, tmp_path):
    ccbench("run", "--protocol", "tiny", "--seeds", "1", "--methods", "random,full", "--ratio", "0.875,0.9", "-q")
    table = (tmp_path / "ccbench-out" / "leaderboard.csv").read_bytes()
    ccbench("compress", "--method", "mediancut", "--bits", "3", "set.ccb")
    *_, row, beside = ccbench("evaluate", "set.ccb", "--protocol", "tiny").stdout.splitlines()
    assert row.startswith("row: mediancut ")
    assert "(1 seed)" in row
    assert "other" not in beside
    ccbench("evaluate", "set.ccb", "--protocol", "tiny", "--base-seed", "7")
    again = ccbench("evaluate", "set.ccb", "--protocol", "tiny", "--base-seed", "7", "--seed", "1").stdout
    assert "(2 seeds)" in again
    assert "other base seed" in again.splitlines()[-1]
    assert sorted(part.split()[0] for part in beside.removeprefix("beside it: ").split("; ")) == ["full", "random"]
    ccbench("leaderboard")
    assert table == (tmp_path / "ccbench-out" / "leaderboard.csv").read_bytes(), "a look changes nothing"


def test_python_api_gives_a_row_per_cell(tiny_path, tmp_path, monkeypatch):
    import subprocess
    import sys

    code = (
        "import ccbench\n"
        "if __name__ == '__main__':\n"
        "    df = ccbench.run(methods=['random'], ratio=0.92, seeds=2, protocol='tiny')\n"
        "    print(len(df), set(df.status), df.accuracy.between(0, 1).all(), df.ratio[0])\n"
    )
    (tmp_path / "script.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tiny_path))
    monkeypatch.setenv("CCBENCH_PLUGINS", "tiny_protocol")
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.stdout.split() == ["2", "{'ok'}", "True", "0.92"], done.stderr


def test_the_record_of_a_file_is_never_taken_for_a_cell_of_a_run(ccbench, tmp_path, records):
    # the file of a random method at seed 0, trained on at seed 1, is not what a run means by seed 1
    ccbench("compress", "--method", "random", "--ratio", "0.92", "set.ccb")
    ccbench("evaluate", "set.ccb", "--protocol", "tiny", "--seed", "1")
    (record,) = records(tmp_path / "ccbench-out")
    assert record["method"] == "random (set.ccb)"
    planned = ccbench("plan", "--protocol", "tiny", "--seeds", "2", "--methods", "random", "--ratio", "0.92", "--json")
    assert {c["state"] for c in json.loads(planned.stdout)["cells"]} == {"to run"}


def test_images_against_their_quality_at_equal_bytes(ccbench, tmp_path, records):
    methods = "ccs[fraction=0.5]+avif[effort=0],random[fraction=0.5]+jpeg,random[fraction=auto]+jpeg"
    asked = ("--protocol", "tiny", "--methods", methods, "--match", "bytes", "--bytes", "60KB", "--seeds", "1")
    planned = ccbench("plan", *asked).stdout
    assert "fraction=auto: once for all seeds, 5 compressions of four fifths of the images" in planned
    assert "fraction=auto" not in ccbench("plan", *asked[:3], "random[fraction=0.5]+jpeg", *asked[4:]).stdout
    ccbench("run", *asked)
    made = {r["method"]: r for r in records(tmp_path / "ccbench-out")}
    assert len(made) == 3
    for record in made.values():
        assert record["status"] == "ok"
        assert 55_000 < record["bytes"] <= 60_000
    assert {made[m]["images"] for m in methods.split(",")[:2]} == {649}
    chosen = made["random[fraction=auto]+jpeg"]
    assert chosen["stage_seconds"]["fraction=auto"] > 0
    (file,) = (tmp_path / "ccbench-out" / "artifacts").glob("random-fraction-auto*.ccb")
    told = container.read(file)[0]["meta"]["fraction_auto"]
    assert chosen["images"] == round(1297 * float(told["chosen"]))
    assert len(told["candidates"]) == 5
    assert "cached" in ccbench("run", *asked).stderr
