"""Instructions become HTML that can do no harm."""

from html.parser import HTMLParser

import pytest

from nami_bench.annotator_app.markdown import safe_html


def test_common_markdown_is_rendered() -> None:
    html = safe_html("# Rate\n\nLook **well**:\n\n1. whole\n2. parts\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    for part in ("<h1>Rate</h1>", "<strong>well</strong>", "<ol>", "<li>whole</li>", "<table>", "<td>1</td>"):
        assert part in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](https://example.org/pixel.png)",
        "<a href='javascript:alert(1)'>x</a>",
        "```\n</code><script>alert(1)</script>\n```",
        '[x](https://example.org "\\"onmouseover=alert(1) ")',
    ],
)
def test_nothing_runs_and_nothing_is_fetched(text: str) -> None:
    found: list[tuple[str, dict[str, str | None]]] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attributes)))

    Tags().feed(safe_html(text))
    assert {tag for tag, _ in found} <= {"p", "a", "pre", "code"}
    for _, attributes in found:
        assert set(attributes) <= {"href", "title"}
        assert (attributes.get("href") or "https:").startswith("https:")


def test_links_to_pages_are_kept() -> None:
    assert '<a href="https://example.org/a">a</a>' in safe_html("[a](https://example.org/a)")
