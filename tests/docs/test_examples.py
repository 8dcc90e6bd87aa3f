"""Every script of ``examples/`` runs and prints what it is for."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from ccbench.errors import UserError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LEADERBOARDS = EXAMPLES.parent / "leaderboards"


def in_a_process(name, *arguments):
    """What a script that starts workers prints."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def here(monkeypatch, capsys):
    """Run a script in this process, where torch is imported already."""

    def call(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        monkeypatch.syspath_prepend(str(EXAMPLES))
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return call


def test_there_is_a_test_for_each():
    assert {f"test_{path.stem}" for path in EXAMPLES.glob("*.py")} <= set(globals())


def test_own_method():
    rows = [line.split() for line in in_a_process("own_method.py").splitlines()]
    assert rows[0] == ["method", "status", "images", "bytes", "accuracy"]
    assert sorted(row[0] for row in rows[1:]) == ["random", "vivid"]
    for row in rows[1:]:
        assert row[1:3] == ["ok", "130"]  # a tenth of 1,297 images
        assert 0 < float(row[4]) < 1


def test_own_protocol(tmp_path):
    recipe = (EXAMPLES / "short.toml").read_text()
    (tmp_path / "brief.toml").write_text(recipe.replace("iterations = 20", "iterations = 3"))
    said = in_a_process("own_protocol.py", tmp_path / "brief.toml")
    assert re.fullmatch(r"brief@\w{12}  ratio 0\.8333  3 updates  \d+\.\d%\n", said), said


def test_plain_pytorch(here):
    said = here("plain_pytorch.py")
    losses = [
        float(loss) for loss in re.findall(r"^epoch \d: loss ([\d.]+) over 1297 images of [\d,]+ bytes$", said, re.M)
    ]
    assert len(losses) == 3
    assert losses[2] < losses[0]  # it learns


def test_own_table(here):
    table = here("own_table.py")
    csv = (LEADERBOARDS / "photodigits-ipc10" / "leaderboard.csv").read_text().splitlines()
    names = csv[0].split(",")
    full = next(
        row for row in (dict(zip(names, line.split(","), strict=False)) for line in csv[1:]) if row["method"] == "full"
    )
    accuracy = f"{100 * float(full['accuracy_mean']):.1f}"
    assert re.search(rf"^ +full +{accuracy} +{int(full['bytes']) / 1000:.1f}$", table, re.MULTILINE), table
    other = here("own_table.py", LEADERBOARDS / "photodigits")
    assert set(re.findall(r"(?:^| )([a-z][\w-]*(?:\[\S*\])?) +[\d.]+ +[\d.]+$", other, re.MULTILINE)) == {"dcq", "ccs"}


def test_check_method(here, capsys):
    with pytest.raises(SystemExit) as ended:
        here("check_method.py")
    assert ended.value.code == 0
    ran = re.search(r"^vivid: (\d+) of \1 checks ran, 0 failed$", capsys.readouterr().out, re.MULTILINE)
    assert int(ran[1]) > 10


def test_check_method_says_what_is_not_there(here):
    with pytest.raises(UserError, match=r"no method is called 'vivid'[^@]*tests_no_such_module"):
        here("check_method.py", "tests_no_such_module", "vivid")
