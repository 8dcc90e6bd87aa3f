"""What the README says runs."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_two_lines_are_there():
    assert "pip install -e . && ccbench run --methods dcq,ccs --ratio 0.92" in README
    assert "pip install -e '.[test]' && pytest" in README


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/inspect.md"])
def test_every_command_of_a_page_exists(page):
    import click

    from ccbench.commands import ccbench_commands

    known = {spec.name: spec for spec in ccbench_commands()}
    text = (ROOT / page).read_text().replace("\\\n", " ")  # a command may go on in the next line
    lines = re.findall(
        r"^(?:\$ )?(ccbench .*)$",
        "\n".join(re.findall(r"```(?:console|sh|bash)?\n(.*?)```", text, re.DOTALL)),
        re.MULTILINE,
    )
    assert lines
    for line in lines:
        words = shlex.split(line, comments=True)
        command = known[words[1]].load()
        flags = {flag for p in command.params if isinstance(p, click.Option) for flag in (*p.opts, *p.secondary_opts)}
        assert [w for w in words[2:] if w.startswith("-") and w.partition("=")[0] not in flags] == [], line


def test_the_training_loop_of_the_readme_trains(tmp_path):
    code = next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "DataLoader" in block)
    assert len([line for line in code.splitlines() if line.strip() and not line.startswith(("import", "from"))]) <= 10
    made = [sys.executable, "-m", "ccbench", "compress", "--method", "mediancut", "--ratio", "0.96", "small.ccb"]
    subprocess.run(made, cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-c", code + "\nprint(float(loss))"], cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert 0 < float(done.stdout.split()[-1]) < 10


def test_the_method_of_the_readme_passes_the_conformance_kit(tmp_path, monkeypatch):
    code = next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "@hookimpl" in block)
    (tmp_path / "readme_method.py").write_text(code)
    env = {"PYTHONPATH": str(tmp_path), "CCBENCH_PLUGINS": "readme_method"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    name = re.search(r'name="([\w-]+)"', code).group(1)
    done = subprocess.run(
        [sys.executable, "-m", "ccbench", "check", name], cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
