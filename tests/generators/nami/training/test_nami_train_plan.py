"""Configuration files, resolution shares and loss weights."""

from pathlib import Path

import pytest

from nami_bench.errors import InputError
from nami_bench.generators.nami.training.config import load_train_config
from nami_bench.generators.nami.training.shares import StageWeights, shares_at, stage_counts

PLAN = ((4, 2, 1), (2, 4, 1), (1, 2, 4))


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0.0, (4, 2, 1)), (0.5, (2, 4, 1)), (1.0, (1, 2, 4)), (0.25, (3, 3, 1)), (0.75, (1.5, 3, 2.5))],
)
def test_shares_move_through_the_plan(progress: float, expected: tuple[float, ...]) -> None:
    assert shares_at(PLAN, progress) == pytest.approx([part / 7 for part in expected])


@pytest.mark.parametrize("batch", range(3, 40))
@pytest.mark.parametrize("progress", [0.0, 0.3, 0.6, 1.0])
def test_counts_use_the_whole_batch_and_leave_out_no_stage(batch: int, progress: float) -> None:
    shares = shares_at(PLAN, progress)
    counts = stage_counts(shares, batch)
    assert sum(counts) == batch
    assert min(counts) >= 1
    if batch >= 14:
        assert all(abs(count - share * batch) < 1 for count, share in zip(counts, shares, strict=True))


def test_a_stage_without_a_share_gets_nothing() -> None:
    assert stage_counts((0.0, 0.5, 0.5), 5) in [(0, 2, 3), (0, 3, 2)]
    with pytest.raises(InputError, match="cannot be shared among 3 stages"):
        stage_counts((0.4, 0.3, 0.3), 2)


def test_weights_even_out_the_stages_losses() -> None:
    weights = StageWeights(3, power=1.0, decay=0.5)
    assert weights.weights() == (1.0, 1.0, 1.0)
    for _ in range(30):
        weights.update([4.0, 2.0, None])
    assert weights.weights() == (1.0, 1.0, 1.0)  # stage 2 has not been seen
    weights.update([4.0, 2.0, 1.0])
    found = weights.weights()
    assert sum(found) == pytest.approx(3.0)
    assert [w * loss for w, loss in zip(found, (4.0, 2.0, 1.0), strict=True)] == pytest.approx([12 / 7] * 3)
    assert StageWeights(3, power=0.0, averages=[4.0, 2.0, 1.0]).weights() == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("stage_singleblock_index = [1, 1, 2]", "stage_singleblock_index = [1, 3, 2]", "must not decrease"),
        ("stage_singleblock_index = [1, 1, 2]", "stage_singleblock_index = [1, 2]", "shares have 3 numbers"),
        ("steps = 6", "steps = 0", "steps 0 must be at least 1"),
        ("learning_rate = 1e-3", "learning_rate = -1.0", "must be positive"),
        ("learning_rate = 1e-3", "learning_rat = 1e-3", "train.learning_rat: unknown key"),
        ("learning_rate = 1e-3", "shares = [[1, 2]]", "shares have 2 numbers"),
        ("[bridge]", '[data]\nkind = "folder"\n[bridge]', "needs a path"),
        ("[bridge]", "[bridge]\nkind = 'magic'", "bridge.kind"),
        (
            "[bridge]",
            "[data]\ntask_shares = {counts = 1}\n[bridge]",
            "no task 'counts'; known: single_object",
        ),
        ("[bridge]", "[data]\ntask_shares = {colors = -1}\n[bridge]", "must not be negative, nor all zero"),
        ("[bridge]", "[data]\ntask_shares = {}\n[bridge]", "must not be negative, nor all zero"),
        ("[model]", "[model]\nstage_range = [0, 1]", "stage_range has 1 windows"),
        ("[model]", "[model", "is not TOML"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_in_words(
    toy_file: Path, old: str, new: str, words: str
) -> None:
    toy_file.write_text(toy_file.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=words.replace("[", r"\[")):
        load_train_config(toy_file)


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.toml"):
        load_train_config(tmp_path / "none.toml")


def test_paths_start_from_the_file(toy_file: Path) -> None:
    text = toy_file.read_text().replace("[bridge]", '[data]\nkind = "folder"\npath = "images"\n[bridge]', 1)
    toy_file.write_text(text)
    assert load_train_config(toy_file).data.path == toy_file.parent / "images"
