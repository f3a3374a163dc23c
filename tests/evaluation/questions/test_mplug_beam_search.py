"""mPLUG's beam search where its steps can be followed by hand."""

import math

import pytest

pytest.importorskip("torch")

import torch

from nami_bench.evaluation.questions.judges.mplug.beam_search import END, START, Search, beam_search

WORDS = 110
YES, NO = 5, 6


def network(*tables):
    """For each question the probabilities of the next token by the tokens so far, START left out."""
    beams_said = []

    def next_logits(tokens, rows, place):
        said = [beams_said[row] if place else () for row in rows.tolist()]
        beams_said[:] = [(*before, token) for before, token in zip(said, tokens.tolist(), strict=True)]
        probabilities = torch.full((len(tokens), WORDS), 1e-12)
        for row, before in enumerate(beams_said):
            table = tables[row * len(tables) // len(tokens)]
            for token, probability in table.get(before[1:], {END: 1.0}).items():
                probabilities[row, token] = probability
        return probabilities.log()

    return next_logits


def search(*tables, beams=2, min_length=1, max_length=10):
    return beam_search(
        network(*tables), len(tables), Search(min_length, max_length, beams), torch.device("cpu")
    )


def length_divisor(tokens):
    return ((5 + tokens) / 6) ** 0.6


def test_scores_are_log_probabilities_over_the_lengths_divisor():
    ((best, other),) = search({(): {YES: 0.7, NO: 0.3}, (NO,): {NO: 1.0}})
    assert best.tokens == (START, YES, END)
    assert best.score == pytest.approx(math.log(0.7) / length_divisor(2), rel=1e-4)
    # It had not ended when the best did.
    assert other.tokens == (START, NO, NO)
    assert other.score == pytest.approx(math.log(0.3) / length_divisor(2), rel=1e-4)


def test_an_answer_that_ended_stays_among_the_beams():
    """Its place is not given to a third; and it is extended behind its end."""
    table = {
        (): {YES: 0.5, NO: 0.4, 7: 0.1},
        (YES,): {YES: 0.9, END: 0.1},
        (YES, YES): {YES: 1.0},
        (NO,): {END: 1.0},
        (NO, END): {YES: 1.0},
        (NO, END, YES): {END: 1.0},
        (YES, YES, YES): {END: 1.0},
    }
    (found,) = search(table)
    assert [one.tokens for one in found] == [
        (START, YES, YES, YES, END),
        (START, NO, END, YES, END),
        (START, NO, END),
    ]


def test_no_answer_ends_before_the_shortest_length_and_all_end_at_the_longest():
    ((best, _),) = search({(): {END: 0.9, YES: 0.1}})
    assert best.tokens[:2] != (START, END)
    (found,) = search({(): {END: 0.9, YES: 0.1}}, min_length=0)
    assert found[0].tokens == (START, END)
    endless = {tuple([YES] * n): {YES: 0.9, NO: 0.1} for n in range(9)}
    (found,) = search(endless, max_length=3)
    assert found[0].tokens == (START, YES, YES, YES)
    assert len(found) >= 2


def test_each_question_ends_by_itself():
    quick = {(): {YES: 0.7, NO: 0.3}, (NO,): {NO: 1.0}}
    slow = {tuple([NO] * n): {NO: 0.8, END: 0.2} for n in range(9)}
    together = search(quick, slow, quick)
    assert together[0] == together[2] == search(quick)[0]
    assert together[1] == search(slow)[0]


def test_a_question_without_finite_logits_has_no_answer_and_harms_no_other():
    sound = {(): {YES: 0.7, NO: 0.3}}
    broken = {(): {YES: 0.7, NO: 0.3}, (YES,): {END: math.nan}}
    assert search(broken, sound) == [None, search(sound)[0]]
