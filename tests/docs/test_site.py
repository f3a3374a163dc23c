"""The documentation's site builds, its links lead somewhere, and it loads nothing from other hosts."""

import html.parser
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
RESOURCES = {
    "link": "href",
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "object": "data",
}
POINTERS = {"canonical", "next", "prev"}
"""Links of a page's head that nothing is loaded from."""


class Page(html.parser.HTMLParser):
    """What a built page loads, links to, and can be linked at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[key] for key in ("id", "name") if key in values}
        if RESOURCES.get(tag) in values and values.get("rel") not in POINTERS:
            self.loads.append(values[RESOURCES[tag]])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


@pytest.mark.slow
def test_every_link_and_anchor_leads_somewhere(pages: dict[Path, Page], site: Path) -> None:
    broken = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # its links are absolute: where it is shown is not known
        for link in {*page.links, *page.loads}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchored = (
                not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].anchors
            )
            if not target.is_file() or not target.is_relative_to(site) or not anchored:
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []


@pytest.mark.slow
def test_no_page_loads_anything_from_another_host(pages: dict[Path, Page], site: Path) -> None:
    foreign = [link for page in pages.values() for link in page.loads if urlsplit(link).netloc]
    assert foreign == []
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import )['\"]?(?:https?:)?//", styles) == []


@pytest.mark.slow
def test_formulas_are_drawn_by_the_browser_itself(site: Path) -> None:
    for name, count in (("metrics", 13), ("statistics", 7)):
        text = (site / f"{name}.html").read_text(encoding="utf-8")
        assert text.count("<math") == count
        assert "<msup>" in text or "<msubsup>" in text


@pytest.mark.slow
def test_readers_are_told_what_commands_need(site: Path) -> None:
    assert "<em>Needs a GPU:</em>" in (site / "generators.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_schema_that_a_page_links_to_is_in_the_site(site: Path) -> None:
    copy = site / "repository" / "nami_bench" / "export" / "leaderboard.schema.json"
    assert copy.read_bytes() == (ROOT / "nami_bench" / "export" / "leaderboard.schema.json").read_bytes()


def links_of(page: Path) -> Iterator[str]:
    return (match[1] for match in re.finditer(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")))


@pytest.mark.slow
def test_the_readmes_links_lead_somewhere(pages: dict[Path, Page], site: Path) -> None:
    for link in links_of(ROOT / "README.md"):
        parts = urlsplit(link)
        if parts.netloc:
            continue
        assert (ROOT / parts.path).exists(), link
        if parts.fragment:
            built = (site / parts.path.removeprefix("docs/")).with_suffix(".html")
            assert parts.fragment in pages[built].anchors, link
