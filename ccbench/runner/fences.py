"""What a sealed compression may see: the training split, the cache, its own folder, the files it names."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ccbench.data import parts_of
from ccbench.executors.sealing import Seal
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import Expression, named_offers, read_call
from ccbench.offers.specs import Spec
from ccbench.runner.work import Context


def seal(context: Context, expression: Expression, plugins: Plugins, writes: Iterable[Path]) -> Seal:
    """What a compression sees.

    Args:
        context: of the work; its dataset has been opened, so that the cache holds it.
        expression: the method.
        plugins: where names are looked up.
        writes: the folders of its file and its log.
    """
    call, source = read_call("dataset", context.dataset, plugins), context.source
    held, training = parts_of(context.cache, context.entry, tested=False)
    folders = [source.root, source.argument or None, *_packaged(call.spec.packaged)]
    files = [context.teacher.file, _recipe(context.protocol), *_files(expression, plugins)]
    return Seal(
        writes=_absolute([context.cache, *writes]),
        hides=_absolute([held, *folders]),
        reads=_absolute([*training, *filter(None, files)]),
        modules=tuple(sorted({"ccbench", "cc_plugins", *_modules(context.plugins, plugins)})),
    )


def _absolute(places: Iterable[str | Path | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(Path(place).absolute()) for place in places if place is not None))


def _packaged(folders: Iterable[str]) -> Iterator[Path]:
    """Where packages keep the images of a dataset; those that lie elsewhere in this version are not found."""
    for folder in folders:
        package = folder.partition("/")[0]
        place = _home(package) / folder
        if place.is_dir():
            yield place


def _home(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent.parent if spec and spec.origin else Path("/nonexistent")


def _recipe(protocol: str) -> str | None:
    """A protocol that is a file of the user's own."""
    return protocol if Path(protocol).suffix == ".toml" and Path(protocol).is_file() else None


def _files(expression: Expression, plugins: Plugins) -> Iterator[str]:
    """The files and folders that the parameters of the steps name, and those of offers that they name."""
    for step in expression.steps:
        yield from _of(step.spec, dict(step.params), plugins)


def _of(spec: Spec, params: Mapping[str, Any], plugins: Plugins) -> Iterator[str]:
    yield from (str(value) for value in params.values() if isinstance(value, Path))
    for call in named_offers(spec, params, plugins).values():
        yield from _of(call.spec, dict(call.params), plugins)


def _modules(ids: Iterable[str] | None, plugins: Plugins) -> Iterator[str]:
    for plugin in plugins.found:
        if ids is None or plugin.id in ids:
            yield plugin.module.partition(":")[0]
