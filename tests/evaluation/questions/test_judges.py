"""What every judge says of itself, whether or not its weights are here."""

import inspect
from dataclasses import is_dataclass

import pytest

from nami_bench import registry
from nami_bench.evaluation.questions.judge import Reading


@pytest.mark.parametrize("name", sorted(registry.plugins("judges")))
def test_a_judge_is_as_the_protocol_has_it(name):
    pytest.importorskip("torch")
    judge = registry.load("judges", name)
    assert isinstance(judge.reading, Reading)
    for said in ("identity", "runs_on", "libraries"):
        assert hasattr(judge, said), said
    assert list(inspect.signature(judge.answer).parameters) == ["self", "sheets"]
    assert inspect.getdoc(judge) and inspect.getdoc(judge.answer)
    assert not hasattr(judge, "Options") or (is_dataclass(judge.Options) and inspect.getdoc(judge.Options))


def test_four_kinds_are_there():
    assert {"mplug", "openai", "shapes", "transformers"} <= registry.plugins("judges").keys()
