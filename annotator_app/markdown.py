"""Instructions: Markdown from a study file, to HTML that can do no harm."""

from markdown_it import MarkdownIt

_RENDERER = MarkdownIt("js-default", {"html": False, "linkify": False}).disable("image")


def safe_html(text: str) -> str:
    """CommonMark and tables as HTML. Raw HTML is shown as text, and links lead to web pages or mail only."""
    return str(_RENDERER.render(text))
