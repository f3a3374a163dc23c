"""The pages of the console, in the order of its bar."""

from dataclasses import dataclass

from nami_bench.annotator_app.levels import Level


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its address below the console ("" is the first), which is its module's name, its title, and for
    whom it is."""

    path: str
    title: str
    level: Level = Level.OWNER

    @property
    def module(self) -> str:
        """Where its `build` is."""
        return f"{__name__}.{self.path or 'overview'}"


PAGES = (
    Page("", "Overview"),
    Page("people", "People"),
    Page("items", "Items", Level.ADJUDICATOR),
    Page("agreement", "Agreement"),
    Page("leaderboard", "Leaderboard"),
    Page("prompts", "Prompts"),
    Page("export", "Export"),
    Page("study", "Study"),
    Page("log", "Log"),
)
