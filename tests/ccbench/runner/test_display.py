import io
import json
import time
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from ccbench.executors import WorkItem
from ccbench.records.cells import Cell
from ccbench.records.facts import Compressed
from ccbench.runner import display
from ccbench.runner.display import Display, LiveDisplay, QuietDisplay, Watch, compression, make_display
from ccbench.runner.schedule import Artifact, Doing
from ccbench.runner.work import _logged


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
            console = Console(file=(told := io.StringIO()), width=250)
            console.print(shown._live.renderable)
            lines = told.getvalue().splitlines()
            return [[part.strip() for part in line.split("│")[1:-1]] for line in lines if line.startswith("│")], lines

        return shown, rows

    yield make
    for shown in entered:
        shown.__exit__(None, None, None)


def says(folder, item, done, total, what):
    (folder / f"{item}.progress").write_text(json.dumps([done, total, what]))


def artifact(*cells):
    return Artifact(Path("x"), None, None, list(cells))


def doing(artifact, cell):
    return Doing(artifact, cell, WorkItem("x", "m:f"))


def test_two_datasets_in_one_run_are_two_rows(live, tmp_path, clock):
    cifar, digits = cell(), cell(dataset="photodigits")
    shown, rows = live([cifar, digits])
    says(tmp_path, "a", 3, 10, "palettes")
    shown.tick({"a": doing(artifact(cifar), None)})
    found, _ = rows()
    assert [row[1] for row in found] == ["cifar10", "photodigits"]
    assert [row[-1] for row in found] == ["palettes 3/10", ""]


def test_every_row_of_an_artifact_and_all_its_shares(live, tmp_path, clock):
    one, two = cell(), cell(architecture="vit")
    shown, rows = live([one, two])
    says(tmp_path, "a", 3, 10, "pictures")
    says(tmp_path, "b", 4, 10, "pictures")
    running = dict.fromkeys("ab", doing(artifact(one, two), None))
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
    shown.tick({cells[2].id: doing(artifact(*cells), cells[2])})
    found, lines = rows()
    assert found[0][4:] == ["2/3", "55.00 ± 7.07", "training"]
    assert any("1 of 2 trainings, 10 s so far, about 10 s left" in line for line in lines)
    shown.cell(cells[2], "failed", "the reason", None, 1.0)
    shown.tick({})
    assert rows()[0][0][4:] == ["3/3", "55.00 ± 7.07", ""]
    assert "failed: dcq · cifar10" in shown._console.file.getvalue()


@pytest.mark.parametrize("width", [79, 70, 60])
def test_numbers_are_whole_on_a_narrow_terminal(live, clock, width):
    cells = [cell("ccs[score=el2n,fraction=0.1]+dcq[bits=2]", seed=seed) for seed in range(12)]
    shown, _ = live(cells, {c.id: 0.5 + i / 100 for i, c in enumerate(cells[:10])})
    says(shown.logs, cells[11].id, 120, 1300, "train")
    shown.tick({cells[11].id: doing(artifact(*cells), cells[11])})
    console = Console(file=(told := io.StringIO()), width=width)
    console.print(shown._live.renderable)
    drawn = told.getvalue()
    for text in ("0.9167", "10/12", "54.50 ± 3.03", "ratio", "done"):
        assert text in drawn, drawn
    assert "…" not in drawn
    rows = [line.split("│")[1:-1] for line in drawn.splitlines() if line.startswith("│")]
    for column, name in ((0, cells[0].method), (1, "cifar10"), (3, "resnet18")):
        assert "".join(row[column].strip() for row in rows) == name


def test_brackets_are_no_markup(live, clock):
    shown, rows = live([cell("ccs[fraction=0.1]+[bold]dcq")])
    shown.tick({})
    assert rows()[0][0][0] == "ccs[fraction=0.1]+[bold]dcq"


def test_what_does_not_fit_is_counted_and_what_runs_is_shown(live, tmp_path, clock):
    cells = [cell(f"m{i:03}") for i in range(100)]
    shown, rows = live(cells, {c.id: 0.5 for c in cells[:50]}, height=16)
    shown.tick({cells[90].id: doing(artifact(cells[90]), cells[90])})
    found, lines = rows()
    assert [row[0] for row in found] == [f"m{i:03}" for i in (*range(50, 59), 90)]
    assert found[-1][-1] == "training"
    assert any("and 90 more rows" in line for line in lines)


def test_damaged_progress_is_no_progress(live, tmp_path, clock):
    one = cell()
    shown, rows = live([one])
    for content in ("", "[1", "{}", "[1, 2]", '["a", 2, "x"]', "7"):
        (tmp_path / "a.progress").write_text(content)
        shown.tick({"a": doing(artifact(one), None)})
        assert rows()[0][0][-1] == "compressing"


def test_plain_lines_tell_of_long_work_ever_more_rarely(tmp_path, clock, capsys):
    one = cell("dc3")
    shown = Display([one], {}, tmp_path)
    running = {"a": doing(artifact(one), None)}
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
    assert line == "dc3 · cifar10 · ratio 0.9167 · seed 0: pictures 799/1,000, 1 h 23 min so far\n"
    shown.tick({})
    assert not capsys.readouterr().err


def test_time_left_stands_in_the_line(tmp_path, clock, capsys):
    one = cell("dc3")
    shown = Display([one], {}, tmp_path)
    for second in (0, 30, 60):
        clock.now = float(second)
        says(tmp_path, one.id, second, 360, "train")
        shown.tick({one.id: doing(artifact(one), one)})
    assert capsys.readouterr().err == f"{one.title}: train 60/360, 1 min 0 s so far, about 5 min 0 s left\n"


def test_quiet_is_quiet(tmp_path, clock, capsys):
    one = cell()
    shown = make_display("quiet", [one], {}, tmp_path)
    assert isinstance(shown, QuietDisplay)
    shown.tick({"a": doing(artifact(one), None)})
    clock.now = 1000.0
    shown.tick({"a": doing(artifact(one), None)})
    assert capsys.readouterr() == ("", "")


def test_what_a_killed_run_said_is_not_shown(live, tmp_path, clock):
    one = cell()
    shown, rows = live([one])
    says(tmp_path, one.id, 900, 1000, "train")  # left behind
    shown.starting(one.id)
    shown.tick({one.id: doing(artifact(one), one)})
    assert rows()[0][0][-1] == "training"
    says(tmp_path, one.id, 3, 1000, "train")
    shown.tick({one.id: doing(artifact(one), one)})
    assert rows()[0][0][-1] == "train 3/1,000"
    shown.starting(one.id)  # killed and tried once more, while the table never saw it pause
    shown.tick({one.id: doing(artifact(one), one)})
    assert rows()[0][0][-1] == "training"


def test_the_rest_is_estimated_before_the_first_training_ends(live, tmp_path, clock):
    cells = [cell(seed=seed) for seed in range(4)]
    shown, rows = live(cells)
    for second in (0, 30, 60):
        clock.now = float(second)
        says(tmp_path, cells[0].id, second, 240, "train")  # a quarter after a minute
        shown.tick({cells[0].id: doing(artifact(*cells), cells[0])})
        title = rows()[1][0].strip()
        assert title == f"0 of 4 trainings, {'1 min 0 s' if second == 60 else f'{second} s'} so far" + (
            ", about 15 min 0 s left" if second == 60 else ""
        )
    shown.tick({})
    assert shown.left() is None  # nothing runs and nothing has ended


def test_a_teachers_training_is_no_part_of_a_cell(tmp_path, clock):
    one = cell()
    shown = Display([one], {}, tmp_path)
    clock.now = 90.0
    says(tmp_path, one.id, 9, 10, "teacher")
    shown.tick({one.id: doing(artifact(one), one)})
    assert shown.left() is None


def test_seeds_stand_in_the_lines_of_compressions(tmp_path, clock, capsys):
    shown = Display([], {}, tmp_path)
    facts = Compressed(
        bytes=1234,
        sha256="0",
        images=1,
        classes=1,
        nominal_kept=Fraction(1, 10),
        measured_kept=0.1,
        compress_seconds=3.0,
        stage_seconds={"proxy": 2.0},
    )
    shown.compressed([cell(seed=2), cell(seed=2, architecture="vit")], facts)
    assert capsys.readouterr().err == (
        "compressed dcq · cifar10 · ratio 0.9167 · seed 2: 1,234 bytes, ratio 0.9000 measured, 3.0 s, proxy 2.0 s\n"
    )
    assert compression([cell(seed=1), cell(seed=0)]).endswith("· seeds 0, 1")


def test_a_cells_line_has_the_time_so_far(tmp_path, clock, capsys):
    shown = Display([cell(seed=0), cell(seed=1)], {}, tmp_path)
    clock.now = 80.0
    shown.cell(shown.cells[0], "ok", "", 0.5, 12.3)
    assert capsys.readouterr().err.endswith("accuracy 50.00% (12.3 s, 1 min 20 s so far, about 1 min 20 s left)\n")


def test_watching_work_of_this_process(clock, capsys):
    watch = Watch("dcq · cifar10", "compressing")
    watch._live = None
    for second in range(0, 130, 10):
        clock.now = float(second)
        watch(second, 1300, "proxy")
        watch.look()
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "dcq · cifar10: proxy 60/1,300, 1 min 0 s so far, about 20 min 40 s left",
        "dcq · cifar10: proxy 120/1,300, 2 min 0 s so far, about 19 min 40 s left",
    ]


def test_watching_on_a_terminal_draws_in_place(monkeypatch):
    monkeypatch.setattr(display, "_terminal", lambda: True)
    terminal = io.StringIO()
    monkeypatch.setattr("rich.console.Console", lambda **_: Console(file=terminal, force_terminal=True, width=100))
    with Watch("dcq · cifar10", "compressing") as heard:
        heard(3, 20, "palettes")
        heard_by = time.monotonic() + 20
        while "palettes 3/20" not in terminal.getvalue():
            assert time.monotonic() < heard_by
            time.sleep(0.02)
    assert "dcq · cifar10: palettes 3/20, 0 s so far" in terminal.getvalue()


@pytest.mark.parametrize("width", [80, 60, 57])
def test_a_narrow_terminal_shortens_the_title_alone(clock, width):
    from rich.live import Live

    terminal = io.StringIO()
    watch = Watch("ccs[score=el2n]+dcq[bits=2] · photodigits · ratio 0.9167 · seeds 0, 1, 2", "compressing")
    watch._live = Live(console=Console(file=terminal, force_terminal=True, width=width), auto_refresh=False)
    for second in range(0, 130, 10):
        clock.now = float(second)
        watch(second, 1300, "proxy")
    watch._live.start()
    watch.look()
    watch._live.stop()
    assert "proxy 120/1,300, 2 min 0 s so far, about 19 min 40 s left" in terminal.getvalue()
    assert ("ccs[score=el2n" in terminal.getvalue()) == (width == 80)


def test_other_work_is_said_at_once(tmp_path):
    with _logged(tmp_path / "a") as progress:
        progress(1, 1, "features")
        progress(0, 1, "clustering")
        assert json.loads((tmp_path / "a.progress").read_text()) == [0, 1, "clustering"]
        progress(1, 1, "clustering")  # within half a second
        assert json.loads((tmp_path / "a.progress").read_text()) == [0, 1, "clustering"]
    with _logged(None, lambda *said: heard.append(said)) as progress:
        heard = []
        progress(1, 2, "x")
    assert heard == [(1, 2, "x")]
