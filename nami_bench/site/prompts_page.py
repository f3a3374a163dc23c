"""The list of a section's prompts, and the texts that its search looks through."""

from typing import Any

from nami_bench.site.contents import Section
from nami_bench.site.facts import Facts
from nami_bench.site.pages import Site, choices_key, data_script, groups_of

_SHOWN = 96
"""Characters of a prompt in the list: a thousand of them stay a small page."""


def prompts_page(site: Site, section: Section, facts: Facts) -> tuple[bytes, bytes]:
    """The page, and the script with the whole texts, which it loads when somebody searches."""
    prompts = section.prompt_set.prompts
    rows: list[dict[str, Any]] = []
    for prompt in prompts:
        means = facts.model_means(prompt.id)
        spread = facts.spread(prompt.id)
        text = prompt.text if len(prompt.text) <= _SHOWN else f"{prompt.text[:_SHOWN].rstrip()}…"
        rows.append(
            {
                "id": prompt.id,
                "text": text,
                "groups": groups_of(prompt),
                "spread": None if spread is None else f"{spread:.{facts.decimals}f}",
                "mean": None if not means else f"{sum(means.values()) / len(means):.{facts.decimals}f}",
            }
        )
    parts = [part for part in section.parts if part.kind]
    data = {
        "folder": section.folder,
        "texts": {"name": f"texts-{section.folder}", "address": texts_address(section)},
        "parts": [
            {"key": part.key, "kind": part.kind, "name": part.name, "prompts": sorted(map(int, part.prompts))}
            for part in parts
        ],
        "models": [{"name": model, "page": site.model(section, model)} for model in section.models],
        "key": choices_key(section),
    }
    address = site.address(section, "prompts")
    page = site.render(
        section, "prompts", address, rows=rows, value_name=facts.value_name, data=data, count=len(prompts)
    )
    texts = [prompt.text for prompt in prompts]
    return page, data_script(f"texts-{section.folder}", texts)


def texts_address(section: Section) -> str:
    """Where the whole texts lie, from the site's root."""
    return f"data/{section.folder}/texts.js"
