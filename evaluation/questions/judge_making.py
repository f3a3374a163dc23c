"""Judges by their names, with what a benchmark asks of them."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from nami_bench import registry
from nami_bench.evaluation.questions.judge import Judge


def create_judge(name: str, usual: Mapping[str, Any], options: Mapping[str, Any]) -> Judge:
    """The judge with `options`, and of the benchmark's `usual` ones those that it takes and these leave open.

    Raises InputError for options that it does not take.
    """
    taken = getattr(registry.load("judges", name), "Options", None)
    names = {option.name for option in fields(taken)} if taken else set()
    known = {key: value for key, value in usual.items() if key in names}
    judge: Judge = registry.create("judges", name, {**known, **options})
    return judge
