"""What all pages share: where each lies, and how one is written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.site.contents import Section
from nami_bench.site.names import file_names
from nami_bench.software import version_and_commit

PAGES = (("board", "Board"), ("prompts", "Prompts"), ("judges", "Judges"), ("methods", "Methods"))
"""The pages that a section has one of each, by their names in addresses and in words."""


@dataclass(frozen=True, eq=False)
class Site:
    """The site's title and sections, and where their pages lie."""

    title: str
    sections: tuple[Section, ...]
    pages: Sequence[tuple[str, str]] = PAGES

    def address(self, section: Section, page: str) -> str:
        """The address of one of `PAGES`, from the site's root; the first section's Board is its entrance."""
        name = "index" if page == "board" else page
        if section is self.sections[0]:
            return f"{name}.html"
        return f"{page}-{section.folder}.html"

    def model(self, section: Section, model: str) -> str:
        """The address of a model's page, from the site's root."""
        return f"model/{section.folder}/{model_files(section.models)[model]}.html"

    def prompt(self, section: Section, prompt_id: str) -> str:
        """The address of a prompt's page, from the site's root."""
        return f"prompt/{section.folder}/{prompt_id}.html"

    def render(self, section: Section, page: str, address: str, **values: Any) -> bytes:
        """A page of the site, UTF-8: the template PAGE.html with `values`.

        Raises InputError for a number that JSON has no form for.
        """
        root = "../" * address.count("/")
        try:
            text = (
                _environment()
                .get_template(f"{page}.html")
                .render(
                    site=self, section=section, page=page, root=root, version=version_and_commit(), **values
                )
            )
        except ValueError as error:
            raise InputError(f"{address} cannot be written: {error}") from error
        return text.encode()


def groups_of(prompt: Prompt) -> list[str]:
    """What divides the prompts, of this one: stratum, task and tags, each once."""
    found = [prompt.stratum, *([prompt.task] if prompt.task else []), *map(str, prompt.tags.values())]
    return [name.replace("_", " ") for name in dict.fromkeys(found)]


def choices_key(section: Section) -> str:
    """Under which name the reader's browser keeps which images they preferred."""
    return f"nami-site-choices:{section.folder}:{section.prompt_set.sha256[:12]}"


def data_script(name: str, value: Any) -> bytes:
    """Data as a script, which a page may load from disk where it may fetch nothing."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"(window.NAMI_SITE ??= {{}})[{json.dumps(name)}] = {text};\n".encode()


@cache
def model_files(models: tuple[str, ...]) -> Mapping[str, str]:
    """The names of models' files, by model."""
    return file_names(models)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("nami_bench.site"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return environment
