"""Public data sets of ratings and votes, in the form in which they are published."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from nami_bench.domain import Total
from nami_bench.errors import InputError
from nami_bench.export.foreign.answers import text_of
from nami_bench.export.foreign.entries import Entry
from nami_bench.export.foreign.profile import Context, Made, Profile, Published

_RATER = re.compile(r"rater[-_ ]?(\w+)$", re.IGNORECASE)
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


def _richhf(entry: Entry, context: Context) -> Iterator[Made]:
    """A TFRecord of images: four means of three people, by which nobody is named."""
    image = {"image": entry.cells["filename"], "model": "pick-a-pic", "annotator": "mean-of-three"}
    for criterion in context.reading.criteria:
        yield {**image, "criterion": criterion, "value": entry.cells[f"{criterion}_score"]}


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


def _tti_human_eval(entry: Entry, context: Context) -> Iterator[Made]:
    """A row a HIT: faithfulness ("faithfull") and quality, as the tool or its reporter calls the columns."""
    cells = dict(entry.cells)
    for name in context.reading.criteria:
        for form in (f"Answer.{name}", f"ans_{name}"):
            if form in cells:
                cells[f"ans_{name}"] = cells.pop(form)
    yield from context.table_rows(Entry(entry.file, entry.word, entry.number, cells))


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
        published=Published(
            {
                "uid": "the prompt's image, which numbers the prompt",
                "any other": "a model: [SC,PQ], each 0, 0.5 or 1; the file's name says who rated",
            },
            "ratings: there are none",
            "MIT",
            "consistency, quality and overall of DALLE 0.58, 0.62, 0.54, Midjourney 0.67, 0.92, 0.73, "
            "DALLE3 0.79, 0.79, 0.76 (197 prompts, 3 raters)",
            "once, on the real files: 57.61, 62.18, 54.17; 67.09, 91.71, 73.36; 78.85, 78.76, 75.86 of 100; "
            "they are not beside the tests",
        ),
    ),
    Profile(
        "dsg-tifa160",
        "the Likert ratings of TIFA160 in DSG: consistency from 1 to 5",
        columns={"annotator": "worker_id", "model": "t2i_model", "prompt_id": "item_id", "value": "answer"},
        criteria=("consistency",),
        scales={"consistency": (1, 5)},
        marks=frozenset({"dsg_prompt_split", "t2i_model", "item_id", "answer"}),
        published=Published(
            {
                "worker_id": "who rated (a number)",
                "t2i_model": "the model",
                "item_id": "the prompt",
                "answer": "1 to 5",
            },
            "ratings: there are none",
            "Apache-2.0",
            "means of sd2dot1 4.1456, sd1dot5 3.9897, mini-dalle 3.8388, sd1dot1 3.7313, vq-diffusion 3.6081 "
            "(3,995 ratings of 800 images)",
            "by a test, where the real file lies beside the checkout",
        ),
    ),
    Profile(
        "genai-bench",
        "GenAI-Bench's genai_image.json: alignment from 1 to 5",
        _genai_bench,
        criteria=("alignment",),
        scales={"alignment": (1, 5)},
        unfold=lambda document: iter(document.values()),
        published=Published(
            {"id": "the prompt", "prompt": "its text", "models": "by model, three ratings from 1 to 5"},
            "ratings: there are none; slot 1 of two prompts may be two people",
            "Apache-2.0",
            "1,600 prompts x 6 models x 3 ratings = 28,800, less what models lack",
            "no: the real file is not beside the tests",
        ),
    ),
    Profile(
        "evalmuse",
        "EvalMuse-40K's train_list.json: alignment from 1 to 5",
        _evalmuse,
        criteria=("alignment",),
        scales={"alignment": (1, 5)},
        marks=frozenset({"total_score", "element_score"}),
        published=Published(
            {
                "prompt_id": "the prompt",
                "prompt": "its text",
                "img_path": "the image, whose folder is the model",
                "total_score": "a list of ratings from 1 to 5, one for each annotator",
            },
            "ratings: there are none; slots are not persons",
            "BSD-3-Clause",
            "30,000 images with ratings",
            "no: the real file is not beside the tests",
        ),
    ),
    Profile(
        "richhf",
        "RichHF-18K's TFRecords: four means of three people for each image, from 0 to 1",
        _richhf,
        criteria=("aesthetics", "artifact", "misalignment", "overall"),
        scales=dict.fromkeys(("aesthetics", "artifact", "misalignment", "overall"), (0, 1)),
        files=("*.tfrecord",),
        not_by_model="holds means of three people for images whose models and prompts are not in it: there "
        "is nothing to rank; `nami-bench votes import richhf` writes them as ratings, image by image",
        published=Published(
            {
                "filename": "the image (a uid of Pick-a-Pic v1); prompt and model are not in the file",
                "aesthetics_score, artifact_score, misalignment_score, overall_score": "0 to 1, the best",
            },
            "ratings: there are none",
            "Apache-2.0 (the code's)",
            "15,810, 995 and 955 images in train, dev and test",
            "no: the real files are not beside the tests",
        ),
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
        published=Published(
            {
                "prompt_id": "the prompt",
                "image_path": "the image, of DiffusionDB",
                "overall_rating, image_text_alignment_rating, fidelity_rating": "1 to 7",
            },
            "ratings: there are none; its rankings are profile imagereward-ranks",
            "Apache-2.0",
            "2,700 images of 466 prompts in the test split",
            "no: the real files are not beside the tests",
        ),
    ),
    Profile(
        "tti-human-eval",
        "Otani et al.'s human evaluation: faithfulness and quality from 1 to 5; with --items",
        _tti_human_eval,
        columns={"annotator": "worker", "item": "hit"},
        criteria=("faithfull", "quality"),
        scales=dict.fromkeys(("faithfull", "quality"), (1, 5)),
        wide=("criterion", ("ans_*",)),
        marks=frozenset({"worker", "hit", "ans_faithfull", "ans_quality"}),
        published=Published(
            {
                "worker": "who rated",
                "hit": "the task: --items says which model and prompt it shows",
                "ans_faithfull, ans_quality": "1 to 5 (as the tool writes: Answer.faithfull, Answer.quality)",
            },
            "ratings: there are none",
            "GPL-3.0 (the code's); the annotations' is not known",
            "none: the annotations lie in an archive that was not seen",
            "no: the form is assumed from the tool's code",
        ),
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
