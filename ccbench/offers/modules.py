"""Offers found by looking through a package: one module for each, its spec beside its class."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import TypeVar

from ccbench.offers.specs import Spec

S = TypeVar("S", bound=Spec)


def specs_of_modules(package: str, cls: type[S]) -> Iterator[S]:
    """Every spec of one class in a package's modules: their ``SPEC``, or those in their ``SPECS``.

    Modules whose names start with ``_`` and packages inside are left out. A module at whose top torch or numpy is
    imported makes ``ccbench list`` slow: import them in the functions that use them.

    Args:
        package: its ``__name__``; a hook in its ``__init__.py`` returns ``specs_of_modules(__name__, MethodSpec)``.
        cls: such as :class:`MethodSpec`.

    Yields:
        The specs, module by module in the order of their names.

    Raises:
        ImportError: modules that cannot be imported or hold no spec, after all others were given.
    """
    faults: dict[str, BaseException] = {}
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if info.ispkg or info.name.startswith("_"):
            continue
        try:
            module = importlib.import_module(f"{package}.{info.name}")
            specs = tuple(module.SPECS) if hasattr(module, "SPECS") else (module.SPEC,)
        except (Exception, SystemExit) as error:
            faults[info.name] = error
            continue
        yield from (spec for spec in specs if isinstance(spec, cls))
    if faults:
        told = "; ".join(f"{name}: {type(error).__name__}: {error}" for name, error in faults.items())
        raise ImportError(f"{package} works without {told}") from next(iter(faults.values()))
