"""Judgements in the forms in which other people have them, read into ours.

`Entries` streams what a file holds, a `Profile` makes rows of it, `Pairing` finds out which image each is
about, `Collected` brings them into columns, and `read_foreign` does all of that.
"""

from nami_bench.export.foreign.reading import Reading, reading_of
from nami_bench.export.foreign.source import ForeignFile, Judged, read_foreign

__all__ = ["ForeignFile", "Judged", "Reading", "read_foreign", "reading_of"]
