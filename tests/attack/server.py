"""Runs command lines one after another, each in a fork of this process: what takes seconds to import is there already.

A line of JSON in: ``arguments``, ``folder``, ``seconds``, ``variables`` and ``limits`` (names and values of
``resource``). One out: ``code`` (negative: the signal that ended it), ``text`` (all that was printed).
"""

import io
import json
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path


def one(case):
    """The whole life of a fork."""
    os.setsid()
    os.chdir(case["folder"])
    os.environ.update(case.get("variables", {}))
    for name, value in case.get("limits", {}).items():
        resource.setrlimit(getattr(resource, name), (value, resource.getrlimit(getattr(resource, name))[1]))
    from ccbench.__main__ import main

    sys.argv[:] = ["ccbench", *case["arguments"]]
    code = main(case["arguments"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


def _stream(handle):
    return io.TextIOWrapper(os.fdopen(handle, "wb", closefd=False), encoding="utf-8", errors="backslashreplace")


def answer(case):
    """Run it, and end it at its time."""
    with tempfile.TemporaryFile() as printed:
        child = os.fork()
        if child == 0:
            os.dup2(printed.fileno(), 1)
            os.dup2(printed.fileno(), 2)
            sys.stdout = io.TextIOWrapper(
                os.fdopen(1, "wb", closefd=False), encoding="utf-8", errors="backslashreplace"
            )
            sys.stderr = io.TextIOWrapper(
                os.fdopen(2, "wb", closefd=False), encoding="utf-8", errors="backslashreplace"
            )
            try:
                one(case)
            except SystemExit as error:
                os._exit(error.code if isinstance(error.code, int) else 1)
            except BaseException:
                import traceback

                traceback.print_exc()
                sys.stderr.flush()
                os._exit(70)

        def late(*_):
            os.killpg(child, signal.SIGKILL)

        signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, case["seconds"])
        _, status = os.waitpid(child, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        printed.seek(0)
        return {"code": os.waitstatus_to_exitcode(status), "text": printed.read().decode(errors="backslashreplace")}


def main():
    """Until standard input ends."""
    import numpy  # noqa: F401
    import pandas  # noqa: F401

    from ccbench.offers.discovery import plugins

    plugins()
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=channel)


if __name__ == "__main__":
    sys.path[0] = str(Path.cwd())
    main()
