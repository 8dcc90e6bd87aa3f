"""What the project's own files promise each other: hooks before a commit, hosted checks, the one list of both."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from ccbench.offers.cards import read
from ccbench.offers.discovery import plugins

ROOT = Path(__file__).resolve().parents[2]
CHECKS = (ROOT / ".ci" / "run").read_text().splitlines()
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]


def test_a_commit_is_checked_by_the_linters_of_ci():
    entries = {hook["entry"] for hook in HOOKS if hook["id"] != "toml"}
    assert entries == {line for line in CHECKS if re.match(r"(ruff|mypy)\b", line)}
    assert {hook["language"] for hook in HOOKS} == {"system"}  # the project's own versions, and no network


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize(
    ("name", "text", "failing"),
    [
        ("good.py", '"""A module."""\n', set()),
        ("unused.py", '"""A module."""\n\nimport os\n', {"ruff check"}),
        ("loose.py", '"""A module."""\n\nX=1\n', {"ruff format"}),
        ("card.toml", "name = x\n", {"TOML can be read"}),
    ],
    ids=lambda value: value if str(value).endswith((".py", ".toml")) else "",
)
def test_the_hooks_find_what_they_are_for(tmp_path, name, text, failing):
    for file in (".pre-commit-config.yaml", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path)
    (tmp_path / name).write_text(text)
    env = {**os.environ, "SKIP": "mypy", "PRE_COMMIT_HOME": str(tmp_path / "home")}  # mypy takes the whole package
    for command in ("git init -q .", "git add -A"):
        subprocess.run(command.split(), cwd=tmp_path, check=True)
    done = subprocess.run(
        ["pre-commit", "run", "--all-files", "--color=never"], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert set(re.findall(r"^(.+?)\.+Failed$", done.stdout, re.MULTILINE)) == failing, done.stdout + done.stderr
    assert done.returncode == bool(failing)


def test_the_hosted_workflow_runs_ci_and_nothing_else():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step] == [
        "actions/checkout",
        "actions/setup-python",
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    least = project["requires-python"].removeprefix(">=")
    assert job["strategy"]["matrix"]["python"][0] == least
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_citation_is_whole_and_says_what_the_cards_say():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)  # what the format asks for
    assert citation["type"] == "software"
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    cited = {}
    for paper in citation["references"]:
        names = ", ".join(f"{author['given-names']} {author['family-names']}" for author in paper["authors"])
        cited[paper["title"]] = (names, paper["year"])
    papers = [read(plugins().get("method", name))["paper"] for name in ("dcq", "dc3")]
    assert cited == {paper["title"]: (paper["authors"], paper["year"]) for paper in papers}


def test_the_changelog_opens_with_the_version_that_is_being_made():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = re.findall(r"^## (.*)$", changelog, re.MULTILINE)
    assert versions[0] == f"{project['version']} (unreleased)"
    for line in changelog.split("## ", 1)[1].splitlines()[1:]:
        assert line.startswith(("- ", "  ", "### ")) or line in {"", "First version."}, line


def test_what_contributors_are_told_to_use_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert len(text.splitlines()) <= 70  # one page
    for step in (".ci/run", "pre-commit install", "pip install -e '.[test]'", "ccbench check", "ccbench new"):
        assert step in text
    named = re.findall(r"`?((?:cc_plugins|tests|docs|benchmarks)/[\w./-]*)", text)
    assert {path for path in named if "my_method" not in path and not (ROOT / path).exists()} == set()
    assert "tests/ccbench/test_budget.py" in named
