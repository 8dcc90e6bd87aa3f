"""Who may import whom, read from the sources: the table of docs/architecture.md."""

import ast
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


def rooms(path: Path) -> set[str]:
    """The rooms of ccbench that a file imports: the second part of each name."""
    names = {name.split(".")[1] for name in imports(path) if name.startswith("ccbench.") and name.count(".")}
    return {n for n in names if (ROOT / "ccbench" / n).is_dir() or (ROOT / "ccbench" / f"{n}.py").exists()}


def test_the_parser_sees_every_form_of_import(tmp_path):
    # the other tests are worth nothing if a form of import escapes
    file = ROOT / "ccbench" / "leaderboard" / "writing.py"
    assert {"ccbench.errors", "ccbench.store.atomic_write"} <= imports(file)
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
    closed = {
        "commands",
        "run",
        "work",
        "plan",
        "schedule",
        "bookkeeping",
        "results",
        "leaderboard",
        "display",
        "guard",
    }
    assert not {name for name in ours if name.count(".") and name.split(".")[1] in closed}


# what each low room may import of ccbench; docs/architecture.md
ALLOWED = {
    "errors": set(),
    "seeds": set(),
    "quantities": {"errors"},
    "budget": {"errors", "quantities"},
    "specs": {"errors", "budget"},
    "hookspecs": {"specs", "errors", "budget"},
    "plugins": {"errors", "seeds", "budget", "specs", "hookspecs"},
    "expressions": {"errors", "quantities", "seeds", "budget", "specs", "hookspecs", "plugins"},
    "cells": {"errors", "budget"},
    "cards": {"errors"},
    "recipe_file": {"errors", "specs", "hookspecs", "store"},
    "store": {"errors"},
    "data": {"errors", "budget", "specs", "store", "expressions"},
    "machine": {"errors"},
    "archive": {"errors", "machine", "budget", "data", "store"},
    "colors": {"errors", "budget", "data", "store", "archive"},
    "pace": set(),
    "training": {"errors", "seeds", "budget", "specs", "hookspecs", "plugins", "expressions", "data", "archive"},
    "teacher_source": {"errors", "store"},
    "identity": {"errors", "specs", "plugins", "expressions", "store", "teacher_source", "training"},
    "results": {"errors", "cells", "store", "seeds", "specs", "plugins"},
    "leaderboard": {"errors", "cells", "cards", "budget", "results", "store", "seeds", "specs", "plugins"},
}


@pytest.mark.parametrize("room", ALLOWED)
def test_arrows_point_one_way(room):
    files = [p for p in HARNESS if module_of(p).split(".")[1:2] == [room]]
    assert files, f"no source of {room}"
    for path in files:
        assert rooms(path) - ALLOWED[room] - {room} == set(), module_of(path)


@pytest.mark.parametrize("path", HARNESS + PLUGINS, ids=module_of)
def test_nothing_imports_commands(path):
    if module_of(path).startswith("ccbench.commands") or module_of(path) == "ccbench.__main__":
        return
    assert not [name for name in imports(path) if name.startswith("ccbench.commands")]


def test_pandas_and_matplotlib_stay_in_the_leaderboard():
    for path in HARNESS:
        heavy = {name.split(".")[0] for name in top_level_imports(path)} & {"pandas", "matplotlib"}
        assert not heavy or module_of(path).startswith("ccbench.leaderboard."), module_of(path)


@pytest.mark.parametrize("path", [p for p in PLUGINS if p.name == "__init__.py"], ids=module_of)
def test_the_top_of_a_plugin_holds_specs_only(path):
    heavy = {name.split(".")[0] for name in top_level_imports(path)}
    assert not heavy & {"torch", "torchvision", "timm", "pandas", "sklearn", "numpy", "PIL", "matplotlib"}
