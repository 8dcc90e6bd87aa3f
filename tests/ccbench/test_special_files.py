"""Pipes, sockets, devices and links in a circle, wherever a file is expected: named, and never waited for.

Every command runs with a deadline: a pipe that is opened would hang it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ccbench.archive import CompressedDataset, RawImages
from ccbench.data import DataSource, open_dataset
from ccbench.errors import UserError
from ccbench.files import file_digest
from ccbench.offers.discovery import Plugins
from ccbench.records.facts import Compressed
from ccbench.records.out_folder import claimed
from ccbench.stages.checkpoints import read_weights
from ccbench.store import Store

PLUGINS = Plugins()
KINDS = {"pipe": "a pipe (FIFO)", "socket": "a socket", "device": "a device"}


@pytest.fixture(autouse=True)
def _deadline():
    """A test that hangs fails, by a signal that its process gets from outside."""
    code = "import os, sys, time; time.sleep(60); os.kill(int(sys.argv[1]), 6)"
    watch = subprocess.Popen([sys.executable, "-S", "-c", code, str(os.getpid())])
    yield
    watch.kill()
    watch.wait()


@pytest.fixture(params=KINDS)
def special(request, tmp_path_factory, monkeypatch):
    """Make one: special(path) -> what it is called."""

    def make(path: Path) -> str:
        path.parent.mkdir(parents=True, exist_ok=True)
        if request.param == "pipe":
            os.mkfifo(path)
        elif request.param == "device":
            path.symlink_to("/dev/zero")
        else:
            monkeypatch.chdir(path.parent)  # the path of a socket is short
            server = socket.socket(socket.AF_UNIX)
            server.bind(path.name)
            server.close()
        return KINDS[request.param]

    return make


def pictures(root: Path) -> Path:
    for label, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for i in range(5):
            Image.fromarray(np.full((4, 4, 3), 40 * i + label, np.uint8)).save(root / name / f"{i}.png")
    return root


def opened(root: Path, cache: Path, **given):
    return open_dataset(f"folder:{root}", plugins=PLUGINS, source=DataSource(**given), cache=cache)


def test_as_a_compressed_file(special, tmp_path):
    what = special(tmp_path / "a.ccb")
    for call in (CompressedDataset.open, file_digest):
        with pytest.raises(UserError) as caught:
            call(tmp_path / "a.ccb")
        assert f"a.ccb is {what}" in str(caught.value)


def test_as_an_image(special, tmp_path):
    root = pictures(tmp_path / "set")
    what = special(root / "dog" / "x.png")
    with pytest.raises(UserError, match=r"x\.png") as caught:
        opened(root, tmp_path / "cache")
    assert f"dog/x.png: {what}, not a file" in str(caught.value)
    skipped = opened(root, tmp_path / "cache", skip_bad=True)
    assert {*skipped.train.skipped, *skipped.test.skipped} == {"dog/x.png"}


def test_as_a_folder(special, tmp_path):
    root = pictures(tmp_path / "set")
    special(root / "owl")
    assert opened(root, tmp_path / "cache").train.classes == ("cat", "dog")
    what = special(tmp_path / "other")
    with pytest.raises(UserError, match="is not a folder") as caught:
        opened(tmp_path / "other", tmp_path / "cache")
    assert what in str(caught.value)


def test_as_an_entry_of_the_cache(special, tmp_path):
    store = Store(tmp_path)
    entry = store.get_or_make("kind", "k", lambda _: {"x": np.arange(3)})
    for name, ask in (("x.npy", lambda: store.get("kind", "k")["x"]), ("meta.json", lambda: store.get("kind", "k"))):
        (entry.path / name).unlink()
        what = special(entry.path / name)
        with pytest.raises(UserError) as caught:
            ask()
        assert f"{name} is {what}" in str(caught.value)


def test_as_a_blob_and_as_weights(special, tmp_path):
    blobs = Store(tmp_path).blobs("pictures")
    what = special(tmp_path / "blobs" / "pictures" / "ab" / "abc")
    with pytest.raises(UserError) as caught:
        blobs.get("abc")
    assert what in str(caught.value)
    what = special(tmp_path / "teacher.pth")
    with pytest.raises(UserError) as caught:
        read_weights(tmp_path / "teacher.pth")
    assert what in str(caught.value)


def test_as_the_marker_of_an_output_folder(special, tmp_path):
    what = special(tmp_path / "ccbench.json")
    with pytest.raises(UserError) as caught, claimed(tmp_path):
        pass
    assert what in str(caught.value)


def test_as_the_facts_beside_a_file(special, tmp_path):
    (tmp_path / "a.ccb").write_bytes(b"x")
    special(tmp_path / "a.json")
    assert Compressed.read(tmp_path / "a.ccb") is None  # it is made again


def test_links_that_lead_in_a_circle_are_named(tmp_path, caplog):
    root = pictures(tmp_path / "set")
    (root / "dog" / "all").symlink_to(root)
    assert len(opened(root, tmp_path / "cache").train) == 8
    assert "not followed: 'dog/all'" in caplog.text
    (root / "owl").symlink_to("owl")
    with pytest.raises(UserError, match="cannot be listed") as caught:
        opened(root, tmp_path / "cache")
    assert "owl" in str(caught.value)
    assert "symbolic links" in str(caught.value)
    (root / "owl").unlink()
    (root / "dog" / "x.png").symlink_to("x.png")
    with pytest.raises(UserError, match=r"dog/x\.png.*symbolic links"):
        opened(root, tmp_path / "cache")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError, match="back to itself"):
        opened(tmp_path / "loop", tmp_path / "cache")
    with pytest.raises(UserError, match="symbolic links"):
        CompressedDataset.open(tmp_path / "loop")


def test_a_path_that_is_too_long_is_named(tmp_path):
    with pytest.raises(UserError, match="File name too long"):
        opened(tmp_path / ("a" * 300), tmp_path / "cache")


def test_a_file_is_what_a_link_leads_to(tmp_path):
    rng = np.random.default_rng(0)
    images = RawImages(rng.integers(0, 256, (2, 2, 2, 3), dtype=np.uint8))
    CompressedDataset(images, [0, 1], [0, 1], classes=("a", "b")).save(tmp_path / "a.ccb")
    (tmp_path / "link.ccb").symlink_to("a.ccb")
    assert len(CompressedDataset.open(tmp_path / "link.ccb")) == 2
