"""Between rows and domain values: the one place that knows both."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from nami_bench.domain import (
    Annotator,
    CheckItem,
    CheckKind,
    Checks,
    Criterion,
    CriterionText,
    ImageRecord,
    ImageState,
    ModelCard,
    Pairs,
    Prompt,
    PromptFile,
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

_FILE = "file"


def prompt(row: PromptRow | Row[Any]) -> Prompt:
    """Of a row, or of the columns of one that `PROMPT_COLUMNS` names."""
    return Prompt(
        id=row.prompt_id,
        text=row.text,
        stratum=row.stratum,
        source=row.source,
        tags=row.tags,
        geneval=row.geneval,
        rewritten_from=row.rewritten_from,
        extra=row.extra or {},
    )


def prompt_columns(value: Prompt, set_id: int) -> dict[str, Any]:
    """What a prompt's row holds."""
    return {
        "set_id": set_id,
        "prompt_id": value.id,
        "text": value.text,
        "stratum": value.stratum,
        "source": value.source,
        "tags": dict(value.tags),
        "geneval": None if value.geneval is None else dict(value.geneval),
        "rewritten_from": value.rewritten_from,
        "extra": dict(value.extra) or None,
    }


PROMPT_COLUMNS = (
    PromptRow.prompt_id,
    PromptRow.text,
    PromptRow.stratum,
    PromptRow.source,
    PromptRow.tags,
    PromptRow.geneval,
    PromptRow.rewritten_from,
    PromptRow.extra,
)


def prompt_set(row: PromptSetRow, prompts: Iterable[Row[Any]]) -> PromptSet:
    """`prompts`: their `PROMPT_COLUMNS`, in order."""
    manifest = dict(row.manifest)
    file = manifest.pop(_FILE, None)
    return PromptSet(
        name=row.name,
        prompts=tuple(map(prompt, prompts)),
        manifest=manifest,
        file=None if file is None else PromptFile(**file),
    )


def prompt_set_row(value: PromptSet) -> PromptSetRow:
    """Without its prompts: see `prompt_columns`."""
    return PromptSetRow(name=value.name, sha256=value.sha256, manifest=manifest_column(value))


def complete_manifest(row: PromptSetRow, value: PromptSet) -> None:
    """Add the file that the set was read from, where the row does not know it."""
    if _FILE not in row.manifest and value.file is not None:
        row.manifest = row.manifest | {_FILE: asdict(value.file)}


def manifest_column(value: PromptSet) -> dict[str, Any]:
    """The manifest and, under a key of its own, the file that the set was read from."""
    return {**value.manifest, **({} if value.file is None else {_FILE: asdict(value.file)})}


def model(row: ModelRow) -> ModelCard:
    return ModelCard(
        name=row.name,
        adapter=row.adapter,
        options=row.options,
        parameters=row.parameters,
        licence=row.licence,
        first_name=row.first_name,
    )


def model_row(value: ModelCard) -> ModelRow:
    return ModelRow(
        name=value.name,
        adapter=value.adapter,
        options=dict(value.options),
        parameters=value.parameters,
        licence=value.licence,
        first_name=value.first_name,
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
    row.created_at = value.created_at or datetime.now(UTC)


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
        value_range=None
        if row.range_low is None or row.range_high is None
        else (row.range_low, row.range_high),
        created_at=row.created_at,
    )


def update_score_row(row: ScoreRow, value: Score) -> None:
    """Copy everything but the identity (image, metric, instrument)."""
    row.value = value.value
    row.reason = value.reason
    row.image_sha256 = value.image_sha256
    row.details = dict(value.details)
    row.range_low, row.range_high = value.value_range or (None, None)
    row.created_at = value.created_at or datetime.now(UTC)


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
        created_at=row.created_at,
    )


def update_set_score_row(row: SetScoreRow, value: SetScore) -> None:
    """Copy everything but the identity (model, prompt set, metric, instrument)."""
    row.value = value.value
    row.images = value.images
    row.lower_is_better = value.lower_is_better
    row.reason = value.reason
    row.images_sha256 = value.images_sha256
    row.details = dict(value.details)
    row.created_at = value.created_at or datetime.now(UTC)


def criterion(row: CriterionRow) -> Criterion:
    return Criterion(
        name=row.name,
        weight=row.weight,
        minimum=row.minimum,
        maximum=row.maximum,
        anchors=_anchors(row.anchors),
        step=row.step,
        label=row.texts.get("label", ""),
        texts={
            language: CriterionText(text["label"], _anchors(text["anchors"]))
            for language, text in row.texts.get("languages", {}).items()
        },
    )


def criterion_row(value: Criterion, position: int) -> CriterionRow:
    return CriterionRow(
        position=position,
        name=value.name,
        weight=value.weight,
        minimum=value.minimum,
        maximum=value.maximum,
        anchors=_anchors_json(value.anchors),
        step=value.step,
        texts={
            "label": value.label,
            "languages": {
                language: {"label": text.label, "anchors": _anchors_json(text.anchors)}
                for language, text in value.texts.items()
            },
        },
    )


def _anchors(row: Mapping[str, str]) -> dict[float, str]:
    return {float(at): words for at, words in row.items()}


def _anchors_json(anchors: Mapping[float, str]) -> dict[str, str]:
    return {str(at): words for at, words in anchors.items()}


def study(row: StudyRow) -> Study:
    protocol = dict(row.protocol)
    languages = tuple(protocol.pop("languages", ("en",)))
    texts = {languages[0]: row.instructions, **protocol.pop("instructions", {})}
    return Study(
        name=row.name,
        prompt_set=row.prompt_set.name,
        models=tuple(entry.model.name for entry in row.models),
        criteria=tuple(map(criterion, row.criteria)),
        mode=row.mode,
        overlap=row.overlap,
        samples=row.samples,
        seed=row.seed or 0,
        instructions={language: text for language, text in texts.items() if text},
        languages=languages,
        opens=_moment(protocol.pop("opens", None)),
        closes=_moment(protocol.pop("closes", None)),
        checks=Checks(**protocol.pop("checks", {})),
        pairs=Pairs(**protocol.pop("pairs", {})),
        check_items=tuple(map(_check_item, protocol.pop("check_items", ()))),
        **protocol,
    )


def study_protocol(value: Study) -> dict[str, Any]:
    """What `StudyRow.protocol` keeps."""
    first = value.languages[0]
    return {
        "panel": value.panel,
        "total": str(value.total),
        "control": value.control,
        "languages": list(value.languages),
        "instructions": {lang: text for lang, text in value.instructions.items() if lang != first},
        "strata": dict(value.strata),
        "opens": value.opens and value.opens.isoformat(),
        "closes": value.closes and value.closes.isoformat(),
        "items_per_annotator": value.items_per_annotator,
        "break_every": value.break_every,
        "lease_minutes": value.lease_minutes,
        "live_leaderboard": value.live_leaderboard,
        "canvas": value.canvas,
        "sizes_may_differ": value.sizes_may_differ,
        "contact": value.contact,
        "time_zone": value.time_zone,
        "choice_submits": value.choice_submits,
        "checks": asdict(value.checks),
        "pairs": asdict(value.pairs),
        "check_items": [asdict(item) for item in value.check_items],
    }


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _check_item(row: Mapping[str, Any]) -> CheckItem:
    return CheckItem(
        kind=CheckKind(row["kind"]),
        prompt_id=row["prompt_id"],
        models=tuple(row["models"]),
        expected=expected(row["expected"]),
        sample=row["sample"],
        feedback=row["feedback"],
    )


def expected(row: Mapping[str, Any]) -> dict[str, tuple[float, float] | str]:
    """What passes, as `CheckItem.expected` has it: JSON knows no tuples."""
    return {
        name: answer if isinstance(answer, str) else (answer[0], answer[1]) for name, answer in row.items()
    }


def annotator(row: AnnotatorRow) -> Annotator:
    return Annotator(row.name, Role(row.role), row.active, excluded=row.excluded_at is not None)


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
