"""Public data sets of ratings and votes, in the form in which they are published."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from nami_bench.domain import Total
from nami_bench.errors import InputError
from nami_bench.export.foreign.answers import text_of
from nami_bench.export.foreign.entries import Entry
from nami_bench.export.foreign.profile import Context, Made, Profile
from nami_bench.export.foreign.rows import Row

_RATER = re.compile(r"rater[-_ ]?(\w+)$", re.IGNORECASE)
_NO_NAME = "both images are of one model"
_IMAGEREWARD = {"image": "image_path", "prompt_id": "prompt_id", "prompt": "prompt"}
_IMAGEREWARD_RATINGS = {
    "overall": "overall_rating",
    "image_text_alignment": "image_text_alignment_rating",
    "fidelity": "fidelity_rating",
}


def _imagenhub(entry: Entry, context: Context) -> Iterator[Made]:
    """TASK_raterN.tsv: a row a prompt, a column a model, [SC, PQ] in a cell."""
    rater = _RATER.search(entry.stem)
    if rater is None:
        raise InputError(f"{entry.file} must be called TASK_raterN.tsv: its name says who rated")
    criteria = context.reading.criteria
    for made in context.table_rows(entry):
        if isinstance(made, str):
            yield made
            continue
        text = text_of(made["value"])
        cells = [part.strip() for part in text.strip("[]() ").split(",")]
        if len(cells) != len(criteria):
            raise InputError(
                f"{entry}: {text!r} is not [{', '.join(criteria)}], the ratings of {made['model']}"
            )
        for criterion, value in zip(criteria, cells, strict=True):
            yield {**made, "annotator": f"rater{rater[1]}", "criterion": criterion, "value": value}


def _genai_bench(entry: Entry, context: Context) -> Iterator[Made]:
    """genai_image.json: by prompt, three ratings of each model; rater 1 of two prompts may be two people."""
    models = entry.cells.get("models")
    if not isinstance(models, Mapping):
        raise InputError(f"{entry} is no prompt of genai_image.json: it has no 'models'")
    about = {"prompt_id": entry.cells.get("id"), "prompt": entry.cells.get("prompt")}
    for model, values in models.items():
        for slot, value in enumerate(values, 1):
            yield {**about, "model": model, "annotator": f"rater{slot}", "value": value}


def _evalmuse(entry: Entry, context: Context) -> Iterator[Made]:
    """train_list.json: the ratings of an image in a list, the model as the image's folder."""
    scores = entry.cells.get("total_score")
    if scores is None:
        yield "an image without ratings"
        return
    if not isinstance(scores, Sequence) or isinstance(scores, str):
        raise InputError(
            f"{entry}: total_score is {scores!r}, a mean: give train_list.json, which has single ratings"
        )
    about = {"prompt_id": entry.cells.get("prompt_id"), "prompt": entry.cells.get("prompt")}
    model = PurePosixPath(text_of(entry.cells.get("img_path"))).parent.name
    for slot, value in enumerate(scores, 1):
        yield {**about, "model": model, "annotator": f"slot{slot}", "value": value}


def _imagereward(entry: Entry, context: Context) -> Iterator[Made]:
    """metadata-SPLIT.parquet, or a prompt's JSON: a row an image, with ratings that people agreed on."""
    cells = entry.cells
    about = {name: cells.get(column) for name, column in _IMAGEREWARD.items()}
    for criterion, column in _IMAGEREWARD_RATINGS.items():
        if column not in cells:
            raise InputError(f"{entry} has no {column}: give metadata-SPLIT.parquet, or a prompt's own JSON")
        if criterion in context.reading.criteria:
            row = {"annotator": "panel", "model": "diffusiondb", "value": cells[column]}
            yield {**about, **row, "criterion": criterion}


def _pickapic(entry: Entry, context: Context) -> Iterator[Made]:
    """A row a pair: label_0 and label_1 are 1, 0 or, of a tie, 0.5."""
    cells = entry.cells
    if not cells.get("has_label", True):
        yield "without an answer"
    elif cells.get("model_0") == cells.get("model_1"):
        yield _NO_NAME
    else:
        outcome = {"1": "left", "0": "right", "0.5": "tie"}.get(text_of(cells.get("label_0")), "")
        yield {
            "left": cells.get("model_0"),
            "right": cells.get("model_1"),
            "prompt": cells.get("caption"),
            "annotator": cells.get("user_id"),
            "created_at": cells.get("created_at"),
            "outcome": outcome,
        }


def _hpdv2(entry: Entry, context: Context) -> Iterator[Made]:
    """test.json: rankings of one prompt's images, whose models are not named: each gives all its pairs."""
    rankings = entry.cells.get("raw_annotations")
    if not isinstance(rankings, list):
        raise InputError(f"{entry} has no raw_annotations: give test.json, in which people and ranks stand")
    for one in rankings:
        for (i, first), (j, second) in itertools.combinations(enumerate(one["rank"]), 2):
            yield {
                "left": f"position-{i}",
                "right": f"position-{j}",
                "prompt": entry.cells.get("prompt"),
                "annotator": one.get("user_hash"),
                "outcome": "left" if first < second else "right" if second < first else "tie",
            }


def _rapidata(entry: Entry, context: Context) -> Iterator[Made]:
    """Pairs with their votes, each of an unknown voter, by one or several criteria."""
    cells = entry.cells
    if isinstance(cells.get("detailedResults"), list):
        yield from _rapidata_order(entry)
        return
    found = [name for name in cells if name.startswith("detailed_results")]
    if not found:
        raise InputError(f"{entry} has no detailed_results: single votes are what is read")
    names = [_file_of(cells, side) for side in ("image1", "image2")]
    for column in found:
        criterion = column.removeprefix("detailed_results").lstrip("_") or "preference"
        votes = _votes(entry, cells[column])
        base = {"prompt": cells.get("prompt"), "left": cells.get("model1"), "right": cells.get("model2")}
        yield from _voted(entry, votes, names, {**base, "criterion": criterion})


def _rapidata_order(entry: Entry) -> Iterator[Made]:
    """Results of an order: models are called as their images' files, see --rename."""
    cells = entry.cells
    names = [name for name in cells.get("aggregatedResults", {}) if name not in ("Both", "Neither")]
    if len(names) != 2:
        yield f"an order of {len(names)} images, not of two"
        return
    base = {"prompt": cells.get("context", cells.get("prompt")), "left": names[0], "right": names[1]}
    yield from _voted(entry, cells["detailedResults"], names, {**base, "criterion": "preference"})


def _file_of(cells: Mapping[str, Any], side: str) -> str:
    held = cells.get(side)
    return text_of(cells.get(f"{side}_path") or (held.get("path") if isinstance(held, Mapping) else held))


def _votes(entry: Entry, raw: Any) -> Any:
    try:
        return json.loads(raw) if isinstance(raw, str) else raw or []
    except (ValueError, RecursionError) as error:
        raise InputError(f"{entry}: its detailed results are no JSON: {error}") from error


def _voted(entry: Entry, votes: Any, names: Sequence[str], base: Row) -> Iterator[Made]:
    meant = {names[0]: "left", names[1]: "right", "Both": "tie", "Neither": "both_bad"}
    for number, vote in enumerate(votes):
        choice = vote.get("votedFor")
        if choice not in meant:
            raise InputError(
                f"{entry}: a vote is for {choice!r}, and the images are {names[0]!r} and {names[1]!r}"
            )
        yield {**base, "annotator": f"pair{entry.number - 1}-vote{number}", "outcome": meant[choice]}


PROFILES = (
    Profile(
        "imagenhub",
        "ImagenHub's TASK_raterN.tsv, or their folder: [SC, PQ] of each model; total as the geometric mean",
        _imagenhub,
        columns={"image": "uid"},
        criteria=("SC", "PQ"),
        scales={"SC": (0, 1), "PQ": (0, 1)},
        total=Total.GEOMETRIC,
        wide=("model", ("*",)),
        files=("*.tsv",),
    ),
    Profile(
        "dsg-tifa160",
        "the Likert ratings of TIFA160 in DSG: consistency from 1 to 5",
        columns={"annotator": "worker_id", "model": "t2i_model", "prompt_id": "item_id", "value": "answer"},
        criteria=("consistency",),
        scales={"consistency": (1, 5)},
        marks=frozenset({"dsg_prompt_split", "t2i_model", "item_id", "answer"}),
    ),
    Profile(
        "genai-bench",
        "GenAI-Bench's genai_image.json: alignment from 1 to 5",
        _genai_bench,
        criteria=("alignment",),
        scales={"alignment": (1, 5)},
        unfold=lambda document: iter(document.values()),
    ),
    Profile(
        "evalmuse",
        "EvalMuse-40K's train_list.json: alignment from 1 to 5",
        _evalmuse,
        criteria=("alignment",),
        scales={"alignment": (1, 5)},
        marks=frozenset({"total_score", "element_score"}),
    ),
    Profile(
        "imagerewarddb",
        "ImageRewardDB's metadata-SPLIT.parquet: three ratings of each image, from 1 to 7, for `ratings "
        "import` and audits",
        _imagereward,
        criteria=tuple(_IMAGEREWARD_RATINGS),
        scales=dict.fromkeys(_IMAGEREWARD_RATINGS, (1, 7)),
        files=("metadata-*.parquet",),
        marks=frozenset({"overall_rating", "fidelity_rating", "rank"}),
        not_by_model="rates images whose models are not named (all are of DiffusionDB), so there is nothing "
        "to rank by model: record it with `nami-bench ratings import`, and compare metrics with it image by "
        "image by `nami-bench evaluate --audit`",
    ),
    Profile(
        "pickapic",
        "Pick-a-Pic v1 or v2, with or without images; pairs of one model are left out",
        _pickapic,
        repeats="each",
        marks=frozenset({"label_0", "label_1", "ranking_id"}),
    ),
    Profile("hpdv2", "HPDv2's test.json: all pairs of every ranking; models are positions", _hpdv2),
    Profile(
        "rapidata",
        "Rapidata's text-to-image sets and results of orders: every vote",
        _rapidata,
        unfold=lambda document: iter(document.get("results", ())),
        marks=frozenset({"model1", "model2", "image1", "image2"}),
    ),
)

NO_JUDGEMENTS = {
    frozenset({"Submission id", "Participant id"}): (
        "are participants of Prolific, with personal data and no judgements: their answers are in the tool "
        "that they worked with, and no export of ours may hold these"
    ),
    frozenset({"dataset_id", "prompt_type", "prompt_id"}): (
        "are Gecko's prompts: its ratings were never published; read them with `nami-bench prompts`"
    ),
    frozenset({"generations", "ranking"}): (
        "are ImageReward's rankings of images whose models are not named, so there is nothing to compare by "
        "model; its ratings are in metadata-SPLIT.parquet (--profile imagerewarddb)"
    ),
    frozenset({"text_id", "image_path"}): "say which images there are, and nothing of what people judged",
}
"""By names of columns, why files that people try are none of judgements."""
