"""What the documentation's site has beyond its pages, for mkdocs.

- `reference/cli.md` and `reference/python.md` are written from the program itself.
- `math` fences become MathML, which browsers draw without a script; GitHub draws them, too.
- Links to files of the repository lead to copies of them in the site.
- Every `results/*/README.md` is in the navigation.
- What a block of commands needs (`<!-- run: needs gpu -->`, for the tests) is said to readers as well.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from cli_reference import cli_reference
from command_blocks import MARKS
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from python_reference import python_reference

LINK = re.compile(r"(?<=\]\()(?P<target>\.\.?/[^)#\s]+)")
MARK = re.compile(r"^<!-- run: (?P<marks>[^\n]*) -->$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Maths, and the navigation's pages of results."""
    fence = {"name": "math", "class": "math", "format": mathml}
    config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = [fence]
    docs = Path(config.docs_dir)
    found = sorted(path.relative_to(docs).as_posix() for path in docs.glob("results/*/README.md"))
    assert config.nav is not None
    [evidence] = [part["Evidence"] for part in config.nav if isinstance(part, dict) and "Evidence" in part]
    evidence += [page for page in found if page not in evidence]
    return config


def mathml(source: str, *_: Any, **__: Any) -> str:
    """A fence's LaTeX as a MathML block; raises what latex2mathml does where it is none."""
    return convert(source.strip(), display="block")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the references, and the repository's files that pages link to."""
    files.append(File.generated(config, "reference/cli.md", content=cli_reference()))
    files.append(File.generated(config, "reference/python.md", content=python_reference()))
    root = Path(config.config_file_path).parent
    for page in list(files.documentation_pages()):
        for match in LINK.finditer(page.content_string):
            path = _in_repository(page, match["target"], config)
            if path is None or not (root / path).is_file():
                continue  # mkdocs says of the page's own link that it leads nowhere
            copy = f"repository/{path}"
            if files.get_file_from_path(copy) is None:
                files.append(File.generated(config, copy, abs_src_path=str(root / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to the copies, and say what blocks of commands need."""

    def copied(match: re.Match[str]) -> str:
        path = _in_repository(page.file, match["target"], config)
        if path is None or files.get_file_from_path(f"repository/{path}") is None:
            return match["target"]
        return os.path.relpath(f"repository/{path}", PurePosixPath(page.file.src_uri).parent)

    def said(match: re.Match[str]) -> str:
        words = " and ".join(MARKS[mark] for mark in match["marks"].split(", "))
        return f"*{words[0].upper()}{words[1:]}:*\n"

    return MARK.sub(said, LINK.sub(copied, markdown))


def _in_repository(page: File, target: str, config: MkDocsConfig) -> str | None:
    """The repository's path that a page's relative link means; None where it stays within the pages."""
    docs = Path(config.docs_dir)
    path = Path(os.path.normpath(docs / PurePosixPath(page.src_uri).parent / target))
    if path.is_relative_to(docs):
        return None
    return path.relative_to(docs.parent).as_posix()
