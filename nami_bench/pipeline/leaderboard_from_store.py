"""The leaderboard of what a workspace holds."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nami_bench.domain import GROUP, SELECTION, ImageRecord, ImageState, Prompt, Score, SetScore
from nami_bench.domain.study import Mode, Study
from nami_bench.errors import InputError
from nami_bench.evaluation.human.ratings_array import RatingsArray
from nami_bench.evaluation.human.scores import model_scores
from nami_bench.evaluation.human.table import ratings_table
from nami_bench.evaluation.leaderboard.automatic import (
    automatic_columns,
    automatic_score,
    automatic_set_score,
)
from nami_bench.evaluation.leaderboard.human import (
    finished,
    human_row,
    in_stratum,
    of_prompts,
    of_samples,
    total_cautions,
    with_fewer_samples,
)
from nami_bench.evaluation.leaderboard.left_out import LeftOut
from nami_bench.evaluation.leaderboard.origins import (
    InstrumentOrigin,
    instrument_origin,
    mixed_answers,
    mixtures,
    model_origin,
    unlike_rewriting,
)
from nami_bench.evaluation.leaderboard.rows import (
    DEFAULT_PRECISION,
    AutomaticColumn,
    AutomaticScore,
    Leaderboard,
    LeaderboardRow,
    Precision,
    PromptOrigin,
    Status,
)
from nami_bench.evaluation.leaderboard.speed import Prices, speeds
from nami_bench.evaluation.leaderboard.uncertainty import with_uncertainty
from nami_bench.pipeline.early_end import adaptive_overlap
from nami_bench.pipeline.prompt_origins import prompt_origin
from nami_bench.pipeline.screening import left_out

if TYPE_CHECKING:
    import pandas as pd

    from nami_bench.store import Store


def leaderboard_from_store(
    store: "Store",
    *,
    study: str | None = None,
    prompt_set: str | None = None,
    stratum: str | None = None,
    sort: str | None = None,
    precision: Precision | None = DEFAULT_PRECISION,
    by: Sequence[str] = (),
    without: Sequence[str] = (),
    raters: Mapping[str, str] | None = None,
    samples: int | None = None,
    table: "pd.DataFrame | None" = None,
    models: Sequence[str] = (),
    prices: Prices | None = None,
) -> Leaderboard:
    """The leaderboard of a study: human scores, and the automatic ones of its models, ranked by `sort`.

    Which study: see `choose_study`; where there is none the leaderboard has automatic scores only, of all
    models. `prompt_set` limits the automatic scores to that set, `stratum` limits everything to its prompts;
    scores of whole sets of images are left out then. `precision` is that of the intervals (None: without),
    `by` divides the prompts: see `with_uncertainty`.
    `without` names annotators whose ratings do not count, beside those whom the store excludes; `raters`:
    only those of who said so of themselves count (see `raters_who_said`). Only the first `samples` of each
    prompt count (None: all), and no score of a whole set of images that has more.
    `table`: the study's (see `Ratings.table`), where it was read already. `models`: no study, but the
    automatic scores of these alone. `prices`: what images cost. Speeds are of all images of the models that
    records say the times of, whatever else is limited.

    Raises UnknownNameError for an unknown study, set, stratum, column or model with a price, InputError where
    the study is on another prompt set, or where there is nothing to show.
    """
    chosen = None if models else choose_study(store, study, prompt_set)
    found = _collect(store, chosen, prompt_set, stratum, samples, tuple(models))
    if table is None:
        table = ratings_table([]) if chosen is None else store.ratings.table(chosen.name)
    if chosen is None and raters:
        raise InputError("--raters chooses among the annotators of a study, and there is none")
    gone = LeftOut(tuple(without)) if chosen is None else left_out(store, chosen.name, without, raters)
    table, cautions = gone.ratings(table)
    most = max(found.samples.values(), default=0)
    table, limited = of_samples(table, samples, most)
    cautions += limited
    if chosen is not None and chosen.images_shown > 1:
        what = "compares pairs of images" if chosen.images_shown == 2 else "puts images in order"
        cautions += (f"study {chosen.name} {what}: its verdicts are not scores and not here",)
    ratings = None
    if chosen is None:
        if not found.models:
            raise InputError(f"no model has images of the stratum {stratum!r}: there is nothing to rank")
        rows = [LeaderboardRow(model, Status.MEASURED) for model in found.models]
    else:
        table = of_prompts(table, found.prompts[chosen.prompt_set])
        ratings = RatingsArray.from_table(table, chosen.criteria, chosen.models)
        expected = min(chosen.samples, samples or chosen.samples)
        rows = _human_rows(found, ratings, chosen, expected)
        cautions += (*total_cautions(ratings), *adaptive_overlap(chosen))
    columns = automatic_columns(found.scores, found.set_scores, found.prompts, found.origins)
    cards = {card.name: card for card in store.catalog.models()}
    origins = {row.model: model_origin(cards[row.model], found.images_of(row.model)) for row in rows}
    cautions += tuple(unlike_rewriting(list(origins.values())))
    level = (precision or DEFAULT_PRECISION).level
    if prices is not None:
        prices.check(row.model for row in rows)
    board = Leaderboard(
        rows=tuple(
            with_fewer_samples(
                replace(
                    _with_automatic(row, columns, found, level),
                    parameters=cards[row.model].parameters,
                    prompt_rewriting=" and ".join(origins[row.model].prompt_rewriting) or None,
                ),
                samples,
                found.samples.get(row.model, 0),
            )
            for row in rows
        ),
        criteria=chosen.criteria if chosen else (),
        automatic=columns,
        study=chosen.name if chosen else None,
        stratum=stratum,
        prompt_sets=found.hashes,
        prompt_origins=found.origins,
        cautions=cautions,
        samples=samples,
        models=tuple(origins.values()),
        instruments=tuple(_instrument(column, found) for column in columns),
        speeds=speeds({row.model: found.timed.get(row.model, ()) for row in rows}, prices),
        prices_in=prices.note if prices is not None else None,
        rated_prompts=chosen.prompt_set if chosen else None,
        automatic_level=level,
    )
    ranked = finished(board, table, sort)
    if ratings is None or chosen is None or precision is None:
        return ranked
    return with_uncertainty(ranked, ratings, precision, found.prompts[chosen.prompt_set].values(), by)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the store holds of a leaderboard's models and prompts.

    `prompts`: by set and id. `hashes`: canonical SHA-256 of the sets. `images`: by model and prompt set.
    `samples`: by model, how many a prompt has, whether they count or not. `timed`: by model, all images of
    which it is known when they were made, whatever part of the prompts or samples is asked for.
    """

    models: tuple[str, ...]
    prompts: Mapping[str, Mapping[str, Prompt]]
    hashes: Mapping[str, str]
    origins: Mapping[str, PromptOrigin]
    images: Mapping[tuple[str, str], Sequence[ImageRecord]]
    scores: Sequence[Score]
    set_scores: Sequence[SetScore]
    samples: Mapping[str, int]
    timed: Mapping[str, Sequence[ImageRecord]]

    def images_of(self, model: str) -> list[ImageRecord]:
        """The model's images of all prompt sets."""
        return [record for (name, _), records in self.images.items() if name == model for record in records]

    def scores_in(self, column: AutomaticColumn) -> Sequence[Score | SetScore]:
        """All models' scores in a column."""
        return [s for s in (self.set_scores if column.of_sets else self.scores) if column.holds(s)]


def choose_study(
    store: "Store", name: str | None, prompt_set: str | None = None, *, asks: bool = False
) -> Study | None:
    """A study; `asks`: one that asks questions will do too, whose answers are no scores of models.

    Without a name it is the newest that has ratings, else the newest, among those on `prompt_set` where
    that is given; None where there is none. Raises UnknownNameError for an unknown study or set,
    InputError where the named study is on another set, or asks questions and must not.
    """
    if prompt_set is not None:
        store.catalog.prompt_set(prompt_set)  # refuses an unknown name
    if name is not None:
        study = store.studies.get(name)
        if prompt_set not in (None, study.prompt_set):
            raise InputError(
                f"study {name!r} is on the prompt set {study.prompt_set!r}, not on {prompt_set!r}"
            )
        if study.mode == Mode.QUESTIONS and not asks:
            raise InputError(
                f"study {name!r} asks questions, whose answers are no scores of models: see `nami-bench "
                f"agreement --study {name}` and `nami-bench evaluate --audit --study {name}`"
            )
        return study
    newest_first = [
        study
        for study in reversed(store.studies.all())
        if prompt_set in (None, study.prompt_set) and (asks or study.mode != Mode.QUESTIONS)
    ]
    rated = (study for study in newest_first if store.ratings.exist(study.name))
    return next(rated, newest_first[0] if newest_first else None)


def _collect(
    store: "Store",
    study: Study | None,
    prompt_set: str | None,
    stratum: str | None,
    samples: int | None,
    among: tuple[str, ...],
) -> _Found:
    models = study.models if study else among or None
    scores = store.scores.find(models=models, prompt_set=prompt_set)
    set_scores = store.scores.of_sets(models=models, prompt_set=prompt_set) if stratum is None else []
    if study is None and not scores and not set_scores:
        raise InputError("there is nothing to rank yet: run `nami-bench evaluate`, or create a study")
    scored = {score.prompt_set for score in scores} | {score.prompt_set for score in set_scores}
    names = sorted(scored | ({study.prompt_set} if study else set()))
    sets = [store.catalog.prompt_set(name) for name in names]
    prompts = in_stratum(sets, stratum)
    images = defaultdict(list)
    most: dict[str, int] = defaultdict(int)
    cut: set[tuple[str, str]] = set()
    timed = defaultdict(list)
    for record in store.images.find(models=models, prompt_set=prompt_set):
        if "started" in record.provenance:
            timed[record.model].append(record)
        if record.prompt_id not in prompts.get(record.prompt_set, {}):
            continue
        most[record.model] = max(most[record.model], record.sample + 1)
        if samples is None or record.sample < samples:
            images[record.model, record.prompt_set].append(record)
        else:
            cut.add((record.model, record.prompt_set))
    return _Found(
        models=models or tuple(dict.fromkeys(model for model, _ in images)),
        prompts=prompts,
        hashes={prompt_set.name: prompt_set.sha256 for prompt_set in sets},
        origins={prompt_set.name: prompt_origin(prompt_set) for prompt_set in sets},
        images=images,
        scores=[
            score
            for score in scores
            if score.prompt_id in prompts[score.prompt_set]
            and (samples is None or score.sample < samples)
            # A value that depends on the group of its image says nothing of a part of it.
            and not (GROUP in score.details and (score.model, score.prompt_set) in cut)
        ],
        set_scores=[score for score in set_scores if (score.model, score.prompt_set) not in cut],
        samples=most,
        timed=timed,
    )


def _human_rows(found: _Found, ratings: RatingsArray, study: Study, samples: int) -> list[LeaderboardRow]:
    """A row for each model of the study, rated or not; the first `samples` of each prompt are expected."""
    expected = len(found.prompts[study.prompt_set]) * samples
    rows = []
    for scores in model_scores(ratings):
        recorded = found.images.get((scores.model, study.prompt_set), ())
        records = [record for record in recorded if record.sample < samples]
        lost = {"failed or refused": _failed(records), "not made": expected - len(records)}
        rows.append(human_row(scores, study.criteria, expected, lost, study.overlap))
    return rows


def _with_automatic(
    row: LeaderboardRow, columns: Sequence[AutomaticColumn], found: _Found, level: float
) -> LeaderboardRow:
    """`row` with the model's automatic scores, its failed images, and what is missing."""
    automatic: dict[str, AutomaticScore] = {}
    gaps = [*_selections(row.model, found), *row.gaps, *mixtures(found.images_of(row.model))]
    for column in columns:
        score = _score(row.model, column, found, level)
        if score is None:
            continue
        automatic[column.key] = score
        if score.images != score.expected:
            gaps.append(f"{column.metric} on {column.prompt_set} by {column.instrument}: "
                        f"{score.images} of {score.expected} images scored")  # fmt: skip
        if mixed := mixed_answers(s for s in found.scores if s.model == row.model and column.holds(s)):
            gaps.append(f"{column.metric} on {column.prompt_set} by {column.instrument}: {mixed}")
    failed = sum(_failed(records) for (model, _), records in found.images.items() if model == row.model)
    return replace(row, automatic=automatic, images_failed=failed, gaps=tuple(gaps))


def _instrument(column: AutomaticColumn, found: _Found) -> InstrumentOrigin:
    scores = found.scores_in(column)
    return instrument_origin(column.metric, column.prompt_set, column.instrument, scores)


def _score(model: str, column: AutomaticColumn, found: _Found, level: float) -> AutomaticScore | None:
    """The model's score in the column, None where it has none."""
    records = found.images.get((model, column.prompt_set), ())
    prompts = found.prompts[column.prompt_set]
    if column.of_sets:
        of_set = [s for s in found.set_scores if s.model == model and column.holds(s)]
        return automatic_set_score(column, of_set[0], records, prompts) if of_set else None
    scores = [s for s in found.scores if s.model == model and column.holds(s)]
    return automatic_score(column, scores, records, prompts, level) if scores else None


def _selections(model: str, found: _Found) -> Iterator[str]:
    """Of each prompt set of which only a chosen part was to be made: as "80 of 553 prompts, balanced over
    tasks"."""
    for (of_model, name), records in found.images.items():
        made, prompts = len({record.prompt_id for record in records}), len(found.prompts[name])
        words = {record.provenance.get(SELECTION) for record in records}
        if of_model == model and made < prompts and None not in words:
            yield f"{name}: {made} of {prompts} prompts, {' and '.join(sorted(map(str, words)))}"


def _failed(records: Sequence[ImageRecord]) -> int:
    return sum(record.state is not ImageState.DONE for record in records)
