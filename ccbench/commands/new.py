"""``ccbench new``: the package of a new method, ready to install."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from importlib.resources import files
from pathlib import Path
from string import Template

import click

from ccbench.commands import _options
from ccbench.errors import UserError
from ccbench.files import new_folder
from ccbench.offers.discovery import plugins

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# template: where it goes
FILES = {
    "pyproject.toml.tmpl": "pyproject.toml",
    "README.md.tmpl": "README.md",
    "package.py.tmpl": "{module}/__init__.py",
    "method.py.tmpl": "{module}/method.py",
    "card.toml.tmpl": "{module}/cards/{name}.toml",
    "test_method.py.tmpl": "tests/test_{module}.py",
}


@click.command()
@click.argument("name")
@click.argument("folder", required=False, type=_options.Place())
def new(name: str, folder: Path | None) -> None:
    """Write the package of a method called NAME to FOLDER, by default ./NAME.

    It installs, passes its own tests and the conformance kit, and runs in a benchmark as it is.
    """
    folder = write_package(name, folder or Path(name))
    click.echo(
        f"wrote {folder}/\n"
        f"  cd {folder} && pip install -e '.[test]' && pytest\n"
        f"  ccbench run --methods {name},random --ratio 0.92"
    )


def write_package(name: str, folder: Path) -> Path:
    """Write all files of a package, or none.

    Args:
        name: of the method and the distribution: lower-case words joined by ``-``.
        folder: must not exist, or be empty.

    Returns:
        The folder.

    Raises:
        UserError: the name cannot be used, the folder holds something, or it cannot be written.
    """
    check_name(name)
    module = name.replace("-", "_")
    values = {"name": name, "module": module, "cls": "".join(part.capitalize() for part in name.split("-"))}
    templates = files("ccbench.commands").joinpath("_template")
    with new_folder(folder) as part:
        for template, target in FILES.items():
            path = part / target.format(**values)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(templates.joinpath(template).read_text("utf-8")).substitute(values), "utf-8")
    return folder


def check_name(name: str) -> None:
    """A name must do as a method, as a distribution and, with ``_`` for ``-``, as a module.

    Raises:
        UserError: it does not, or it is taken.
    """
    if not NAME.fullmatch(name) or len(name) > 60:
        raise UserError(
            "a method's name is lower-case words of letters and digits, joined by '-', starting with a letter",
            found=repr(name),
            mend="for example: ccbench new my-method",
        )
    module = name.replace("-", "_")
    found = plugins()
    owner = found.owner("method", name)
    if owner is not None:
        raise UserError(f"there is a method {name!r} already", found=owner.distribution, mend="choose another name")
    if keyword.iskeyword(module) or module in {"tests", *sys.stdlib_module_names} or importlib.util.find_spec(module):
        raise UserError(f"there is a Python module {module!r} already", mend="choose another name")
