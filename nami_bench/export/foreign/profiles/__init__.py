"""The profiles, by name: forms of other people's files of judgements.

A new one is a `Profile` in one of these modules: columns and words where its files are tables, a function
from an entry to rows where they are not.
"""

from collections.abc import Collection

from nami_bench.errors import UnknownNameError
from nami_bench.export.foreign.profile import Profile
from nami_bench.export.foreign.profiles import arenas, data_sets, tools, vote_sets

TABLE = Profile("table", "any table: columns by their names, or as --map says")
PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (TABLE, *tools.PROFILES, *arenas.PROFILES, *vote_sets.PROFILES, *data_sets.PROFILES)
}


def profile_of(name: str | None) -> Profile:
    """The profile of this name, None: of any table; raises UnknownNameError."""
    if name is None:
        return TABLE
    if name not in PROFILES:
        raise UnknownNameError("profile", name, PROFILES)
    return PROFILES[name]


def recognised(header: Collection[str]) -> Profile | None:
    """The profile whose marks a header bears; None where none or several fit."""
    fits = [profile for profile in PROFILES.values() if profile.marks and profile.marks <= set(header)]
    return fits[0] if len(fits) == 1 else None
