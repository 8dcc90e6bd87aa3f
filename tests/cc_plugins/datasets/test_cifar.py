"""CIFAR through torchvision: what a missing or damaged set says, and the real one where it is."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from cc_plugins import datasets
from cc_plugins.datasets.cifar import made_wrong
from ccbench.budget import DataShape
from ccbench.data import DataSource, open_dataset, shape_of
from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins

PLUGINS = Plugins(extra=(datasets,), discover=False)
FILES = {
    "cifar10": ("cifar-10-batches-py", [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"]),
    "cifar100": ("cifar-100-python", ["train", "test", "meta"]),
}


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (Path(self.mark),)


@pytest.fixture
def opened(tmp_path):
    def open_(name, root, **more):
        return open_dataset(name, plugins=PLUGINS, source=DataSource(root=root, **more), cache=tmp_path / "cache")

    return open_


@pytest.mark.parametrize("name", FILES)
def test_shape_is_known_without_the_data(name, tmp_path):
    classes = int(name.removeprefix("cifar"))
    assert shape_of(name, plugins=PLUGINS, source=DataSource(), cache=tmp_path) == DataShape(50000, 32, 32, classes)


@pytest.mark.parametrize("name", FILES)
def test_no_root(name, opened):
    with pytest.raises(UserError, match=f"ccbench run --dataset {name} --data-root DIR --download") as caught:
        opened(name, None)
    assert "CCBENCH_DATA" in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_missing_set_names_folder_and_command(name, opened, tmp_path):
    folder = tmp_path / "data" / FILES[name][0]
    with pytest.raises(UserError, match=f"{name} is not there") as caught:
        opened(name, tmp_path / "data")
    assert caught.value.found == f"no folder {folder}"
    assert f"ccbench run --dataset {name} --data-root {tmp_path / 'data'} --download" in caught.value.mend
    assert str(folder) in caught.value.mend
    assert not (tmp_path / "data").exists()  # looking creates nothing


@pytest.mark.parametrize("name", FILES)
def test_missing_files_are_named(name, opened, tmp_path):
    folder, files = FILES[name]
    (tmp_path / folder).mkdir()
    for file in files[1:]:
        (tmp_path / folder / file).write_bytes(b"x")
    with pytest.raises(UserError, match="is not there") as caught:
        opened(name, tmp_path)
    assert caught.value.found == f"{tmp_path / folder} lacks {files[0]}"


@pytest.mark.parametrize("name", FILES)
def test_a_foreign_file_is_refused_before_it_is_unpickled(name, opened, tmp_path):
    folder, files = FILES[name]
    (tmp_path / folder).mkdir()
    payload = pickle.dumps(Bomb(str(tmp_path / "mark")))
    for file in files:
        (tmp_path / folder / file).write_bytes(payload)
    with pytest.raises(UserError, match="is damaged") as caught:
        opened(name, tmp_path)
    assert files[0] in str(caught.value)
    assert "official" in caught.value.found
    assert not (tmp_path / "mark").exists()
    pickle.loads(payload)  # the mark would have been there
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize("name", FILES)
def test_torchvision_itself_checks_before_it_loads(name, tmp_path):
    """The contract leans on this: a torchvision that unpickled first would break it."""
    from torchvision import datasets as tv

    folder, files = FILES[name]
    (tmp_path / folder).mkdir()
    for file in files:
        (tmp_path / folder / file).write_bytes(pickle.dumps(Bomb(str(tmp_path / "mark"))))
    with pytest.raises(RuntimeError, match="corrupted"):
        getattr(tv, name.upper())(tmp_path)
    assert not (tmp_path / "mark").exists()


def test_plugin_and_torchvision_agree_on_folders_and_archive():
    from torchvision import datasets as tv

    from cc_plugins.datasets import cifar

    for name in FILES:
        ours, theirs = getattr(cifar, name.upper()), getattr(tv, name.upper())
        assert (ours.folder, ours.official) == (theirs.base_folder, theirs.tgz_md5)


def test_download_without_network(opened, tmp_path, monkeypatch):
    from torchvision import datasets as tv

    # nothing listens on port 9 of this machine: the refusal is a real one and comes at once
    monkeypatch.setattr(tv.CIFAR10, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    with pytest.raises(UserError, match=r"could not be downloaded from http://127\.0\.0\.1:9") as caught:
        opened("cifar10", tmp_path / "data", download=True)
    assert str(tmp_path / "data" / "cifar-10-batches-py") in caught.value.mend


def test_download_into_a_folder_that_cannot_be(opened, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="could not be downloaded"):
        opened("cifar10", tmp_path / "file", download=True)


def test_another_image_size_is_refused(opened, tmp_path):
    with pytest.raises(UserError, match="32x32"):
        opened("cifar10", tmp_path, image_size=64)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.305, 0.9])
def test_a_share_of_the_labels_is_another_class_each(share):
    labels = np.arange(2000) % 10
    noisy = made_wrong(labels, share, 10)
    wrong = np.flatnonzero(noisy != labels)
    assert len(wrong) == 2000 * share
    assert set(noisy) == set(range(10))
    if share:
        pairs = np.bincount((noisy[wrong] - labels[wrong]) % 10, minlength=10)
        assert pairs[0] == 0
        assert pairs[1:].min() > 0.6 * len(wrong) / 9  # every other class
    more = made_wrong(labels, min(share + 0.05, 0.99), 10)
    assert (more[wrong] == noisy[wrong]).all()
    assert (labels == np.arange(2000) % 10).all()


def test_wrong_labels_say_what_is_missing_as_cifar10_does(opened, tmp_path):
    with pytest.raises(UserError, match="cifar10-wrong-labels needs a folder"):
        opened("cifar10-wrong-labels", None)
    with pytest.raises(UserError, match="share"):
        opened("cifar10-wrong-labels[share=1]", tmp_path)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    source = DataSource(root=Path(os.environ["CCBENCH_DATA"]))
    cache = tmp_path_factory.mktemp("cache")
    first = open_dataset("cifar10", plugins=PLUGINS, source=source, cache=cache)
    again = open_dataset("cifar10", plugins=PLUGINS, source=DataSource(), cache=cache)  # cached: no root is needed
    assert again.train.digest == first.train.digest
    return again


@pytest.mark.cifar10
def test_the_real_set(real):
    assert real.train.shape == DataShape(50000, 32, 32, 10)
    assert len(real.test) == 10000
    assert np.bincount(real.train.labels).tolist() == [5000] * 10
    assert np.bincount(real.test.labels).tolist() == [1000] * 10
    assert real.train.labels[:5].tolist() == [6, 9, 9, 4, 1]
    assert real.test.labels[:5].tolist() == [3, 8, 8, 0, 6]
    assert real.train.classes[6] == "frog"


@pytest.mark.cifar10
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_real_images_are_torchvisions(split, real):
    from torchvision import datasets as tv

    theirs = tv.CIFAR10(os.environ["CCBENCH_DATA"], train=split == "train")
    ours = getattr(real, split)
    assert (ours.images == theirs.data).all()
    assert ours.labels.tolist() == theirs.targets
    assert list(ours.classes) == theirs.classes


@pytest.mark.cifar10
@pytest.mark.parametrize("file", ["data_batch_3", "batches.meta"])
def test_one_flipped_bit_of_the_real_set(file, opened, tmp_path):
    home = Path(os.environ["CCBENCH_DATA"]) / "cifar-10-batches-py"
    (tmp_path / home.name).mkdir()
    for each in FILES["cifar10"][1]:
        (tmp_path / home.name / each).symlink_to(home / each)
    content = bytearray((home / file).read_bytes())
    content[100] ^= 1
    (tmp_path / home.name / file).unlink()
    (tmp_path / home.name / file).write_bytes(content)
    with pytest.raises(UserError, match=f"{file} is damaged"):
        opened("cifar10", tmp_path)


@pytest.mark.cifar10
def test_the_real_set_with_wrong_labels(real, opened):
    root = Path(os.environ["CCBENCH_DATA"])
    wrong, more = (opened(f"cifar10-wrong-labels{share}", root) for share in ("", "[share=0.4]"))
    assert (wrong.train.images == real.train.images).all()
    assert [int((one.train.labels != real.train.labels).sum()) for one in (wrong, more)] == [15_000, 20_000]
    assert (wrong.test.labels == real.test.labels).all()
    assert len({one.train.digest for one in (real, wrong, more)}) == 3
