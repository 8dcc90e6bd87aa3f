"""A suite from its file to its table: run for real, hostile names, and what compiles it."""

import csv
import io
import json
import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from ccbench.errors import UserError
from ccbench.leaderboard.intervals import half_width
from ccbench.leaderboard.numbers import COLUMNS
from ccbench.offers.discovery import plugins
from ccbench.suites.grid import Lookup
from ccbench.suites.model import read_file
from ccbench.suites.rendering import render
from ccbench.suites.results import Measured, Results
from ccbench.suites.table import build

MARKUP = r"<b onload='x'>|\input{x}_$&%#~^ **=cmd"
SUITE = f"""
title = 'Rows named by strangers: {{hostile}}'
paper = "Me"
table = "Table 1"
seeds = 2
runs = 5
numbers = ["mine.csv"]
[all]
dataset = "photodigits"
protocol = "quick"
architecture = "quicknet"
[[columns]]
group = "bits & 'bobs'"
name = ["92%", "96%"]
bits = [2, 1]
[[rows]]
name = '''{MARKUP.replace("'x'", "x")}'''
method = "random"
[[rows]]
name = "=Median cut"
method = "mediancut"
[[rows]]
name = "Nobody's"
missing = "<script>alert(1)</script> \\\\write18{{x}} \\u001b[31m"
"""
STRANGE = MARKUP.replace("'x'", "x")


@pytest.fixture(scope="module")
def done(forked, tiny_path, tmp_path_factory):
    """The suite, run once for real: two methods, one of two columns, two seeds."""
    import os

    folder = tmp_path_factory.mktemp("suite")
    (folder / "mine.toml").write_text(SUITE.replace('"quick"', '"tiny"'))
    lines = [
        dict(zip(COLUMNS, ("random", STRANGE, "photodigits", "quicknet", "0.92", "", "2", "0.5", "0.02",
                           "Me, Table 1", ""),
                 strict=True)),
        dict(zip(COLUMNS, ("mediancut", "'=Median cut", "photodigits", "quicknet", "0.916667", "", "2", "0.999", "",
                           "Me, Table 1", ""), strict=True)),
    ]  # fmt: skip
    with (folder / "mine.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(lines)
    env = {**os.environ, "CCBENCH_PLUGINS": "tiny_protocol", "PYTHONPATH": str(tiny_path)}

    def run(*args):
        return forked(args, folder, variables=env)

    first = run("run", "--suite", "mine.toml", "--columns", "0.92", "--quiet")
    assert first.code == 0, first.err
    return SimpleNamespace(run=run, folder=folder, first=first)


def test_a_run_says_what_it_leaves_out_and_counts_the_rest(done):
    assert "left out: Nobody's: " in done.first.err
    assert "\x1b" not in done.first.err
    assert "cells: 4 ok" in done.first.err
    assert done.run("run", "--suite", "mine.toml", "--columns", "0.92", "--quiet").err.count("4 cached") == 1


def test_a_plan_has_the_same_cells_and_what_each_row_costs(done):
    plan = done.run("plan", "--suite", "mine.toml", "--seeds", "3", "--json")
    facts = json.loads(plan.out)
    states = sorted((c["method"], round(c["ratio"], 3), c["state"]) for c in facts["cells"])
    assert states == [
        (method, ratio, state)
        for method in ("mediancut", "random")
        for ratio, held in ((0.917, ("cached", "cached", "to run")), (0.958, ("to run",) * 3))
        for state in held
    ]
    assert [(row["row"], row["cells"]) for row in facts["rows"]] == [("random", 4), ("mediancut", 4)]
    assert all(re.fullmatch(r"\d+ s|.* min .*", row["here"]) for row in facts["rows"])
    assert len(facts["left_out"]) == 1
    told = done.run("plan", "--suite", "mine.toml").out
    assert "no throughput of a GPU is recorded there" in told
    assert "left out: Nobody's: <script>" in told


def test_costs_on_a_gpu_come_from_its_recorded_throughput(done):
    (file, *_) = sorted((done.folder / "ccbench-out" / "results").rglob("*.json"))
    from ccbench.records.record import checksum

    facts = json.loads(file.read_text())
    assert facts["compress_memory"] > 10e6  # of a process with numpy in it
    facts["images_per_second"] = 24.0
    facts["environment"] |= {"device": "NVIDIA X100", "tf32": "no"}
    facts["checksum"] = checksum(facts)
    other = done.folder / "elsewhere" / "results"
    other.mkdir(parents=True)
    (other / "a.json").write_text(json.dumps(facts))
    args = ("plan", "--suite", "mine.toml", "--records", "elsewhere", "--rows", "random", "--columns", "96%")
    rows = json.loads(done.run(*args, "--json").out)["rows"]
    assert rows[0]["elsewhere"] == {"NVIDIA X100": pytest.approx(2 * facts["iterations"] * 64 / 24)}
    assert re.search(r"random +2 +1 min 4 s", done.run(*args).out)


@pytest.mark.parametrize(("args", "said"), [
    (("--suite", "mine.toml", "--ratio", "0.9"), "suite mine.toml says itself what is run"),
    (("--rows", "random", "-m", "random"), "--rows and --columns are parts of a suite"),
    (("--suite", "mine.toml", "--rows", "nobody's"), "nothing of suite mine can run here"),
    (("--suite", "mine.toml", "--columns", "97%"), "suite mine has no column '97%', did you mean"),
])  # fmt: skip
def test_what_does_not_go_together(done, args, said):
    for command in ("run", "plan"):
        told = done.run(command, *args)
        assert told.code == 2
        assert said in told.err


def test_ours_beside_the_published_with_interval_and_mark(done):
    table = done.run("leaderboard", "--suite", "mine.toml", "--format", "csv")
    rows = list(csv.reader(io.StringIO(table.out)))
    at = {name: place for place, name in enumerate(rows[0])}
    first = {name.removeprefix("bits & 'bobs' 92% "): rows[1][place] for name, place in at.items()}
    assert first["n"] == "2"
    assert (first["published"], first["published std"]) == ("0.5", "0.02")
    assert float(first["difference"]) == pytest.approx(float(first["ours"]) - 0.5, abs=1e-6)
    assert rows[2][0] == "'=Median cut"  # no spreadsheet runs it
    assert rows[2][at["bits & 'bobs' 92% apart"]] == "yes"  # 99.9 % is published
    assert rows[3][1:] == [""] * 14
    text = done.run("leaderboard", "--suite", "mine.toml").out
    assert re.search(r"=Median cut \| ours \| \*?\*?\d\d\.\d\d ± \d", text)
    assert "≠" in text
    assert "ccbench run writes them" not in text


def test_nothing_from_strangers_is_markup(done):
    page = done.run("leaderboard", "--suite", "mine.toml", "--format", "html").out
    assert "<script" not in page
    assert "<b onload" not in page
    shown = done.run("leaderboard", "--suite", "mine.toml", "--format", "md").out
    assert "<script>" not in shown
    assert all(line.count(" | ") == 3 for line in shown.splitlines() if line.startswith("|"))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex with booktabs")
def test_the_latex_compiles(done, tmp_path):
    body = done.run("leaderboard", "--suite", "mine.toml", "--format", "latex").out
    assert r"\textbf{" in body
    assert r"\underline{" in body or body.count(r"\textbf{") > 2
    head = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs}"
    document = rf"{head}\begin{{document}}{body}\end{{document}}"
    (tmp_path / "x.tex").write_text(document)
    told = subprocess.run(
        ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "x.tex"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout[-2000:]
    assert (tmp_path / "x.pdf").stat().st_size > 5000


# marks and intervals, by hand


class Fixed(Results):
    """Results that are said."""

    def __init__(self, said):
        self.said = said

    def of(self, cell):
        return self.said.get((cell.row.key, cell.column.key))


@pytest.fixture
def table_of(tmp_path):
    def made(values, head="", columns='bits = [2]\nname = ["2"]'):
        rows = "".join(f'[[rows]]\nname = "{name}"\nmethod = "random"\nkey = "{name}"\n' for name in values)
        (tmp_path / "x.toml").write_text(
            f'title = "t"\npaper = "p"\n{head}\n[all]\ndataset = "photodigits"\nprotocol = "quick"\n'
            f"[[columns]]\n{columns}\n{rows}"
        )
        suite = read_file(tmp_path / "x.toml")
        said = {(name, "2"): Measured(tuple(v)) for name, v in values.items() if v}
        return build(suite, suite.rows, suite.columns, Lookup(plugins()), Fixed(said))

    return made


def marks(table):
    return {entry.cell.row.key: mark for entry, mark in table.ours.items()}


def test_an_interval_is_students_t():
    assert half_width(0.02, 2) == pytest.approx(12.7062 * 0.02 / 2**0.5, rel=1e-5)
    assert Measured((0.8,)).half is None
    assert Measured((0.7, 0.8, 0.9)).half == pytest.approx(4.30265 * 0.1 / 3**0.5, rel=1e-5)


def test_best_and_second_with_ties_by_overlapping_intervals(table_of):
    narrow = {"a": [0.900, 0.901, 0.902], "b": [0.8, 0.801, 0.802], "c": [0.8005, 0.8015, 0.8025], "d": [0.1, 0.101]}
    assert marks(table_of(narrow)) == {"a": "best", "b": "second", "c": "second"}
    wide = {"a": [0.9, 0.7, 0.8], "b": [0.79, 0.78, 0.77], "c": [0.1, 0.101, 0.102]}
    assert marks(table_of(wide)) == {"a": "best", "b": "best", "c": "second"}
    one = {"a": [0.9], "b": [0.9], "c": [0.8], "d": [0.7]}  # without intervals only what is equal ties
    assert marks(table_of(one)) == {"a": "best", "b": "best", "c": "second"}
    assert marks(table_of({"a": [0.9], "b": []})) == {}


def test_less_is_better_where_it_is_time(table_of):
    table = table_of(
        {"a": [9.0], "b": [1.0], "c": [2.0]}, columns='bits = [2]\nname = ["2"]\nfield = "compress_seconds"'
    )
    assert marks(table) == {"b": "best", "c": "second"}
    assert "9 (n=1)" in render(table, "md")


def test_a_field_that_records_do_not_have(tmp_path):
    (tmp_path / "x.toml").write_text(SUITE.replace('bits = [2, 1]', 'bits = [2, 1]\nfield = "colourfulness"')
                                     .replace('numbers = ["mine.csv"]', ""))  # fmt: skip
    suite = read_file(tmp_path / "x.toml")
    with pytest.raises(
        UserError, match=r"there is no field 'colourfulness' of records .*, did you mean 'colorfulness'"
    ):
        build(suite, suite.rows, suite.columns, Lookup(plugins()), Results([]))


@pytest.mark.parametrize(("value", "std", "runs", "apart"), [
    (0.80, None, None, False),  # ours is 0.8 with half an interval of 0.0248
    (0.83, None, None, True),
    (0.83, 0.01, None, False),  # one deviation where the runs are not said
    (0.83, 0.001, None, True),
    (0.83, 0.01, 5, False),  # 2.776 * 0.01 / sqrt(5) = 0.0124
    (0.84, 0.01, 5, True),
])  # fmt: skip
def test_the_mark_says_that_two_intervals_do_not_meet(value, std, runs, apart):
    from ccbench.suites.published import Published
    from ccbench.suites.table import Entry

    ours = Measured((0.79, 0.80, 0.81))
    entry = Entry(SimpleNamespace(field="accuracy"), ours, Published(value, std, runs, ""))
    assert ours.half == pytest.approx(0.02484, abs=1e-5)
    assert entry.apart is apart
    assert Entry(entry.cell, Measured((0.1,)), entry.theirs).apart is None  # one seed has no interval


def test_the_map_counts_rows_by_where_they_stand(tmp_path):
    """Of four rows one agrees, one does not, one cannot be built, and one has a single seed, which says nothing."""
    from ccbench.suites.standing import Count, Machine, standings

    (tmp_path / "n.csv").write_text(
        ",".join(COLUMNS) + "\n" + "".join(f"random,{n},photodigits,quicknet,0.5,,,0.8,,p,\n" for n in "abcd")
    )
    rows = "".join(f'[[rows]]\nname = "{n}"\nmethod = "random"\nkey = "{n}"\n' for n in "abd")
    (tmp_path / "x.toml").write_text(
        'title = "t"\npaper = "p"\nsource = "p"\nnumbers = ["n.csv"]\n[all]\ndataset = "photodigits"\n'
        'protocol = "quick"\n[[columns]]\nratio = 0.5\nname = "2"\n[[rows]]\nname = "c"\nmissing = "none"\n' + rows
    )
    suite = read_file(tmp_path / "x.toml")
    said = {("a", "2"): Measured((0.79, 0.8, 0.82)), ("b", "2"): Measured((0.5, 0.51)), ("d", "2"): Measured((0.8,))}
    found = standings(suite, Lookup(plugins()), Machine(None, gpu=False), Fixed(said))
    assert Count.of(suite, found) == Count("x", rows=4, here=3, needs=0, unbuilt=1, results=3, within=1)
    assert [one.within for one in found if one.row == "a"] == [True]


def test_a_dataset_is_here_where_its_folder_is(tmp_path):
    from ccbench.suites.model import read
    from ccbench.suites.standing import Machine

    lookup, suite = Lookup(plugins()), read("dcq-table1", plugins())
    found = lookup.cell(suite, suite.rows[0], suite.columns[0]).found
    assert [*Machine(tmp_path, gpu=True).lacks(found, suite)] == ["dataset cifar10"]
    (tmp_path / "cifar-10-batches-py").mkdir()
    assert [*Machine(tmp_path, gpu=True).lacks(found, suite)] == []
    assert [*Machine(tmp_path, gpu=False).lacks(found, suite)] == ["a GPU"]
