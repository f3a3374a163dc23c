"""What may be proposed, the tags it may have, and the file of accepted submissions as a source."""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nami_bench.domain import PromptSubmission, SubmissionState
from nami_bench.errors import InputError
from nami_bench.prompts.assembly import build_prompt_set, clean_text
from nami_bench.prompts.duplicates import DuplicateIndex
from nami_bench.prompts.proposing import LONGEST, proposal_problems
from nami_bench.prompts.protocol import Availability, Candidate
from nami_bench.prompts.sources import (
    NamiCommunitySource,
    NamiLongSource,
    NamiShortSource,
    all_sources,
    resolve_sources,
)
from nami_bench.prompts.submissions import submissions_jsonl
from nami_bench.prompts.vocabulary import CATEGORIES, CHALLENGES, LANGUAGES, checked_tags

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "prompts.md").read_text(encoding="utf-8")
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EMBEDDED = [c for s in (NamiShortSource, NamiCommunitySource, NamiLongSource) for c in s().load().candidates]


def problems(text):
    return proposal_problems(clean_text(text), 120)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a red bicycle", ()),
        ("自行车停在雨中的屋檐下", ()),
        ("می‌خواهم یک دوچرخه", ()),  # with a zero-width non-joiner, as it is spelt
        ("ผู้หญิงกำลังวิ่ง", ()),
        ("a family 👨‍👩‍👧 on a bench", ()),
        ("un garçon\n\tet   son vélo", ()),
        ("", ("too_short",)),
        ("cat", ("too_short",)),
        ("word " * 121, ("too_long",)),
        ("x" * (LONGEST + 1), ("too_long",)),
        ("a dog\0in a park", ("hidden_characters",)),
        ("a dog\x1b[31m in a park", ("hidden_characters",)),
        ("a dog \u202egod a", ("hidden_characters",)),
        ("a dog \u2066in a park", ("hidden_characters",)),
        ("a do\u200bg in a park", ("hidden_characters",)),
        ("a dog \ufeffin a park", ("hidden_characters",)),
        ("a dog \ue000in a park", ("hidden_characters",)),
        ("half \ud800 of a pair", ("hidden_characters",)),
        ("z" + "\u0301" * 6 + "algo in a park", ("hidden_characters",)),
        ("a nude in the grass", ("safety",)),
        ("a nu\u200dde in the grass", ("safety",)),
        ("a ｎｕｄｅ in the grass", ("safety",)),
        ("a letter to me@example.org", ("personal",)),
        ("a lake at dawn --ar 16:9", ("switches",)),
        ("nude me@example.org", ("safety", "personal")),
    ],
)
def test_what_may_be_proposed(text, found):
    assert problems(text) == found


def test_every_embedded_prompt_could_have_been_proposed():
    assert Counter(problem for c in EMBEDDED for problem in problems(c.text)) == {}


def test_the_vocabulary_is_that_of_the_embedded_prompts_and_of_the_guide():
    assert {c.tags["category"] for c in EMBEDDED} == set(CATEGORIES)
    assert {name for c in EMBEDDED for name in c.tags["challenge"].split(", ")} == {*CHALLENGES, "none"}
    assert {c.tags["language"] for c in EMBEDDED if "language" in c.tags} <= set(LANGUAGES)
    assert ", ".join(CATEGORIES) in DOCS
    table = DOCS.split("| challenge |")[1].split("\n\n")[0]
    assert re.findall(r"^\| (\w+) \|", table, re.MULTILINE) == [*CHALLENGES, "none"]
    assert len(LANGUAGES) == len(set(LANGUAGES)) == 183


def test_tags_have_the_form_of_the_embedded_ones():
    assert checked_tags("food", ("text", "count"), "fr") == {
        "category": "food",
        "challenge": "count, text",
        "language": "fr",
    }
    assert checked_tags(None, (), None) == checked_tags("", (), "en") == {}
    for wrong in (
        ("foods", (), None),
        (None, ("count", "x"), None),
        (None, (), "xx"),
        (None, ("none",), None),
    ):
        with pytest.raises(InputError, match="unknown"):
            checked_tags(*wrong)


def test_the_nearest_of_an_index_is_found_and_can_be_left_out():
    index = DuplicateIndex(0.6)
    for text in ("a red car on a long bridge", "a red car on a short bridge", "two cats"):
        index.add(Candidate(text))
    assert index.nearest("A red car, on a long bridge!") == (0, 1)
    assert index.nearest("a red car on a long bridge", leaving_out=0) == (1, pytest.approx(3 / 7))
    assert index.nearest("nothing of the kind") is None


def submission(number, **changes):
    values = {
        "id": f"id{number}",
        "text": f"the {number}th heron waits for the {number + 7}th tram of the day",
        "licence": "CC0-1.0",
        "licence_sha256": "ab" * 32,
        "consented_at": WHEN,
        "author": "ada",
        "tags": {"category": "animals", "challenge": "count, text", "language": "fr"},
        "state": SubmissionState.ACCEPTED,
        "decided_by": "root",
        "decided_at": WHEN,
    }
    return PromptSubmission(**(values | changes))


@pytest.fixture
def file(tmp_path):
    """Six accepted submissions, one of them edited; others are left out."""
    accepted = [submission(n) for n in range(5)]
    edited = submission(5, edited_text="a goose in line for the tram", edited_tags={"category": "city"})
    pending = submission(6, state=SubmissionState.PENDING, decided_by=None, decided_at=None)
    refused = submission(7, state=SubmissionState.REFUSED, reason="no")
    path = tmp_path / "accepted.jsonl"
    path.write_bytes(submissions_jsonl([*accepted, pending, edited, refused]))
    return path


def test_the_file_says_where_a_prompt_came_from_and_not_from_whom(file):
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == ["id0", "id1", "id2", "id3", "id4", "id5"]
    assert lines[5] == {
        "prompt": "a goose in line for the tram",
        "category": "city",
        "id": "id5",
        "licence": "CC0-1.0",
        "licence_sha256": "ab" * 32,
        "consented_at": "2026-01-02T03:04:05+00:00",
        "edited": True,
    }
    assert "ada" not in file.read_text() and "root" not in file.read_text()


def test_a_recipe_takes_accepted_submissions_and_counts_them(file, tmp_path):
    recipe = tmp_path / "mixed.toml"
    recipe.write_text(
        'name = "mixed"\nseed = 1\n[[stratum]]\nname = "community"\ncount = 7\nsources = [\n'
        '  { name = "submissions", count = 2, only = { category = ["animals"] } },\n'
        '  { name = "nami-community" },\n]\n'
    )
    found = build_prompt_set(str(recipe), {"submissions": file})
    taken = [p for p in found.prompts if p.source == "submissions"]
    assert [p.tags for p in taken] == [dict(submission(0).tags)] * 2
    source = found.manifest["sources"]["submissions"]
    assert (source["licence"], source["file"]) == ("CC0-1.0", "accepted.jsonl")
    pool = found.manifest["pools"][0]
    assert (pool["source"], pool["taken"], pool["read"], pool["dropped"]["other tag"]) == (
        "submissions",
        2,
        6,
        1,
    )


def test_without_a_file_the_source_says_how_to_get_one():
    [source] = [source for source in all_sources() if source.name == "submissions"]
    assert source.availability is Availability.FILE
    with pytest.raises(InputError, match=r"prompts submissions export -o FILE\.jsonl.*--source submissions="):
        source.load()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": None}, "line 6 has no 'id'"),
        ({"licence": 7}, "line 6 has no 'licence'"),
        ({"consented_at": "yesterday"}, "'consented_at' is no time"),
        ({"prompt": " "}, 'line 6 has no "prompt"'),
    ],
)
def test_a_file_of_other_prompts_is_refused(file, change, words):
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[5] = json.dumps(json.loads(lines[5]) | change)
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(words)):
        resolve_sources(["submissions"], {"submissions": file})["submissions"].load()
