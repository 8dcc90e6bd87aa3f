import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccbench.errors import UserError
from ccbench.files import atomic_write, new_file, new_folder
from ccbench.store import Damaged, Store, default_store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and not p.name.endswith(".lock"))


def test_made_once_and_read_back(store):
    calls = []

    def make(folder):
        calls.append(folder)
        return {"x": np.arange(5), "y": np.zeros((2, 3), np.float32)}

    first = store.get_or_make("kind", "k", make, {"note": 1})
    again = store.get_or_make("kind", "k", make)
    assert len(calls) == 1
    assert list(again) == ["x", "y"]
    assert len(again) == 2
    np.testing.assert_array_equal(again["x"], np.arange(5))
    assert again["y"].dtype == np.float32
    assert first.meta["note"] == 1
    assert first.meta["seconds"] >= 0
    assert store.get("kind", "other") is None
    with pytest.raises(KeyError):
        again["z"]


def test_arrays_are_mapped_and_read_only(store):
    entry = store.get_or_make("kind", "k", lambda folder: {"x": np.arange(5)})
    assert isinstance(entry["x"], np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        entry["x"][0] = 1


def test_make_may_fill_a_memory_map(store):
    def make(folder):
        array = np.lib.format.open_memmap(folder / "big.npy", "w+", np.uint8, (1000, 10))
        array[:] = 7
        array.flush()

    assert store.get_or_make("kind", "k", make)["big"].sum() == 70_000


def test_pickles_are_not_loaded(store):
    with pytest.raises(ValueError, match="pickle"):
        store.get_or_make("kind", "k", lambda folder: {"x": np.array([object()])})
    assert store.get("kind", "k") is None
    entry = store.get_or_make("kind", "k", lambda folder: {"x": np.arange(2)})
    np.save(entry.path / "evil.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="damaged"):
        store.get("kind", "k")["evil"]


def test_a_failed_make_leaves_nothing(store):
    def make(folder):
        (folder / "half.npy").write_bytes(b"x")
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        store.get_or_make("kind", "k", make)
    assert store.get("kind", "k") is None
    assert files(store.root) == []
    assert store.get_or_make("kind", "k", lambda folder: {"x": np.arange(2)})["x"].tolist() == [0, 1]


axes = st.dictionaries(
    st.text(min_size=1, max_size=6), st.one_of(st.integers(), st.text(), st.booleans(), st.none()), min_size=1
)


@given(axes, st.data())
def test_keys(named, data):
    key = Store.key(**named)
    assert Store.key(**dict(reversed(named.items()))) == key
    assert len(key) == 32
    name = data.draw(st.sampled_from(sorted(named)))
    assert Store.key(**{**named, name: ["another", named[name]]}) != key
    assert Store.key(**{k: v for k, v in named.items() if k != name}) != key


def _make_together(root, queue, calling, barrier):
    def make(folder):
        queue.put(os.getpid())
        while calling.value < 2:  # the other one asks before this is done
            time.sleep(0.001)
        return {"x": np.arange(3)}

    barrier.wait(60)
    with calling.get_lock():
        calling.value += 1
    entry = Store(root).get_or_make("kind", "k", make)
    queue.put(("sum", int(entry["x"].sum())))


def test_two_processes_make_once(store):
    context = multiprocessing.get_context("spawn")
    queue, calling, barrier = context.Queue(), context.Value("i", 0), context.Barrier(2)
    workers = [
        context.Process(target=_make_together, args=(store.root, queue, calling, barrier), daemon=True)
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    messages = [queue.get(timeout=60) for _ in range(3)]
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert sum(isinstance(m, int) for m in messages) == 1
    assert [m for m in messages if not isinstance(m, int)] == [("sum", 3)] * 2
    assert queue.empty()


KILLED = """
import sys, time
import numpy as np
from ccbench.store import Store

def make(folder):
    np.save(folder / "half.npy", np.zeros(1000))
    print("half", flush=True)
    time.sleep(60)

Store(sys.argv[1]).get_or_make("kind", "k", make)
"""


def test_kill_9_while_making_leaves_no_entry(store):
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(store.root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    assert store.get("kind", "k") is None
    assert files(store.root) != []  # the killed one could not clean up
    entry = store.get_or_make("kind", "k", lambda folder: {"x": np.arange(3)})  # and holds no lock
    assert entry["x"].sum() == 3
    assert files(store.root) == ["kind/k/meta.json", "kind/k/x.npy"]  # its leftovers are gone


LIMITED = """
import resource, signal, sys
import numpy as np
from ccbench.errors import UserError
from ccbench.files import atomic_write
from ccbench.store import Damaged, Store

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then the write fails with EFBIG, as a full disk does with ENOSPC
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
root = sys.argv[1]
try:
    if sys.argv[2] == "store":
        Store(root).get_or_make("kind", "k", lambda folder: {"x": np.zeros(1_000_000)})
    else:
        atomic_write(root + "/file", b"x" * 1_000_000)
except UserError as error:
    print("user error:", error)
"""


@pytest.mark.parametrize("what", ["store", "write"])
def test_a_disk_that_takes_no_more(tmp_path, what):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), what], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.startswith("user error:"), done.stderr
    assert "mend:" in done.stdout
    assert files(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_at_the_last_moment(store, tmp_path, monkeypatch, code):
    target = tmp_path / "table.csv"
    atomic_write(target, "before")

    def full(handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError) as caught:
        store.get_or_make("kind", "k", lambda folder: {"x": np.arange(3)})
    assert os.strerror(code) in str(caught.value)
    with pytest.raises(UserError, match="CCBENCH_CACHE"):
        store.get_or_make("kind", "own", lambda folder: full(0))  # the maker writes itself
    with pytest.raises(UserError) as caught:
        atomic_write(target, "after")
    assert os.strerror(code) in str(caught.value)
    monkeypatch.undo()
    assert target.read_text() == "before"
    assert files(tmp_path) == ["table.csv"]
    assert store.get("kind", "k") is None


def test_an_error_of_the_maker_stays_its_own(store):
    def make(folder):
        raise FileNotFoundError(errno.ENOENT, "no such image", "cat.png")

    def forbidden(folder):
        raise PermissionError(errno.EACCES, "not yours", "dog.png")

    with pytest.raises(PermissionError, match=r"dog\.png"):
        store.get_or_make("kind", "k", forbidden)
    with pytest.raises(FileNotFoundError, match=r"cat\.png"):  # not a fault of the cache
        store.get_or_make("kind", "k", make)


@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_atomic_write_writes_what_it_is_given(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("w") / "deep" / "file"
    atomic_write(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    atomic_write(path, b"second")
    assert path.read_bytes() == b"second"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


REWRITE = """
import sys
from ccbench.files import atomic_write

for i in range(100_000):
    atomic_write(sys.argv[1], str(i % 10) * 100_000)
    if i == 3:
        print("going", flush=True)
"""


def test_a_reader_and_a_kill_only_ever_see_whole_files(tmp_path):
    path = tmp_path / "file"
    process = subprocess.Popen([sys.executable, "-c", REWRITE, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "going\n"
    for _ in range(200):
        text = path.read_text()
        assert len(text) == 100_000
        assert len(set(text)) == 1
    process.kill()
    process.wait(30)
    text = path.read_text()
    assert len(text) == 100_000
    assert len(set(text)) == 1


def interrupted(place, fill):
    with place as part:
        fill(part)
        raise KeyboardInterrupt


def test_a_new_folder_is_there_when_it_is_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("out", "deep/er"):
        with new_folder(Path(name)) as part:
            (part / "x").write_text("1")
            assert not Path(name).exists()
        assert (tmp_path / name / "x").read_text() == "1"
    with pytest.raises(UserError, match="out exists already"), new_folder(Path("out")):
        pass
    (tmp_path / "empty").mkdir()
    with pytest.raises(KeyboardInterrupt):
        interrupted(new_folder(Path("empty")), lambda part: (part / "x").write_text("1"))
    assert not list(tmp_path.rglob(".*"))
    assert not list((tmp_path / "empty").iterdir())
    with new_folder(Path("empty")) as part:
        (part / "x").write_text("1")
    assert (tmp_path / "empty" / "x").exists()


def test_a_new_file_keeps_the_old_one_until_it_is_whole(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(new_file(path), lambda file: file.write(b"new"))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with new_file(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_there_is_one_writer_of_files_and_folders():
    """Renaming what is whole into its place, and flushing folders, which some systems cannot, is the store's."""
    root = Path(__file__).resolve().parents[2]
    sources = [path for room in ("ccbench", "cc_plugins") for path in (root / room).rglob("*.py")]
    for own in ("os.fsync(", "}.part"):
        assert [path.name for path in sources if own in path.read_text()] == ["files.py"], own


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        atomic_write(tmp_path / "file" / "below", "x")
    with pytest.raises(UserError):
        Store(tmp_path / "file").get_or_make("kind", "k", lambda folder: {"x": np.arange(3)})


def test_the_default_store(monkeypatch, tmp_path):
    monkeypatch.setenv("CCBENCH_CACHE", str(tmp_path))
    assert default_store().root == tmp_path
    monkeypatch.delenv("CCBENCH_CACHE")
    assert default_store().root.name == "ccbench"


def test_meta_is_plain_json(store):
    entry = store.get_or_make("kind", "k", lambda folder: None, {"path": store.root, "n": 3})
    assert json.loads((entry.path / "meta.json").read_text())["n"] == 3


def test_blobs_are_whole_or_not_there_at_all(tmp_path):
    blobs = Store(tmp_path).blobs("pictures")
    assert blobs.get("ab1") is None
    blobs.put("ab1", b"one")
    blobs.put("ab1", b"two")
    assert blobs.get("ab1") == b"two"
    (file,) = (p for p in tmp_path.rglob("*") if p.is_file())
    content = file.read_bytes()
    for damaged in (b"", content[:-1], content + b"x", content[:40] + b"\0" + content[41:], b"\0" + content[1:]):
        if damaged != content:
            file.write_bytes(damaged)
            assert blobs.get("ab1") is None


def test_blobs_that_cannot_be_written_name_the_cache(tmp_path):
    (tmp_path / "blobs").write_text("a file where a folder must be")
    with pytest.raises(UserError, match=r"the cache (.|\n)* cannot be written(.|\n)*CCBENCH_CACHE"):
        Store(tmp_path).blobs("pictures").put("ab1", b"one")


def damage(file, at=-1):
    """Another bit, and another time of its last change."""
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
    os.utime(file, (1, 1))


def test_a_flipped_bit_of_any_file_is_named_with_its_mend(store):
    def make(folder):
        (folder / "weights.bin").write_bytes(b"w" * 100)
        return {"x": np.arange(5), "y": np.arange(3)}

    entry = store.get_or_make("kind", "k", make)
    assert set(entry.meta["digests"]) == {"meta.json", "weights.bin", "x.npy", "y.npy"}
    damage(entry.path / "x.npy")
    damage(entry.path / "weights.bin")
    again = store.get("kind", "k")
    for ask in (lambda: again["x"], lambda: again.file("weights.bin"), lambda: again.file("missing")):
        with pytest.raises(Damaged, match=r"in the cache is damaged(.|\n)*ccbench cache clear --kind kind --yes"):
            ask()
    np.testing.assert_array_equal(again["y"], np.arange(3))  # the others are whole


def test_a_bit_flipped_between_two_processes_is_seen(store):
    entry = store.get_or_make("kind", "k", lambda _: {"x": np.arange(1000)})
    before = (entry.path / "x.npy").stat()
    assert entry["x"].sum() == 499_500
    damage(entry.path / "x.npy")
    os.utime(entry.path / "x.npy", ns=(before.st_atime_ns, before.st_mtime_ns))  # a disk that forgets tells no time
    code = f"from ccbench.store import Store; Store({str(store.root)!r}).get('kind', 'k')['x']"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "in the cache is damaged" in done.stderr


BROKEN = ["", "{", "[]", "[" * 100_000, '{"schema": "1"}', '{"seconds": []}', '{"digests": {"x": 1}}']


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_broken_metadata_are_named_with_their_mend(store, text):
    entry = store.get_or_make("kind", "k", lambda _: {"x": np.arange(5)})
    (entry.path / "meta.json").write_text(text)
    with pytest.raises(Damaged, match=r"meta\.json in the cache is damaged(.|\n)*ccbench cache clear --kind kind"):
        store.get("kind", "k")


def test_changed_metadata_are_seen(store):
    entry = store.get_or_make("kind", "k", lambda _: {"x": np.arange(5)}, {"names": ["a", "b"]})
    file = entry.path / "meta.json"
    file.write_text(file.read_text().replace('"b"', '"c"'))
    with pytest.raises(Damaged, match="another digest"):
        store.get("kind", "k")


def test_an_entry_without_digests_is_kept_and_given_some(store):
    entry = store.get_or_make("kind", "k", lambda _: {"x": np.arange(5)}, {"spent": {"kind/k": float("nan")}})
    file = entry.path / "meta.json"
    old = {name: value for name, value in entry.meta.items() if name != "digests"}
    file.write_text(json.dumps(old, indent=1))
    kept = store.get_or_make("kind", "k", lambda _: pytest.fail("made again"))
    np.testing.assert_array_equal(kept["x"], np.arange(5))
    assert json.loads(file.read_text())["digests"] == entry.meta["digests"]
    damage(entry.path / "x.npy")
    with pytest.raises(Damaged):
        store.get("kind", "k")["x"]


def test_a_large_file_is_checked_once_a_day(store, monkeypatch):
    monkeypatch.setattr("ccbench.store._LARGE", 100)
    entry = store.get_or_make("kind", "k", lambda _: {"x": np.arange(1000)})
    assert entry["x"].sum() == 499_500
    file, stamp = entry.path / "x.npy", entry.path / ".x.npy.checked"
    before = file.stat()
    damage(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    monkeypatch.setattr("ccbench.store._checked", set())  # as another process
    assert store.get("kind", "k")["x"].sum() != 499_500
    os.utime(stamp, (1, 1))
    monkeypatch.setattr("ccbench.store._checked", set())
    with pytest.raises(Damaged):
        store.get("kind", "k")["x"]
    assert len(store.get("kind", "k")) == 1  # a stamp is no array


def test_a_file_that_changed_is_checked_at_once_however_large(store, monkeypatch):
    monkeypatch.setattr("ccbench.store._LARGE", 100)
    entry = store.get_or_make("kind", "k", lambda _: {"x": np.arange(1000)})
    assert entry["x"].sum() == 499_500
    damage(entry.path / "x.npy")
    with pytest.raises(Damaged):
        store.get("kind", "k")["x"]
