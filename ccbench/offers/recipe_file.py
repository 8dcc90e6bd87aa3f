"""A protocol from a user's own TOML file: ``--protocol ./recipe.toml``. No torch here.

Its tables are those of a protocol plugin: ``[train]`` and ``[proxy]``, and ``[teacher]`` where there is one; ``base``
names a file beside it whose keys it changes. What the
file says when a run is planned is what the whole run trains by, and what its records are kept under: the name
``recipe@0123456789ab`` holds the digest of the tables, which also is the version, and a copy lies in the cache.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccbench.errors import UserError
from ccbench.offers.hookspecs import hookimpl
from ccbench.offers.resources import read_layers
from ccbench.offers.specs import ProtocolSpec

_KIND = "recipes"  # of blobs in the store
_NAME = re.compile(r"[\w.-]+@([0-9a-f]{12})")


@dataclass(frozen=True, kw_only=True)
class RecipeFile(ProtocolSpec):
    """A protocol whose tables came from a file.

    Attributes:
        table: of the protocol, as TOML gives it.
    """

    table: dict[str, Any] = field(default_factory=dict, hash=False)

    def load(self) -> Callable[[], dict[str, Any]]:
        """What gives the tables."""
        return lambda: self.table


@hookimpl
def ccbench_resolve(kind: str, name: str) -> ProtocolSpec | None:
    """The protocol of a recipe file, by its path or by the name that it got.

    Raises:
        UserError: there is no such file, it is no TOML, or it may not be read.
    """
    if kind != "protocol":
        return None
    if name.endswith((".toml", ".py")) or "/" in name or "\\" in name:
        return _from_file(Path(name))
    match = _NAME.fullmatch(name)
    return _kept(name, match.group(1)) if match else None


def _from_file(path: Path) -> RecipeFile:
    from ccbench.files import readable
    from ccbench.store import default_store

    if path.suffix == ".py":
        raise UserError(
            f"a recipe file is TOML, and {path} is Python",
            mend=f"write its tables into {path.with_suffix('.toml')}; or, where it is a plugin that offers a protocol, "
            f"ccbench -p {path} run --protocol NAME",
        )
    try:
        with readable(path):
            table = read_layers(path)
        text = json.dumps(table, sort_keys=True)
    except FileNotFoundError as missing:
        raise UserError(
            f"there is no recipe file {missing.filename}", mend="ccbench list protocols shows what there is"
        ) from None
    except OSError as error:
        raise UserError(f"cannot read the recipe file {path}", found=error.strerror or error) from None
    except (ValueError, TypeError) as error:  # tomllib, UTF-8, and dates, which no recipe has
        raise UserError(
            f"{path} is no recipe file", found=error, mend="docs/plugins.md shows a recipe under Protocols"
        ) from None
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    default_store().blobs(_KIND).put(digest, text.encode())  # workers read it there, whatever becomes of the file
    stem = re.sub(r"[^\w.-]", "-", path.stem)
    return _spec(f"{stem}@{digest}", digest, table)


def _kept(name: str, digest: str) -> RecipeFile:
    from ccbench.store import default_store

    blob = default_store().blobs(_KIND).get(digest)
    if blob is None:
        raise UserError(
            f"the recipe of protocol {name} is not in the cache", mend="name its file: --protocol FILE.toml"
        )
    return _spec(name, digest, json.loads(blob))


def _spec(name: str, digest: str, table: dict[str, Any]) -> RecipeFile:
    return RecipeFile(
        name=name,
        version=digest,
        summary="a recipe file of the user's own",
        table=table,
    )
