"""Whole files of hostile content: refused when they are opened, or opened rightly; never a hang, never the memory.

Headers are taken apart, changed in one to three places and put together again with the digest that they should have.
"""

from __future__ import annotations

import copy
import hashlib
import json
import resource
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archive_samples import CLASSES, dataset, encoded, levelled, palette, patched, photographs, raw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccbench.archive import Channels, CompressedDataset, EncodedImages, FloatImages, PaletteImages, RawImages, Whitening
from ccbench.archive.mosaic import mosaics
from ccbench.budget import DataShape
from ccbench.errors import UserError

_SLACK = 1 << 30  # bytes beyond what the process has: opening a small file takes a fraction of them
_SMALL = 1 << 16  # pixels up to which what opened is decoded
_DEADLINE = 120  # seconds after which a file counts as one that hangs

# what JSON's own writer would not write stands for itself, between marks
RAW = (
    "NaN",
    "Infinity",
    "1e999",
    "-1e999",
    "9" * 5000,
    "[" * 100_000,
    "[" * 100_000 + "]" * 100_000,
    '{"a":' * 100_000,
)
HOSTILE: list = [
    *(0, 1, 2, 3, -1, 255, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, 2**64 + 6, 10**12, -(10**12), 10**30),
    *(0.5, 2.0, -0.0, 1e300, True, False, None, "", "abc", "1/0", "1/12", "-1", "1e999999999", "\ud800", "a" * 10_000),
    *([], {}, [1], [2**40, 2**40], [2**31] * 3, [10**12, 1, 1], [1] * 100, [[[]]], {"a": {"b": []}}),
    *(f"@@{i}@@" for i in range(len(RAW))),
]
MARKED = {f"@@{i}@@": text for i, text in enumerate(RAW)}


def _whitened(rng):
    values = rng.normal(size=(4, 2, 2, 3)).astype(np.float16)
    return FloatImages(values, Whitening(np.zeros(12), np.eye(12)))


def _mosaic(rng):
    images = rng.integers(0, 256, (7, 4, 4, 3), dtype=np.uint8)
    blobs = [encoded(1, *m.shape[:2], rng).blobs[0] for m in mosaics(images, (2, 2))]
    return EncodedImages(blobs, "png", grid=(2, 2), count=7, shown=(8, 8))


def _heads(rng):
    plain = encoded(5, 8, 8, rng, "jpeg")
    return EncodedImages(list(plain.blobs), "jpeg", shared_heads=True)


def _photos(rng):
    return RawImages(photographs(20, 16))


def _plain(n, side, bits, rng):
    """Images of few colours that are easily foretold."""
    made = palette(n, side, side, rng, bits)
    indices = np.broadcast_to(np.arange(side) * (1 << bits) // side, (n, side, side)).astype(np.uint8)
    return PaletteImages(indices, made.palettes, made.clusters, bits)


MAKERS = {
    "raw": (lambda rng: raw(4, 3, 5, rng), "none"),
    "palette": (lambda rng: palette(6, 5, 3, rng, 3), "none"),
    "encoded": (lambda rng: encoded(3, 6, 6, rng), "none"),
    "mosaics": (_mosaic, "none"),
    "heads": (_heads, "none"),
    "patches": (lambda rng: patched(4, 3, 2, rng), "none"),
    "levels": (lambda rng: levelled(5, 4, 6, rng), "none"),
    "floats": (lambda rng: FloatImages(rng.random((3, 4, 4, 3), np.float32), Channels([0.5] * 3, [0.2] * 3)), "none"),
    "whitened": (_whitened, "none"),
    "rans": (lambda rng: _plain(80, 16, 1, rng), "rans"),
    "webp": (_photos, "webp"),
    "zstd": (lambda rng: RawImages(np.repeat(raw(20, 8, 1, rng).images, 8, 2)), "zstd"),
    "zstd-palette": (lambda rng: _plain(40, 8, 2, rng), "zstd"),
}
META: dict[str, Any] = {
    "dataset": "photodigits",
    "dataset_digest": "ab" * 32,
    "method": "random",
    "protocol": "quick",
    "versions": ["1"],
    "kept": "1/12",
    "seed": 0,
    "base_seed": 0,
    "full": [500, 32, 32, len(CLASSES)],
    "data_options": {"image_size": 32},
    "notes": ["of the data"],
    "scores": ["loss"],
    "match": "nominal",
    "coding": "none",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, tuple[dict, dict, bytes]]:
    """Of each kind: the header, the facts in it, and the data."""
    folder, found = tmp_path_factory.mktemp("whole"), {}
    for name, (make, coding) in MAKERS.items():
        rng = np.random.default_rng(len(found))
        made = dataset(make(rng), rng, soft=name in {"raw", "rans"}, weights=name == "palette")
        made.meta, made.learning_rate = META, 0.1
        made.ids = np.sort(rng.permutation(400)[: len(made)]) if len(found) % 2 else made.ids
        made.save(folder / name, coding)
        content = (folder / name).read_bytes()
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        found[name] = header, json.loads(header["__metadata__"].pop("facts")), content[8 + length :]
    coders = [{about["coder"] for about in found[name][1]["coded"].values()} for name in ("rans", "webp", "zstd")]
    assert [names & {name} for name, names in zip(("rans", "webp", "zstd"), coders, strict=True)] == [
        {"rans"}, {"webp"}, {"zstd"},
    ]  # fmt: skip
    return found


def _text(value) -> str:
    text = json.dumps(value, separators=(",", ":"))
    for mark, hostile in MARKED.items():
        text = text.replace(f'"{mark}"', hostile)
    return text


def sealed(header: dict, facts: dict, data: bytes) -> bytes:
    """The bytes of a file, its digest by the rule of the container's docstring."""
    about = {**header["__metadata__"], "sha256": "0" * 64, "facts": _text(facts)}
    text = _text({**header, "__metadata__": about}).encode()
    content = len(text).to_bytes(8, "little") + text + data
    return content.replace(b"0" * 64, hashlib.sha256(content).hexdigest().encode(), 1)


def places(value, path=()) -> list[tuple]:
    """The path to every value in nested lists and objects."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(*path,)] * bool(path) + [found for key, inner in items for found in places(inner, (*path, key))]


def put(value, path, new) -> None:
    """Change, leave out (``...``) or nudge what lies at a path."""
    for key in path[:-1]:
        value = value[key]
    old, new = value[path[-1]], new if callable(new) or new is ... else copy.deepcopy(new)
    if new is ...:
        del value[path[-1]]
    elif callable(new):
        value[path[-1]] = new(old) if isinstance(old, int) else old
    else:
        value[path[-1]] = new


NUDGES = [lambda n: n + 1, lambda n: n - 1, lambda n: -n, lambda n: n * 2, lambda n: n + 2**32, lambda n: n + 2**64]
CHANGES = st.one_of(st.sampled_from(HOSTILE), st.sampled_from(NUDGES), st.just(...), st.integers(-5, 2**70))


@contextmanager
def bounded(slack: int):
    """Little more memory than there is in use, and a deadline; what breaks them is an error that nobody catches."""

    def late(*_):
        raise SystemError("it hangs")

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, late)
    resource.setrlimit(resource.RLIMIT_AS, (used + slack, hard))
    signal.alarm(_DEADLINE)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, before)


def opens_rightly_or_is_refused(path: Path) -> bool:
    """Whether it opened; every other end than a clear refusal fails."""
    refusal = ""
    try:
        with bounded(_SLACK):
            opened = CompressedDataset.open(path)
    except UserError as error:
        refusal = str(error)
    assert "memory" not in refusal
    if refusal:
        return False
    n, (height, width) = len(opened), opened.shape
    assert n == len(opened.labels) == len(opened.ids) <= path.stat().st_size * 8
    assert 0 <= opened.nominal_kept(DataShape(*META["full"])) < 1e12
    assert repr(opened)
    if n * height * width <= _SMALL:
        with bounded(_SLACK):
            try:
                assert opened.decode(np.arange(n)).shape == (n, 3, height, width)
                assert opened.content_digest()
            except UserError:
                pass  # a picture inside is damaged, which is seen when it is decoded
    return True


def change(data, whole) -> bytes:
    header, facts, content = whole[data.draw(st.sampled_from(sorted(whole)))]
    both = json.loads(json.dumps({"header": header, "facts": facts}))
    for _ in range(data.draw(st.integers(1, 3))):
        known = [p for p in places(both) if len(p) > 1]
        put(both, data.draw(st.sampled_from(known)), data.draw(CHANGES))
        if not isinstance(both["header"].get("__metadata__"), dict):
            both["header"]["__metadata__"] = {"format": "ccbench"}
    if content and data.draw(st.integers(0, 3)) == 0:
        at = data.draw(st.integers(0, len(content) - 1))
        content = content[:at] + bytes([data.draw(st.integers(0, 255))]) + content[at + 1 :]
    both["header"]["__metadata__"]["format"] = "ccbench"
    about = both["header"].pop("__metadata__")
    ordered = {"format": "ccbench", "sha256": "", **{k: v for k, v in about.items() if k not in ("format", "sha256")}}
    return sealed({"__metadata__": ordered, **both["header"]}, both["facts"], content)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "a.ccb"


def test_nothing_is_changed_by_being_taken_apart(whole, scratch):
    for header, facts, data in whole.values():
        scratch.write_bytes(sealed(header, facts, data))
        assert opens_rightly_or_is_refused(scratch)


_QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]


@settings(max_examples=400, suppress_health_check=_QUIET)
@given(st.data())
def test_hostile_headers(whole, scratch, data):
    scratch.write_bytes(change(data, whole))
    opens_rightly_or_is_refused(scratch)


@pytest.mark.slow
@settings(max_examples=10_000, suppress_health_check=_QUIET, derandomize=False)
@given(st.data())
def test_many_hostile_headers(whole, scratch, data):
    scratch.write_bytes(change(data, whole))
    opens_rightly_or_is_refused(scratch)


@pytest.mark.parametrize("kept", ["1/0", "abc", None, 5, -1, "5", "-1", "2/1", "0", "1e999999999", "@@2@@", [1], {}])
def test_a_budget_that_is_none(whole, scratch, kept):
    header, facts, data = whole["palette"]
    scratch.write_bytes(sealed(header, {**facts, "meta": {**facts["meta"], "kept": kept}}, data))
    with bounded(_SLACK), pytest.raises(UserError, match="make no sense"):
        CompressedDataset.open(scratch)


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("raw", ("header", "images", "data_offsets"), [0, 10**12]),
        ("raw", ("header", "images", "data_offsets"), [-180, 0]),
        ("raw", ("header", "images", "shape"), [2**32, 2**32, 1, 3]),
        ("raw", ("header", "images", "shape"), [2**62, 4, 5, 3]),
        ("raw", ("facts", "ids", "count"), 10**12),
        ("raw", ("facts", "meta", "full"), [10**12, 32, 32, 3]),
        ("raw", ("facts", "meta", "full"), [2, 32, 32, 3]),
        ("raw", ("facts", "classes"), "@@6@@"),
        ("raw", ("facts", "learning_rate"), "@@2@@"),
        ("raw", ("facts", "meta"), {"deep": "@@6@@"}),
        ("palette", ("facts", "payload", "size"), [10**12, 5, 3]),
        ("palette", ("facts", "payload", "size"), [2**62, 2**62, 4]),
        ("encoded", ("facts", "payload", "size"), [2**20, 2**20]),
        ("mosaics", ("facts", "payload", "count"), 10**12),
        ("mosaics", ("facts", "payload", "grid"), [10**9, 10**9]),
        ("patches", ("facts", "payload", "grid"), [2**31, 2**31]),
        ("levels", ("facts", "payload", "size"), [10**12, 4, 6]),
        ("rans", ("facts", "coded", "packed", "size"), [10**12, 16, 16]),
        ("rans", ("facts", "coded", "packed", "size"), [40, 2**20, 2**20]),
        ("rans", ("facts", "coded", "packed", "block"), 1),
        ("rans", ("facts", "coded", "packed", "turns"), 10**12),
        ("webp", ("facts", "coded", "images", "size"), [10**12, 16, 16]),
        ("webp", ("facts", "coded", "images", "grid"), [2**20, 2**20]),
        ("zstd-palette", ("facts", "coded", "packed", "shape"), [10**12]),
        ("zstd-palette", ("facts", "coded", "packed", "dtype"), "(3,)u1"),
    ],
)
def test_what_the_data_cannot_hold(whole, scratch, kind, path, value):
    header, facts, data = whole[kind]
    both = json.loads(json.dumps({"header": header, "facts": facts}))
    put(both, path, value)
    scratch.write_bytes(sealed(both["header"], both["facts"], data))
    with bounded(1 << 28), pytest.raises(UserError, match=r"make no sense|damaged|cut short") as caught:
        CompressedDataset.open(scratch)
    assert "memory" not in str(caught.value)
