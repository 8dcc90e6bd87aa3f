"""What storage boxes, desktops and notebooks leave in a folder is no class and no image, and is named once."""

import logging

import numpy as np
import pytest
from PIL import Image

from cc_plugins import datasets
from cc_plugins.datasets.layout import find, folders
from cc_plugins.datasets.litter import is_litter
from ccbench.data import DataSource, open_dataset
from ccbench.offers.discovery import Plugins

PLUGINS = Plugins(extra=(datasets,), discover=False)
LITTER = ["@eaDir", ".AppleDouble", "__MACOSX", "lost+found", ".ipynb_checkpoints", "#recycle", "$RECYCLE.BIN",
          "System Volume Information", "@Recycle", ".Trash-1000"]  # fmt: skip
IMAGES = [f"{split}/{name}/{i}.png" for split in ("train", "test") for name in ("cat", "dog") for i in range(2)]


def put(root, name):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), len(name), np.uint8)).save(path, format="PNG")


@pytest.fixture
def root(tmp_path):
    for name in IMAGES:
        put(tmp_path / "set", name)
    return tmp_path / "set"


@pytest.fixture
def littered(root):
    for name in LITTER:
        for place in ("", "train/", "test/", "train/cat/"):
            put(root, f"{place}{name}/0.png/SYNOPHOTO_THUMB_M.png")
            put(root, f"{place}{name}/thumbnail.png")
    for name in ("Thumbs.db", ".DS_Store", "._0.png", "desktop.ini"):
        put(root, f"train/dog/{name}")
        put(root, f"test/{name}")
    return root


def test_litter_is_no_class_and_no_image(littered):
    layout = find(str(littered))
    assert layout.classes == ("cat", "dog")
    assert [*layout.train.files, *layout.test.files] == sorted(IMAGES[:4]) + sorted(IMAGES[4:])
    assert folders(littered) == ["test", "train"]


@pytest.mark.parametrize("name", ["cat", "eadir", "thumbs", "my @eaDir", "macosx", "lost and found", "trash", "icon"])
def test_what_a_user_may_call_a_class(name):
    assert not is_litter(name)


@pytest.mark.parametrize("name", ["THUMBS.DB", "@eadir", "__macosx", "LOST+FOUND", "._x.jpg", "Icon\r"])
def test_names_in_any_case(name):
    assert is_litter(name)


def test_it_is_named_once(littered, tmp_path, caplog):
    def opened():
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="ccbench"):
            open_dataset(f"folder:{littered}", plugins=PLUGINS, source=DataSource(), cache=tmp_path / "cache")
        return [r.getMessage() for r in caplog.records]

    (line,) = opened()
    assert line.startswith(f"folder:{littered}: left out")
    for said in ("'@eaDir' (4)", "'Thumbs.db' (2)", "'._*' (2)", "'.DS_Store' (2)", "'lost+found' (4)"):
        assert said in line
    assert opened() == []  # what is in the cache is not looked through again


def test_a_clean_folder_has_nothing_to_say(root, tmp_path, caplog):
    with caplog.at_level(logging.DEBUG, logger="ccbench"):
        open_dataset(f"folder:{root}", plugins=PLUGINS, source=DataSource(), cache=tmp_path / "cache")
    assert caplog.records == []
