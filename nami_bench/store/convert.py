"""Between rows and domain values: the one place that knows both."""

from nami_bench.domain import (
    Annotator,
    Criterion,
    ImageRecord,
    ImageState,
    ModelCard,
    Prompt,
    PromptSet,
    Rating,
    Role,
    Score,
    SetScore,
    Study,
)
from nami_bench.store.tables import (
    AnnotatorRow,
    CriterionRow,
    ImageRow,
    ModelRow,
    PromptRow,
    PromptSetRow,
    RatingRow,
    ScoreRow,
    SetScoreRow,
    StudyRow,
)


def prompt(row: PromptRow) -> Prompt:
    return Prompt(
        id=row.prompt_id,
        text=row.text,
        stratum=row.stratum,
        source=row.source,
        tags=row.tags,
        geneval=row.geneval,
    )


def prompt_row(value: Prompt) -> PromptRow:
    return PromptRow(
        prompt_id=value.id,
        text=value.text,
        stratum=value.stratum,
        source=value.source,
        tags=dict(value.tags),
        geneval=None if value.geneval is None else dict(value.geneval),
    )


def prompt_set(row: PromptSetRow) -> PromptSet:
    return PromptSet(name=row.name, prompts=tuple(map(prompt, row.prompts)), manifest=row.manifest)


def prompt_set_row(value: PromptSet) -> PromptSetRow:
    return PromptSetRow(
        name=value.name,
        sha256=value.sha256,
        manifest=dict(value.manifest),
        prompts=[prompt_row(p) for p in value.prompts],
    )


def model(row: ModelRow) -> ModelCard:
    return ModelCard(
        name=row.name,
        adapter=row.adapter,
        options=row.options,
        parameters=row.parameters,
        licence=row.licence,
    )


def model_row(value: ModelCard) -> ModelRow:
    return ModelRow(
        name=value.name,
        adapter=value.adapter,
        options=dict(value.options),
        parameters=value.parameters,
        licence=value.licence,
    )


def image(row: ImageRow) -> ImageRecord:
    return ImageRecord(
        model=row.model.name,
        prompt_set=row.prompt.prompt_set.name,
        prompt_id=row.prompt.prompt_id,
        sample=row.sample,
        state=ImageState(row.state),
        seed=row.seed,
        reason=row.reason,
        path=row.path,
        sha256=row.sha256,
        width=row.width,
        height=row.height,
        seconds=row.seconds,
        provenance=row.provenance,
        created_at=row.created_at,
    )


def update_image_row(row: ImageRow, value: ImageRecord) -> None:
    """Copy everything but the identity (model, prompt, sample)."""
    row.state = value.state.value
    row.seed = value.seed
    row.reason = value.reason
    row.path = value.path
    row.sha256 = value.sha256
    row.width = value.width
    row.height = value.height
    row.seconds = value.seconds
    row.provenance = dict(value.provenance)
    if value.created_at is not None:
        row.created_at = value.created_at


def score(row: ScoreRow) -> Score:
    return Score(
        model=row.image.model.name,
        prompt_set=row.image.prompt.prompt_set.name,
        prompt_id=row.image.prompt.prompt_id,
        sample=row.image.sample,
        metric=row.metric,
        instrument=row.instrument,
        value=row.value,
        reason=row.reason,
        image_sha256=row.image_sha256,
        details=row.details,
    )


def update_score_row(row: ScoreRow, value: Score) -> None:
    """Copy everything but the identity (image, metric, instrument)."""
    row.value = value.value
    row.reason = value.reason
    row.image_sha256 = value.image_sha256
    row.details = dict(value.details)


def set_score(row: SetScoreRow) -> SetScore:
    return SetScore(
        model=row.model.name,
        prompt_set=row.prompt_set.name,
        metric=row.metric,
        instrument=row.instrument,
        value=row.value,
        images=row.images,
        lower_is_better=row.lower_is_better,
        reason=row.reason,
        images_sha256=row.images_sha256,
        details=row.details,
    )


def update_set_score_row(row: SetScoreRow, value: SetScore) -> None:
    """Copy everything but the identity (model, prompt set, metric, instrument)."""
    row.value = value.value
    row.images = value.images
    row.lower_is_better = value.lower_is_better
    row.reason = value.reason
    row.images_sha256 = value.images_sha256
    row.details = dict(value.details)


def criterion(row: CriterionRow) -> Criterion:
    return Criterion(
        name=row.name,
        weight=row.weight,
        minimum=row.minimum,
        maximum=row.maximum,
        anchors={float(at): words for at, words in row.anchors.items()},
    )


def criterion_row(value: Criterion, position: int) -> CriterionRow:
    return CriterionRow(
        position=position,
        name=value.name,
        weight=value.weight,
        minimum=value.minimum,
        maximum=value.maximum,
        anchors={str(at): words for at, words in value.anchors.items()},
    )


def study(row: StudyRow) -> Study:
    return Study(
        name=row.name,
        prompt_set=row.prompt_set.name,
        models=tuple(entry.model.name for entry in row.models),
        criteria=tuple(map(criterion, row.criteria)),
        mode=row.mode,
        overlap=row.overlap,
        samples=row.samples,
        seed=row.seed or 0,
        instructions=row.instructions,
    )


def annotator(row: AnnotatorRow) -> Annotator:
    return Annotator(name=row.name, role=Role(row.role), active=row.active)


def rating(row: RatingRow) -> Rating:
    return Rating(
        study=row.criterion.study.name,
        annotator=row.annotator.name,
        model=row.image.model.name,
        prompt_id=row.image.prompt.prompt_id,
        sample=row.image.sample,
        criterion=row.criterion.name,
        value=row.value,
        reason=row.reason,
        duration_ms=row.duration_ms,
        created_at=row.created_at,
    )
