"""A prompt set of any size: what is drawn of it does not depend on how many are asked for, and no step holds
more of it than it must."""

import random
import tracemalloc
from pathlib import Path

import pytest

from nami_bench.balance import balanced_order
from nami_bench.domain import Prompt, PromptSet, prompt_id
from nami_bench.pipeline import select_prompts
from nami_bench.store import Store

MANY = 20_000
DRAWN = ["00005", "00031", "00070", "00195", "00222", "00296"]


@pytest.fixture
def many() -> PromptSet:
    return PromptSet("many", tuple(Prompt(prompt_id(n), f"a cat and {n} mats") for n in range(MANY)))


@pytest.mark.slow
def test_recording_and_reading_hold_no_object_for_each_prompt(many: PromptSet, tmp_path: Path) -> None:
    assert many.sha256  # computed before memory is counted
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        tracemalloc.start()
        try:
            store.catalog.add_prompt_set(many)
            recording = tracemalloc.get_traced_memory()[1]
            store.catalog.add_prompt_set(many)
            again = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert store.catalog.prompt_set("many") == many
    assert recording < MANY * 1000 and again < MANY * 1000  # bytes; an object of the session takes 4 kB


@pytest.mark.parametrize("limit", [1, 2, 7, 50, 400])
def test_a_few_of_many_are_the_first_of_all_in_their_order(limit: int) -> None:
    dice = random.Random(limit)
    names = [f"{dice.randrange(200):05d}" for _ in range(400)]  # some twice
    things = [(name, dice.choice("abc"), dice.choice("xyz")) for name in names]
    whole = balanced_order(things, lambda thing: thing[1:], lambda thing: thing[0], 5)
    few = balanced_order(things, lambda thing: thing[1:], lambda thing: thing[0], 5, limit)
    assert few == whole[:limit]


def test_which_prompts_a_seed_draws_never_changes() -> None:
    """Images were made of them."""
    prompts = [
        Prompt(prompt_id(n), f"p{n}", stratum=("short", "long")[n % 2], source="abc"[n % 3])
        for n in range(300)
    ]
    drawn = [prompt.id for prompt in select_prompts(prompts, limit=6, seed=7).prompts]
    assert drawn == DRAWN
