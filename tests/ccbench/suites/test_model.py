"""Suites as files: what they say, and errors that quote the offender."""

import pytest

from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins, plugins
from ccbench.suites.grid import Lookup, left_out, requests
from ccbench.suites.model import chosen, read, read_file

MINE = """
title = "mine"
paper = "Me"
table = "Table 1"
seeds = 2
[all]
dataset = "photodigits"
protocol = "quick"
[[columns]]
group = "small"
bits = [2, 1]
name = ["92%", "96%"]
[[columns]]
group = "few"
ipc = [10, 1]
[[rows]]
name = "Random"
method = "random"
[[rows]]
name = "DCQ"
method = "dcq"
at = { "few ipc 1" = { missing = "too few colours" } }
[[rows]]
name = "Nobody's"
missing = "never written"
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="mine.toml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_lists_make_columns_and_layers_lie_over_one_another(written):
    suite = read_file(written(MINE))
    assert [c.key for c in suite.columns] == ["small 92%", "small 96%", "few ipc 10", "few ipc 1"]
    assert [r.key for r in suite.rows] == ["random", "dcq", "Nobody's"]
    dcq = suite.rows[1]
    places = [suite.place(dcq, column) for column in suite.columns]
    assert [p.budget for p in places] == [("bits", "2"), ("bits", "1"), ("ipc", "10"), ("ipc", "1")]
    assert [p.missing for p in places] == [None, None, None, "too few colours"]
    assert {p.dataset for p in places} == {"photodigits"}


def test_a_row_with_a_budget_of_its_own_replaces_the_columns(written):
    suite = read_file(written(MINE.replace('method = "random"', 'method = "random"\nfraction = 0.5')))
    assert {suite.place(suite.rows[0], c).budget for c in suite.columns} == {("fraction", "0.5")}


@pytest.mark.parametrize(("old", "new", "said"), [
    ('seeds = 2', 'seedz = 2', "unknown field `seedz`, did you mean 'seeds'?"),
    ('seeds = 2', 'seeds = 0', ">= 1 - at `seeds`"),
    ('method = "dcq"', 'methods = "dcq"', "did you mean 'method'?"),
    ('bits = [2, 1]', 'bits = [2, 1, 3]', "different lengths: name 2, bits 3"),
    ('bits = [2, 1]', 'bits = [2, 1]\nipc = 4', "a column has one budget, not bits and ipc"),
    ('"few ipc 1" =', '"few ipc 2" =', "at 'few ipc 2', which is no column, did you mean 'few ipc 1'?"),
    ('group = "few"\nipc = [10, 1]', 'group = "small"\nipc = [10, 1]\nname = ["92%", "x"]',
     "several columns are called 'small 92%'"),
    ('name = "DCQ"\nmethod = "dcq"', 'name = "DCQ"\nmethod = "random"', "several rows are called 'random'"),
    ('seeds = 2', 'numbers = ["no.csv"]', "numbers name 'no.csv', which is neither beside it nor in the registry"),
    ('seeds = 2', 'numbers = ["../x.csv"]', "at `numbers[0]`"),
    ('title = "mine"', 'title = 3', "Expected `str`, got `int`, at `title`"),
    ('[all]', '[all', "mine.toml"),
])  # fmt: skip
def test_errors_quote_the_offender(written, old, new, said):
    assert old in MINE
    with pytest.raises(UserError) as caught:
        read_file(written(MINE.replace(old, new)))
    assert said.replace(" - at", ", at") in str(caught.value)
    assert caught.value.what == "suite mine cannot be read"
    assert caught.value.mend == "docs/suites.md has every key"


def test_a_suite_without_rows_says_why(written):
    head = 'title = "x"\npaper = "y"\n'
    with pytest.raises(UserError, match="no columns, and no `missing` that says why"):
        read_file(written(head))
    assert read_file(written(head + 'missing = "a list of prompts"')).missing == "a list of prompts"


def test_names_and_files(written, monkeypatch):
    assert read("dcq-table1", plugins()).name == "dcq-table1"
    assert read(str(written(MINE)), plugins()).name == "mine"
    with pytest.raises(UserError, match=r"no suite is called 'dcq-tabel1', did you mean 'dcq-table1\d*'\?"):
        read("dcq-tabel1", plugins())
    with pytest.raises(UserError, match=r"there is no suite file nothing\.toml"):
        read("nothing.toml", plugins())


def test_words_name_rows_and_columns(written):
    suite = read_file(written(MINE))

    def named(rows=(), columns=()):
        taken, across = chosen(suite, rows, columns)
        return [r.key for r in taken], [c.name for c in across]

    assert named(["DCQ"], ["0.92"]) == (["dcq"], ["92%"])
    assert named(["random", "nobody's"], ["small"]) == (["random", "Nobody's"], ["92%", "96%"])
    assert named([], ["bits=1", "ipc=10"])[1] == ["96%", "ipc 10"]
    assert named([], ["photodigits"])[1] == ["92%", "96%", "ipc 10", "ipc 1"]
    with pytest.raises(UserError, match="suite mine has no row 'dqc', did you mean 'dcq'") as caught:
        named(["dqc"])
    assert caught.value.mend == "ccbench describe mine shows its rows and columns"


def test_cells_become_requests_and_lines(written):
    suite, lookup = read_file(written(MINE)), Lookup(plugins())
    cells = lookup.cells(suite)
    asked = requests(cells, seeds=2)
    assert {(r.methods, r.budgets) for r in asked} == {
        (("random", "dcq"), (("bits", "2"), ("bits", "1"), ("ipc", "10"))),
        (("random",), (("ipc", "1"),)),
    }
    assert {(r.snap, r.seeds, r.datasets, r.protocols) for r in asked} == {(False, 2, ("photodigits",), ("quick",))}
    assert left_out(cells) == [
        "dcq at few ipc 1: too few colours",
        "Nobody's: never written",
    ]


@pytest.mark.parametrize(("old", "new", "said"), [
    ('method = "dcq"', 'method = "dcqq"', "no method is called 'dcqq', did you mean 'dcq'?"),
    ('protocol = "quick"', 'protocol = "quikc"', "no protocol is called 'quikc', did you mean 'quick'?"),
    ('protocol = "quick"', '', "the suite names no protocol for it"),
    ('dataset = "photodigits"', 'dataset = "coco"', "no dataset is called 'coco'"),
    ('bits = [2, 1]', 'bits = ["x", 1]', "bits must be a number, of at most 40 digits"),
])  # fmt: skip
def test_what_a_cell_names_and_is_not_there_is_its_reason(written, old, new, said):
    suite = read_file(written(MINE.replace(old, new)))
    cell = Lookup(plugins()).cell(suite, suite.rows[1], suite.columns[0])
    assert not cell.found
    assert said in cell.reason


def test_a_third_partys_suite_is_an_offer_and_a_broken_one_harms_no_other(ccbench, module, tmp_path):
    module(
        "mine",
        """
from ccbench.plugin import SuiteSpec, hookimpl

@hookimpl
def ccbench_suites():
    return [SuiteSpec(name=n, table=f"mine:{n}.toml", summary="of \\x1b[31m mine") for n in ("good", "bad", "gone")]
""",
    )
    (tmp_path / "here" / "good.toml").write_text(MINE)
    (tmp_path / "here" / "bad.toml").write_text(MINE.replace("seeds", "seedz"))
    done = ccbench("-p", "mine", "list", "suites")
    assert done.code == 0
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert lines["good"].split()[1:7] == ["3", "2", "0", "1", "0", "0"]
    assert "did you mean 'seeds'?" in lines["bad"]
    assert "the table of suite gone is not there" in lines["gone"]
    assert "\x1b" not in done.out
    shown = ccbench("-p", "mine", "describe", "good").out
    assert "random (Random): here" in shown
    assert "never written" in shown
    assert ccbench("-p", "mine", "describe", "bad").code == 2


def test_a_spec_is_a_table_and_nothing_else():
    from ccbench.offers.specs import SuiteSpec

    with pytest.raises(UserError, match=r"suite x: table must read 'package:path/inside.toml'"):
        SuiteSpec(name="x", summary="x").check()
    with pytest.raises(UserError, match="a suite has a table, and no target"):
        SuiteSpec(name="x", summary="x", table="a:b.toml", target="a:b").check()


def test_listing_suites_needs_neither_torch_nor_pandas():
    import subprocess
    import sys

    code = ("import sys; from ccbench.__main__ import main; main(['list', 'suites']); "
            "print(sorted({'torch', 'pandas', 'scipy', 'sklearn'} & set(sys.modules)))")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_ours_come_in_as_a_third_partys_would():
    found = Plugins()
    assert {found.owner("suite", name).module for name in found.all("suite")} == {"cc_plugins.suites"}
