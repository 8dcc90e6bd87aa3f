"""What mkdocs calls: pages made of the files beside ``docs/``, and links as they are on the site."""

import re
from pathlib import Path
from typing import Any

from griffe import Extension, Object
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
_SEVERAL = re.compile(r"^ +\w+(?:, \w+)+(?=:)", re.MULTILINE)
_ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):<code>([\w.]+)</code>")


def on_files(files: Files, config: Any) -> Files:
    """README, CONTRIBUTING and CHANGELOG as pages of the site."""
    for name, page in _PAGES.items():
        files.append(File.generated(config, page, content=as_page((_root(config) / name).read_text(encoding="utf-8"))))
    return files


def on_page_markdown(text: str, *, page: Any, config: Any, **_: Any) -> str:
    """Links from a page to files beside ``docs/`` work in the repository; the site has their text alone.

    Raises:
        PluginError: there is no such file.
    """
    docs = _root(config) / "docs"
    for name, place in re.findall(r"\[([^]]*)\]\((\.\./[\w./-]+)\)", text):
        target = (docs / page.file.src_uri).parent.joinpath(place).resolve()
        if target.is_relative_to(docs):
            continue
        if not target.exists():
            raise PluginError(f"{page.file.src_uri} links to {place}, which is not there")
        text = text.replace(f"[{name}]({place})", name)
    return text


def on_page_content(html: str, **_: Any) -> str:
    """The roles of docstrings as links, where the site has what they name.

    Examples:
        >>> on_page_content("see :func:<code>ccbench.run</code> and :meth:<code>Store.key</code>")
        'see <autoref identifier="ccbench.run" optional><code>ccbench.run</code></autoref> and <code>Store.key</code>'
    """
    return _ROLE.sub(lambda role: _link(role[1]), html)


class SeveralNames(Extension):
    """Reads ``height, width: pixels`` of an Attributes section as two names, where griffe sees one and its type."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Join the names by a space that is none to griffe."""
        if obj.docstring and "Attributes:" in obj.docstring.value:
            obj.docstring.value = _SEVERAL.sub(
                lambda names: names[0].replace(", ", ",\N{NO-BREAK SPACE}"), obj.docstring.value
            )


def as_page(text: str) -> str:
    """Markdown of the top folder with its links as they are from ``docs/``.

    Examples:
        >>> as_page("[plugins](docs/plugins.md#stages), [rules](CONTRIBUTING.md), [scripts](examples/)")
        '[plugins](plugins.md#stages), [rules](contributing.md), [scripts](../examples/)'
    """
    return re.sub(r"(?<=\]\()(?!https?:|#)([^)#]+)", lambda link: _from_docs(link[1]), text)


def _from_docs(path: str) -> str:
    return path.removeprefix("docs/") if path.startswith("docs/") else _PAGES.get(path, f"../{path}")


def _link(name: str) -> str:
    code = f"<code>{name}</code>"
    return f'<autoref identifier="{name}" optional>{code}</autoref>' if name.startswith("ccbench.") else code


def _root(config: Any) -> Path:
    return Path(config.config_file_path).resolve().parent
