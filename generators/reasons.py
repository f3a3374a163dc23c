"""Other programs' words as reasons of our records."""


def one_line(text: str, longest: int = 300) -> str:
    """`text` as one line of printable characters: fit for a database, a log and a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:longest]
