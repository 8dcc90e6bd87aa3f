"""``ccbench`` and ``python -m ccbench``: exit codes and messages; the command itself is in ccbench.commands."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from ccbench.commands._root import cli
from ccbench.errors import FULL, UserError, short_of_memory


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code.

    0: all went well. 1: something failed that is not the caller's fault.
    2: a fault that the caller can mend (UserError, or a command line that cannot be read).
    130: interrupted. A command sets another code by returning a whole number.
    """
    _show_anything()
    try:
        code = cli.main(args=None if args is None else list(args), prog_name="ccbench", standalone_mode=False)
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    except Exception as error:
        if missing := short_of_memory(error):
            told = UserError("there is too little memory", found=missing, mend=_MORE)
        elif isinstance(error, OSError) and error.filename is None and error.errno in _NOT_WRITTEN:
            _give_up_on_output()
            told = UserError(f"standard output cannot be written: {error.strerror}")
        elif isinstance(error, OSError) and error.errno in FULL:
            told = UserError(
                f"{error.filename or 'a file'} cannot be written",
                found=error.strerror,
                mend="free some space, ulimit -f",
            )
        else:
            raise
        with suppress(OSError):
            click.echo(f"error: {told}", err=True)
        return 1
    return code if isinstance(code, int) and not isinstance(code, bool) else 0


_MORE = "a larger limit (ulimit -v, the container's or the batch system's), or smaller work"
_NOT_WRITTEN = {errno.ENOSPC, errno.EIO, errno.EDQUOT}


def _show_anything() -> None:
    """Names that a terminal's encoding cannot show are shown escaped, whatever the environment says."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _give_up_on_output() -> None:
    """What could not be written is not tried again at the end, where Python itself would complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
