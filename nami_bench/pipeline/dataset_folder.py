"""A study as a folder that the Hugging Face `datasets` library reads: Parquet files and a card.

README.md                       the card; its YAML names the files
croissant.json                  the same for programs: see `nami_bench.export.croissant`
data/ratings.parquet            the long form of `ratings_parquet`; or comparisons.parquet, rankings.parquet,
                                answers.parquet
data/marks.jsonl                what was marked, in studies that ask for marks: see `marks_file`
data/prompts.parquet            the prompts of the study's prompt set
data/images-00000-of-N.parquet  what became of each image; its bytes, if wanted
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from nami_bench import __version__
from nami_bench.domain import (
    Adjudication,
    Comparison,
    ImageRecord,
    ImageState,
    Marks,
    ModelCard,
    PromptSet,
    Ranking,
)
from nami_bench.domain.entry import Came
from nami_bench.domain.study import Mode, Study
from nami_bench.errors import InputError, StorageError
from nami_bench.evaluation.human.answers_table import answers_table
from nami_bench.evaluation.human.table import in_order
from nami_bench.evaluation.leaderboard.paths import without_folders
from nami_bench.evaluation.leaderboard.pseudonyms import pseudonymized, pseudonyms
from nami_bench.export.answers_file import answers_csv, answers_parquet
from nami_bench.export.carried_study import side_file_json
from nami_bench.export.comparisons_file import comparisons_csv
from nami_bench.export.comparisons_parquet import comparisons_parquet
from nami_bench.export.croissant import CROISSANT_FILE, croissant_json
from nami_bench.export.item_answers_file import DECISION_COLUMNS, decision_json
from nami_bench.export.marks_file import marks_jsonl
from nami_bench.export.rankings_file import rankings_csv
from nami_bench.export.rankings_parquet import rankings_parquet
from nami_bench.export.ratings_file import ratings_csv_parts
from nami_bench.export.ratings_parquet import ratings_parquet
from nami_bench.export.ratings_source import (
    ANSWERS_FILE,
    COMPARISONS_FILE,
    MARKS_FILE,
    RANKINGS_FILE,
    RATINGS_FILE,
)
from nami_bench.images import make_folder, read_recorded, write_bytes
from nami_bench.pipeline.dataset_card import (
    consent_in_words,
    croissant_about,
    dataset_card,
    described_files,
)
from nami_bench.pipeline.screening import left_out

if TYPE_CHECKING:
    from nami_bench.store import Store

_BYTES_PER_FILE = 400_000_000  # the hub's advice is to stay below 500 MB
_IMAGE_COLUMNS = {
    **dict.fromkeys(("model", "prompt_id"), pa.string()),
    "sample": pa.int64(),
    **dict.fromkeys(("state", "reason", "sha256"), pa.string()),
    **dict.fromkeys(("width", "height", "seed"), pa.int64()),
}
Dated = TypeVar("Dated", Comparison, Ranking, Marks, Adjudication)
_IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})


@dataclass(frozen=True, slots=True)
class DatasetContent:
    """What goes into the folder: a study's ratings (tidy table), comparisons or rankings, its prompts, its
    images.

    `left_out` says whose judgements are not in it; `decisions` of adjudicators, where they are to be in it.
    `licence`: under which the data are given, None where none was named. `consent`: what people agreed to, in
    words. `screened`: how many annotators the study's checks paused, or its owner excluded. `whole_days`:
    times are cut to days.
    """

    study: Study
    prompt_set: PromptSet
    ratings: pd.DataFrame
    images: Sequence[ImageRecord]
    comparisons: Sequence[Comparison] = ()
    rankings: Sequence[Ranking] = ()
    marks: Sequence[Marks] = ()
    models: Sequence[ModelCard] = ()
    is_pseudonymous: bool = False
    left_out: Sequence[str] = ()
    decisions: Sequence[Adjudication] = ()
    licence: str | None = None
    consent: str = ""
    screened: int = 0
    whole_days: bool = False

    @property
    def about(self) -> dict[str, Any]:
        """What identifies the data: the study's configuration, its prompts' hash, its models, the version."""
        file = self.prompt_set.file
        study = _without_contacts(self.study) if self.is_pseudonymous else self.study
        return {
            "version": __version__,
            "study": asdict(study),
            "prompt_set_sha256": self.prompt_set.sha256,
            "prompt_file_name": None if file is None else file.name,
            "prompt_file_sha256": None if file is None else file.sha256,
            "models": [
                {"name": card.name, "parameters": card.parameters, "licence": card.licence}
                for card in self.models
            ],
            "left_out": list(self.left_out),
            "licence": self.licence,
            "consent": self.consent,
        }

    @property
    def annotators(self) -> list[str]:
        """The names of those who rated or compared."""
        judged: list[Comparison | Ranking] = [*self.comparisons, *self.rankings]
        compared = dict.fromkeys(one.annotator for one in judged)
        return [*map(str, self.ratings["annotator"].unique()), *compared]

    @property
    def judged(self) -> set[tuple[str, str, int]]:
        """(prompt id, model, sample) of the images that anybody rated or compared."""
        rated = self.ratings[["prompt_id", "model", "sample"]].drop_duplicates()
        compared = ((c.prompt_id, m, c.sample) for c in self.comparisons for m in (c.left, c.right))
        ranked = ((r.prompt_id, m, r.sample) for r in self.rankings for m in r.models)
        return {*rated.itertuples(index=False, name=None), *compared, *ranked}

    @property
    def kind(self) -> str:
        """What the study's judgements are: ratings, comparisons, rankings or answers."""
        if self.study.is_ranked:
            return "rankings"
        return {Mode.PAIRWISE: "comparisons", Mode.QUESTIONS: "answers"}.get(Mode(self.study.mode), "ratings")

    @property
    def answers(self) -> pd.DataFrame:
        """The ratings of a study of questions, as the answers that they are."""
        return answers_table(self.ratings, self.study.questions)

    def pseudonymous(self) -> "DatasetContent":
        """The same with pseudonyms in the place of people's names (see `pseudonyms`)."""
        deciders = dict.fromkeys(one.by for one in self.decisions if one.by is not None)
        names = pseudonyms([*dict.fromkeys([*self.annotators, *deciders])], self.study.name)
        decisions = [replace(one, by=names.get(one.by or "")) for one in self.decisions]
        comparisons = [replace(one, annotator=names[one.annotator]) for one in self.comparisons]
        rankings = [replace(one, annotator=names[one.annotator]) for one in self.rankings]
        return replace(
            self,
            ratings=pseudonymized(self.ratings, names),
            comparisons=comparisons,
            rankings=rankings,
            marks=[replace(one, annotator=names[one.annotator]) for one in self.marks],
            decisions=decisions,
            is_pseudonymous=True,
        )

    def in_days(self) -> "DatasetContent":
        """The same with every time cut to its day, UTC: nobody's working hours are told."""
        times = self.ratings["created_at"].dt.floor("D")
        return replace(
            self,
            ratings=self.ratings.assign(created_at=times),
            comparisons=[_in_days(one) for one in self.comparisons],
            rankings=[_in_days(one) for one in self.rankings],
            marks=[_in_days(one) for one in self.marks],
            decisions=[_in_days(one) for one in self.decisions],
            whole_days=True,
        )

    @property
    def latest(self) -> datetime | None:
        """When the last judgement was given; None where none says when."""
        judged: list[Comparison | Ranking] = [*self.comparisons, *self.rankings]
        given = [one.created_at for one in judged if one.created_at is not None]
        last = self.ratings["created_at"].max() if len(self.ratings) else None
        return max(given, default=None if last is None or last != last else last.to_pydatetime())

    @property
    def count(self) -> int:
        """How many judgements there are."""
        return len(self.comparisons) or len(self.rankings) or len(self.ratings)


def _in_days(one: Dated) -> Dated:
    at = one.created_at
    return one if at is None else replace(one, created_at=datetime.combine(at.astimezone(UTC), time(), UTC))


def _without_contacts(study: Study) -> Study:
    """The study without whom to write to, and without what opens a door: completion codes, addresses of ways
    out, numbers and signatures of platforms. Consent texts and questions stay: they say what was asked."""
    entry = study.entry
    if entry is not None:
        entry = replace(
            entry, provider=Came.LINKS, is_open=False, parameters={}, platform_studies=(), codes={},
            redirects={}, signature=None, sona=None,
        )  # fmt: skip
    return replace(study, contact="", entry=entry)


def study_content(
    store: "Store", study: Study, without: Sequence[str] = (), *, adjudicated: bool = False
) -> DatasetContent:
    """What the store holds of a study: judgements in force, prompts, models and images, also planted ones.

    Of samples that the study does not show only failures: a leaderboard counts them. `without` names
    annotators whose judgements are left out. `adjudicated`: with what adjudicators decided.
    """
    table, comparisons = store.ratings.table(study.name), store.comparisons.all(study.name)
    rankings = store.rankings.all(study.name)
    gone = left_out(store, study.name, without)
    if study.mode == Mode.PAIRWISE:
        comparisons, said = gone.comparisons(comparisons)
    elif study.is_ranked:
        rankings, said = gone.rankings(rankings)
    else:
        table, said = gone.ratings(table)
    marks = [one for one in store.markings.all(study.name) if one.annotator not in set(without)]
    planted = {(model, item.prompt_id, item.sample) for item in study.check_items for model in item.models}
    names = dict.fromkeys((*study.models, *(model for model, _, _ in sorted(planted))))
    images = [
        record
        for record in store.images.find(models=names, prompt_set=study.prompt_set)
        if (
            record.model in study.models
            and (record.sample < study.samples or record.state is not ImageState.DONE)
        )
        or (record.model, record.prompt_id, record.sample) in planted
    ]
    return DatasetContent(
        study=study,
        prompt_set=store.catalog.prompt_set(study.prompt_set),
        ratings=in_order(table, [c.name for c in study.criteria]),
        images=images,
        comparisons=comparisons,
        rankings=rankings,
        marks=marks,
        models=[card for card in store.catalog.models() if card.name in names],
        left_out=said,
        decisions=store.adjudications.all(study.name) if adjudicated else (),
        consent=consent_in_words(study),
        screened=sum(bool(one.paused or one.excluded) for one in store.oversight.members(study.name)),
    )


def csv_of(content: DatasetContent) -> bytes:
    """The judgements as CSV; what `parquet_of` has in its metadata is in `side_file_of`."""
    return b"".join(csv_parts(content))


def csv_parts(content: DatasetContent) -> Iterator[bytes]:
    """`csv_of` in parts, which need not all be there at once."""
    if content.study.mode == Mode.PAIRWISE:
        return iter([comparisons_csv(content.comparisons)])
    if content.study.is_ranked:
        return iter([rankings_csv(content.rankings, best_worst=content.study.mode == Mode.BEST_WORST)])
    if content.study.mode == Mode.QUESTIONS:
        return iter([answers_csv(content.answers)])
    return ratings_csv_parts(content.ratings)


def side_file_of(content: DatasetContent) -> bytes:
    """What belongs beside the CSV file, under the name that `side_file` gives it."""
    return side_file_json(content.study.criteria, content.about)


def parquet_of(content: DatasetContent) -> bytes:
    """The judgements, with the study's configuration in the metadata."""
    study = content.study
    if study.mode == Mode.PAIRWISE:
        return comparisons_parquet(content.comparisons, study.criteria, content.about)
    if study.is_ranked:
        best_worst = study.mode == Mode.BEST_WORST
        return rankings_parquet(content.rankings, study.criteria, content.about, best_worst=best_worst)
    if study.mode == Mode.QUESTIONS:
        return answers_parquet(content.answers, study.criteria, content.about)
    return ratings_parquet(content.ratings, study.criteria, content.about)


def write_dataset_folder(folder: Path, content: DatasetContent, images_dir: Path | None = None) -> None:
    """Write the folder, which must be new or empty; with `images_dir` the images' bytes are included.

    Raises InputError where there is nothing to write or the folder holds something, StorageError where the
    disk refuses, ImageError for an image that is not the one that was recorded.
    """
    if not content.count:
        raise InputError(f"study {content.study.name!r} has no ratings yet: there is nothing to export")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already: name a new or empty folder")
    files = {"comparisons": COMPARISONS_FILE, "rankings": RANKINGS_FILE, "answers": ANSWERS_FILE}
    file = files.get(content.kind, RATINGS_FILE)
    write_bytes(folder / file, parquet_of(content))
    if content.study.marks.asked:
        prompts = {prompt.id: prompt.text for prompt in content.prompt_set.prompts}
        write_bytes(folder / MARKS_FILE, marks_jsonl(content.marks, prompts))
    _write(folder / "data" / "prompts.parquet", [_prompts(content.prompt_set)])
    if content.decisions:
        _write(folder / "data" / "adjudications.parquet", [_decisions(content.decisions)])
    parts = list(_parts(content.images, images_dir))
    for number, part in enumerate(parts):
        name = f"images-{number:05d}-of-{len(parts):05d}.parquet"
        _write(folder / "data" / name, _image_tables(part, images_dir))
    described = described_files(folder, content.kind)
    with_images = images_dir is not None
    write_bytes(folder / "README.md", dataset_card(content, described, with_images=with_images).encode())
    write_bytes(folder / CROISSANT_FILE, croissant_json(folder, croissant_about(content), described))


def _decisions(decisions: Sequence[Adjudication]) -> pa.Table:
    """An outcome as it is, a value as its digits: one column cannot hold both."""
    kinds = {"item": pa.int64(), "sample": pa.int64(), "revision": pa.int64()}
    kinds |= dict.fromkeys(("overruled", "saw_models"), pa.bool_())
    rows = [decision_json(one) for one in decisions]
    rows = [{**row, "answer": None if row["answer"] is None else str(row["answer"])} for row in rows]
    return pa.Table.from_pylist(
        rows, schema=pa.schema([(name, kinds.get(name, pa.string())) for name in DECISION_COLUMNS])
    )


def _prompts(prompt_set: PromptSet) -> pa.Table:
    columns = {
        "prompt_id": [p.id for p in prompt_set.prompts],
        "prompt": [p.text for p in prompt_set.prompts],
        "stratum": [p.stratum for p in prompt_set.prompts],
        "source": [p.source for p in prompt_set.prompts],
        "tags": [_json(dict(p.tags)) for p in prompt_set.prompts],
        "geneval": [None if p.geneval is None else _json(dict(p.geneval)) for p in prompt_set.prompts],
        "rewritten_from": [p.rewritten_from for p in prompt_set.prompts],
        "extra": [_json(dict(p.extra)) if p.extra else None for p in prompt_set.prompts],
    }
    return pa.table(columns, schema=pa.schema(dict.fromkeys(columns, pa.string())))


def _parts(records: Sequence[ImageRecord], images_dir: Path | None) -> Iterator[list[ImageRecord]]:
    """The records in groups whose files stay below `_BYTES_PER_FILE`; at least one group."""
    part: list[ImageRecord] = []
    size = 0
    for record in records:
        path = None if images_dir is None or record.path is None else images_dir / record.path
        more = path.stat().st_size if path is not None and path.is_file() else 0
        if part and size + more > _BYTES_PER_FILE:
            yield part
            part, size = [], 0
        part.append(record)
        size += more
    yield part


def _image_tables(records: Sequence[ImageRecord], images_dir: Path | None) -> Iterator[pa.Table]:
    """A few records at a time, so that a file's images are never all in memory."""
    schema = pa.schema(_IMAGE_COLUMNS)
    if images_dir is not None:
        features = {name: {"dtype": str(kind), "_type": "Value"} for name, kind in _IMAGE_COLUMNS.items()}
        about = {"info": {"features": features | {"image": {"_type": "Image"}}}}
        schema = schema.append(pa.field("image", _IMAGE)).with_metadata({"huggingface": json.dumps(about)})
    for start in range(0, max(1, len(records)), 64):
        some = records[start : start + 64]
        columns: dict[str, list[Any]] = {
            name: [without_folders(getattr(r, name)) for r in some] for name in _IMAGE_COLUMNS
        }
        if images_dir is not None:
            columns["image"] = [_embedded(record, images_dir) for record in some]
        yield pa.table(columns, schema=schema)


def _embedded(record: ImageRecord, images_dir: Path) -> dict[str, Any] | None:
    if record.state is not ImageState.DONE or record.path is None or record.sha256 is None:
        return None
    data = read_recorded(images_dir / record.path, record.sha256)
    return {"bytes": data, "path": f"{record.model}-{record.prompt_id}-{record.sample:04d}.png"}


def _write(path: Path, tables: Iterable[pa.Table]) -> None:
    """Write Parquet, a row group for each table; a killed run leaves no file under the final name."""
    make_folder(path.parent)
    partial = path.with_name(f".{path.name}.partial")
    tables = iter(tables)
    first = next(tables)
    try:
        with pq.ParquetWriter(partial, first.schema, compression="zstd") as writer:
            for table in chain([first], tables):
                writer.write_table(table)
        partial.replace(path)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
