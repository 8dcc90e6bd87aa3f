"""The libraries in ``assets/vendor/`` are what their authors published, with their licences."""

import base64
import hashlib
import io
import tarfile

import pytest

from ccbench import UserError
from ccbench.files import file_digest
from ccbench.publishing.site.vendored import SUMS, VENDOR, members, packages


def tarball(**files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_every_file_has_the_digest_that_it_was_fetched_with():
    sums = dict(line.split("  ")[::-1] for line in SUMS.read_text().splitlines())
    assert sums == {file.name: file_digest(file) for file in VENDOR.iterdir() if file != SUMS}
    assert set(sums) == {name for package in packages() for name in package["files"].values()}


def test_every_licence_is_there_and_allows_it():
    assert {package["license"] for package in packages()} == {"MIT"}
    licences = [file.read_text() for file in VENDOR.glob("*-LICENSE.txt")]
    assert len(licences) == 2  # datatables.net-dt is under that of datatables.net
    assert all("Permission is hereby granted, free of charge" in text for text in licences)


def test_versions_are_those_of_the_files():
    heads = {
        name: (VENDOR / name).read_text(encoding="utf-8")[:400] for name in ("dataTables.min.js", "plotly-basic.min.js")
    }
    versions = {package["name"]: package["version"] for package in packages()}
    assert f"DataTables {versions['datatables.net']}" in heads["dataTables.min.js"]
    assert f"v{versions['plotly.js-basic-dist-min']}" in heads["plotly-basic.min.js"]


def test_another_tarball_is_refused():
    content = tarball(**{"a.js": b"ours"})
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    package = {"name": "a", "version": "1", "integrity": integrity, "files": {"a.js": "b.js"}}
    assert members(package, content) == {"b.js": b"ours"}
    with pytest.raises(UserError, match="not the one"):
        members(package, tarball(**{"a.js": b"theirs"}))
