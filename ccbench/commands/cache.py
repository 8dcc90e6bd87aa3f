"""``ccbench cache``: what lies in the store, and clearing it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from filelock import FileLock, Timeout

from ccbench.commands import _options
from ccbench.commands._show import table
from ccbench.errors import UserError
from ccbench.files import part_of
from ccbench.store import default_store


@dataclass(frozen=True)
class Item:
    """One entry of the store: its folder, bytes on disk and time of its last change (seconds since 1970)."""

    path: Path
    size: int
    changed: float

    @property
    def kind(self) -> str:
        """The store's folder that it lies in, such as ``proxy``."""
        return self.path.parent.name


@click.group(invoke_without_command=True)
@click.pass_context
def cache(ctx: click.Context) -> None:
    """Show the cache: its folder, and entries and bytes by kind. It can always be cleared; work is then done again."""
    if ctx.invoked_subcommand is not None:
        return
    root = default_store().root
    items = list(entries(root))
    click.echo(f"{root}")
    rows = [
        (kind, f"{count} entr{'y' if count == 1 else 'ies'}", readable(size)) for kind, count, size in by_kind(items)
    ]
    click.echo(table([*rows, ("total", f"{len(items)}", readable(sum(i.size for i in items)))]))


@cache.command()
@click.option("--kind", help="Only this kind, as ccbench cache shows it.")
@click.option(
    "--older-than", type=_options.Finite(min=0), metavar="DAYS", help="Only entries made before that many days."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(kind: str | None, older_than: float | None, yes: bool) -> None:
    """Delete entries; one that another process is making is left alone."""
    root = default_store().root
    items = list(entries(root))
    kinds = sorted({item.kind for item in items})
    if kind is not None and kind not in kinds:
        raise UserError(f"the cache holds nothing of kind {kind!r}", found=", ".join(kinds) or "an empty cache")
    limit = float("inf") if older_than is None else time.time() - 86400 * older_than
    chosen = [item for item in items if (kind is None or item.kind == kind) and item.changed <= limit]
    sweep(root)
    if not chosen:
        click.echo("nothing to delete")
        return
    what = f"{len(chosen)} of {len(items)} entries, {readable(sum(i.size for i in chosen))}, from {root}"
    if not yes:
        if not sys.stdin.isatty():
            raise UserError(f"this would delete {what}", mend="add --yes")
        if not click.confirm(f"Delete {what}?"):
            click.echo("nothing deleted")
            return
    deleted = [item for item in chosen if remove(item.path)]
    click.echo(f"deleted {len(deleted)} entries, {readable(sum(i.size for i in deleted))}")
    if len(deleted) < len(chosen):
        click.echo(f"left {len(chosen) - len(deleted)} entries that another process is working on", err=True)


def entries(root: Path) -> Iterator[Item]:
    """Every finished entry, by kind and key; half-made ones and locks are not entries."""
    for kind in sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")) if root.is_dir() else []:
        for path in sorted(p for p in kind.iterdir() if p.is_dir() and not p.name.startswith(".")):
            try:
                stats = [p.stat() for p in (path, *path.rglob("*"))]
            except FileNotFoundError:
                continue  # deleted by another process meanwhile
            yield Item(path, sum(s.st_blocks * 512 if hasattr(s, "st_blocks") else s.st_size for s in stats),
                       max(s.st_mtime for s in stats))  # fmt: skip


def by_kind(items: list[Item]) -> list[tuple[str, int, int]]:
    """(kind, entries, bytes) for each kind."""
    kinds = sorted({item.kind for item in items})
    return [(k, sum(i.kind == k for i in items), sum(i.size for i in items if i.kind == k)) for k in kinds]


def remove(path: Path) -> bool:
    """Delete one entry and what killed processes left of it, under its lock; False where the lock is held.

    The entry is renamed before it is deleted, so that a kill leaves no half of it under its name.
    """
    try:
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=0):
            if path.exists():
                path.rename(part_of(path))
            for part in path.parent.glob(f".{path.name}.*.part"):
                shutil.rmtree(part)
    except Timeout:
        return False
    except OSError as error:
        raise UserError(
            f"cannot delete {path}", found=error.strerror or error, mend="check who owns that folder"
        ) from error
    return True


def sweep(root: Path) -> None:
    """Delete what killed processes left half made; what a living one is making is locked and stays."""
    for part in root.glob("*/.*.part"):
        key = part.name[1:].partition(".")[0]
        try:
            with FileLock(part.with_name(f".{key}.lock"), timeout=0):
                shutil.rmtree(part, ignore_errors=True)
        except (Timeout, OSError):
            continue


def readable(size: float) -> str:
    """Bytes for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
