"""The pages of the console, in the order of its bar."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its address below the console ("" is the first), which is its module's name, and its title."""

    path: str
    title: str

    @property
    def module(self) -> str:
        """Where its `build` is."""
        return f"{__name__}.{self.path or 'overview'}"


PAGES = (
    Page("", "Overview"),
    Page("people", "People"),
    Page("agreement", "Agreement"),
    Page("leaderboard", "Leaderboard"),
    Page("prompts", "Prompts"),
    Page("export", "Export"),
    Page("study", "Study"),
    Page("log", "Log"),
)
