"""Those who score."""

from dataclasses import dataclass
from enum import StrEnum

from nami_bench.domain.names import person_name
from nami_bench.errors import InputError, UnknownNameError


class Role(StrEnum):
    """What an account may do. Adjudicators decide where annotators disagree, and do not rate. Simulated
    annotators cannot log in; participants come in by themselves, into one study, and have neither token nor
    password."""

    ANNOTATOR = "annotator"
    ADMINISTRATOR = "administrator"
    ADJUDICATOR = "adjudicator"
    SIMULATED = "simulated"
    PARTICIPANT = "participant"


GIVEN_ROLES = (Role.ANNOTATOR, Role.ADMINISTRATOR, Role.ADJUDICATOR)
"""Those that an owner gives to an account; the other two come about by themselves."""

SIMULATED_PREFIX = "simulated"
"""How the names of simulated annotators begin, and of no others, so that it shows everywhere."""


@dataclass(frozen=True, slots=True)
class Annotator:
    """One who scores, `name` in the form of `person_name`; nothing that an `excluded` one judged counts.

    `only_study`: a participant's, which is all that their log-in reaches; where it was asked for."""

    name: str
    role: Role = Role.ANNOTATOR
    active: bool = True
    excluded: bool = False
    only_study: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", person_name("annotator", self.name))
        if (self.role is Role.SIMULATED) != self.name.startswith(SIMULATED_PREFIX):
            raise InputError(
                f"annotator name {self.name!r}: names that begin with {SIMULATED_PREFIX!r} "
                "belong to simulated annotators, and to them only"
            )


def given_role(text: str) -> Role:
    """The role of this name; raises UnknownNameError for what is none of `GIVEN_ROLES`."""
    if text not in GIVEN_ROLES:
        raise UnknownNameError("role", text, GIVEN_ROLES)
    return Role(text)
