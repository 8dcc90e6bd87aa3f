"""The libraries that pages load, as their authors published them: which, of which version, under which digests.

``python -m ccbench.publishing.site.vendored`` fetches what ``vendored.toml`` names and writes ``assets/vendor/`` anew;
a test holds the files to the digests.
"""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

from ccbench.errors import UserError
from ccbench.files import atomic_write

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
VENDOR = ASSETS / "vendor"
SUMS = VENDOR / "SHA256SUMS.txt"
_REGISTRY = "https://registry.npmjs.org"


def packages() -> list[dict[str, Any]]:
    """Each with its name, version, licence, ``integrity`` and ``files``: where its members go."""
    return tomllib.loads((HERE / "vendored.toml").read_text(encoding="utf-8"))["package"]


def members(package: dict[str, Any], tarball: bytes) -> dict[str, bytes]:
    """The files of a package by their names in ``assets/vendor/``.

    Raises:
        UserError: the tarball is not the one that ``integrity`` stands for.
    """
    found = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    if found != package["integrity"]:
        what = f"the package {package['name']} {package['version']} is not the one that vendored.toml names"
        raise UserError(what, found=found, mend="compare it with npm view NAME@VERSION dist.integrity")
    with tarfile.open(fileobj=io.BytesIO(tarball)) as archive:
        contents = {name: archive.extractfile(f"package/{member}") for member, name in package["files"].items()}
        return {name: file.read() for name, file in contents.items() if file is not None}


def refresh() -> None:
    """Fetch every package and write its files and their digests."""
    files: dict[str, bytes] = {}
    for package in packages():
        name, version = package["name"], package["version"]
        url = f"{_REGISTRY}/{name}/-/{name}-{version}.tgz"
        with urllib.request.urlopen(url, timeout=60) as reply:  # noqa: S310 - the registry's own address
            files |= members(package, reply.read())
    for name, content in files.items():
        atomic_write(VENDOR / name, content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    atomic_write(SUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))


if __name__ == "__main__":
    refresh()
