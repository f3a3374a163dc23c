"""Credit at a SONA site, from our server to theirs: the credit token never reaches a browser.

That credit is asked for is written down before it is: whatever happens then, nobody is credited twice. What
was not answered is not asked again by itself: `nami-bench crowd credit` does, when its owner says so.
"""

import logging
import os
from http import HTTPStatus
from urllib.parse import urlencode
from xml.etree import ElementTree

from nami_bench.domain import FINISHED, Came, Entry, Participant
from nami_bench.errors import InputError
from nami_bench.services.bounded_client import BoundedClient, NoAnswerError
from nami_bench.store import Store

ASKED, GRANTED, REFUSED = "asked", "granted", "refused"
"""How a participant's credit stands: asked for without an answer so far, or what the answer was."""

_SERVICE = "services/SonaAPI.svc/WebstudyCredit"
_PATIENCE_S = 15.0
_LONGEST = 100_000
_log = logging.getLogger(__name__)


class _WithoutCredits(logging.Filter):
    """Passes what says nothing of our requests: httpx logs their addresses, which hold the token."""

    def filter(self, record: logging.LogRecord) -> bool:
        return _SERVICE not in record.getMessage()


logging.getLogger("httpx").addFilter(_WithoutCredits())


def grant(store: Store, entry: Entry, participant: Participant, *, again: bool = False) -> str:
    """Ask for the credit of a participant who finished; how it stands now ("": none is to be asked for).

    `again`: also where it was asked for before without an answer, or refused. Raises InputError where the
    server has no credit token.
    """
    if entry.provider is not Came.SONA or entry.sona is None or participant.way_out not in FINISHED:
        return ""
    identity = store.crowd.identity(participant.name)
    if identity is None:
        return ""
    token = os.environ.get(entry.sona.credit_token_env, "")
    if not token:
        raise InputError(
            f"there is no credit token: set {entry.sona.credit_token_env} in the environment of the server"
        )
    if not store.crowd.note_credit(
        participant.name, ASKED, unless=(GRANTED,) if again else (ASKED, GRANTED, REFUSED)
    ):
        return GRANTED if again else ASKED
    stands = _ask(entry, token, identity.participant)
    if stands != ASKED:
        store.crowd.note_credit(participant.name, stands)
    return stands


def _ask(entry: Entry, token: str, survey_code: str) -> str:
    assert entry.sona is not None
    values = {
        "experiment_id": entry.sona.experiment,
        "credit_token": token,
        "survey_code": survey_code,
    }
    address = f"{entry.sona.site}/{_SERVICE}?{urlencode(values)}"
    try:
        with BoundedClient(_PATIENCE_S) as client:
            answer = client.send("GET", address, max_bytes=_LONGEST)
    except NoAnswerError:  # and not its words, which may hold the token
        _log.warning("SONA did not answer about the credit of a participant")
        return ASKED
    if answer.status != HTTPStatus.OK:
        _log.warning("SONA refused the credit of a participant (status %d)", answer.status)
        return REFUSED
    document = answer.body.decode(errors="replace")
    if _has_errors(document):
        _log.warning("SONA refused the credit of a participant")
        return REFUSED
    return GRANTED


def _has_errors(document: str) -> bool:
    """Whether an answer of SONA's says that it did not do it, or cannot be read."""
    if "<!" in document:  # no declarations: nothing to be expanded
        return True
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError:
        return True
    errors = [one for one in root.iter() if one.tag.rpartition("}")[2].lower() == "errors"]
    return any(len(one) or (one.text or "").strip() for one in errors)
