"""Runs command lines one after another, each in a fork of this process: what takes seconds to import is there already.

So is the process that work items are forked from. A line of JSON in: ``arguments``, ``folder``, ``seconds``,
``variables`` (the whole environment), ``limits`` (names and values of ``resource``). One out: ``code`` (negative: the
signal that ended it), ``out``, ``err``.
"""

import atexit
import io
import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from multiprocessing import forkserver, resource_tracker
from pathlib import Path


def one(case):
    """The whole life of a fork, as that of ``python -m ccbench``; its exit code."""
    os.setsid()
    os.chdir(case["folder"])
    os.environ.clear()
    os.environ.update(case["variables"])
    sys.path[:0] = [case["folder"], *filter(None, case["variables"].get("PYTHONPATH", "").split(os.pathsep))]
    for name, value in case["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, resource.getrlimit(getattr(resource, name))[1]))
    # the process that items are forked from is no child of this one, which multiprocessing would look for
    vars(forkserver._forkserver)["ensure_running"] = resource_tracker.ensure_running
    forkserver.ensure_running = resource_tracker.ensure_running
    from ccbench.__main__ import main

    sys.argv[:] = ["ccbench", *case["arguments"]]
    try:
        code = main(case["arguments"])
    except SystemExit as error:
        code = error.code
    code = code if isinstance(code, int) else int(code is not None)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    return code


def answer(case):
    """Run it, and end it at its time."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                with open(os.devnull) as nothing:  # noqa: PTH123
                    os.dup2(nothing.fileno(), 0)
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                sys.stdout, sys.stderr = (
                    io.TextIOWrapper(os.fdopen(n, "wb", closefd=False), encoding="utf-8", errors="backslashreplace")
                    for n in (1, 2)
                )
                code = one(case)
            except BaseException:
                os.write(2, traceback.format_exc().encode())
            finally:
                os._exit(code)

        def late(*_):
            os.killpg(child, signal.SIGKILL)

        signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, case["seconds"])
        _, status = os.waitpid(child, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        texts = {}
        for name, file in (("out", out), ("err", err)):
            file.seek(0)
            texts[name] = file.read().decode(errors="backslashreplace")
        return {"code": os.waitstatus_to_exitcode(status), **texts}


def main():
    """Until standard input ends."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401
    import pandas  # noqa: F401

    import ccbench.inspection
    import ccbench.leaderboard.writing
    import ccbench.runner.execute
    import ccbench.runner.heavy_training
    import ccbench.verification.again  # noqa: F401
    from ccbench.executors import TRAINING
    from ccbench.executors.local import _context

    _context(TRAINING)
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=channel)


if __name__ == "__main__":
    del sys.path[0]
    sys.path[:] = [place for place in sys.path if Path(place) != Path.cwd()]
    main()
