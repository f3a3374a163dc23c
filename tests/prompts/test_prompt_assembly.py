import json
from collections import Counter
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nami_bench.domain import PromptSet
from nami_bench.errors import InputError
from nami_bench.prompts.assembly import assemble, build_prompt_set
from nami_bench.prompts.files import digest, load_prompt_set
from nami_bench.prompts.protocol import Availability, Candidate, SourceContent
from nami_bench.prompts.recipe import Recipe, Share, Stratum
from nami_bench.prompts.summary import summarize, yardsticks

ANIMALS = (
    "cat", "dog", "cow", "fox", "owl", "bee", "ant", "elk",
    "emu", "hen", "pig", "rat", "bat", "cod", "eel", "yak",
)  # fmt: skip


@dataclass
class FakeSource:
    """A source with given candidates; `load` fails where there are none, as a download would."""

    name: str
    candidates: tuple[Candidate, ...] = ()
    availability: Availability = Availability.HERE
    licence: str = "CC0"
    address: str | None = None
    sha256: str | None = None
    texts_sha256: str | None = None
    origin: str = "the test"

    def load(self):
        assert self.candidates, "loaded a source that should not have been touched"
        return SourceContent(self.candidates, digest(repr(self.candidates).encode()), f"{self.name}.txt")


def animals(count, **tags):
    return tuple(Candidate(f"{name} number {at} {name}", tags) for at, name in enumerate(ANIMALS[:count]))


def recipe(*shares, count, **stratum):
    return Recipe("mine", 1, (Stratum("short", count, shares, **stratum),))


def texts(prompt_set):
    return [prompt.text for prompt in prompt_set.prompts]


def test_the_order_of_a_sources_file_does_not_matter():
    wanted = recipe(Share("a"), count=6)
    forwards = assemble(wanted, {"a": FakeSource("a", animals(16))})
    backwards = assemble(wanted, {"a": FakeSource("a", animals(16)[::-1])})
    assert forwards.to_jsonl() == backwards.to_jsonl()
    assert texts(forwards) != sorted(texts(forwards))


def test_the_seed_decides_which_prompts_are_taken():
    sources = {"a": FakeSource("a", animals(16))}
    wanted = recipe(Share("a"), count=6)
    assert assemble(wanted, sources).sha256 == assemble(wanted, sources, seed=1).sha256
    assert assemble(wanted, sources).sha256 != assemble(wanted, sources, seed=2).sha256


def test_one_more_prompt_in_a_source_moves_at_most_one_other():
    wanted = recipe(Share("a"), count=6)
    before = set(texts(assemble(wanted, {"a": FakeSource("a", animals(12))})))
    after = set(texts(assemble(wanted, {"a": FakeSource("a", animals(13))})))
    assert len(before & after) >= 5


def test_texts_are_cleaned_and_empty_ones_dropped():
    candidates = (Candidate("  a\tcat \n sleeps "), Candidate("cafe\u0301 at night"), Candidate(" \u00a0 "))
    made = assemble(recipe(Share("a"), count=2), {"a": FakeSource("a", candidates)})
    assert sorted(texts(made)) == ["a cat sleeps", "caf\u00e9 at night"]
    assert made.manifest["pools"][0]["dropped"] == {"empty": 1}


def test_word_limits_are_inclusive():
    candidates = tuple(Candidate(" ".join(ANIMALS[:n])) for n in (1, 2, 3, 4, 5))
    made = assemble(recipe(Share("a"), count=3, min_words=2, max_words=4), {"a": FakeSource("a", candidates)})
    assert sorted(p.words for p in made.prompts) == [2, 3, 4]
    assert made.manifest["pools"][0]["dropped"] == {"too long": 1, "too short": 1}


def test_no_text_is_taken_twice_from_different_sources_and_strata():
    two = Recipe(
        "mine", 1, (Stratum("short", 4, (Share("a"), Share("b"))), Stratum("long", 4, (Share("a"),)))
    )
    made = assemble(two, {"a": FakeSource("a", animals(8)), "b": FakeSource("b", animals(8))})
    assert len({text.casefold() for text in texts(made)}) == 8
    assert [p["dropped"] for p in made.manifest["pools"]] == [{}, {"duplicate": 2}, {"duplicate": 4}]


def test_a_candidate_that_was_not_taken_blocks_nobody():
    """Only chosen prompts count as seen by the sources that come after."""
    wanted = recipe(Share("a", count=1), Share("b", count=7), count=8)
    made = assemble(wanted, {"a": FakeSource("a", animals(8)), "b": FakeSource("b", animals(8))})
    assert len(made) == 8


def test_only_keeps_the_listed_tag_values():
    candidates = animals(4, kind="pet") + tuple(
        Candidate(f"wild {name}", {"kind": "wild"}) for name in ANIMALS
    )
    made = assemble(recipe(Share("a", only={"kind": ("pet",)}), count=4), {"a": FakeSource("a", candidates)})
    assert {p.tags["kind"] for p in made.prompts} == {"pet"}
    assert made.manifest["pools"][0]["dropped"] == {"other tag": len(ANIMALS)}


@given(
    sizes=st.lists(st.integers(min_value=1, max_value=12), min_size=1, max_size=5),
    share=st.floats(min_value=0, max_value=1),
)
def test_balance_differs_by_one_except_where_a_value_runs_out(sizes, share):
    candidates = tuple(
        Candidate(f"{name} of kind {kind}", {"kind": str(kind)})
        for kind, size in enumerate(sizes)
        for name in ANIMALS[:size]
    )
    count = max(1, round(share * len(candidates)))
    made = assemble(recipe(Share("a", balance="kind"), count=count), {"a": FakeSource("a", candidates)})
    taken = Counter(p.tags["kind"] for p in made.prompts)
    most = max(taken.values())
    assert sum(taken.values()) == count
    assert all(taken[str(kind)] >= min(size, most - 1) for kind, size in enumerate(sizes))


def test_candidates_without_the_balanced_tag_are_a_value_of_their_own():
    candidates = animals(6, kind="pet") + tuple(Candidate(f"untagged {name}") for name in ANIMALS[:6])
    made = assemble(recipe(Share("a", balance="kind"), count=6), {"a": FakeSource("a", candidates)})
    assert Counter(p.tags.get("kind") for p in made.prompts) == {"pet": 3, None: 3}


def test_balancing_over_a_tag_nobody_has_is_refused():
    with pytest.raises(InputError, match=r"cannot be balanced over 'knd': its tags are kind"):
        assemble(recipe(Share("a", balance="knd"), count=2), {"a": FakeSource("a", animals(4, kind="pet"))})


def test_a_short_source_says_what_it_has_and_what_was_dropped():
    candidates = (
        *animals(4),
        Candidate("nude cat painting"),
        Candidate("cat"),
        Candidate(animals(1)[0].text),
    )
    with pytest.raises(InputError) as caught:
        assemble(
            recipe(Share("a"), count=9, min_words=2, filters=("safety",)), {"a": FakeSource("a", candidates)}
        )
    assert str(caught.value) == (
        "source 'a' has 4 usable prompts for the stratum 'short', the recipe wants 9 (7 read; dropped: "
        "1 duplicate, 1 filter safety, 1 too short): lower the count, relax the limits, or give a larger "
        "file with --source a=FILE"
    )


def test_every_file_still_to_be_given_is_named_before_anything_is_downloaded():
    wanted = recipe(Share("a"), Share("b"), Share("c"), count=3)
    sources = {
        "a": FakeSource("a", availability=Availability.DOWNLOAD),
        "b": FakeSource("b", availability=Availability.FILE),
        "c": FakeSource("c", availability=Availability.FILE, address="https://example.org/c"),
    }
    with pytest.raises(
        InputError, match=r"b \(your own prompts\), c \(https://example.org/c\).*--source b=FILE"
    ):
        assemble(wanted, sources)


def test_the_manifest_tells_where_everything_came_from():
    candidates = animals(8, kind="pet")
    known = FakeSource(
        "a", candidates, sha256=digest(repr(candidates).encode()), address="https://example.org"
    )
    edited = FakeSource("b", tuple(Candidate(f"{c.text} too") for c in candidates), sha256="0" * 64)
    made = assemble(recipe(Share("a", count=3), Share("b"), count=4), {"a": known, "b": edited}, name="other")
    manifest = made.manifest
    assert (manifest["name"], manifest["recipe"]["name"], manifest["seed"]) == ("other", "mine", 1)
    assert manifest["sha256"] == digest(made.to_jsonl())
    assert manifest["recipe"]["stratum"][0]["sources"][0] == {
        "name": "a",
        "count": 3,
        "balance": None,
        "only": {},
    }
    assert manifest["strata"]["short"]["sources"] == {"a": 3, "b": 1}
    assert manifest["strata"]["short"]["tags"] == {"kind": {"pet": 3}}
    assert manifest["sources"]["a"]["as_published"] is True
    assert manifest["sources"]["b"]["as_published"] is False
    assert manifest["sources"]["a"]["file"] == "a.txt"
    assert json.loads(json.dumps(manifest)) == manifest


def test_a_negative_seed_is_refused():
    with pytest.raises(InputError, match="seed must be 0 or more"):
        assemble(recipe(Share("a"), count=1), {"a": FakeSource("a", animals(1))}, seed=-1)


def test_summary_counts_words_in_bins_of_ten(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("\n".join(" ".join(["w"] * n) for n in (1, 10, 11, 35)), encoding="utf-8")
    words = summarize(load_prompt_set(path))["strata"]["short"]["words"]
    assert words["histogram"] == {"1-10": 2, "11-20": 1, "21-30": 0, "31-40": 1}
    assert (words["min"], words["median"], words["mean"], words["max"]) == (1, 10.5, 14.25, 35)


def test_summary_counts_every_value_of_a_tag():
    candidates = (
        Candidate("a red cat", {"challenge": "color, count"}),
        Candidate("a dog runs", {"challenge": "count"}),
    )
    made = assemble(recipe(Share("a"), count=2), {"a": FakeSource("a", candidates)})
    assert made.manifest["strata"]["short"]["tags"] == {"challenge": {"color": 1, "count": 2}}


def test_the_yardsticks_are_described_as_a_stratum_is():
    beside = yardsticks()
    assert {name: part["count"] for name, part in beside.items()} == {"geneval": 553, "dpg-bench": 1065}
    assert beside["geneval"]["tags"]["task"]["colors"] == 94
    for part in beside.values():
        assert sum(part["words"]["histogram"].values()) == part["count"]
        assert all(sum(counts.values()) == part["count"] for counts in part["tags"].values())


def test_texts_that_come_in_another_form_count_as_published():
    edited = FakeSource("a", animals(4), sha256="0" * 64)
    edited.texts_sha256 = edited.load().texts_sha256
    made = assemble(recipe(Share("a"), count=2), {"a": edited})
    assert made.manifest["sources"]["a"]["as_published"] is True


def test_the_demo_recipe_needs_nothing_and_balances_all_six_tasks():
    made = build_prompt_set("shapes-demo")
    assert isinstance(made, PromptSet)
    for stratum, each in {"short": 4, "community": 2, "long": 2}.items():
        tasks = Counter(p.task for p in made.prompts if p.stratum == stratum)
        assert len(tasks) == 6
        assert set(tasks.values()) == {each}
    assert made == replace(build_prompt_set("shapes-demo"), manifest={})
