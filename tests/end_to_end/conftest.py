"""Real runs of the command line, in processes of their own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TINY = """
from ccbench import ProtocolSpec, hookimpl

def tiny():
    base = {"architecture": "quicknet", "batch": 64, "lr": 0.05, "weight_decay": 5e-4, "crop_padding": 2}
    return {"train": {**base, "iterations": 12}, "proxy": {**base, "epochs": 2}}

def taught():
    mixed = {"labels": "teacher", "temperature": 4.0, "mix": "cutmix", "mix_alpha": 1.0, "crop_scale": 0.5}
    train = {"architecture": "quicknet", "batch": 32, "lr": 0.002, "optimizer": "adamw", "epochs_of": "budget"}
    return {**tiny(), "train": {**train, **mixed, "epochs": 3}}

@hookimpl
def ccbench_protocols():
    return [
        ProtocolSpec(name="tiny", target="tiny_protocol:tiny", version="1", summary="for tests"),
        ProtocolSpec(name="taught", target="tiny_protocol:taught", version="1", summary="for tests, with a teacher"),
    ]
"""


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory):
    """A folder for PYTHONPATH with a plugin whose protocol takes a second."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny_protocol.py").write_text(TINY)
    return folder


@pytest.fixture
def environment(tiny_path):
    """Variables under which ``--protocol tiny`` exists."""
    paths = [str(tiny_path), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "CCBENCH_PLUGINS": "tiny_protocol",
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def ccbench(environment, tiny_path, tmp_path):
    """Call the command line: ``ccbench("run", ...)`` gives the finished process; ``code`` is checked."""

    def call(*arguments, code=0, cwd=tmp_path, env=(), timeout=240):
        done = subprocess.run(
            [sys.executable, "-m", "ccbench", *map(str, arguments)],
            cwd=cwd,
            env={**environment, **dict(env)},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == code, f"exit {done.returncode}, wanted {code}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
        return done

    vars(call)["path"] = str(tiny_path)
    return call


def _listen():
    """Hear Ctrl-C even where the tests run in the background of a shell, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def start(environment, tmp_path):
    """Start the command line without waiting."""
    running = []

    def call(*arguments, cwd=tmp_path):
        process = subprocess.Popen(
            [sys.executable, "-m", "ccbench", *map(str, arguments)],
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_listen,
        )
        running.append(process)
        return process

    yield call
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def records():
    """Every record below an output folder."""
    import json

    return lambda out: [json.loads(p.read_text()) for p in sorted(Path(out).glob("results/**/*.json"))]
