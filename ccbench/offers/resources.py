"""Files that a plugin ships beside its code: ``"package:path/inside.toml"``, found without importing anything."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ccbench.errors import UserError

_LONGEST = 4 << 20  # bytes of a table
REFERENCE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[\w-][\w.-]*(?:/[\w-][\w.-]*)*")  # no way up, no absolute path


def folders(module: str) -> list[Path]:
    """Where the package lies that holds a module, or the module itself where it is a package.

    The folder of a module at the top is the one that its file lies in. A package spread over several folders has
    several; a module that is not there has none.
    """
    if not module:
        return []
    parts = module.split(".")
    for n in range(len(parts), 0, -1):  # the nearest that is imported already knows best; the top is found unimported
        known: Any = sys.modules.get(".".join(parts[:n]))
        spec = find_spec(parts[0]) if n == 1 and known is None else None
        paths = getattr(known, "__path__", None) or (spec and spec.submodule_search_locations)
        file = getattr(known, "__file__", None) or (spec and spec.origin)
        if paths:
            below = [Path(path, *parts[n:]) for path in paths]
            return [place for place in below if place.is_dir()] or [place.parent for place in below]
        if file:
            return [Path(file).parent]
    return []


def resource(reference: str) -> Path | None:
    """The file that ``"package:path/inside.toml"`` names, or None where there is none."""
    module, _, inside = reference.partition(":")
    return next((place / inside for place in folders(module) if (place / inside).is_file()), None)


def read_table(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no TOML, nested too deeply, not UTF-8, or larger than any table that people write.
    """
    import tomllib  # most commands read no table

    if not path.is_file() and path.exists():  # a pipe would be waited for
        raise ValueError("not a file")
    if path.stat().st_size > _LONGEST:
        raise ValueError(f"{path.stat().st_size:,} bytes")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_layers(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The tables of a TOML file over those of the file beside it that its ``base`` names, without ``.toml``.

    A table changes keys of the base's table of the same name; a list in it takes the place of the base's.

    Args:
        path: of the file.
        above: the files that named it as their base.

    Raises:
        OSError: a file cannot be read.
        ValueError: one is no TOML, or its base is no name or leads back to itself.
    """
    layer = read_table(path)
    if "base" not in layer:
        return layer
    name = layer.pop("base")
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError(f"base = {name!r} is not the name of a file beside it, without .toml")
    base = path.with_name(f"{name}.toml")
    if base in (*above, path):
        raise ValueError(f"base = {name!r} leads back to itself")
    below = read_layers(base, (*above, path))
    return below | {part: _laid(keys, below.get(part)) for part, keys in layer.items()}


def _laid(keys: Any, below: Any) -> Any:
    return below | keys if isinstance(below, dict) and isinstance(keys, dict) else keys


def check_reference(reference: object, owner: str) -> None:
    """Raise UserError where a text is no reference.

    Args:
        reference: as a spec has it.
        owner: whose it is and what for, such as ``"method dcq: card"``.
    """
    if not isinstance(reference, str) or not REFERENCE.fullmatch(reference):
        raise UserError(f"{owner} must read 'package:path/inside.toml'", found=repr(reference))
