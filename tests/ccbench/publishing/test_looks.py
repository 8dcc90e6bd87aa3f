"""Where a row's compressed file is at hand, its page shows what is in it."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ccbench.archive import CompressedDataset, RawImages
from ccbench.data import DataSource, open_dataset
from ccbench.files import file_digest
from ccbench.inspection import Subject, contact_sheet
from ccbench.offers.discovery import plugins
from ccbench.publishing.manifest import read
from ccbench.publishing.publish import Wishes, publish
from ccbench.records.record import read_all, write_record
from ccbench.store import Store, default_store


@pytest.fixture
def out(tmp_path, make):
    """A folder with one record and its file: the first twenty digits."""
    train = open_dataset("photodigits", plugins=plugins(), source=DataSource(), cache=default_store().root).train
    meta = {"dataset": "photodigits", "dataset_digest": train.digest, "method": "random"}
    ids = np.arange(20)
    held = CompressedDataset(RawImages(np.asarray(train.images[:20])), ids, train.labels[:20], classes=train.classes,
                             meta=meta)  # fmt: skip
    file = tmp_path / "out" / "artifacts" / "random-1.ccb"
    file.parent.mkdir(parents=True)
    size = held.save(file)
    (record,) = make("random", 0.9, [0.5])
    write_record(replace(record, artifact=file.name, artifact_sha256=file_digest(file), bytes=size), tmp_path / "out")
    return tmp_path / "out"


def published(out, folder, **wishes):
    publish([out], folder, Wishes(**wishes), plugins=plugins(), store=default_store())
    return next((folder / "rows").glob("*.html")).read_text()


def test_a_row_shows_bytes_by_part_images_beside_originals_and_colours(out, tmp_path):
    text = published(out, tmp_path / "site")
    (record,) = read_all(out)[0]
    parts = re.findall(r'<th scope="row">([\w ]+)</th><td class="n">([\d,]+)</td>', text)
    assert dict(parts)["pixels"] == f"{20 * 32 * 32 * 3:,}"
    assert sum(int(count.replace(",", "")) for _, count in parts) == record.bytes
    assert "beside their originals" in text
    images = re.findall(r'<img src="\.\./([^"]+)" alt="([^"]+)"', text)
    assert [alt.partition(" of ")[0] for _, alt in images] == ["Compressed images", "Densities"]
    for place, _ in images:
        with Image.open(tmp_path / "site" / place) as image:
            assert image.size[0] > 200
    assert [f.what for p, f in read(tmp_path / "site").files.items() if p.endswith(".png") and "rows" in p] == [
        "image"
    ] * 2


def test_the_file_goes_along_where_it_is_small_enough_otherwise_its_digest(out, tmp_path):
    (record,) = read_all(out)[0]
    for largest, path in ((0, ""), (record.bytes - 1, ""), (record.bytes, "out/artifacts/random-1.ccb")):
        published(out, tmp_path / "site", largest=largest, images=False)
        (one,) = read(tmp_path / "site").artifacts.items()
        assert (one[0], one[1].path) == (record.artifact_sha256, path)
        assert (tmp_path / "site" / "out" / "artifacts" / "random-1.ccb").exists() is bool(path)
        assert record.artifact_sha256 in (tmp_path / "site" / "files.html").read_text()


@pytest.mark.parametrize("spoil", [lambda f: f.write_bytes(f.read_bytes()[:-1]), lambda f: f.unlink()])
def test_a_file_that_is_not_the_records_own_is_shown_nowhere(out, tmp_path, spoil):
    spoil(out / "artifacts" / "random-1.ccb")
    text = published(out, tmp_path / "site", largest=1e9)
    assert "the file was not at hand" in text
    assert not list((tmp_path / "site" / "rows").glob("*.png"))
    assert not (tmp_path / "site" / "out" / "artifacts").exists()


def test_a_file_that_cannot_be_read_is_left_out_and_the_row_stays(out, tmp_path, make):
    file = out / "artifacts" / "broken.ccb"
    file.write_bytes(b"CCB?" + bytes(100))
    (record,) = make("dcq", 0.9, [0.4])
    write_record(replace(record, cell="other", artifact=file.name, artifact_sha256=file_digest(file), bytes=104), out)
    published(out, tmp_path / "site")
    assert len(list((tmp_path / "site" / "rows").glob("*.html"))) == 2
    assert len(list((tmp_path / "site" / "rows").glob("*.png"))) == 2


def test_compressed_images_stand_above_their_originals(tmp_path):
    def plain(first):
        return np.stack([np.full((8, 8, 3), (first, i, 60), np.uint8) for i in range(4)])

    def subject(ids):
        held = CompressedDataset(RawImages(plain(255)), ids, [0, 0, 1, 1], classes=("cat", "dog"),
                                 meta={"dataset_digest": "d"})  # fmt: skip
        original = type("Original", (), {"digest": "d", "images": plain(200), "__len__": lambda _: 4})()
        return Subject(tmp_path / "a.ccb", held, original, "", Store(tmp_path))

    def spots(sheet, colour):
        return np.argwhere((sheet == colour).all(2))

    sheet = np.asarray(Image.open(io.BytesIO(contact_sheet.beside(subject([3, 1, 2, 0])))).convert("RGB"))
    for place, origin in enumerate((3, 1, 2, 0)):
        ours, theirs = spots(sheet, (255, place, 60)), spots(sheet, (200, origin, 60))
        assert len(ours) == len(theirs) == 64 * 64
        assert ours[:, 1].min() == theirs[:, 1].min()  # one column
        assert 0 < theirs[:, 0].min() - ours[:, 0].max() < 20  # right below
    made = np.asarray(Image.open(io.BytesIO(contact_sheet.beside(subject([-1, -1, 2, 0])))).convert("RGB"))
    assert len(spots(made, (255, 0, 60)))
    assert not len(spots(made, (200, 3, 60)))  # what was made has no original
    assert len(spots(made, (200, 2, 60)))
