"""dc3 with a diffusion model, from the command line: shares over workers, kills, damage, faults of the model."""

import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

KIT = ("-p", "ccbench.testing.offers", "run", "--dataset", "ccbench-kit", "--protocol", "ccbench-kit", "--seeds", "1")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A real pipeline of about 1 MB with random weights."""
    sys.path.append(str(Path(__file__).parents[1] / "cc_plugins" / "dc3"))
    from tiny_pipeline import build

    return build(tmp_path_factory.mktemp("model"))


def method(model, **more):
    given = {"model": model, "steps": 2, "resolution": 16, "batch": 2, "bins": 1, "sampling": "random", **more}
    return f"dc3[{','.join(f'{k}={v}' for k, v in given.items())}]"


def pictures(cache):
    return sorted(p for p in Path(cache).rglob("blobs/pictures/*/*") if not p.name.startswith("."))


def alive(group):
    """Processes of a group that have not ended, as Linux lists them."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, own = file.read_text().rpartition(")")[2].split()[:3]
            found += [file] if int(own) == group and state != "Z" else []
    return found


def artifact(out):
    (file,) = Path(out, "artifacts").glob("*.ccb")
    return file.read_bytes()


@pytest.mark.slow
def test_two_workers_share_the_pictures_and_damage_is_mended(ccbench, tmp_path, model, records):
    env = {"CCBENCH_CACHE": str(tmp_path / "cache")}.items()
    ccbench(*KIT, "--ipc", 2, "--methods", method(model), "--jobs", 2, "--out", "two", env=env)
    assert [r["status"] for r in records(tmp_path / "two")] == ["ok"]
    shares = sorted(p.name.partition("-")[2] for p in (tmp_path / "two" / "logs").glob("*-part*.log"))
    assert shares == ["part0.log", "part1.log"]
    found = pictures(tmp_path / "cache")
    assert len(found) == 2 * 4 * 2, "a cool and a warm one of each kept image"

    content = bytearray(found[0].read_bytes())
    content[len(content) // 2] ^= 1
    found[0].write_bytes(content)
    found[1].write_bytes(b"")
    times = {p: p.stat().st_mtime_ns for p in found[2:]}
    ccbench(*KIT, "--ipc", 2, "--methods", method(model), "--out", "one", env=env)
    assert artifact(tmp_path / "one") == artifact(tmp_path / "two")
    assert times == {p: p.stat().st_mtime_ns for p in found[2:]}, "whole pictures are not made again"


@pytest.mark.slow
def test_a_kill_loses_no_finished_picture(start, ccbench, environment, tmp_path, model, wait_for):
    environment["CCBENCH_CACHE"] = str(tmp_path / "cache")
    command = (*KIT, "--ipc", 2, "--methods", method(model, steps=12))
    process = start(*command)
    wait_for(lambda: len(pictures(tmp_path / "cache")) >= 2, seconds=180)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not alive(process.pid))
    before = {p: p.stat().st_mtime_ns for p in pictures(tmp_path / "cache")}
    ccbench(*command)
    assert before == {p: p.stat().st_mtime_ns for p in before}
    assert len(pictures(tmp_path / "cache")) == 2 * 4 * 2


def test_a_model_that_cannot_be_used_is_said_before_any_work(ccbench, tmp_path, model):
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    (broken / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    done = ccbench(*KIT, "--ipc", 2, "--methods", f"{method(broken)},random", code=1)
    assert done.stderr.startswith("error: dc3:")
    assert "unet" in done.stderr.splitlines()[0]
    text = tmp_path / "hues.toml"
    text.write_text('template = "{p}"\ncool = ["rain"]\nwarm = ["sun"]\nlukewarm = ["fog"]\n')
    done = ccbench(*KIT, "--ipc", 2, "--methods", f"{method(model, prompts=text)},random", code=1)
    assert "lukewarm" in done.stderr.splitlines()[0]
    plan = ccbench("-p", "ccbench.testing.offers", "plan", "--dataset", "ccbench-kit", "--protocol", "ccbench-kit",
                   "--ipc", 2, "--methods", f"{method(broken)},random")  # fmt: skip
    assert "error: dc3:" in plan.stderr
