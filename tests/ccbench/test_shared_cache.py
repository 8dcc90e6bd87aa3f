"""Colleagues who share a cache: files get the umask's mode, and one that may not be read is not called damaged."""

import os
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from ccbench import DatasetSpec, hookimpl
from ccbench.archive import CompressedDataset
from ccbench.data import DataSource, ImageStream, open_dataset
from ccbench.errors import UserError
from ccbench.methods.task import Workbench
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.discovery import Plugins
from ccbench.stages import networks
from ccbench.stages.checkpoints import read_weights
from ccbench.store import Store
from ccbench.testing import image_set
from ccbench.training import load_protocol

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")

NOBODY = 65534


@pytest.fixture
def shared():
    """A folder that every user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="ccbench-shared-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def as_somebody_else():
    """The system refuses nothing to root: then be another user for a while."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def umask(value):
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def refused(path, call):
    """What is said where a path is closed to everybody."""
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        with as_somebody_else(), pytest.raises(UserError) as error:
            call()
    finally:
        path.chmod(mode)
    text = str(error.value)
    assert "may not be read" in text
    assert "damaged" not in text
    assert f"chmod -R a+rX {path}" in text  # or what is in it
    return text


def bench(root):
    found = Plugins()
    return Workbench(image_set(images=40, size=8), Store(root), found, load_protocol("quick", found).proxy)


def save_weights(folder):
    """As a stage does, with the library that writes for its user alone."""
    networks.save(torch.nn.Linear(2, 2), folder)
    return {"x": np.zeros(3)}


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_entries_have_the_mode_of_the_umask(tmp_path, mask, mode):
    with umask(mask):
        store = Store(tmp_path)
        entry = store.get_or_make("proxy", "k", save_weights)
        store.blobs("pictures").put("k", b"blob")
        compressed = CompressedDataset.subset(image_set(images=4, size=8), range(4))
        compressed.save(tmp_path / "a.ccb")
    found = [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".lock"]
    assert {"weights.safetensors", "x.npy", "meta.json", "k", "a.ccb"} <= {p.name for p in found}
    assert {p.name: oct(stat.S_IMODE(p.stat().st_mode)) for p in found} == {p.name: oct(mode) for p in found}
    assert entry["x"].shape == (3,)


def test_a_proxy_that_may_not_be_read(shared):
    its = bench(shared)
    entry = its.store.get_or_make("proxy", "k", save_weights)
    text = refused(entry.path / networks.WEIGHTS, lambda: networks.restored(its, "quicknet", entry))
    assert f"{entry.path / networks.WEIGHTS} may not be read" in text
    assert "---------- " in text  # its mode, and whose it is


@pytest.mark.parametrize("name", ["", "meta.json", "x.npy"])
def test_an_entry_that_may_not_be_read(shared, name):
    store = Store(shared)
    path = store.get_or_make("features", "k", lambda folder: {"x": np.zeros(3)}).path

    def read():
        return store.get_or_make("features", "k", lambda folder: pytest.fail("made again"))["x"]

    refused(path / name if name else path, read)


def test_a_blob_that_may_not_be_read(shared):
    blobs = Store(shared).blobs("pictures")
    blobs.put("key", b"blob")
    refused(blobs._path("key"), lambda: blobs.get("key"))
    assert blobs.get("other") is None


class Few:
    """A dataset that reads no file: another user may not even read the installed packages."""

    def fingerprint(self, source):
        return "few"

    def splits(self, source):
        data = image_set(images=8, size=8)
        stream = {"images": data.images, "labels": data.labels, "classes": data.classes}
        return {split: ImageStream.from_arrays(**stream) for split in ("train", "test")}


class Offer:
    __name__ = "offer"

    @hookimpl
    def ccbench_datasets(self):
        return [DatasetSpec(name="few", target=f"{__name__}:Few", version="1", summary="a few images")]


@pytest.mark.parametrize("name", ["", "meta.json", "train-images.npy"])
def test_a_cached_dataset_that_may_not_be_read(shared, name):
    found = Plugins(discover=False, extra=(Offer(),))

    def opened():
        return open_dataset("few", plugins=found, source=DataSource(), cache=shared)

    opened()
    (entry,) = [p for p in (shared / "datasets").iterdir() if p.is_dir()]
    refused(entry / name, opened)
    assert len(opened().train.labels) == 8  # nothing was thrown away


def test_files_that_a_user_names(shared):
    compressed = CompressedDataset.subset(image_set(images=4, size=8), range(4))
    compressed.save(shared / "a.ccb")
    refused(shared / "a.ccb", lambda: CompressedDataset.open(shared / "a.ccb"))
    for name in ("teacher.safetensors", "teacher.pt"):
        save_weights(shared)
        (shared / networks.WEIGHTS).rename(shared / name)
        refused(shared / name, lambda name=name: read_weights(shared / name))
        refused(shared / name, lambda name=name: TeacherSource.of(shared / name))
