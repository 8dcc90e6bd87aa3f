"""``ccbench publish``: from output folders to a folder that a static host serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccbench import __version__
from ccbench.data import DataSource
from ccbench.errors import few
from ccbench.leaderboard.escaping import clean
from ccbench.leaderboard.rendering import render
from ccbench.leaderboard.writing import Held, framed, table_files
from ccbench.offers.discovery import Plugins
from ccbench.publishing import exports
from ccbench.publishing.board import Board, Source, gather
from ccbench.publishing.folder import Folder
from ccbench.publishing.looks import Looks, look
from ccbench.publishing.manifest import Artifact, Manifest, is_path
from ccbench.publishing.methods import Method, methods_of
from ccbench.publishing.papers import paper_tables
from ccbench.publishing.site import vendored
from ccbench.publishing.site.pages import Site
from ccbench.records.artifacts import ARTIFACTS
from ccbench.records.record import FOLDER
from ccbench.records.verdicts import FOLDER as VERDICTS
from ccbench.store import Store

_TABLES = ("leaderboard.csv", "leaderboard.md", "leaderboard.png")


@dataclass(frozen=True)
class Wishes:
    """How a folder is published.

    Attributes:
        title: of the site.
        largest: compressed files up to so many bytes are published, others by their digests alone; 0 for none.
        images: whether rows show images, colours and bytes by part where their compressed file is at hand.
        hub: ids of datasets on the hub, by their names here; see :func:`ccbench.publishing.exports.hub_names`.
        url: where the folder will be served, or "".
        source: where datasets are looked for.
    """

    title: str = "ccbench leaderboard"
    largest: float = 0
    images: bool = True
    hub: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    source: DataSource = field(default_factory=DataSource)


@dataclass(frozen=True)
class Published:
    """What was written.

    Attributes:
        manifest: of the folder.
        rows: on the board.
        notes: what its publisher should know.
    """

    manifest: Manifest
    rows: int
    notes: Sequence[str]


def publish(outs: Sequence[Path], folder: Path, wishes: Wishes, *, plugins: Plugins, store: Store) -> Published:
    """Publish the records of output folders, with tables, pages, exports and a manifest.

    Args:
        outs: folders that hold ``results/``, or folders of such; those inside ``folder`` stay where they are, others
            are copied into it.
        folder: made where it is not there; what an earlier publishing left in it is replaced.
        wishes: see :class:`Wishes`.
        plugins: what is known of methods and datasets.
        store: the cache, for measures of originals.

    Raises:
        UserError: there are no records, or the folder holds files of others under our names.
    """
    target = Folder.of(folder)
    board = gather(outs, folder, target.taken())
    hub = exports.hub_names(wishes.hub, board)
    methods = methods_of(board.lines, plugins)
    notes = list(board.notes)
    for source, held in zip(board.sources, board.read, strict=True):
        notes += _records(target, source)
        _tables(target, source, held)
    artifacts = _artifacts(target, board, wishes.largest)
    looks = _looks(board, wishes, plugins, store)
    papers, unread = paper_tables(board, plugins)
    site = Site(board, methods, looks, papers, wishes.title, __version__)
    for path, text in site.pages():
        target.put(path, "page" if path.endswith(".html") else "data", text)
    for found in looks.values():
        for figure in found.figures:
            target.put(figure.path, "image", figure.content)
    told = _exports(target, board, methods, wishes, hub)
    absent = "" if "leaderboard.parquet" in told else exports.ABSENT
    target.put("files.html", "page", site.files(exports=list(told.items()), absent=absent, artifacts=_listed(artifacts),
                                                folders=_folders(target, board)))  # fmt: skip
    for path, content in _assets():
        target.put(path, "asset", content)
    target.write()
    places = [source.place for source in board.sources]
    originals = [source.place for source in board.sources if source.original]
    sealed = target.seal(__version__, places, originals, artifacts)
    return Published(sealed, len(board.lines), [clean(note) for note in (*notes, *unread, absent) if note])


def _records(target: Folder, source: Source) -> list[str]:
    """Plan every record's file, readable or not: whoever looks can judge. Returns a line for those that cannot go."""
    strange = []
    for folder, what in ((FOLDER, "record"), (VERDICTS, "verification")):
        for file in sorted((source.out / folder).rglob("*.json")):
            place = source.path(*file.relative_to(source.out).parts)
            if file.name.startswith("."):
                continue  # another process's temporary file
            if file.is_file() and is_path(place):
                target.put(place, what, file)
            else:
                strange.append(place)
    return [f"not published, for their names or for what they are: {few(strange)}"] if strange else []


def _tables(target: Folder, source: Source, held: Held) -> None:
    """Plan the tables of one output folder; those that lie there and say the same stay."""
    if not held.records:
        return
    frame, csv = framed([held]), source.out / "leaderboard.csv"
    there = all((source.out / name).is_file() for name in _TABLES)
    if there and csv.read_bytes() == render(frame, "csv").encode():
        made: dict[str, str | bytes | Path] = {name: source.out / name for name in _TABLES}
    else:
        made = {**table_files(frame)}
    for name in _TABLES:
        target.put(source.path(name), "table", made[name])


def _artifacts(target: Folder, board: Board, largest: float) -> dict[str, Artifact]:
    """Plan the compressed files that are small enough; every one that a record names, by its digest."""
    found: dict[str, Artifact] = {}
    for attempt in (attempt for line in board.lines for attempt in line.attempts):
        digest, name = attempt.record.artifact_sha256, attempt.record.artifact
        if not digest or not name or found.get(digest, Artifact("")).path:
            continue
        size = attempt.record.bytes
        file = attempt.artifact if size is not None and size <= largest else None
        place = attempt.source.path(ARTIFACTS, file.name) if file else ""
        if file is not None and is_path(place):
            target.put(place, "artifact", file)
            found[digest] = Artifact(name, size, place)
        else:
            found[digest] = Artifact(name, size)
    return found


def _looks(board: Board, wishes: Wishes, plugins: Plugins, store: Store) -> dict[str, Looks]:
    if not wishes.images:
        return {}
    found = {line.id: look(line, source=wishes.source, store=store, plugins=plugins) for line in board.lines}
    return {name: looks for name, looks in found.items() if looks is not None}


def _exports(
    target: Folder, board: Board, methods: Mapping[str, Method], wishes: Wishes, hub: Mapping[str, tuple[str, str]]
) -> dict[str, str]:
    """Plan the files for other programs; returns what each is."""
    index = exports.index(board, methods, title=wishes.title, version=__version__)
    files: dict[str, tuple[str, str | bytes]] = {
        "leaderboard.csv": ("every column; accuracies are fractions", exports.csv(board)),
        exports.INDEX: ("every row with its identity, numbers, command and records", index),
        exports.INDEX_SCHEMA: (f"the JSON schema of {exports.INDEX}", exports.index_schema()),
    }
    if (columns := exports.parquet(board.frame)) is not None:
        files["leaderboard.parquet"] = ("the columns of the CSV file", columns)
    for path, text in exports.eval_results(board, hub, wishes.url).items():
        files[path] = ("evaluation results as the hub reads them", text)
    for path, (_, content) in files.items():
        target.put(path, "export", content)
    return {path: text for path, (text, _) in files.items()}


def _assets() -> Iterator[tuple[str, Path | str]]:
    for file in sorted(vendored.ASSETS.rglob("*")):
        if file.is_file():
            yield f"assets/{file.relative_to(vendored.ASSETS).as_posix()}", file
    yield ".nojekyll", ""  # GitHub's pages leave out names with a dot otherwise


def _listed(artifacts: Mapping[str, Artifact]) -> list[dict[str, str]]:
    return [
        {"name": one.name, "path": one.path, "sha256": digest, "bytes": "" if one.bytes is None else f"{one.bytes:,}"}
        for digest, one in sorted(artifacts.items(), key=lambda item: (item[1].name, item[0]))
    ]


def _folders(target: Folder, board: Board) -> list[dict[str, Any]]:
    return [
        {"place": source.place, "records": sum(what == "record" and path.startswith(source.path(FOLDER) + "/")
                                               for path, what in target.kinds.items()),
         "tables": [path for name in _TABLES if target.kinds.get(path := source.path(name)) == "table"]}
        for source in board.sources
    ]  # fmt: skip
