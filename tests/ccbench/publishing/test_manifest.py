"""The manifest finds what was changed, removed and slipped in."""

import json

import pytest

from ccbench import UserError
from ccbench.publishing.manifest import SCHEMA, Artifact, Manifest, described, is_published, read


@pytest.fixture
def folder(tmp_path):
    records = tmp_path / "board" / "results" / "digits"
    records.mkdir(parents=True)
    (records / "a.1.json").write_text("{}")
    (tmp_path / "index.html").write_text("<p>board</p>")
    files = {"board/results/digits/a.1.json": "record", "index.html": "page"}
    artifacts = {"0" * 64: Artifact("dcq-1.ccb", 7), "1" * 64: Artifact("dcq-2.ccb", 9, "board/artifacts/dcq-2.ccb")}
    Manifest(SCHEMA, "0.1.0", ["board"], described(tmp_path, files), artifacts).write(tmp_path)
    return tmp_path


def texts(folder):
    return {fault.path: fault.text for fault in read(folder).faults(folder)}


def test_a_folder_as_it_was_published_has_no_faults(folder):
    manifest = read(folder)
    assert is_published(folder)
    assert manifest.faults(folder) == []
    assert manifest.files["index.html"].bytes == 12
    assert manifest.artifacts["1" * 64].path == "board/artifacts/dcq-2.ccb"
    assert list(json.loads((folder / "manifest.json").read_text())["files"]) == sorted(manifest.files)


def test_changes_are_named(folder):
    (folder / "index.html").write_text("<p>boast</p>")  # of the same size
    (folder / "board/results/digits/a.1.json").unlink()
    (folder / "board/results/digits/b.1.json").write_text("{}")
    (folder / "CNAME").write_text("board.example")  # the host's own
    found = texts(folder)
    assert list(found) == ["board/results/digits/a.1.json", "board/results/digits/b.1.json", "index.html"]
    assert "not there" in found["board/results/digits/a.1.json"]
    assert "does not name" in found["board/results/digits/b.1.json"]
    assert "changed" in found["index.html"]


def test_a_link_out_of_the_folder_is_a_fault(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "index.html"
    other.write_text("<p>board</p>")
    (folder / "index.html").unlink()
    (folder / "index.html").symlink_to(other)
    assert "link" in texts(folder)["index.html"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../b", "a/..", "", ".", "a//b", "a\\b", "a\nb", "./a"])
def test_paths_stay_inside(folder, path):
    plain = json.loads((folder / "manifest.json").read_text())
    plain["files"][path] = {"what": "page", "sha256": "0" * 64, "bytes": 1}
    (folder / "manifest.json").write_text(json.dumps(plain))
    with pytest.raises(UserError, match="no manifest"):
        read(folder)


@pytest.mark.parametrize("path", ["a", "a.b/..c", "...", "a/b-c/d e.json", "..a/b", ".nojekyll"])
def test_paths_inside_are_paths(folder, path):
    plain = json.loads((folder / "manifest.json").read_text())
    plain["files"][path] = {"what": "page", "sha256": "0" * 64, "bytes": 1}
    (folder / "manifest.json").write_text(json.dumps(plain))
    assert path in read(folder).files


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 99}, "newer version"),
        ({"schema": "1"}, "no manifest"),
        ({"files": {"a": {"what": "poem", "sha256": "0" * 64, "bytes": 1}}}, "no manifest"),
        ({"files": {"a": {"what": "page", "sha256": "0", "bytes": 1}}}, "no manifest"),
        ({"artifacts": {"0" * 64: {"name": "a", "path": "../../a"}}}, "no manifest"),
        ({"folders": ["/tmp"]}, "no manifest"),
    ],
)
def test_what_is_no_manifest_is_told(folder, change, said):
    plain = json.loads((folder / "manifest.json").read_text()) | change
    (folder / "manifest.json").write_text(json.dumps(plain))
    with pytest.raises(UserError, match=said):
        read(folder)


def test_a_folder_without_one(tmp_path):
    assert not is_published(tmp_path)
    with pytest.raises(UserError, match="no published folder"):
        read(tmp_path)
