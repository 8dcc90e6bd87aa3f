"""How plugins are found, and guarded from one another."""

from __future__ import annotations

import importlib
import os
import signal
import threading
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal, overload

import pluggy

from ccbench.errors import UserError
from ccbench.offers import cards, hookspecs, specs

GROUP = "ccbench"
_MOST = 10_000  # offers of one kind from one plugin
KINDS = {cls.kind: (f"ccbench_{cls.kind}s", cls) for cls in specs.OFFERS}  # by kind: its hook and its class
BUILTIN = (
    "ccbench.stages",
    "ccbench.executors",
    "ccbench.commands",
    "ccbench.offers.recipe_file",
)  # the harness's own offers, by the same hooks


@dataclass
class Plugin:
    """One plugin as found: where it came from, what it offers, and why it is broken where it is."""

    name: str
    distribution: str
    module: str
    offers: list[str] = field(default_factory=list)  # "method dcq"
    errors: list[str] = field(default_factory=list)
    log: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing went wrong with it."""
        return not self.errors

    @property
    def id(self) -> str:
        """What tells it from every other one, in each process."""
        return f"{self.distribution}/{self.name}"


class Plugins:
    """Every offer of every plugin, by kind and name.

    Args:
        extra: modules (or importable names) registered beside the entry points.
        discover: whether to read entry points at all.
        only: the ids of the plugins to import; None: all there are. The harness's own offers are always there.
    """

    def __init__(
        self, *, extra: tuple[Any, ...] = (), discover: bool = True, only: Collection[str] | None = None
    ) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.found: list[Plugin] = []
        self._specs: dict[str, dict[str, specs.Spec]] = {kind: {} for kind in KINDS}
        self._aliases: dict[str, dict[str, tuple[specs.Spec, specs.Alias]]] = {kind: {} for kind in KINDS}
        self._owner: dict[tuple[str, str], Plugin] = {}
        self._clashes: dict[tuple[str, str], list[str]] = {}
        self._asked: list[set[str]] = []
        self._only = only
        for module in BUILTIN:
            self._add(Plugin(module, "ccbench", module), module)
        if discover:
            # ccbench's own come first, so that a clash is laid at the newcomer's door
            points = sorted(entry_points(group=GROUP), key=lambda p: (_distribution(p) != "ccbench", p.name))
            seen = set()
            for point in points:
                if (point.name, point.value) not in seen:  # an editable install can list its entry points twice
                    seen.add((point.name, point.value))
                    self._add(Plugin(point.name, _distribution(point), point.value), point)
        for module in (*filter(None, os.environ.get("CCBENCH_PLUGINS", "").split(",")), *extra):
            name = module if isinstance(module, str) else module.__name__
            self._add(Plugin(name, "(given by name)", name), module)

    def _add(self, plugin: Plugin, source: Any) -> None:
        if self._only is not None and plugin.module not in BUILTIN and plugin.id not in self._only:
            return
        self.found.append(plugin)
        try:
            with _limit(None if plugin.distribution == "ccbench" else _seconds()):
                self._take(plugin, source)
        except _Late as late:
            self._fail(plugin, UserError(f"was given up after {late.seconds:g} s of being imported and asked"))

    def _take(self, plugin: Plugin, source: Any) -> None:
        try:
            module = importlib.import_module(source) if isinstance(source, str) else source
            module = module.load() if hasattr(module, "load") and not hasattr(module, "__file__") else module
            if self.manager.is_registered(module):
                return
            self._register(module, plugin)
        except (Exception, SystemExit) as error:
            self._fail(plugin, error)
            return
        for kind, (hook, cls) in KINDS.items():
            implementation = next(
                (i for i in getattr(self.manager.hook, hook).get_hookimpls() if i.plugin is module), None
            )
            if implementation is None:
                continue
            try:
                offered = implementation.function()
                for count, spec in enumerate(offered):
                    if count == _MOST:
                        raise UserError(f"offers more than {_MOST:,} {kind}s")
                    self._offer(plugin, kind, cls, spec)
            except (Exception, SystemExit) as error:
                self._fail(plugin, error, f"{hook} ")

    def _register(self, module: Any, plugin: Plugin) -> None:
        """Register all of a module's hooks or none of them."""
        try:
            self.manager.register(module, name=plugin.id)
            self.manager.check_pending()  # pluggy itself would ignore a mistyped name
        except pluggy.PluginValidationError as error:
            if self.manager.is_registered(module):
                self.manager.unregister(module)
            known = [n for n in vars(hookspecs) if n.startswith("ccbench_")]
            name = next((n for n in vars(module) if n.startswith("ccbench_") and n not in known), None)
            raise UserError(f"{error}{specs.did_you_mean(name, known) if name else ''}") from None

    def _offer(self, plugin: Plugin, kind: str, cls: type[specs.Spec], spec: Any) -> None:
        if not isinstance(spec, cls):
            plugin.errors.append(f"offers {spec!r} as a {kind}; expected {cls.__name__}")
            return
        try:
            spec.check()
        except UserError as error:
            plugin.errors.append(str(error))
            return
        if not self._claim(plugin, kind, spec.name):
            return
        self._specs[kind][spec.name] = spec
        plugin.offers.append(f"{kind} {spec.name}")
        for alias in spec.aliases:
            if self._claim(plugin, kind, alias.name):
                self._aliases[kind][alias.name] = spec, alias
        if spec.card and cards.find(spec) is None:
            self.card(spec)

    def _claim(self, plugin: Plugin, kind: str, name: str) -> bool:
        """Whether a name is this plugin's now; whoever comes second has an error, and nobody can use the name."""
        other = self._owner.setdefault((kind, name), plugin)
        taken = name in self._specs[kind] or name in self._aliases[kind]
        if other is plugin and not taken:
            return True
        both = self._clashes.setdefault((kind, name), [_where(other)])
        both.append(_where(plugin))
        plugin.errors.append(f"{kind} {name!r} is offered by both {' and '.join(both)}")
        return False

    def _fail(self, plugin: Plugin, error: BaseException, where: str = "") -> None:
        text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        text = f"called exit({error.code})" if isinstance(error, SystemExit) else text
        plugin.errors.append(where + text)
        plugin.log += "".join(traceback.format_exception(error))

    def broken(self) -> list[Plugin]:
        """The plugins with an error, in the order they were found."""
        return [p for p in self.found if not p.ok]

    def all(self, kind: str) -> dict[str, specs.Spec]:
        """Every working offer of one kind, by name."""
        return dict(sorted(self._specs[kind].items()))

    def alias(self, kind: str, name: str) -> specs.Alias | None:
        """What a name that stands for another offer sets, or None for a name that is an offer's own."""
        _, alias = self._aliases[kind].get(name, (None, None))
        return alias

    def names(self, kind: str) -> list[str]:
        """Every name of one kind that users may write, aliases too."""
        return sorted({*self._specs[kind], *self._aliases[kind]})

    def owner(self, kind: str, name: str) -> Plugin | None:
        """The plugin that offers a name or an alias."""
        return self._owner.get((kind, name))

    def card(self, spec: specs.Spec) -> cards.Card | None:
        """The card of an offer as a table, or None; one that cannot be read is an error of its plugin."""
        try:
            return cards.read(spec)
        except UserError as error:
            owner = self.owner(spec.kind, spec.name)
            if owner and str(error) not in owner.errors:
                owner.errors.append(str(error))
            return None

    @overload
    def get(self, kind: Literal["method"], name: str) -> specs.MethodSpec: ...
    @overload
    def get(self, kind: Literal["dataset"], name: str) -> specs.DatasetSpec: ...
    @overload
    def get(self, kind: Literal["protocol"], name: str) -> specs.ProtocolSpec: ...
    @overload
    def get(self, kind: Literal["stage"], name: str) -> specs.StageSpec: ...
    @overload
    def get(self, kind: Literal["group"], name: str) -> specs.GroupSpec: ...
    @overload
    def get(self, kind: Literal["command"], name: str) -> specs.CommandSpec: ...
    @overload
    def get(self, kind: str, name: str) -> specs.Spec: ...
    def get(self, kind: str, name: str) -> specs.Spec:
        """The spec of a name; of an alias the one that it stands for, while :meth:`alias` says what it sets.

        Raises:
            UserError: the name is unknown (with a suggestion) or two plugins offer it.
        """
        spec, owner = self._find(kind, name)
        for asked in self._asked:
            asked.add(owner.id)
        return spec

    def _find(self, kind: str, name: str) -> tuple[specs.Spec, Plugin]:
        if (kind, name) in self._clashes:
            raise UserError(
                f"{kind} {name!r} is offered by both {' and '.join(self._clashes[kind, name])}",
                mend="uninstall one of them, or ask its author for another name",
            )
        known = self._specs[kind]
        family = name.partition(":")[0] + ":"
        if name in known and not name.endswith(":"):
            return known[name], self._owner[kind, name]
        if name in self._aliases[kind]:
            return self._aliases[kind][name][0], self._owner[kind, name]
        if ":" in name and family in known and name != family:
            return known[family], self._owner[kind, family]
        if found := self._resolve(kind, name):
            return found
        broken = ", ".join(_where(p) for p in self.broken())
        raise UserError(
            f"no {kind} is called {name!r}{specs.did_you_mean(name, self.names(kind))}",
            found=f"broken plugins: {broken}" if broken else None,
            mend=f"ccbench list {kind}s shows what there is",
        )

    def _resolve(self, kind: str, name: str) -> tuple[specs.Spec, Plugin] | None:
        """What the first plugin that knows a name makes of it."""
        for implementation in reversed(self.manager.hook.ccbench_resolve.get_hookimpls()):  # as pluggy calls them
            plugin = next(p for p in self.found if p.id == implementation.plugin_name)
            try:
                told = {"kind": kind, "name": name}
                found = implementation.function(**{n: told[n] for n in implementation.argnames})
            except UserError:
                raise
            except (Exception, SystemExit) as error:
                raise UserError(
                    f"{_where(plugin)} failed while it looked for {kind} {name!r}",
                    found=f"{type(error).__name__}: {error}",
                    mend="ccbench plugins shows every plugin and its errors",
                ) from error
            if found is None:
                continue
            if not isinstance(found, KINDS[kind][1]):
                raise UserError(
                    f"ccbench_resolve of {_where(plugin)} gave something else than a {KINDS[kind][1].__name__} for "
                    f"{name!r}",
                    found=f"{found!r:.80}",
                    mend="ccbench plugins shows every plugin",
                )
            return found, plugin
        return None

    @contextmanager
    def asked(self) -> Iterator[set[str]]:
        """Collect the ids of the plugins whose offers are looked up while the block runs."""
        ids = set[str]()
        self._asked.append(ids)
        try:
            yield ids
        finally:
            self._asked.remove(ids)

    def cell_finished(self, record: dict[str, Any]) -> list[str]:
        """Tell every tracker of a finished cell, each under its own guard; returns what went wrong."""
        failures = []
        for implementation in self.manager.hook.ccbench_cell_finished.get_hookimpls():
            one = self.manager.subset_hook_caller(
                "ccbench_cell_finished",
                [p for p in self.manager.get_plugins() if p is not implementation.plugin],
            )
            try:
                one(record=record)
            except (Exception, SystemExit) as error:
                failures.append(f"{implementation.plugin_name}: {type(error).__name__}: {error}")
        return failures


def _distribution(point: Any) -> str:
    return point.dist.name if getattr(point, "dist", None) else "(unknown distribution)"


def _where(plugin: Plugin) -> str:
    return f"{plugin.distribution} ({plugin.module})"


class _Late(BaseException):
    """A plugin used up its time; no ``except Exception`` of its own keeps it."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


def _seconds() -> float:
    """What ``CCBENCH_PLUGIN_SECONDS`` says, otherwise 30."""
    try:
        return max(0.1, float(os.environ.get("CCBENCH_PLUGIN_SECONDS", "")))
    except ValueError:
        return 30.0


@contextmanager
def _limit(seconds: float | None) -> Iterator[None]:
    """Interrupt the block after some seconds, where the system and this thread can."""
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if seconds is None or not usable:
        yield
        return

    def late(*_: object) -> None:
        raise _Late(seconds)

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@cache
def plugins() -> Plugins:
    """The plugins of this process, found once."""
    return Plugins(only=_only)


_only: frozenset[str] | None = None


@contextmanager
def only(ids: Collection[str] | None) -> Iterator[None]:
    """Import no other plugins while the block runs than these, by :attr:`Plugin.id`; None: all there are."""
    global _only
    before = _only
    try:
        _only = None if ids is None else frozenset(ids)
        plugins.cache_clear()
        yield
    finally:
        _only = before
        plugins.cache_clear()
