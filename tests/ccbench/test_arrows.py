"""Who may import whom, read from the sources: the table of docs/architecture.md."""

import ast
import contextlib
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HARNESS = sorted((ROOT / "ccbench").rglob("*.py"))
PLUGINS = sorted((ROOT / "cc_plugins").rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, types: bool = False) -> set[str]:
    """Every module a file imports, at its top or inside functions; blocks under TYPE_CHECKING only with ``types``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = set()
    if not types:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                hidden |= {id(n) for child in node.body for n in ast.walk(child)}
    package = module_of(path) if path.name == "__init__.py" else module_of(path).rpartition(".")[0]
    found = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*up, *([node.module] if node.module else [])])
            found.add(base)
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def top_level_imports(path: Path) -> set[str]:
    """What importing the file imports: not the inside of functions, not TYPE_CHECKING."""
    found: set[str] = set()
    nodes = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        elif isinstance(node, ast.If | ast.Try):
            nodes += [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.stmt)]
    return found


def room_of(module: str) -> str:
    """The room that a module of ccbench lies in: a folder, or a module of the ground floor."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def rooms(path: Path) -> set[str]:
    """The rooms of ccbench that a file imports."""
    names = {name.split(".")[1] for name in imports(path) if name.startswith("ccbench.") and name.count(".")}
    return {n for n in names if (ROOT / "ccbench" / n).is_dir() or (ROOT / "ccbench" / f"{n}.py").exists()}


def test_the_parser_sees_every_form_of_import(tmp_path):
    # the other tests are worth nothing if a form of import escapes
    file = ROOT / "ccbench" / "leaderboard" / "writing.py"
    assert {"ccbench.errors", "ccbench.files.atomic_write"} <= imports(file)
    assert "ccbench.leaderboard.tables" in imports(ROOT / "ccbench" / "leaderboard" / "__init__.py", types=True)
    assert "ccbench.leaderboard.tables" not in imports(ROOT / "ccbench" / "leaderboard" / "__init__.py")
    assert HARNESS
    assert PLUGINS


@pytest.mark.parametrize("path", HARNESS, ids=module_of)
def test_the_harness_never_imports_plugins(path):
    assert not [name for name in imports(path, types=True) if name.split(".")[0] == "cc_plugins"]
    # nor by name, which ast cannot see
    assert 'import_module("cc_plugins' not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PLUGINS, ids=module_of)
def test_plugins_import_public_names_only(path):
    ours = {name for name in imports(path, types=True) if name.split(".")[0] == "ccbench"}
    private = {name for name in ours if any(part.startswith("_") for part in name.split("."))}
    assert not private
    # the way a cell is run, recorded and shown is none of a plugin's business
    assert not {room_of(name) for name in ours} & {"api", "commands", "executors", "leaderboard", "records", "runner"}


# every room, and what it may import of ccbench, lowest first; docs/architecture.md
ALLOWED = {
    "errors": "",
    "schema": "",
    "seeds": "",
    "quantities": "errors",
    "budget": "errors quantities",
    "machine": "errors",
    "files": "errors",
    "store": "errors schema files",
    "offers": "errors schema quantities budget files store",
    "executors": "errors machine offers",
    "data": "errors schema budget files store offers",
    "coding": "errors machine",
    "archive": "errors schema machine budget files store data coding",
    "colors": "errors archive",
    "training": "errors schema seeds budget offers archive",
    "methods": "errors seeds budget machine files store offers data coding archive training",
    "stages": "errors files store offers data training methods",
    "plugin": "errors budget offers",  # what it names lazily stands under TYPE_CHECKING and in its table
    "records": "errors schema seeds budget files offers training",
    "leaderboard": "errors budget files offers records",
    "inspection": "errors quantities budget store data archive colors leaderboard",
    "runner": "errors seeds quantities budget machine files store offers executors data coding archive colors training "
    "methods stages records leaderboard",
    "suites": "errors schema quantities budget machine store offers data methods training records leaderboard runner",
    "publishing": "errors schema quantities files store offers data records leaderboard inspection suites",
    "verification": "errors quantities budget machine files offers executors data archive training methods records "
    "leaderboard publishing runner",
    "testing": "errors budget store offers executors data archive training methods",
    "api": "machine data offers methods records runner",
    "recommend": "errors store offers data archive api",
    "commands": "errors seeds quantities machine files store offers data archive training methods "
    "records leaderboard inspection runner suites publishing verification testing recommend",
}


def test_every_module_is_in_a_room():
    assert {room_of(module_of(p)) for p in HARNESS} - {""} - {"__main__"} == set(ALLOWED)


def test_rooms_are_listed_from_the_ground_up():
    order = list(ALLOWED)
    for room, allowed in ALLOWED.items():
        assert all(order.index(other) < order.index(room) for other in allowed.split()), room


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_what_it_may_and_all_of_it(room):
    used = {}
    for path in HARNESS:
        if room_of(module_of(path)) == room:
            used[module_of(path)] = rooms(path) - {room}
    allowed = set(ALLOWED[room].split())
    assert {name: found - allowed for name, found in used.items() if found - allowed} == {}
    assert set().union(*used.values()) == allowed  # nothing is allowed that is not needed


@pytest.mark.parametrize("path", HARNESS + PLUGINS, ids=module_of)
def test_nothing_imports_commands(path):
    if module_of(path).startswith("ccbench.commands") or module_of(path) == "ccbench.__main__":
        return
    assert not [name for name in imports(path) if name.startswith("ccbench.commands")]


def test_pandas_and_matplotlib_stay_in_the_leaderboard():
    for path in HARNESS:
        heavy = {name.split(".")[0] for name in top_level_imports(path)} & {"pandas", "matplotlib"}
        assert not heavy or module_of(path).startswith("ccbench.leaderboard."), module_of(path)


def holds_specs(path: Path) -> bool:
    """Whether listing imports a file: a package's own, or a module with its specs beside its classes."""
    tops = ast.parse(path.read_text(encoding="utf-8")).body
    names = {ast.unparse(target) for node in tops if isinstance(node, ast.Assign) for target in node.targets}
    return path.name == "__init__.py" or bool(names & {"SPEC", "SPECS"})


@pytest.mark.parametrize("path", [p for p in PLUGINS if holds_specs(p)], ids=module_of)
def test_the_top_of_a_plugin_holds_specs_only(path):
    heavy = {name.split(".")[0] for name in top_level_imports(path)}
    assert not heavy & {"torch", "torchvision", "timm", "pandas", "sklearn", "numpy", "PIL", "matplotlib"}


def test_coresets_hold_their_specs_themselves():
    folder = ROOT / "cc_plugins" / "coresets"
    assert [p.name for p in sorted(folder.glob("[a-z]*.py")) if not holds_specs(p)] == []


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROOMS = re.findall(r"^\| (?:\[`|`)([a-z]+)/?`[^|]* \| ([^|]+) \| ([^|]+) \|$", ARCHITECTURE, re.MULTILINE)


def test_the_page_fits_two_screens_and_lists_the_rooms_from_the_ground_up():
    assert len(ARCHITECTURE.splitlines()) <= 100
    assert [room for room, _, _ in ROOMS] == list(ALLOWED)


@pytest.mark.parametrize(("room", "purpose", "doors"), ROOMS, ids=[room for room, _, _ in ROOMS])
def test_every_door_is_there(room, purpose, doors):
    assert purpose.strip()
    names = re.findall(r"`([\w.]+)`", doors)
    assert names
    for name in names:
        found = importlib.import_module(f"ccbench.{room}")
        for part in name.split("."):
            with contextlib.suppress(ModuleNotFoundError):
                importlib.import_module(f"{found.__name__}.{part}")
            found = getattr(found, part)
