"""Two studies with different people at the same time, through two worker processes: nothing crosses."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from nami_bench.domain import Annotator, Criterion, Study
from tests.support.databases import raw

pytestmark = pytest.mark.slow  # processes under load

PEOPLE, OVERLAP = 6, 3
SECOND = (Criterion("harmony", 1.0), Criterion("sharpness", 1.0))


@dataclass
class Seen:
    """What one annotator got, and what became of attempts at the other study."""

    tokens: list[str] = field(default_factory=list)
    criteria: set[str] = field(default_factory=set)
    images: int = 0
    attempts: Counter[tuple[int, str]] = field(default_factory=Counter)


@pytest.fixture
def both(new_bench: Callable[..., Any], database_url: str) -> Any:
    """The studies "trial" and "other" over the same images, with six people each, all of them assigned."""
    bench = new_bench("two", strata=("short", "long") * 10, overlap=OVERLAP, database_url=database_url)
    bench.store.studies.change(_assigned(bench.study))
    bench.store.studies.add(
        _assigned(Study("other", "pictures", bench.study.models, SECOND, overlap=OVERLAP, seed=5))
    )
    for study in ("trial", "other"):
        names = [f"{study}-{number}" for number in range(PEOPLE)]
        for name in names:
            bench.tokens[name] = bench.store.accounts.add(Annotator(name))
        bench.store.enrolments.assign(study, names, by="root")
    return bench


def _assigned(study: Study) -> Study:
    return replace(study, admission="assigned")


def rate_all(bench: Any, address: str, name: str, tokens_of_others: list[str]) -> Seen:
    """Rate one's own study to its end, and try the other one's on the way."""
    own, other = name.partition("-")[0], {"trial": "other", "other": "trial"}[name.partition("-")[0]]
    seen, draw = Seen(), random.Random(name)
    with httpx.Client(base_url=address, timeout=120) as client:
        client.post("/login", data={"name": name, "token": bench.tokens[name]})
        assert [one["name"] for one in client.get("/studies").json()["studies"]] == [own]
        state = client.get(f"/study/{own}/session").json()
        criteria = [criterion["name"] for criterion in state["study"]["criteria"]]
        seen.criteria.update(criteria)
        while state["items"]:
            item = state["items"][0]
            picture = client.get(f"/study/{own}/{item['images'][0]}")
            assert picture.headers["content-type"] == "image/png"
            seen.images += 1
            if draw.random() < 0.3:
                _try_the_other(client, other, item, tokens_of_others, draw, seen)
            state = client.post(f"/study/{own}/item/{item['token']}", json=_answer(criteria, draw)).json()
            seen.tokens.append(item["token"])
            tokens_of_others.append(item["token"])
    return seen


def _answer(criteria: list[str], draw: random.Random) -> dict[str, Any]:
    values = {one: draw.randrange(2, 10) / 2 if one == "realism" else draw.randrange(101) for one in criteria}
    return {"client_token": uuid4().hex, "values": values, "duration_ms": 2000}


def _try_the_other(
    client: httpx.Client, other: str, item: Any, tokens: list[str], draw: random.Random, seen: Seen
) -> None:
    stolen = draw.choice(tokens) if tokens else "x" * 22
    for answer in (
        client.get(f"/study/{other}/session"),
        client.get(f"/study/{other}/{item['images'][0]}"),
        client.post(f"/study/{other}/item/{item['token']}", json=_answer(["harmony", "sharpness"], draw)),
        client.get(f"/study/{other}/item/{stolen}/before"),
    ):
        seen.attempts[answer.status_code, answer.json()["code"]] += 1


def test_nothing_crosses(both: Any, start_server: Callable[..., Any]) -> None:
    server = start_server(both, "--port", "0", "--workers", "2")
    names = [f"{study}-{number}" for number in range(PEOPLE) for study in ("trial", "other")]
    shared: list[str] = []
    with ThreadPoolExecutor(len(names)) as pool:
        done = pool.map(lambda name: rate_all(both, server.address, name, shared), names)
        seen = dict(zip(names, done, strict=True))
    code, said = server.interrupt()
    assert (code, "every score that was acknowledged is saved" in said) == (0, True)

    attempts = sum((one.attempts for one in seen.values()), Counter())
    assert attempts.keys() <= {(403, "not_assigned"), (404, "not_yours")}
    assert attempts.total() > 50
    tokens = [token for one in seen.values() for token in one.tokens]
    assert len(set(tokens)) == len(tokens)
    images = 40
    for study, criteria in (("trial", {"relevance", "realism"}), ("other", {"harmony", "sharpness"})):
        assert all(one.criteria == criteria for name, one in seen.items() if name.startswith(study))
        ratings = both.store.ratings.all(study)
        assert {rating.annotator.partition("-")[0] for rating in ratings} == {study}
        each = Counter((r.model, r.prompt_id, r.criterion) for r in ratings)
        assert (len(each), set(each.values())) == (images * 2, {OVERLAP})
    crossed = (
        "SELECT count(*) FROM assignment AS given JOIN member ON member.id = given.member_id "
        "JOIN item ON item.id = given.item_id "
        "WHERE item.study_id <> given.study_id OR member.study_id <> given.study_id"
    )
    with raw(both.store) as connection:
        assert connection.execute(text(crossed)).scalar_one() == 0
        members = "SELECT count(*) FROM member"
        assert connection.execute(text(members)).scalar_one() == 2 * PEOPLE
