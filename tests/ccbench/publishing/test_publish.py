"""What ``ccbench publish`` writes, and what it leaves alone."""

import csv
import io
import json
import re
import shutil
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from huggingface_hub import parse_eval_result_entries

from ccbench import UserError
from ccbench.commands.publish import publish as command
from ccbench.files import file_digest
from ccbench.leaderboard import read_csv, write
from ccbench.offers.discovery import plugins
from ccbench.publishing import exports
from ccbench.publishing.manifest import read
from ccbench.publishing.publish import Wishes, publish
from ccbench.records.record import read_all, write_record
from ccbench.records.verdicts import Verdict, write_verdict
from ccbench.store import default_store

BOARDS = Path(__file__).parents[3] / "leaderboards"


def again(outs, folder, **wishes):
    return publish(outs, folder, Wishes(**wishes), plugins=plugins(), store=default_store())


def rows(folder):
    return json.loads((folder / "index.json").read_text())["rows"]


def row(folder, method, **more):
    found = [r for r in rows(folder) if r["identity"]["method"] == method]
    return next(r for r in found if all(r["identity"][k] == v for k, v in more.items()))


def page(folder, method, **more):
    return (folder / row(folder, method, **more)["page"]).read_text()


def test_the_folder_holds_what_its_manifest_names_and_nothing_else(published):
    folder, told = published
    manifest = read(folder)
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert there == {*manifest.files, "manifest.json"}
    assert manifest.faults(folder) == []
    assert manifest == told.manifest
    kinds = {path: file.what for path, file in manifest.files.items()}
    assert kinds["index.html"] == "page"
    assert kinds["ccbench-out/leaderboard.csv"] == "table"
    assert sum(what == "record" for what in kinds.values()) == 18
    assert (manifest.folders, manifest.originals) == (["ccbench-out"], [])


def test_records_are_copied_byte_for_byte_and_make_the_same_tables(published, board):
    folder, _ = published
    copied = {p.name: p.read_bytes() for p in (folder / "ccbench-out" / "results").rglob("*.json")}
    assert copied == {p.name: p.read_bytes() for p in (board / "results").rglob("*.json")}
    assert read_all(folder / "ccbench-out")[1] == []
    tables = {name: (folder / "ccbench-out" / name).read_bytes() for name in ("leaderboard.csv", "leaderboard.md")}
    write(board)
    assert tables == {name: (board / name).read_bytes() for name in tables}


def test_the_site_is_small_beside_its_data(published):
    folder, _ = published
    manifest = read(folder)
    assert sum(file.bytes for file in manifest.files.values() if file.what == "asset") < 3e6


def test_publishing_again_is_the_same_bytes(published, board, tmp_path):
    folder = shutil.copytree(published[0], tmp_path / "site")
    before = {p: file_digest(p) for p in folder.rglob("*") if p.is_file() and p.suffix != ".parquet"}
    again([board], folder)
    assert before == {p: file_digest(p) for p in folder.rglob("*") if p.is_file() and p.suffix != ".parquet"}


def test_what_went_away_goes_and_what_is_new_comes(published, board, make, tmp_path):
    folder = shutil.copytree(published[0], tmp_path / "site")
    old = row(folder, "dc3")
    shutil.rmtree(board / "results" / "photodigits" / "dc3")
    for record in make("octree", 0.9, [0.66]):
        write_record(record, board)
    again([board], folder)
    assert not (folder / old["page"]).exists()
    assert not list(folder.rglob("dc3*"))
    assert row(folder, "octree")["accuracy"]["mean"] == 0.66
    assert read(folder).faults(folder) == []


def test_a_folder_inside_stays_where_it_is_and_is_never_deleted_in(small, tmp_path, make):
    home = tmp_path / "boards"
    shutil.copytree(small, home / "digits")
    (other := home / "others").mkdir()
    for record in make("random", 0.9, [0.5], dataset="cifar10"):
        write_record(record, other)
    again([home], home)
    assert read(home).originals == ["digits", "others"]
    again([home / "digits"], home)  # the other one is not published any more, but it is nobody's copy
    assert len(list((other / "results").rglob("*.json"))) == 1
    assert read(home).folders == ["digits"]
    again([small, home / "digits"], home)
    assert read(home).folders == ["ccbench-out", "digits"]


def test_two_folders_of_one_name_lie_side_by_side(small, tmp_path):
    shutil.copytree(small, tmp_path / "far" / "ccbench-out")
    told = again([small, tmp_path / "far" / "ccbench-out"], tmp_path / "site")
    assert told.manifest.folders == ["ccbench-out", "ccbench-out-2"]
    assert any("more than one folder" in note for note in told.notes)
    assert {r["accuracy"]["n"] for r in rows(tmp_path / "site")} <= {0, 1, 2, 3}  # no seed counts twice


def test_files_of_others_are_in_nobodys_way(small, tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("my home page")
    (folder / "CNAME").write_text("board.example")
    with pytest.raises(UserError, match=r"not published there[\s\S]*index.html"):
        again([small], folder)
    assert [p.name for p in folder.iterdir() if p.name != "CNAME"] == ["index.html"]
    assert (folder / "index.html").read_text() == "my home page"
    (folder / "index.html").unlink()
    again([small], folder)
    assert (folder / "CNAME").read_text() == "board.example"


def test_no_records_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"no result records[\s\S]*--out of a run"):
        again([tmp_path], tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_failed_and_skipped_rows_are_there_with_their_reasons(published):
    folder, _ = published
    states = {r["identity"]["method"]: r["state"] for r in rows(folder) if r["identity"]["dataset"] == "photodigits"}
    assert states["mediancut"] == "failed"
    assert states["dc3"] == "skipped"
    assert states["ccs"] == "partial"
    assert "the failed reason" in page(folder, "mediancut")
    assert "timeout: the timeout reason" in page(folder, "ccs")
    assert "the skipped reason" in (folder / "tables.html").read_text()


def test_a_row_says_everything_of_its_seeds_with_units(published):
    folder, _ = published
    text = page(folder, "dcq[bits=2]")
    assert "72.00 ± 2.00" in text
    assert "39,900" in text
    assert '<th scope="col">Accuracy (%)</th>' in text
    for seed in ("70.00", "72.00", "74.00"):
        assert f"<td>{seed}</td>" in text
    links = re.findall(r'href="\.\./(ccbench-out/results/[^"]+)"', text)
    assert len(links) == 3
    assert all((folder / link).is_file() for link in links)
    assert "Nobody has done this row&#39;s work again here." in text


def test_a_method_has_its_card_and_a_stranger_says_that_it_is_not_here(published):
    folder, _ = published
    dcq = (folder / "methods" / "dcq.html").read_text()
    assert "Dataset Color Quantization: A Training-Oriented Framework" in dcq
    assert "clusters=20" in dcq
    assert "Which layers are shallow, mid and final?" in dcq
    assert "../" + row(folder, "ccs[fraction=0.5]+dcq")["page"] in dcq  # a step of a pipeline
    assert "somebody:else" in (folder / "methods" / "somebody-else.html").read_text()
    assert "not installed" in (folder / "methods.html").read_text()


def test_links_lead_somewhere(published):
    folder, _ = published
    for html in folder.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#]+)"', html.read_text()):
            if not link.startswith("http"):
                assert (html.parent / link).resolve().is_file(), (html, link)


def test_a_broken_record_is_told_and_others_stand(board, tmp_path):
    broken = next((board / "results").rglob("*.json"))
    broken.write_text(broken.read_text()[:100])
    told = again([board], tmp_path / "site")
    note = next(note for note in told.notes if note.startswith("left out"))
    assert str(tmp_path) not in note  # paths as they are published, none of this machine
    assert f"ccbench-out/results/{broken.relative_to(board / 'results')}" in note
    assert "not readable as JSON" in (tmp_path / "site" / "index.html").read_text()
    assert (tmp_path / "site" / "ccbench-out" / broken.relative_to(board)).read_bytes() == broken.read_bytes()


def test_the_index_fits_its_schema(published):
    folder, _ = published
    index, schema = (json.loads((folder / name).read_text()) for name in ("index.json", "index.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(index, schema)
    assert index["schema"] == exports.SCHEMA == schema["properties"]["schema"]["const"]
    one = row(folder, "random", kept="1/10", dataset="photodigits")
    assert one["accuracy"] == {"mean": pytest.approx(0.52), "std": pytest.approx(0.02), "n": 3, "planned": 3}
    assert one["kind"] == "coresets"
    assert all((folder / record).is_file() for record in one["records"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(index | {"schema": 2}, schema)


def test_parquet_says_what_the_csv_says(published):
    folder, _ = published
    parquet, table = pd.read_parquet(folder / "leaderboard.parquet"), read_csv(folder / "leaderboard.csv")
    assert list(parquet.columns) == list(table.columns)
    assert list(parquet["method"]) == list(table["method"])
    for name in ("accuracy_mean", "bytes", "ratio"):
        pd.testing.assert_series_equal(
            parquet[name].astype("float64"), table[name].astype("float64"), check_names=False, rtol=1e-6
        )


def test_without_a_library_for_parquet_it_is_said(small, tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "_ENGINES", ())
    told = again([small], tmp_path / "site")
    assert not (tmp_path / "site" / "leaderboard.parquet").exists()
    assert exports.ABSENT in told.notes
    assert exports.ABSENT in (tmp_path / "site" / "files.html").read_text()


def test_the_hub_reads_our_results(board, tmp_path):
    folder = tmp_path / "site"
    again([board], folder, hub={"cifar10": "uoft-cs/cifar10:top1"}, url="https://board.example/")
    assert [p.name for p in (folder / ".eval_results").iterdir()] == ["cifar10.yaml"]
    entries = parse_eval_result_entries(yaml.safe_load((folder / ".eval_results" / "cifar10.yaml").read_text()))
    assert {(e.dataset_id, e.task_id) for e in entries} == {("uoft-cs/cifar10", "top1")}
    assert sorted(e.value for e in entries) == [30, 35, 40]
    assert all(e.source_url.startswith("https://board.example/rows/") for e in entries)
    assert "method random" in next(e.notes for e in entries if e.value == 30)


@pytest.mark.parametrize("given", [{"cifar10": "nobody"}, {"cifar10": "a/b/c"}, {"mnist": "a/b"}, {"cifar10": "a/"}])
def test_a_dataset_of_the_hub_is_checked(board, tmp_path, given):
    with pytest.raises(UserError):
        again([board], tmp_path / "site", hub=given)
    assert not (tmp_path / "site").exists()


def test_the_command_says_what_it_wrote(board, tmp_path):
    folder = tmp_path / "site"
    run = CliRunner().invoke(command, [str(board), str(folder), "--title", "My board", "--hub", "cifar10=a/b"])
    assert run.exit_code == 0, run.output
    assert f"open {folder / 'index.html'}" in run.output
    assert "<h1>My board</h1>" in (folder / "index.html").read_text()
    assert (folder / ".eval_results" / "cifar10.yaml").is_file()
    csv_rows = list(csv.DictReader(io.StringIO((folder / "leaderboard.csv").read_text())))
    assert len(csv_rows) == len(rows(folder)) == 10


def test_tables_of_a_folder_that_stays_are_left_alone_where_they_say_the_same(small, tmp_path):
    home = tmp_path / "boards"
    shutil.copytree(small, home / "digits")
    write(home / "digits")
    (home / "digits" / "leaderboard.png").write_bytes(b"drawn by another version")
    again([home], home)
    assert (home / "digits" / "leaderboard.png").read_bytes() == b"drawn by another version"
    (home / "digits" / "leaderboard.csv").write_text("edited")
    again([home], home)
    assert (home / "digits" / "leaderboard.csv").read_text() == (home / "leaderboard.csv").read_text()


def test_what_was_verified_travels_along_and_the_row_says_so(small, tmp_path):
    for record in read_all(small)[0]:
        verdict = Verdict(record=record.checksum, cell=record.cell, file="same", training="equal", accuracy=0.5)
        write_verdict(verdict, record, small)
    told = again([small], tmp_path / "site")
    files = [path for path, file in told.manifest.files.items() if file.what == "verification"]
    assert len(files) == 2
    assert all((tmp_path / "site" / path).is_file() for path in files)
    text = page(tmp_path / "site", "random")
    assert "file 2 of 2, training 2 of 2" in text
    assert all(f'href="../{path}"' in text for path in files)
    assert row(tmp_path / "site", "random")["verified"] == "file 2 of 2, training 2 of 2"


def test_a_papers_table_is_shown_where_the_board_has_a_number_of_it(tmp_path):
    again([BOARDS / "cifar10-dcq-50"], tmp_path / "site")
    accuracy = row(tmp_path / "site", "dcq", kept="1/24")["accuracy"]["mean"]
    text = (tmp_path / "site" / "suites" / "dcq-table20.html").read_text()
    assert "ccbench run --suite dcq-table20" in text
    assert f"<td>ours</td><td>{100 * accuracy:.2f} (n=1)</td>" in text
    assert "<td>published</td><td>75.01</td>" in text  # the paper's Table 20, 50 epochs
    assert f"<td>difference</td><td>{100 * accuracy - 75.01:+.2f}</td>" in text
    assert "suites/dcq-table20.html" in (tmp_path / "site" / "papers.html").read_text()
    assert 'href="papers.html"' in (tmp_path / "site" / "index.html").read_text()


def test_a_board_without_a_papers_number_has_no_page_of_papers(published):
    assert not (published[0] / "papers.html").exists()
