"""``ccbench new``: the package installs by itself, passes its tests and the kit, and runs in a benchmark."""

import csv
import os
import subprocess
import sys
import tomllib
from email import message_from_string
from pathlib import Path

import pytest

from ccbench.commands.new import check_name, write_package
from ccbench.errors import UserError


def command(*args, cwd, **environment):
    done = subprocess.run(
        [sys.executable, *map(str, args)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package built as a wheel and installed into a folder of its own, which stands on PYTHONPATH."""
    root = tmp_path_factory.mktemp("new")
    code, text = command("-m", "ccbench", "new", "my-method", cwd=root)
    assert code == 0, text
    pip = ("-m", "pip", "--disable-pip-version-check", "--no-input")
    build = ("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", root / "wheels")
    code, text = command(*pip, *build, root / "my-method", cwd=root)
    assert code == 0, text
    (wheel,) = (root / "wheels").iterdir()
    code, text = command(*pip, "install", "--no-deps", "--no-index", "--target", root / "site", wheel, cwd=root)
    assert code == 0, text
    path = os.pathsep.join(filter(None, [str(root / "site"), os.environ.get("PYTHONPATH")]))
    return root, {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def test_the_wheel_is_a_distribution_with_the_entry_point(installed):
    root, _ = installed
    (info,) = (root / "site").glob("my_method-*.dist-info")
    metadata = message_from_string((info / "METADATA").read_text())
    assert (metadata["Name"], metadata.get_all("Requires-Dist")[0]) == ("my-method", "ccbench")
    assert "my-method = my_method" in (info / "entry_points.txt").read_text()
    assert (root / "site" / "my_method" / "method.py").exists()
    assert (root / "site" / "my_method" / "cards" / "my-method.toml").exists()


def test_its_own_tests_pass_and_run_the_kit(installed):
    root, environment = installed
    code, text = command("-m", "pytest", "-p", "no:cacheprovider", cwd=root / "my-method", **environment)
    assert code == 0, text
    passed = int(text.split(" passed")[0].split()[-1])
    assert passed >= 15, text


def test_it_is_listed_checked_and_benchmarked_beside_random(installed):
    root, environment = installed
    code, text = command("-m", "ccbench", "list", "methods", cwd=root, **environment)
    assert code == 0
    assert "my-method" in text
    code, text = command("-m", "ccbench", "describe", "my-method", cwd=root, **environment)
    assert "Does every class keep the same number of images?" in text  # its card
    code, text = command("-m", "ccbench", "check", "my-method", cwd=root, **environment)
    assert code == 0, text
    assert "method my-method: 20 checks ran, 0 failed" in text
    run = ["--methods", "my-method,random", "--ratio", "0.92", "--seeds", "1", "--out", "out"]
    kit = ["--dataset", "ccbench-kit", "--protocol", "ccbench-kit"]
    code, text = command("-m", "ccbench", "-p", "ccbench.testing.offers", "run", *run, *kit, cwd=root, **environment)
    assert code == 0, text
    rows = {r["method"]: r for r in csv.DictReader((root / "out" / "leaderboard.csv").open())}
    assert set(rows) == {"my-method", "random"}
    for row in rows.values():
        assert row["status"] == "ok"
        assert 0 <= float(row["accuracy_mean"]) <= 1
        assert float(row["nominal_ratio"]) == pytest.approx(1 - 8 / 96)


@pytest.mark.slow
def test_it_runs_on_the_embedded_dataset(installed):
    root, environment = installed
    run = ["--methods", "my-method,random", "--ratio", "0.92", "--seeds", "1", "--out", "digits"]
    code, text = command("-m", "ccbench", "run", *run, cwd=root, **environment)
    assert code == 0, text
    rows = {r["method"]: r for r in csv.DictReader((root / "digits" / "leaderboard.csv").open())}
    assert float(rows["my-method"]["accuracy_mean"]) > 0.15  # ten classes: guessing gives 0.1


def test_a_package_reads_as_its_name(tmp_path):
    folder = write_package("two-words2", tmp_path / "here")
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["name"] == "two-words2"
    assert project["project"]["entry-points"]["ccbench"] == {"two-words2": "two_words2"}
    assert project["tool"]["setuptools"]["packages"] == ["two_words2"]
    assert "class TwoWords2:" in (folder / "two_words2" / "method.py").read_text()
    assert not list(tmp_path.glob(".*"))
    for file in folder.rglob("*.*"):
        assert "$" not in file.read_text()


def test_a_written_package_is_clean(tmp_path):
    folder = write_package("my-method", tmp_path / "here")
    config = Path(__file__).parents[3] / "pyproject.toml"
    for action in (["check", "--ignore", "S,D,INP,I"], ["format", "--check"]):
        code, text = command("-m", "ruff", *action, "--config", config, folder, cwd=tmp_path)
        assert code == 0, text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("My-Method", "lower-case"),
        ("my_method", "lower-case"),
        ("1st", "lower-case"),
        ("a--b", "lower-case"),
        ("../x", "lower-case"),
        ("", "lower-case"),
        ("x" * 61, "lower-case"),
        ("random", "there is a method"),
        ("dcq", "there is a method"),
        ("json", "Python module"),
        ("numpy", "Python module"),
        ("class", "Python module"),
        ("tests", "Python module"),
    ],
)
def test_bad_names(name, says, tmp_path):
    with pytest.raises(UserError, match=says):
        write_package(name, tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_a_good_name_is_taken():
    check_name("gradient-matching-2")


def test_an_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        write_package("my-method", tmp_path)
    with pytest.raises(UserError, match="exists already"):
        write_package("my-method", tmp_path / "notes.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / "empty").mkdir()
    assert write_package("my-method", tmp_path / "empty").joinpath("pyproject.toml").exists()


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        write_package("my-method", tmp_path / "file" / "below")


def test_exit_codes(tmp_path):
    assert command("-m", "ccbench", "new", "json", cwd=tmp_path)[0] == 2
    code, text = command("-m", "ccbench", "new", "my-methdo", "there", cwd=tmp_path)
    assert code == 0
    assert "pip install -e '.[test]'" in text
