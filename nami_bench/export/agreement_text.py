"""Agreement as tables of text cells and as CSV."""

from collections.abc import Iterator, Mapping

from nami_bench.domain.english import with_interval
from nami_bench.evaluation.leaderboard.agreement import Agreement
from nami_bench.evaluation.leaderboard.coefficients import ICC_FORMS, CriterionAgreement
from nami_bench.export.spreadsheet import csv_table
from nami_bench.export.text import TextTable

COLUMNS = ("criterion", "model", "annotator", "statistic", "value", "low", "high", "n", "level")


def agreement_tables(agreement: Agreement) -> Iterator[TextTable]:
    """Agreement by criterion, annotators beside each other, and what hangs on each of them."""
    kappa = any(one.kappa.value is not None for one in agreement.criteria)
    columns = (f"alpha ({agreement.level})", "images", *(("Fleiss' kappa",) * kappa), *ICC_FORMS)
    yield _table(
        "Agreement",
        ("criterion", *columns),
        [(found.criterion, *_coefficients(found, kappa=kappa)) for found in agreement.criteria],
    )
    if agreement.models:
        yield _table(
            "Agreement by model",
            ("model", "criterion", *columns),
            [
                (one.model, found.criterion, *_coefficients(found, kappa=kappa))
                for one in agreement.models
                for found in one.criteria
            ],
            texts=2,
        )
    yield _table(
        "Annotators: work",
        ("annotator", "images", "values", "could not judge", "seconds on an image"),
        [
            (w.annotator, str(w.images), str(w.values), str(w.withheld), _number(w.median_seconds, 1))
            for w in agreement.annotators
        ],
    )
    if any(check.gold_seen or check.repeats or check.screened_out for check in agreement.checks):
        yield _checks_table(agreement)
    for name, title, decimals in (
        ("correlation", "Annotators: correlation with the mean of the others", 2),
        ("severity", "Annotators: points above the mean of the others", 1),
        ("spread", "Annotators: spread, 1 is that of the others", 2),
    ):
        yield _table(
            title,
            ("annotator", *(found.criterion for found in agreement.criteria)),
            [
                (work.annotator, *(_number(getattr(s, name), decimals) for s in work.summaries))
                for work in agreement.annotators
            ],
        )
    if agreement.without:
        yield _table(
            "Without one annotator",
            ("annotator", "leads then", "places moved"),
            [
                (
                    w.annotator,
                    ", ".join(w.first),
                    ", ".join(f"{m} {by:+d}" for m, by in w.moved.items()) or "none",
                )
                for w in agreement.without
            ],
            texts=3,
        )


def _coefficients(found: CriterionAgreement, *, kappa: bool) -> tuple[str | None, ...]:
    alpha, of_kappa = found.alpha, found.kappa
    cells = [with_interval(alpha.alpha, alpha.low, alpha.high), str(alpha.units)]
    if kappa:
        cells.append(with_interval(of_kappa.value, of_kappa.low, of_kappa.high))
    return *cells, *(
        with_interval(found.icc[f].value, found.icc[f].low, found.icc[f].high) for f in ICC_FORMS
    )


def _checks_table(agreement: Agreement) -> TextTable:
    rows: list[tuple[str | None, ...]] = []
    for check in agreement.checks:
        again = check.repeats
        rows.append(
            (
                check.annotator,
                check.screened_out or "no",
                f"{check.gold_passed}/{check.gold_seen}" if check.gold_seen else None,
                None if again is None else str(again.repeats),
                None if again is None else f"{again.difference:.1f}",
                None if again is None or again.drift is None else f"{again.drift:+z.1f}",
            )
        )
    columns = ("annotator", "screened out", "gold passed", "repeated values", "mean change", "drift")
    return _table("Annotators: planted items", columns, rows, texts=2)


def agreement_notes(agreement: Agreement) -> Iterator[str]:
    """How to read the numbers, and what they rest on."""
    if agreement.simulated_annotators:
        yield (
            f"SIMULATED: {agreement.simulated_annotators} of {len(agreement.annotators)} annotators are "
            "programs in the place of people."
        )
    yield from agreement.left_out
    screened = sum(check.screened_out is not None for check in agreement.checks)
    if screened:
        yield (
            f"{_counted(screened, 'annotator')} got no more work, for the reasons above; what they had rated "
            "counts unless it is left out (nami-bench leaderboard --without NAME)."
        )
    counts = ", ".join(f"{images} by {number}" for number, images in agreement.images_by_ratings.items())
    yield (
        f"{_counted(len(agreement.annotators), 'annotator')} gave {_counted(agreement.values, 'value')} on "
        f"{_counted(agreement.images, 'image')} and could not judge {agreement.withheld} times; images by "
        f"number of annotators: {counts}."
    )
    yield (
        f"alpha: Krippendorff's, {agreement.level} level, images as units, 95% intervals by resampling "
        "images. ICC(1,1): of one annotator, whoever it is; ICC(2,1): of one of a sample of annotators, "
        "absolute agreement; ICC(2,k): of the mean of all."
    )
    if any(one.kappa.value is not None for one in agreement.criteria):
        yield (
            "Fleiss' kappa: values as categories without an order, so that a near miss counts as much as any "
            "other; 95% intervals by resampling images."
        )
    reversal = agreement.reversal
    if reversal is not None:
        pair = f"{reversal.first} leads {reversal.second} by {reversal.difference:.2f} points"
        if reversal.dropped is None:
            yield f"{pair}: leaving prompts out does not turn that round."
        else:
            yield (
                f"{pair}: without the {reversal.dropped} of {reversal.units} prompts that favour it most, it "
                "would not."
            )
    yield from agreement.notes


def agreement_csv(agreement: Agreement) -> bytes:
    """Long form (see `Agreement.rows`): RFC 4180, UTF-8, one header."""
    return csv_table(COLUMNS, ([row[name] for name in COLUMNS] for row in agreement.rows()), decimals=6)


def _table(
    title: str, columns: tuple[str, ...], rows: list[tuple[str | None, ...]], texts: int = 1
) -> TextTable:
    return TextTable(title, columns, tuple(rows), frozenset(columns[texts:]), frozenset(columns[:1]))


def _moved(moved: Mapping[str, int]) -> str:
    return ", ".join(f"{model} {places:+d}" for model, places in moved.items()) or "none"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _number(value: float | None, decimals: int) -> str | None:
    return None if value is None else f"{value:z.{decimals}f}"
