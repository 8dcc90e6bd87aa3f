"""``ccbench`` and ``python -m ccbench``: exit codes and messages; the command itself is in ccbench.commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from ccbench.commands._root import cli
from ccbench.errors import UserError


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code.

    0: all went well. 1: something failed that is not the caller's fault.
    2: a fault that the caller can mend (UserError, or a command line that cannot be read).
    130: interrupted. A command sets another code by returning a whole number.
    """
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
    return code if isinstance(code, int) and not isinstance(code, bool) else 0


if __name__ == "__main__":
    sys.exit(main())
