"""What each platform's addresses say, how people are sent back, and whose word counts."""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from nami_bench.annotator_app.crowd import signature as signatures
from nami_bench.annotator_app.crowd.credit import ASKED, GRANTED, REFUSED, grant
from nami_bench.annotator_app.crowd.providers import identity_of, join_address, parameters_of, provider_of
from nami_bench.annotator_app.crowd.signature import Signatures
from nami_bench.domain import Came, Entry, Identity, Study, WayOut
from nami_bench.domain.entry import Signature, Sona
from nami_bench.errors import InputError, RefusedError
from tests.support.crowd import CONSENT, STUDY_ID, Visitor, arrival, pid, with_entry
from tests.support.crowd_signatures import Platform
from tests.support.http_server import Asked, Reply, http_server

Listening = Callable[..., AbstractContextManager[str]]


def entry(provider: Came = Came.PROLIFIC, **values: Any) -> Entry:
    return Entry(CONSENT, provider=provider, **values)


def proven(entry_: Entry, query: str, by: Signatures | None = None) -> bool:
    found = parameters_of(query)
    return (by or Signatures()).proven(entry_, identity_of(entry_, found), found).is_proven


def test_a_signed_arrival_is_the_platforms_word_and_nothing_else_is() -> None:
    platform, forger = Platform(), Platform()
    signed = entry(signature=Signature("rate.example", keys=json.dumps(platform.keys)))
    query = arrival(1)
    assert proven(signed, platform.signed(query))
    good = platform.signed(query)
    shared_key = jwt.encode(
        {"aud": "rate.example", "exp": 9e9, "prolific": {}}, "k" * 32, headers={"kid": "k1"}
    )
    for bad, code in (
        (query, "signature_missing"),
        (f"{query}&prolific_token=x.y.z", "signature_forged"),
        (f"{query}&prolific_token={shared_key}", "signature_forged"),
        (forger.signed(query), "signature_forged"),
        (Platform("k2").signed(query), "signature_forged"),
        (platform.signed(query, audience="other.example"), "signature_forged"),
        (platform.signed(query, ends_in=-3600), "signature_expired"),
        (platform.signed(query, prolific="x"), "signature_other"),
        (good.replace(pid(1), pid(2)), "signature_other"),  # another person's id beside it
        (good.replace("SESSION_ID=s1", "SESSION_ID=s2"), "signature_other"),  # replayed for another part
    ):
        with pytest.raises(RefusedError) as refused:
            proven(signed, bad)
        assert refused.value.code == code, bad


def test_keys_are_fetched_once_a_day_and_for_a_new_key_and_not_for_forgers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = Platform("old"), Platform("new")
    asked: list[str] = []
    published = old.keys

    def answer(request: Asked) -> Reply:
        asked.append(request.path)
        return Reply(body=published) if published else Reply(500)

    now = time.monotonic()
    monkeypatch.setattr(signatures.time, "monotonic", lambda: now)
    with http_server(answer) as address:
        signed = entry(signature=Signature("rate.example", keys_url=f"{address}/jwks.json"))
        by = Signatures()
        for _ in range(3):
            assert proven(signed, old.signed(arrival(1)), by)
        assert len(asked) == 1
        published = {"keys": [*old.keys["keys"], *new.keys["keys"]]}
        for _ in range(3):
            with pytest.raises(RefusedError):
                proven(signed, new.signed(arrival(1)), by)
        assert len(asked) == 1
        now += signatures.ASKED_AGAIN_S
        assert proven(signed, new.signed(arrival(1)), by)
        assert len(asked) == 2
        now += signatures.KEPT_S
        published = {}
        with pytest.raises(RefusedError) as refused:
            proven(signed, old.signed(arrival(1)), by)
        assert refused.value.code == "signature_unchecked"


@pytest.mark.slow
def test_a_signed_second_browser_is_the_person(bench: Any, listening: Listening) -> None:
    platform = Platform()
    signature = Signature("rate.example", keys=json.dumps(platform.keys))
    with_entry(bench.store, bench.study, items_per_annotator=3, signature=signature)
    with listening(bench) as address:
        with Visitor(address, "trial", arrival(1)) as forger:
            assert forger.door()["code"] == "signature_missing"
        with Visitor(address, "trial", platform.signed(arrival(1))) as ada:
            assert ada.agree()["step"] == "work"
            ada.rate(most=2)
        with Visitor(address, "trial", platform.signed(arrival(1))) as again:
            assert again.door()["is_proven"]
            again.return_()
            assert again.client.get("/study/trial/item/now/before").json()["item"] is not None
    assert [event.kind for event in bench.store.oversight.events("trial")] == []


def test_each_platform_has_its_parameters_and_its_way_back() -> None:
    codes = {WayOut.COMPLETED: "DONE-1"}
    one = entry(codes=codes)
    assert join_address(one, "https://r.example/", "pilot") == (
        "https://r.example/join/pilot?PROLIFIC_PID={{%PROLIFIC_PID%}}"
        "&SESSION_ID={{%SESSION_ID%}}&STUDY_ID={{%STUDY_ID%}}"
    )
    back = provider_of(one).exit(one, WayOut.NOTHING_LEFT, Identity("prolific", pid(1)))
    assert back.address == "https://app.prolific.com/submissions/complete?cc=DONE-1"
    assert provider_of(one).exit(one, WayOut.TIMED_OUT, None).address == ""

    sona = entry(Came.SONA, sona=Sona("https://school.sona-systems.com", "812"))
    assert join_address(sona, "https://r.example", "p").endswith("/join/p?id=%SURVEY_CODE%")
    assert identity_of(sona, {"id": "4711"}).participant == "4711"
    for wrong in ("0471", "1", "12345678", "٤٧١١"):
        with pytest.raises(RefusedError):
            identity_of(sona, {"id": wrong})

    generic = entry(
        Came.GENERIC,
        parameters={"participant": "response_id", "study": "wave"},
        redirects={WayOut.COMPLETED: "https://besample.example/done?r={participant}&w={study}"},
    )
    found = identity_of(generic, parameters_of("response_id=a%2F%40evil.example%26x%3D1&wave=2"))
    back = provider_of(generic).exit(generic, WayOut.COMPLETED, found)
    assert urlsplit(back.address).netloc == "besample.example"
    assert parse_qs(urlsplit(back.address).query) == {"r": ["a/@evil.example&x=1"], "w": ["2"]}
    assert provider_of(generic).exit(generic, WayOut.COMPLETED, None).address == ""  # the id is forgotten


@pytest.mark.parametrize(
    "values",
    [
        {"redirects": {WayOut.COMPLETED: "http://platform.example/done"}},
        {"redirects": {WayOut.COMPLETED: "https://{participant}.example/done"}},
        {"redirects": {WayOut.COMPLETED: "https://user:pw@platform.example/"}},
        {"redirects": {WayOut.COMPLETED: "javascript:alert(1)"}},
        {"redirects": {WayOut.COMPLETED: "https://platform.example/?r={who}"}},
        {"codes": {WayOut.COMPLETED: "two words"}},
        {"provider": Came.GENERIC},
        {"provider": Came.SONA},
        {"provider": Came.LINKS, "signature": Signature("a", keys="{}")},
        {"quota": 5, "places": 3},
        {"estimate_minutes": 20, "allowed_minutes": 10},
    ],
)
def test_settings_that_would_strand_somebody_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Entry(CONSENT, **values)


@pytest.mark.slow
def test_sona_is_asked_once_for_each_and_its_token_stays_here(
    bench: Any, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    replies = {"11": "<R><Errors/></R>", "22": "<R><Errors><e>already</e></Errors></R>", "33": None}

    def answer(request: Asked) -> Reply:
        code = parse_qs(urlsplit(request.path).query)["survey_code"][0]
        asked.append(request.path)
        said = replies[code]
        return Reply(0) if said is None else Reply(body=said.encode())

    monkeypatch.setenv("NAMI_SONA_CREDIT_TOKEN", "s3cret")
    with http_server(answer) as school, listening(bench) as address:
        sona = Sona(school, "812")
        with_entry(
            bench.store,
            bench.study,
            provider=Came.SONA,
            sona=sona,
            codes={},
            items_per_annotator=1,
            overlap=9,
        )
        stands = {}
        for code in replies:
            with Visitor(address, "trial", f"id={code}") as one:
                one.agree()
                one.rate()
                out = one.leave()
                assert one.leave()["credit"] == out["credit"]  # asked for once, however often it is left
                stands[code] = out["credit"]
                assert "s3cret" not in json.dumps(out)
        assert stands == {"11": GRANTED, "22": REFUSED, "33": ASKED}
        assert len(asked) == 3
        assert all("credit_token=s3cret" in path and "experiment_id=812" in path for path in asked)
        replies["33"] = "<R><Errors/></R>"
        study: Study = bench.store.studies.get("trial")
        assert study.entry is not None
        for report in bench.store.crowd_reports.participants("trial"):
            participant = bench.store.crowd.of_account(report.name)
            grant(bench.store, study.entry, participant, again=True)
        assert len(asked) == 5  # who has the credit is not asked for again
    credits = [one.credit for one in bench.store.crowd_reports.participants("trial")]
    assert credits == [GRANTED, REFUSED, GRANTED]
    assert STUDY_ID not in json.dumps(credits)
