"""Whatever is counted is counted of the answers in force: those that were corrected last."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from click.testing import CliRunner

from nami_bench.annotator_app.admin import overview
from nami_bench.annotator_app.check_answers import check_answers_csv
from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.engine.view import View
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.cli.app import cli
from nami_bench.domain import CheckItem, CheckKind, Checks, ModelCard, Study
from nami_bench.evaluation.leaderboard.agreement import measure_agreement
from nami_bench.evaluation.leaderboard.rows import Precision
from nami_bench.pipeline.screening import annotator_checks
from nami_bench.report.contents import collect

_numbers = count()
GOLD = CheckItem(CheckKind.GOLD, "00000", ("broken",), {"relevance": (0, 30)})


@dataclass
class Annotator:
    """Somebody at work, who can go back: `said` holds tokens by kind, in order."""

    bench: Any
    name: str = "ada"
    said: dict[str, list[str]] = field(default_factory=dict)

    @property
    def session(self) -> AnnotationSession:
        return AnnotationSession(self.bench.store, self.bench.images_dir, "checked", self.name)

    def answer(self, token: str, relevance: Any, *, reasons: Any = None, duration_ms: int = 4000) -> View:
        values = {} if relevance is None else {"relevance": relevance}
        sent = Answers(f"c{next(_numbers)}", values, reasons or {}, duration_ms=duration_ms)
        return self.session.submit(token, sent)

    def work(self, most: int = 100, **values: Any) -> None:
        """Answer what comes, by kind."""
        view = self.session.state()
        for _ in range(most):
            if not view.items:
                return
            token = view.items[0].token
            kind = str(self.bench.store.annotation.assignment(token, self.name).kind)
            self.said.setdefault(kind, []).append(token)
            view = self.answer(token, values.get(kind, 50.0))


@pytest.fixture
def studied(new_bench: Callable[..., Any]) -> Callable[..., Any]:
    """`studied(**checks)`: a study "checked" of 12 images by relevance alone; the model "broken" is gold."""
    bench = new_bench("checked", strata=("short",) * 6, overlap=2)
    bench.store.catalog.add_model(ModelCard("broken", "folder"))
    for image in bench.store.images.find(models=["quokka-9b"]):
        bench.store.images.put(replace(image, model="broken"))

    def make(study: Study = bench.study, **checks: Any) -> Any:
        only = (bench.study.criteria[0],)
        changed = replace(study, name="checked", criteria=only, check_items=(GOLD,), checks=Checks(**checks))
        bench.store.studies.add(changed)
        return replace(bench, study=changed)

    return make


def repeat_differences(bench: Any) -> list[Any]:
    """How far ada's repeats differ, wherever it is told."""
    store, criteria = bench.store, bench.study.criteria
    checks = annotator_checks(store, "checked", criteria)
    agreement = measure_agreement(store.ratings.table("checked"), criteria, replicates=50, checks=checks)
    (in_csv,) = [r["value"] for r in agreement.rows() if r["statistic"] == "repeat_difference"]
    report = collect(store, Precision(replicates=50), study="checked", with_names=True)
    assert report.agreement is not None
    status = CliRunner().invoke(
        cli, ["--workspace", str(bench.workspace.root), "study", "status", "checked", "--json"]
    )
    return [
        overview(store, "checked")["annotators"][0]["repeat_difference"],
        in_csv,
        report.agreement.checks[0].repeat_difference,
        json.loads(status.stdout)["repeat_difference"]["ada"],
    ]


def test_a_corrected_repeat_counts_once_and_alike_everywhere(studied: Callable[..., Any]) -> None:
    bench = studied(repeat_every=12, repeat_distance=1)
    ada = Annotator(bench)
    ada.work(study=50.0, repeat=90.0)
    (token,) = ada.said["repeat"]
    ada.answer(token, 70.0)
    ada.answer(token, 52.0)
    assert repeat_differences(bench) == [2.0] * 4


@pytest.mark.slow
def test_a_first_answer_that_is_corrected_after_the_repeat_is_what_the_repeat_is_held_against(
    studied: Callable[..., Any],
) -> None:
    bench = studied(repeat_every=12, repeat_distance=1)
    ada = Annotator(bench)
    ada.work(study=50.0, repeat=60.0)
    for token in ada.said["study"]:
        ada.answer(token, 57.0)
    assert repeat_differences(bench) == [3.0] * 4


def test_a_repeat_that_is_taken_back_is_no_repeat(studied: Callable[..., Any]) -> None:
    bench = studied(repeat_every=5, repeat_distance=1)
    ada = Annotator(bench)
    ada.work(study=50.0, repeat=60.0)
    first, *others = ada.said["repeat"]
    ada.answer(first, None, reasons={"relevance": "prompt unclear"})
    (check,) = annotator_checks(bench.store, "checked", bench.study.criteria)
    assert check.repeats is not None
    assert (check.repeats.repeats, check.repeat_difference) == (len(others), 10.0)


def test_changed_verdicts_are_counted_as_last_corrected(studied: Callable[..., Any]) -> None:
    bench = studied()
    study = replace(bench.study, name="pairs", mode="pairwise", check_items=())
    bench.store.studies.add(replace(study, checks=Checks(repeat_every=2, repeat_distance=1)))
    own, repeats = AnnotationSession(bench.store, bench.images_dir, "pairs", "ada"), []
    view = own.state()
    while view.items:
        token = view.items[0].token
        kind = bench.store.annotation.assignment(token, "ada").kind
        if kind == "repeat":
            repeats.append(token)
        outcome = "both_bad" if kind == "repeat" else "tie"
        view = own.submit(token, Answers(f"c{next(_numbers)}", {"relevance": outcome}))
    assert len(repeats) > 1
    own.submit(repeats[0], Answers(f"c{next(_numbers)}", {"relevance": "tie"}))
    assert overview(bench.store, "pairs")["annotators"][0]["repeat_difference"] == round(
        100 * (len(repeats) - 1) / len(repeats), 2
    )


def test_a_corrected_gold_item_passes_and_only_the_answer_in_force_says_so(
    studied: Callable[..., Any],
) -> None:
    bench = studied(gold_every=4)
    ada = Annotator(bench)
    ada.work(gold=90.0)
    (token,) = ada.said["gold"]
    assert bench.store.oversight.members("checked")[0].gold_passed == 0
    ada.answer(token, 10.0)
    (report,) = bench.store.oversight.members("checked")
    assert (report.gold_passed, report.gold_seen) == (1, 1)
    rows = list(
        csv.DictReader(
            io.StringIO(check_answers_csv(bench.store.oversight.check_answers("checked")).decode())
        )
    )
    assert [(r["value"], r["passed"], r["in_force"]) for r in rows] == [
        ("90.0", "", "false"),
        ("10.0", "true", "true"),
    ]


def test_who_corrects_a_slip_did_not_give_the_same_answers(studied: Callable[..., Any]) -> None:
    bench = studied(constant=3)
    ada = Annotator(bench)
    ada.work(2, study=50.0)
    ada.answer(ada.said["study"][0], 20.0)
    ada.work(1, study=50.0)
    assert bench.store.oversight.members("checked")[0].paused is None
    ada.work(1, study=50.0)
    assert "same answers" in str(bench.store.oversight.members("checked")[0].paused)


def test_a_correction_after_a_pause_is_no_new_evidence(studied: Callable[..., Any]) -> None:
    bench = studied(constant=3, gold_every=2, gold_window=1, gold_pass=1.0)
    ada = Annotator(bench)
    ada.work(3, study=50.0, gold=50.0)
    assert bench.store.oversight.members("checked")[0].paused is not None
    bench.store.oversight.resume("checked", "ada")
    for token in ada.said["study"] + ada.said.get("gold", []):
        ada.answer(token, 60.0)
    ada.work(1, study=60.0)
    assert bench.store.oversight.members("checked")[0].paused is None


def test_the_time_of_a_rating_is_that_of_the_item_not_of_the_look_back(studied: Callable[..., Any]) -> None:
    bench = studied()
    ada = Annotator(bench)
    ada.work(1, study=50.0)
    ada.answer(ada.said["study"][0], 60.0, duration_ms=300)
    (rating,) = bench.store.ratings.all("checked")
    assert (rating.value, rating.duration_ms) == (60.0, 4000)
    agreement = measure_agreement(bench.store.ratings.table("checked"), bench.study.criteria, replicates=50)
    assert agreement.annotators[0].median_seconds == 4.0
    assert bench.store.oversight.members("checked")[0].median_ms == 4000
