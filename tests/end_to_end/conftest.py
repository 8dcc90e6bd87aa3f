"""Real runs of the command line, each in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


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
def ccbench(environment, forked, tiny_path, tmp_path):
    """Call the command line: ``ccbench("run", ...)`` gives ``stdout`` and ``stderr``; ``code`` is checked.

    It runs in a fork of a process that has imported the large libraries; ``fresh=True`` starts Python anew, for tests
    of what happens at the start, and so does a variable that Python or its libraries read then.
    """

    def call(*arguments, code=0, cwd=tmp_path, env=(), timeout=240, fresh=False):
        words, given = [str(a) for a in arguments], {**environment, **dict(env)}
        if fresh or any(name.startswith(_AT_START) for name in dict(env)):
            command = [sys.executable, "-m", "ccbench", *words]
            done = subprocess.run(command, cwd=cwd, env=given, capture_output=True, text=True, timeout=timeout)
        else:
            ended = forked(words, cwd, variables=given, seconds=timeout)
            done = subprocess.CompletedProcess(words, ended.code, ended.out, ended.err)
        assert done.returncode == code, f"exit {done.returncode}, wanted {code}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
        return done

    vars(call)["path"] = str(tiny_path)
    return call


_AT_START = ("OMP_", "MKL_", "OPENBLAS_", "CUDA_", "LD_")


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
