"""The file: exact, deterministic, and never a wrong image."""

from __future__ import annotations

import hashlib
import os
import resource
from pathlib import Path

import numpy as np
import pytest
from archive_samples import CLASSES, dataset, datasets, encoded, palette, pixels_of, raw
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from ccbench.archive import CompressedDataset, PaletteImages, container
from ccbench.errors import UserError


def same(a: CompressedDataset, b: CompressedDataset) -> bool:
    def equal(x, y):
        return x is y is None or (x.dtype == y.dtype and np.array_equal(x, y))

    return (
        type(a.payload) is type(b.payload)
        and np.array_equal(pixels_of(a.payload), pixels_of(b.payload))
        and all(equal(getattr(a, f), getattr(b, f)) for f in ("ids", "labels", "soft_labels", "weights"))
        and (a.classes, a.meta, a.shape, a.bits_per_pixel) == (b.classes, b.meta, b.shape, b.bits_per_pixel)
    )


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("ccb") / "x.ccb"


@settings(max_examples=80, deadline=None)
@given(datasets())
def test_round_trip(scratch, data):
    size = data.save(scratch)
    assert size == scratch.stat().st_size
    opened = CompressedDataset.open(scratch)
    assert same(data, opened)
    first = scratch.read_bytes()
    opened.save(scratch)  # over the file that it is mapped from
    assert scratch.read_bytes() == first
    assert same(data, opened)


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "a.ccb"
    rng = np.random.default_rng(0)
    dataset(palette(4, 6, 6, rng), rng, soft=True, weights=True, ids=np.array([3, 9, 400, 7])).save(path)
    return path.read_bytes()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_flipped_bit_is_an_error(scratch, sound, data):
    bit = data.draw(st.integers(0, len(sound) * 8 - 1))
    broken = bytearray(sound)
    broken[bit // 8] ^= 1 << bit % 8
    scratch.write_bytes(broken)
    with pytest.raises(UserError, match=r"damaged|cut short"):
        CompressedDataset.open(scratch)


def test_every_bit_of_the_first_bytes(scratch, sound):
    for bit in range(8 * 120):
        broken = bytearray(sound)
        broken[bit // 8] ^= 1 << bit % 8
        scratch.write_bytes(broken)
        with pytest.raises(UserError, match=r"damaged|cut short"):
            CompressedDataset.open(scratch)


def test_every_truncation_is_an_error(scratch, sound):
    for size in (*range(1, 150), *range(150, len(sound), 5)):
        scratch.write_bytes(sound[:size])
        with pytest.raises(UserError, match=r"cut short|not a ccbench file") as caught:
            CompressedDataset.open(scratch)
        assert size <= 8 or "cut short" in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=300))
def test_foreign_files(scratch, content):
    scratch.write_bytes(content)
    with pytest.raises(UserError, match=r"not a ccbench file|cut short|damaged"):
        CompressedDataset.open(scratch)


def test_what_is_not_a_file(tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        CompressedDataset.open(tmp_path)
    with pytest.raises(UserError, match="there is no file"):
        CompressedDataset.open(tmp_path / "absent.ccb")
    (tmp_path / "empty.ccb").touch()
    with pytest.raises(UserError, match="is empty"):
        CompressedDataset.open(tmp_path / "empty.ccb")
    with pytest.raises(UserError, match="cannot read"):
        CompressedDataset.open(tmp_path / "empty.ccb" / "inside.ccb")


def test_bytes_after_the_end(scratch, sound):
    scratch.write_bytes(sound + b"\0")
    with pytest.raises(UserError, match="1 bytes too many"):
        CompressedDataset.open(scratch)


def resealed(content: bytes) -> bytes:
    """Content with the digest that it should have, by the rule in the module's docstring."""
    at = content.index(b'"sha256":"') + 10
    blank = content[:at] + b"0" * 64 + content[at + 64 :]
    return content[:at] + hashlib.sha256(blank).hexdigest().encode() + content[at + 64 :]


def test_resealing_restores_the_same_bytes(sound):
    assert resealed(sound) == sound


def test_a_newer_schema_is_told_from_damage(scratch, sound):
    newer = sound.replace(b'"schema":"1"', b'"schema":"2"')
    scratch.write_bytes(resealed(newer))
    with pytest.raises(UserError, match="newer version"):
        CompressedDataset.open(scratch)
    scratch.write_bytes(newer)
    with pytest.raises(UserError, match="damaged"):
        CompressedDataset.open(scratch)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'\\"bits\\":2', b'\\"bits\\":3'),
        (b'\\"kind\\":\\"palette\\"', b'\\"kind\\":\\"palettX\\"'),
        (b'\\"size\\":[4,6,6]', b'\\"size\\":[4,6,9]'),
        (b'"weights"', b'"weightz"'),
        (b'\\"cat\\",\\"dog\\",', b'\\"cat\\",        '),
        (b'"dtype":"F32"', b'"dtype":"F99"'),
        (b'"shape":[4,3]', b'"shape":[3,4]'),
        (b'"labels"', b'"l4bels"'),
    ],
)
def test_a_sound_digest_over_senseless_contents(scratch, sound, old, new):
    assert old in sound
    scratch.write_bytes(resealed(sound.replace(old, new)))
    if old == b'"weights"':  # an array that nobody asks for is no fault
        assert CompressedDataset.open(scratch).weights is None
        return
    with pytest.raises(UserError, match="make no sense"):
        CompressedDataset.open(scratch)


def test_equal_content_makes_equal_bytes(tmp_path):
    def make():
        rng = np.random.default_rng(5)
        data = dataset(palette(7, 5, 5, rng, 3), rng, soft=True, weights=True)
        data.meta = {"b": 1, "a": 2}
        return data

    other = make()
    other.meta = {"a": 2, "b": 1}
    other.decode([0])
    make().save(tmp_path / "one.ccb")
    other.save(tmp_path / "two.ccb")
    assert (tmp_path / "one.ccb").read_bytes() == (tmp_path / "two.ccb").read_bytes()


def test_safetensors_reads_it(tmp_path):
    rng = np.random.default_rng(1)
    data = dataset(palette(9, 4, 4, rng, 5), rng, soft=True, weights=True)
    data.save(tmp_path / "a.ccb")
    with safe_open(tmp_path / "a.ccb", framework="np") as file:
        assert file.metadata()["format"] == "ccbench"
        assert (file.get_tensor("packed") == data.payload.packed).all()
        assert (file.get_tensor("soft_labels") == data.soft_labels).all()
        assert (file.get_tensor("labels") == data.labels).all()


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("side", [32, 7])
def test_a_file_is_hardly_more_than_its_bits(tmp_path, bits, side):
    n, clusters, rng = 3000, 20, np.random.default_rng(bits)
    payload = PaletteImages(
        rng.integers(0, 1 << bits, (n, side, side), dtype=np.uint8),
        rng.integers(0, 256, (clusters, 1 << bits, 3), dtype=np.uint8),
        rng.integers(0, clusters, n),
        bits,
    )
    data = CompressedDataset(payload, np.arange(n), rng.integers(0, 10, n), classes=[str(i) for i in range(10)])
    size = data.save(tmp_path / "a.ccb")
    bare = n * side * side * bits / 8 + clusters * (1 << bits) * 3 + n + n
    assert bare <= size <= bare + 2048


@pytest.mark.parametrize(
    ("ids", "bytes_each"),
    [(np.arange(1000), 0), (np.arange(1000) + 7, 0), (np.full(1000, -1), 0), (np.arange(1000) * 12, 1),
     (np.arange(1000) * 300, 2), (np.arange(1000)[::-1], 2), (np.arange(1000)[::-1] * 100, 4)],
)  # fmt: skip
def test_ids_take_few_bytes(tmp_path, ids, bytes_each):
    rng = np.random.default_rng(0)
    plain = dataset(raw(1000, 1, 1, rng), rng).save(tmp_path / "plain.ccb")
    data = dataset(raw(1000, 1, 1, rng), rng, ids=ids)
    assert abs(data.save(tmp_path / "a.ccb") - plain - 1000 * bytes_each) < 100
    assert (CompressedDataset.open(tmp_path / "a.ccb").ids == ids).all()


def test_a_large_file_is_mapped_not_read(tmp_path):
    rng = np.random.default_rng(0)
    dataset(raw(50, 16, 16, rng), rng).save(tmp_path / "a.ccb")
    images = CompressedDataset.open(tmp_path / "a.ccb").payload.images
    while images.base is not None and isinstance(images.base, np.ndarray):
        images = images.base
    assert type(images.base).__name__ in {"mmap", "memoryview"}
    assert not images.flags.writeable


@pytest.mark.parametrize("make", [raw, palette, encoded])
def test_a_full_disk_leaves_no_file_and_keeps_the_old_one(tmp_path, make):
    rng = np.random.default_rng(0)
    data = dataset(make(40, 16, 16, rng), rng)
    path = tmp_path / "a.ccb"
    path.write_bytes(b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, hard))
    try:
        with pytest.raises(UserError, match="cannot write"):
            data.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p.name for p in tmp_path.iterdir()] == ["a.ccb"]
    assert path.read_bytes() == b"before"


def test_a_system_that_opens_no_folders_can_save(tmp_path, monkeypatch):
    """Windows refuses to open a folder; the flush of it is left to the store, which knows."""
    opened, synced = os.open, []

    def refuse(path, *args, **more):
        if Path(path).is_dir():
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **more)

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr("ccbench.files.sync", synced.append)
    rng = np.random.default_rng(0)
    dataset(raw(2, 2, 2, rng), rng).save(tmp_path / "a.ccb")
    assert synced == [tmp_path]


def test_places_that_cannot_be_written(tmp_path):
    rng = np.random.default_rng(0)
    data = dataset(raw(2, 2, 2, rng), rng)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        data.save(tmp_path / "file" / "a.ccb")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot write"):
        data.save(tmp_path / "folder")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path):
    rng = np.random.default_rng(0)
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="cannot write"):
        dataset(raw(2, 2, 2, rng), rng).save(tmp_path / "a.ccb")


def test_metadata_must_stay_small(tmp_path, monkeypatch):
    monkeypatch.setattr(container, "HEADER_LIMIT", 2000)
    rng = np.random.default_rng(0)
    data = CompressedDataset(raw(1, 2, 2, rng), [0], [0], classes=CLASSES, meta={"log": "x" * 3000})
    with pytest.raises(UserError, match="metadata"):
        data.save(tmp_path / "a.ccb")
    assert not list(tmp_path.iterdir())
