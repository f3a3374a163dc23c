"""Parts of a set that are balanced at any size, and grow without being redrawn."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nami_bench.balance import balanced_order
from nami_bench.domain import GENEVAL_TASKS, Prompt
from nami_bench.errors import InputError
from nami_bench.pipeline.selection import FIRST, select_prompts
from nami_bench.prompts.geneval import geneval_prompt_set

GENEVAL = geneval_prompt_set().prompts


@pytest.mark.parametrize("limit", [6, 40, 80, 300])
def test_a_limit_takes_equally_many_of_each_geneval_task(limit: int) -> None:
    chosen = select_prompts(GENEVAL, limit=limit)
    counts = Counter(prompt.task for prompt in chosen.prompts)
    assert set(counts) == set(GENEVAL_TASKS)
    assert sum(counts.values()) == limit
    assert max(counts.values()) - min(counts.values()) <= 1
    assert chosen.words == "balanced over tasks"
    assert [p.id for p in chosen.prompts] == sorted(p.id for p in chosen.prompts)


@pytest.mark.slow
@given(st.integers(1, 553), st.integers(1, 553), st.integers(0, 5))
def test_a_smaller_limit_is_within_a_larger_one(one: int, other: int, seed: int) -> None:
    small, large = (select_prompts(GENEVAL, limit=n, seed=seed).prompts for n in sorted((one, other)))
    assert len(small) == min(one, other)
    assert {p.id for p in small} <= {p.id for p in large}


def test_the_seed_decides_which_prompts_and_nothing_else_does() -> None:
    first, second = (select_prompts(GENEVAL, limit=60, seed=seed).prompts for seed in (0, 1))
    assert first == select_prompts(tuple(reversed(GENEVAL)), limit=60, seed=0).prompts[::-1]
    assert 0 <= len({p.id for p in first} & {p.id for p in second}) < 30


def test_strata_come_before_tasks_and_sources_tell_prompts_without_a_task_apart() -> None:
    short = [*GENEVAL, *(Prompt("", f"everyday {i}", "short", "everyday") for i in range(20))]
    long = [Prompt("", f"long {i}", "long", source) for source in ("a", "b") for i in range(200)]
    prompts = [
        Prompt(f"{i:05d}", p.text, p.stratum, p.source, geneval=p.geneval)
        for i, p in enumerate([*short, *long])
    ]
    chosen = select_prompts(prompts, limit=84)
    assert Counter(p.stratum for p in chosen.prompts) == {"short": 42, "long": 42}
    assert set(Counter((p.task or p.source) for p in chosen.prompts if p.stratum == "short").values()) == {6}
    assert Counter(p.source for p in chosen.prompts if p.stratum == "long") == {"a": 21, "b": 21}
    assert chosen.words == "balanced over strata and tasks and sources"


def test_few_prompts_of_several_strata_hold_every_task_all_the_same() -> None:
    strata = ("short", "community", "long")
    prompts = [
        Prompt(f"{i:05d}", "p", strata[i % 3], geneval={"tag": GENEVAL_TASKS[i // 3 % 6]}) for i in range(72)
    ]
    for limit, most in ((6, 1), (12, 2), (18, 3)):
        chosen = select_prompts(prompts, limit=limit).prompts
        assert set(Counter(p.stratum for p in chosen).values()) == {limit // 3}
        assert Counter(p.task for p in chosen) == dict.fromkeys(GENEVAL_TASKS, most)


def test_a_kind_that_is_used_up_leaves_its_turns_to_the_others() -> None:
    things = [f"{kind}{i}" for kind, count in (("a", 2), ("b", 50), ("c", 50)) for i in range(count)]
    order = balanced_order(things, lambda thing: (thing[0],), str, 7)
    assert sorted(order) == sorted(things)
    assert Counter(thing[0] for thing in order[:42]) == {"a": 2, "b": 20, "c": 20}


def test_the_first_are_the_first_and_all_are_no_selection() -> None:
    assert select_prompts(GENEVAL, first=3).prompts == tuple(GENEVAL[:3])
    assert select_prompts(GENEVAL, first=3).words == FIRST
    for whole in (
        select_prompts(GENEVAL),
        select_prompts(GENEVAL, limit=553),
        select_prompts(GENEVAL, first=900),
    ):
        assert (whole.prompts, whole.words, whole.provenance) == (tuple(GENEVAL), None, {})
    alike = [Prompt(f"{i:05d}", "p") for i in range(9)]
    assert select_prompts(alike, limit=4).words == "drawn at random"


def test_wrong_numbers_and_both_at_once_are_refused() -> None:
    for wrong in ({"limit": 0}, {"first": 0}):
        with pytest.raises(InputError, match="must be at least 1, got 0"):
            select_prompts(GENEVAL, **wrong)
    with pytest.raises(InputError, match="--limit for a balanced part of the prompts or --first"):
        select_prompts(GENEVAL, limit=3, first=3)
