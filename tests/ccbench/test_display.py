import io
import json
from fractions import Fraction
from types import SimpleNamespace

import pytest
from rich.console import Console

from ccbench.cells import Cell
from ccbench.display import Display, LiveDisplay, QuietDisplay, make_display


def cell(method="dcq", dataset="cifar10", seed=0, **changes):
    facts = {"dataset": dataset, "method": method, "method_version": "1", "kept": Fraction(1, 12), "seed": seed}
    facts |= {"architecture": "resnet18", "protocol": "quick", "protocol_version": "1", "base_seed": 0}
    return Cell(**{**facts, "match": "nominal", **changes})


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand: clock.now = 60."""
    made = SimpleNamespace(now=0.0)
    monkeypatch.setattr("time.monotonic", lambda: made.now)
    return made


@pytest.fixture
def live(tmp_path):
    """live(cells, done, height) -> a live display that draws into memory, and a function that gives its rows."""
    entered = []

    def make(cells, done=None, height=40):
        shown = LiveDisplay(cells, done or {}, tmp_path)
        shown.__enter__()
        entered.append(shown)
        shown._console = Console(file=io.StringIO(), width=250, height=height)

        def rows():
            console = Console(file=io.StringIO(), width=250)
            console.print(shown._live.renderable)
            lines = console.file.getvalue().splitlines()
            return [[part.strip() for part in line.split("│")[1:-1]] for line in lines if line.startswith("│")], lines

        return shown, rows

    yield make
    for shown in entered:
        shown.__exit__(None, None, None)


def says(folder, item, done, total, what):
    (folder / f"{item}.progress").write_text(json.dumps([done, total, what]))


def artifact(*cells):
    return SimpleNamespace(cells=list(cells))


def test_two_datasets_in_one_run_are_two_rows(live, tmp_path, clock):
    cifar, digits = cell(), cell(dataset="photodigits")
    shown, rows = live([cifar, digits])
    says(tmp_path, "a", 3, 10, "palettes")
    shown.tick({"a": (artifact(cifar), None)})
    found, _ = rows()
    assert [row[1] for row in found] == ["cifar10", "photodigits"]
    assert [row[-1] for row in found] == ["palettes 3/10", ""]


def test_every_row_of_an_artifact_and_all_its_shares(live, tmp_path, clock):
    one, two = cell(), cell(architecture="vit")
    shown, rows = live([one, two])
    says(tmp_path, "a", 3, 10, "pictures")
    says(tmp_path, "b", 4, 10, "pictures")
    running = dict.fromkeys("ab", (artifact(one, two), None))
    shown.tick(running)
    assert [row[-1] for row in rows()[0]] == ["pictures 7/20"] * 2
    clock.now = 20.0
    says(tmp_path, "a", 5, 10, "pictures")
    shown.tick(running)
    assert [row[-1] for row in rows()[0]] == ["pictures 9/20, about 50 s left"] * 2


def test_accuracies_and_counts(live, clock):
    cells = [cell(seed=seed) for seed in range(3)]
    skipped = cell("palette", skip="cannot")
    shown, rows = live([*cells, skipped], {cells[0].id: 0.5})
    shown.tick({})
    assert [row[4:6] for row in rows()[0]] == [["1/3", "50.00"], ["0/1", "skipped"]]
    clock.now = 10.0
    shown.cell(cells[1], "ok", "", 0.6, 1.0)
    shown.tick({cells[2].id: (artifact(*cells), cells[2])})
    found, lines = rows()
    assert found[0][4:] == ["2/3", "55.00 ± 7.07", "training"]
    assert any("1 of 2 trainings, about 10 s left" in line for line in lines)
    shown.cell(cells[2], "failed", "the reason", None, 1.0)
    shown.tick({})
    assert rows()[0][0][4:] == ["3/3", "55.00 ± 7.07", ""]
    assert "failed: dcq · cifar10" in shown._console.file.getvalue()


def test_brackets_are_no_markup(live, clock):
    shown, rows = live([cell("ccs[fraction=0.1]+[bold]dcq")])
    shown.tick({})
    assert rows()[0][0][0] == "ccs[fraction=0.1]+[bold]dcq"


def test_what_does_not_fit_is_counted_and_what_runs_is_shown(live, tmp_path, clock):
    cells = [cell(f"m{i:03}") for i in range(100)]
    shown, rows = live(cells, {c.id: 0.5 for c in cells[:50]}, height=16)
    shown.tick({cells[90].id: (artifact(cells[90]), cells[90])})
    found, lines = rows()
    assert [row[0] for row in found] == [f"m{i:03}" for i in (*range(50, 59), 90)]
    assert found[-1][-1] == "training"
    assert any("and 90 more rows" in line for line in lines)


def test_damaged_progress_is_no_progress(live, tmp_path, clock):
    one = cell()
    shown, rows = live([one])
    for content in ("", "[1", "{}", "[1, 2]", '["a", 2, "x"]', "7"):
        (tmp_path / "a.progress").write_text(content)
        shown.tick({"a": (artifact(one), None)})
        assert rows()[0][0][-1] == "compressing"


def test_plain_lines_tell_of_long_work_ever_more_rarely(tmp_path, clock, capsys):
    one = cell("dc3")
    shown = Display([one], {}, tmp_path)
    running = {"a": (artifact(one), None)}
    said = []
    for second in range(0, 4000, 5):
        clock.now = float(second)
        says(tmp_path, "a", second // 5, 1000, "pictures")
        shown.tick(running)
        if capsys.readouterr().err:
            said.append(second)
    assert said == [60, 120, 240, 480, 960, 1560, 2160, 2760, 3360, 3960]
    clock.now = 5000.0
    shown.tick(running)
    line = capsys.readouterr().err
    assert line.startswith("dc3 · cifar10 · ratio 0.9167: pictures 799/1,000")
    shown.tick({})
    assert not capsys.readouterr().err


def test_time_left_stands_in_the_line(tmp_path, clock, capsys):
    one = cell("dc3")
    shown = Display([one], {}, tmp_path)
    for second in (0, 30, 60):
        clock.now = float(second)
        says(tmp_path, one.id, second, 360, "train")
        shown.tick({one.id: (artifact(one), one)})
    assert capsys.readouterr().err == f"{one.title}: train 60/360, about 5 min 0 s left\n"


def test_quiet_is_quiet(tmp_path, clock, capsys):
    one = cell()
    shown = make_display("quiet", [one], {}, tmp_path)
    assert isinstance(shown, QuietDisplay)
    shown.tick({"a": (artifact(one), None)})
    clock.now = 1000.0
    shown.tick({"a": (artifact(one), None)})
    assert capsys.readouterr() == ("", "")
