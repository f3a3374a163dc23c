"""Tokens, passwords, sessions and the limit on guesses."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from nami_bench.domain import Annotator, Role
from nami_bench.errors import InputError, RateLimitError, UnknownNameError
from nami_bench.store import Store
from nami_bench.store.logins import GUESSES_PER_ADDRESS, GUESSES_PER_NAME, SESSION_LIFE, WINDOW

LENA = Annotator("lena")
PASSWORD = "correct horse"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with Store.open(database_url) as opened:
        yield opened


@pytest.fixture
def token(store: Store) -> str:
    made = store.accounts.add(LENA)
    assert made is not None
    return made


def rows(store: Store, table: str) -> int:
    with store._database.reading() as session:
        return int(session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_a_token_and_a_password_open_the_door(store: Store, token: str) -> None:
    assert store.logins.authenticate("lena", PASSWORD) is None
    store.logins.set_password("lena", PASSWORD)
    for secret in (token, PASSWORD):
        assert store.logins.authenticate("lena", secret) == LENA
    for name, secret in (("lena", PASSWORD + " "), ("lena", ""), ("omar", PASSWORD), ("", "")):
        assert store.logins.authenticate(name, secret) is None


def test_a_reset_ends_token_password_and_sessions(store: Store, token: str) -> None:
    store.logins.set_password("lena", PASSWORD)
    session = store.logins.open_session("lena")
    renewed = store.logins.reset_token("lena")
    assert store.logins.session_annotator(session) is None
    assert [store.logins.authenticate("lena", secret) for secret in (token, PASSWORD, renewed)] == [
        None,
        None,
        LENA,
    ]


def test_a_session_lasts_until_it_is_closed_or_old(store: Store, token: str) -> None:
    session, other = store.logins.open_session("lena", now=NOW), store.logins.open_session("lena", now=NOW)
    assert store.logins.session_annotator(session, now=NOW + SESSION_LIFE - timedelta(seconds=1)) == LENA
    assert store.logins.session_annotator(session, now=NOW + SESSION_LIFE) is None
    store.logins.close_session(session)
    store.logins.close_session(session)
    assert store.logins.session_annotator(session, now=NOW) is None
    assert store.logins.session_annotator(other, now=NOW) == LENA
    assert store.logins.session_annotator("forged", now=NOW) is None
    store.logins.open_session("lena", now=NOW + SESSION_LIFE)
    assert rows(store, "login_session") == 1  # the old ones are swept


def test_disabling_ends_sessions_and_enabling_brings_none_back(store: Store, token: str) -> None:
    session = store.logins.open_session("lena")
    store.accounts.set_active("lena", False)
    assert store.logins.session_annotator(session) is None
    assert store.logins.authenticate("lena", token) is None
    store.accounts.set_active("lena", True)
    assert store.logins.session_annotator(session) is None
    assert store.logins.authenticate("lena", token) == LENA


def test_a_new_password_ends_sessions(store: Store, token: str) -> None:
    session = store.logins.open_session("lena")
    store.logins.set_password("lena", PASSWORD)
    assert store.logins.session_annotator(session) is None


def test_passwords_of_unusable_length_and_of_nobody_are_refused(store: Store, token: str) -> None:
    store.accounts.add(Annotator("simulated-1", Role.SIMULATED))
    for password in ("short", "x" * 1001):
        with pytest.raises(InputError, match="8 to 1000 characters"):
            store.logins.set_password("lena", password)
    with pytest.raises(UnknownNameError, match="did you mean 'lena'"):
        store.logins.set_password("lenna", PASSWORD)
    for method in (store.logins.open_session, store.logins.reset_token):
        with pytest.raises(InputError, match="simulated and cannot log in"):
            method("simulated-1")


def test_guesses_at_one_name_are_limited_from_wherever_they_come(
    database_url: str, store: Store, token: str
) -> None:
    store.logins.set_password("lena", PASSWORD)
    for guess in range(GUESSES_PER_NAME):
        assert store.logins.authenticate("lena", f"guess {guess}", f"10.0.0.{guess}", now=NOW) is None
    with Store.open(database_url) as restarted:  # or another worker
        for secret in ("one more", PASSWORD):
            with pytest.raises(RateLimitError, match="wait 15 minutes"):
                restarted.logins.authenticate("lena", secret, "10.0.1.1", now=NOW)
        assert (
            restarted.logins.authenticate("lena", token, "10.0.1.1", now=NOW) == LENA
        )  # nobody can lock her out
        assert restarted.logins.authenticate("omar", "guess", "10.0.1.1", now=NOW) is None
        assert restarted.logins.authenticate("lena", PASSWORD, "10.0.1.1", now=NOW + WINDOW) == LENA


def test_guesses_from_one_address_are_limited_whatever_name_they_try(store: Store, token: str) -> None:
    store.logins.set_password("lena", PASSWORD)
    for guess in range(GUESSES_PER_ADDRESS):
        # The 2^64 addresses of one IPv6 network are one guesser's.
        assert (
            store.logins.authenticate(f"name {guess}", "guess", f"2001:db8::{guess + 1:x}", now=NOW) is None
        )
    with pytest.raises(RateLimitError):
        store.logins.authenticate("lena", PASSWORD, "2001:db8::ffff", now=NOW)
    assert store.logins.authenticate("lena", PASSWORD, "2001:db8:0:1::1", now=NOW) == LENA


def test_a_guesser_cannot_reset_the_count_with_an_account_of_their_own(store: Store, token: str) -> None:
    store.accounts.add(Annotator("mallory"))
    store.logins.set_password("mallory", PASSWORD)
    for guess in range(GUESSES_PER_ADDRESS):
        assert store.logins.authenticate(f"name {guess}", "guess", "10.0.0.1", now=NOW) is None
        if guess < GUESSES_PER_ADDRESS - 1:
            assert store.logins.authenticate("mallory", PASSWORD, "10.0.0.1", now=NOW) is not None
    with pytest.raises(RateLimitError):
        store.logins.authenticate("name", "guess", "10.0.0.1", now=NOW)


def test_many_guesses_at_the_same_moment_count_one_by_one(store: Store, token: str) -> None:
    store.logins.set_password("lena", PASSWORD)
    outcomes: list[object] = []

    def guess() -> None:
        for _ in range(GUESSES_PER_NAME):
            try:
                outcomes.append(store.logins.authenticate("lena", "guess", "10.0.0.1"))
            except RateLimitError:
                outcomes.append("refused")

    threads = [threading.Thread(target=guess) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(None) == GUESSES_PER_NAME
    assert outcomes.count("refused") == 3 * GUESSES_PER_NAME


def test_old_guesses_are_swept(store: Store, token: str) -> None:
    for guess in range(3):
        store.logins.authenticate("lena", "guess", "10.0.0.1", now=NOW + guess * WINDOW)
    assert rows(store, "login_attempt") == 2  # one guess: its name and its address


def test_text_that_no_database_holds_is_no_login(store: Store, token: str) -> None:
    for name, secret in (("lena", "\ud800"), ("lena", "\0")):
        assert store.logins.authenticate(name, secret) is None
    with pytest.raises(InputError, match="cannot take a value"):
        store.logins.authenticate("\ud800", "x")


@pytest.mark.usefixtures("passwords_as_in_production")
def test_no_secret_is_kept_in_the_clear(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        secrets = [str(store.accounts.add(LENA)), PASSWORD, PASSWORD + " typed as a name"]
        store.logins.set_password("lena", PASSWORD)
        store.logins.authenticate(secrets[2], "guess")
        secrets.append(store.logins.open_session("lena"))
        with store._database.reading() as session:
            assert str(session.execute(text("SELECT password_hash FROM annotator")).scalar()).startswith(
                "$argon2id$v=19$m=65536,t=3,p=4$"
            )
    kept = (tmp_path / "nami.db").read_bytes()
    assert not [secret for secret in secrets if secret.encode() in kept]


def test_upper_and_lower_case_make_no_difference(store: Store) -> None:
    token = store.accounts.add(Annotator("Jörg Müller"))
    assert token is not None
    jörg = store.accounts.get("jo\u0308rg  MÜLLER")
    assert jörg == Annotator("Jörg Müller") == store.logins.authenticate(" JÖRG MÜLLER", token)
    store.logins.set_password("jörg müller", PASSWORD)
    assert store.logins.authenticate("JÖRG müller", PASSWORD) == jörg
    session = store.logins.open_session("jörg müller")
    assert store.logins.session_annotator(session) == jörg
    with pytest.raises(InputError, match="exists already, as 'Jörg Müller': upper and lower case"):
        store.accounts.add(Annotator("JÖRG MÜLLER"))
    with pytest.raises(InputError, match="in whatever case, belong to simulated annotators"):
        store.accounts.add(Annotator("Simulated-1"))
    assert [one.name for one in store.accounts.all()] == ["Jörg Müller"]


def test_several_people_are_added_together_or_not_at_all(store: Store, token: str) -> None:
    for names in (("omar", "LENA"), ("omar", "Omar")):
        with pytest.raises(InputError, match="exists already"):
            store.accounts.add_all([Annotator(name) for name in names])
    assert store.accounts.all() == [LENA]
    assert len(set(store.accounts.add_all([Annotator("omar"), Annotator("yuki")]))) == 2


def test_guesses_at_one_name_are_counted_however_it_is_written(store: Store, token: str) -> None:
    store.logins.set_password("lena", PASSWORD)
    for guess in range(GUESSES_PER_NAME):
        assert store.logins.authenticate(("lena", "LENA", " Lena ")[guess % 3], "guess", now=NOW) is None
    for name in ("lEnA", "lena"):
        with pytest.raises(RateLimitError):
            store.logins.authenticate(name, PASSWORD, now=NOW)


def test_two_people_whose_names_differ_in_case_alone_keep_working(store: Store) -> None:
    """A database from when that made a difference."""
    tokens = dict(zip(("ann", "x"), store.accounts.add_all([Annotator("ann"), Annotator("x")]), strict=True))
    with store._database.writing() as session:
        session.execute(text("UPDATE annotator SET name = 'X' WHERE name = 'ann'"))
    lower, upper = Annotator("x"), Annotator("X")
    assert store.logins.authenticate("x", tokens["x"] or "") == lower
    assert store.logins.authenticate("X", tokens["ann"] or "") == upper
    assert store.logins.authenticate("X", tokens["x"] or "") is None
    store.accounts.set_active("X", False)
    assert [one.active for one in store.accounts.all()] == [False, True]
    assert store.accounts.get("x").active
    with pytest.raises(InputError, match="could be 'X' or 'x': write the name exactly"):
        store.accounts.get("ｘ")
    with pytest.raises(InputError, match="could be"):
        store.logins.authenticate("ｘ", tokens["x"] or "")
    with pytest.raises(InputError, match="exists already"):
        store.accounts.add(upper)
