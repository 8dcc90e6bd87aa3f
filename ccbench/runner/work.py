"""Work as plain data, that it may travel: what all of it has in common, and how a worker process does it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ccbench.data import DataSource, Splits, open_dataset, opened
from ccbench.errors import UserError
from ccbench.executors import HEAVY, TRAINING, WorkItem
from ccbench.executors.sealing import Seal
from ccbench.files import atomic_write
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.discovery import only, plugins
from ccbench.records.cells import Cell
from ccbench.runner.device import chosen_device, compute_with
from ccbench.store import Store

if TYPE_CHECKING:
    from ccbench.methods.task import Workbench
    from ccbench.training import Protocol

Heard = Callable[[int, int, str], None]  # done, total, what


@dataclass(frozen=True, kw_only=True)
class Context:
    """What all work on one dataset under one protocol has in common.

    Attributes:
        dataset, source, cache: what :func:`ccbench.data.open_dataset` needs.
        protocol: whose recipes networks are trained by.
        base_seed: what every seed is derived from.
        device: ``"cpu"``, ``"cuda:0"`` or None for the best there is.
        precision: number format of the trainings; None is what the protocol declares.
        threads: of each training on a CPU.
        teacher: instead of the protocol's own.
        plugins: the ids of the plugins whose offers the work names; another process imports no others. None: all.
        entry: of the dataset in the cache, so that nobody has to ask its plugin again; "" where that is not known.
    """

    dataset: str
    source: DataSource
    cache: Path
    protocol: str
    base_seed: int
    device: str | None = None
    precision: str | None = None
    threads: int = 1
    teacher: TeacherSource = field(default_factory=TeacherSource)
    plugins: list[str] | None = None
    entry: str = ""

    @classmethod
    def of(
        cls,
        cell: Cell,
        *,
        source: DataSource,
        cache: Path,
        device: str | None,
        precision: str | None,
        teacher: TeacherSource,
        plugins: list[str] | None = None,
        entry: str = "",
    ) -> Self:
        """The context of a cell; the others as above."""
        return cls(
            dataset=cell.dataset,
            source=source,
            cache=cache,
            protocol=cell.protocol,
            base_seed=cell.base_seed,
            device=device,
            precision=precision,
            threads=cell.threads,
            teacher=teacher,
            plugins=plugins,
            entry=entry,
        )

    def plain(self) -> dict[str, Any]:
        """JSON-able fields, for another process; :meth:`from_plain` reads them back."""
        taken = {"source": self.source.plain(), "cache": str(self.cache), "teacher": self.teacher.plain()}
        return {f.name: getattr(self, f.name) for f in fields(self)} | taken

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The context that :meth:`plain` wrote down."""
        source, teacher = DataSource.from_plain(plain["source"]), TeacherSource.from_plain(plain["teacher"])
        return cls(**{**plain, "source": source, "cache": Path(plain["cache"]), "teacher": teacher})

    @property
    def foreign(self) -> str:
        """The plugins that the work imports and that are not ccbench's own."""
        return ", ".join(name for name in self.plugins or () if not name.startswith("ccbench/"))

    @property
    def recipes(self) -> Protocol:
        """The protocol, in the number format of this work."""
        from ccbench.training import load_protocol

        return load_protocol(self.protocol, plugins()).at(self.precision)

    def splits(self) -> Splits:
        """The dataset, opened once for all the work of a process."""
        return self._open(tested=True)

    def untested(self) -> Splits:
        """The dataset without its test split: whoever compresses needs no other."""
        return self._open(tested=False)

    def _open(self, *, tested: bool) -> Splits:
        key = json.dumps([self.dataset, self.source.plain(), str(self.cache), tested], sort_keys=True)
        if key not in _opened:
            found = opened(self.entry, self.dataset, cache=self.cache, tested=tested) if self.entry else None
            _opened[key] = found or open_dataset(self.dataset, plugins=plugins(), source=self.source, cache=self.cache)
        return _opened[key]

    def bench(self, progress: Heard) -> Workbench:
        """Where stages run."""
        from ccbench.methods.task import Workbench

        recipes = self.recipes
        return Workbench(
            root=self.untested().train,
            store=Store(self.cache),
            plugins=plugins(),
            recipe=recipes.proxy,
            base_seed=self.base_seed,
            device=chosen_device(self.device),
            progress=progress,
            teacher_recipe=recipes.teacher,
            teacher=self.teacher,
            threads=self.threads,
        )


_opened: dict[str, Splits] = {}


@dataclass(frozen=True, kw_only=True)
class Work:
    """One unit of work; :meth:`run` does it in this process, :meth:`item` makes it travel to another.

    Attributes:
        context: what it has in common with other work.
        log: where output and progress go, without suffix; None leaves them in this process.
        warm: what it needs imported where it is the only work, see :class:`ccbench.executors.WorkItem`.
    """

    kinds: ClassVar[dict[str, type[Work]]] = {}
    warm: ClassVar[str] = HEAVY
    context: Context
    log: Path | None = None

    def __init_subclass__(cls) -> None:
        Work.kinds[cls.__name__] = cls

    def item(self, name: str, timeout: float | None = None, seal: Seal | None = None) -> WorkItem:
        """This work for an executor, which calls :func:`do` with its payload."""
        plain = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}
        payload = {**plain, "kind": type(self).__name__}
        function, by = f"{type(self).__module__}:do", self.context.foreign
        what = self.doing + (f", with code of {by}" if by else "")
        gpu = self.context.device != "cpu"
        # one of a run's many items, which are forked from one process: some of them train
        return WorkItem(name, function, payload, timeout, what=what, warm=TRAINING, seal=seal, gpu=gpu)

    @property
    def doing(self) -> str:
        """What it is, in words that follow "while"."""
        return f"at work on {self.context.dataset}"

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The work whose fields :meth:`item` wrote down."""
        read: dict[str, Callable[[Any], Any]] = {
            "context": Context.from_plain, "log": Path, "artifact": Path, "made_at": Path, "kept": Fraction,
        }  # fmt: skip
        return cls(**{n: read[n](v) if n in read and v is not None else v for n, v in plain.items()})

    def run(self, heard: Heard | None = None) -> Any:
        """Do it.

        Args:
            heard: without a log, hears of the progress in this process.
        """
        with _logged(self.log, heard) as progress:
            compute_with(self.context.threads, chosen_device(self.context.device))
            return self.work(progress)

    def work(self, progress: Heard) -> Any:
        """What it is; progress is told as done, total and what."""
        raise NotImplementedError


def do(kind: str, **plain: Any) -> Any:
    """Do a piece of work that came as plain data; what it gives goes back as plain data."""
    work = Work.kinds[kind].from_plain(plain)
    with only(work.context.plugins):
        given = work.run()
    return None if given is None else given.plain()


def _plain(value: Any) -> Any:
    if isinstance(value, Context):
        return value.plain()
    return str(value) if isinstance(value, (Path, Fraction)) else value


def unheard(done: int, total: int, what: str = "") -> None:
    """Progress that nobody follows."""


def progress_of(log: Path) -> tuple[int, int, str] | None:
    """How far the work with this log says it is: done, total, what; None while it has not said anything, or is done."""
    try:
        done, total, what = json.loads(log.with_suffix(".progress").read_text())
        return int(done), int(total), str(what)
    except (OSError, ValueError, TypeError):
        return None


_LOG = 1 << 20  # bytes of a log that are kept, half from its beginning and half from its end


def shorten(log: Path) -> None:
    """Leave out the middle of a log that is too long, if there is room to write it anew."""
    with contextlib.suppress(OSError, UserError):
        if (size := log.stat().st_size) <= _LOG + 100:
            return
        with log.open("rb") as file:
            head = file.read(_LOG // 2)
            file.seek(size - _LOG // 2)
            tail = file.read()
        left_out = f"\n... {size - len(head) - len(tail):,} bytes left out ...\n".encode()
        atomic_write(log, head + left_out + tail)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # closed, or taken away
            stream.flush()


@contextlib.contextmanager
def _logged(log: Path | None, heard: Heard | None = None) -> Iterator[Heard]:
    """Send this process's output to ``log.log`` and its progress to ``log.progress``, as ``done total what``."""
    if log is None:
        yield heard or unheard
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    last, told = 0.0, ""

    def progress(done: int, total: int, what: str = "") -> None:
        nonlocal last, told
        now = time.monotonic()
        if now - last > 0.5 or what != told:  # other work is said at once: it may say nothing more for long
            last, told = now, what
            part = log.with_suffix(".part")
            part.write_text(json.dumps([done, total, what]))
            part.replace(log.with_suffix(".progress"))

    with log.with_suffix(".log").open("a", buffering=1) as file:
        saved, streams = (os.dup(1), os.dup(2)), (sys.stdout, sys.stderr)
        _flush()
        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            yield progress
        except BaseException:
            import traceback

            traceback.print_exc(file=file)
            raise
        finally:
            _flush()
            sys.stdout, sys.stderr = streams  # whatever was made of them
            os.dup2(saved[0], 1)
            os.dup2(saved[1], 2)
            for handle in saved:
                os.close(handle)
            shorten(log.with_suffix(".log"))
            log.with_suffix(".progress").unlink(missing_ok=True)
