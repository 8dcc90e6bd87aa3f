"""The output folder: made, writable, of a known schema, and ours alone while a run lasts."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from ccbench.errors import UserError
from ccbench.files import atomic_write, readable
from ccbench.schema import Ordinal, fit, parse

SCHEMA = 1


class _Marker(Struct):
    """What ``ccbench.json`` says; a newer version may say more."""

    schema: Ordinal


@contextmanager
def claimed(out: Path) -> Iterator[None]:
    """Hold an output folder until the block ends; the system lets go of it when this process dies.

    Raises:
        UserError: it cannot be written, another run holds it, or a newer ccbench wrote it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(out / ".lock")
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        owner = (out / ".owner").read_text() if (out / ".owner").exists() else "unknown"
        mend = "wait for it, or give another --out"
        raise UserError(f"another run is writing to {out}", found=owner, mend=mend) from None
    except OSError as error:
        found, mend = error.strerror or error, "give a folder you may write with --out"
        raise UserError(f"cannot write to {out}", found=found, mend=mend) from None
    try:
        _check_schema(out / "ccbench.json")
        since = datetime.now(UTC).isoformat(timespec="seconds")
        atomic_write(out / ".owner", f"process {os.getpid()} on {platform.node()}, since {since}")
        yield
    finally:
        (out / ".owner").unlink(missing_ok=True)
        lock.release()


def _check_schema(marker: Path) -> None:
    if not marker.exists():
        atomic_write(marker, json.dumps({"schema": SCHEMA}))
        return
    try:
        with readable(marker):
            said = fit(parse(marker.read_bytes()), _Marker)
    except (OSError, ValueError) as error:
        raise UserError(f"{marker} cannot be read", found=error, mend="delete it, or give another --out") from None
    if said.schema > SCHEMA:
        found = f"schema {said.schema}; this version knows {SCHEMA}"
        mend = "pip install --upgrade ccbench, or give another --out"
        raise UserError(f"{marker.parent} was written by a newer ccbench", found=found, mend=mend)
