"""Public sets of votes on pairs and of rankings, in the form in which they are published."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nami_bench.errors import InputError
from nami_bench.export.foreign.answers import text_of
from nami_bench.export.foreign.entries import Entry
from nami_bench.export.foreign.profile import Context, Made, Profile, Published
from nami_bench.export.foreign.rows import Row

_UNNAMED = "not-named"
_DIFFUSION_DB = "diffusiondb"
_FILE_ORDER = "its images stand in the order of the file, not as anybody saw them"


def _pickapic(entry: Entry, context: Context) -> Iterator[Made]:
    """A row a pair: label_0 and label_1 are 1, 0 or, of a tie, 0.5; often both images are of one model."""
    cells = entry.cells
    if not cells.get("has_label", True):
        yield "without an answer"
        return
    outcome = {"1": "left", "0": "right", "0.5": "tie"}.get(text_of(cells.get("label_0")), "")
    yield {
        "left": cells.get("model_0"),
        "right": cells.get("model_1"),
        "left_image": cells.get("image_0_uid"),
        "right_image": cells.get("image_1_uid"),
        "left_bytes": _bytes_of(cells.get("jpg_0")),
        "right_bytes": _bytes_of(cells.get("jpg_1")),
        "prompt": cells.get("caption"),
        "annotator": cells.get("user_id"),
        "created_at": cells.get("created_at"),
        "outcome": outcome,
    }


def _hpdv2(entry: Entry, context: Context) -> Iterator[Made]:
    """test.json: several people's rankings of one prompt's images; train.json: pairs by nobody knows whom.
    Models are named in neither: they are the images' positions."""
    cells = entry.cells
    if "human_preference" in cells:
        names, chosen = cells["file_path"], cells["human_preference"]
        outcome = {(1, 0): "left", (0, 1): "right"}.get(tuple(chosen), "tie")
        pair = {"left_image": names[0], "right_image": names[1], "prompt": cells.get("prompt")}
        yield {"left": "position-0", "right": "position-1", **pair, "outcome": outcome}
        return
    rankings = cells.get("raw_annotations")
    if not isinstance(rankings, list):
        raise InputError(
            f"{entry} has neither raw_annotations nor human_preference: give test.json or train.json"
        )
    images = cells["image_path"]
    for one in rankings:
        yield {
            "models": [f"position-{place}" for place in range(len(images))],
            "images": images,
            "ranks": one["rank"],
            "prompt": cells.get("prompt"),
            "annotator": one.get("user_hash"),
        }


def _hpdv3(entry: Entry, context: Context) -> Iterator[Made]:
    """A row a pair: path1 is the image that most preferred, choice_dist the votes for either, in no order."""
    cells = entry.cells
    paths = [text_of(cells[name]) for name in ("path1", "path2")]
    pair = {
        "left": cells.get("model1") or _UNNAMED,
        "right": cells.get("model2") or _UNNAMED,
        "left_image": paths[0],
        "right_image": paths[1],
        "prompt": cells.get("prompt"),
    }
    votes = sorted(cells.get("choice_dist") or (1, 0), reverse=True)
    for vote, (count, outcome) in enumerate(zip(votes, ("left", "right"), strict=True)):
        if count:
            yield {**pair, "outcome": outcome, "count": count, "vote": vote}


def _imagereward(entry: Entry, context: Context) -> Iterator[Made]:
    """metadata-*.parquet and SPLIT_N.json have a row an image, test.json an object a prompt."""
    rows = entry.cells["together"]
    if "ranking" in rows[0]:
        for one in rows:
            about = {"prompt_id": one.get("id"), "prompt": one.get("prompt")}
            yield _one_model(about, one["generations"], one["ranking"])
        return
    about = {"prompt_id": rows[0].get("prompt_id"), "prompt": rows[0].get("prompt")}
    yield _one_model(about, [row.get("image_path") for row in rows], [row["rank"] for row in rows])


def _one_model(about: Row, images: Sequence[Any], ranks: Sequence[int]) -> Row:
    return {**about, "models": [_DIFFUSION_DB] * len(images), "images": images, "ranks": ranks}


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
    images = {"left_bytes": _bytes_of(cells.get("image1")), "right_bytes": _bytes_of(cells.get("image2"))}
    base = {
        "prompt": cells.get("prompt"),
        "left": cells.get("model1"),
        "right": cells.get("model2"),
        **images,
    }
    for column in found:
        criterion = column.removeprefix("detailed_results").lstrip("_") or "preference"
        yield from _voted(entry, _votes(entry, cells[column]), names, {**base, "criterion": criterion})


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


def _bytes_of(held: Any) -> bytes | None:
    """A picture, alone or with its name, where it was read."""
    found = held.get("bytes") if isinstance(held, Mapping) else held
    return found if isinstance(found, bytes) else None


def _votes(entry: Entry, raw: Any) -> Any:
    try:
        return json.loads(raw) if isinstance(raw, str) else raw or []
    except (ValueError, RecursionError) as error:
        raise InputError(f"{entry}: its detailed results are no JSON: {error}") from error


def _voted(entry: Entry, votes: Any, names: Sequence[str], base: Row) -> Iterator[Made]:
    meant = {names[0]: "left", names[1]: "right", "Both": "tie", "Neither": "both_bad"}
    base = {**base, "left_image": names[0], "right_image": names[1]}
    for number, vote in enumerate(votes):
        choice = vote.get("votedFor")
        if choice not in meant:
            raise InputError(
                f"{entry}: a vote is for {choice!r}, and the images are {names[0]!r} and {names[1]!r}"
            )
        yield {**base, "vote": number, "outcome": meant[choice], **_voter(vote.get("userDetails") or {})}


def _voter(details: Mapping[str, Any]) -> Row:
    """What is known of a voter: the score is one number, or one of several dimensions, whose mean it is."""
    scores = details.get("userScores") or {}
    score = details.get("userScore", sum(scores.values()) / len(scores) if scores else None)
    return {"country": details.get("country"), "language": details.get("language"), "expertise": score}


PROFILES = (
    Profile(
        "pickapic",
        "Pick-a-Pic v1 or v2, with or without images; often both images are of one model",
        _pickapic,
        repeats="each",
        files=("*.parquet",),
        marks=frozenset({"label_0", "label_1", "ranking_id"}),
        published=Published(
            {
                "caption": "the prompt, as typed, also unsafe",
                "model_0, model_1": "the models",
                "image_0_uid, image_1_uid": "the images",
                "jpg_0, jpg_1": "their bytes (not in _no_images)",
                "label_0": "1: the first is better, 0: the second, 0.5: a tie",
                "has_label": "false: no answer, left out",
                "user_id": "who voted",
                "created_at": "when",
            },
            "label_0 = 0.5; best_image_uid says nothing then",
            "not named on the cards; the code is MIT",
            "500 votes in test_unique, 500 in validation_unique of v2",
            "no: the real files are not beside the tests",
        ),
    ),
    Profile(
        "hpdv2",
        "HPDv2's test.json (all pairs of every ranking) or train.json (pairs); models are positions",
        _hpdv2,
        files=("test.json", "train.json"),
        sides=_FILE_ORDER,
        published=Published(
            {
                "prompt": "its text",
                "image_path": "the images (file_path in train.json)",
                "raw_annotations": "rankings: rank (1 is the best) and user_hash, who ranked",
                "human_preference": "in train.json: [1, 0] or [0, 1]",
            },
            "equal ranks; none in train.json",
            "Apache-2.0",
            "153,000 pairs of 4,250 rankings in test.json, 645,000 in train.json",
            "no: the real files are not beside the tests",
        ),
    ),
    Profile(
        "hpdv3",
        "HPDv3's and HPDv3++'s JSON: pairs with counts of votes; path1 is always the preferred image",
        _hpdv3,
        sides="path1 is always the image that most people preferred",
        marks=frozenset({"path1", "path2"}),
        published=Published(
            {
                "prompt": "its text",
                "path1, path2": "the images; path1 is the preferred one",
                "model1, model2": "the models (these two names are assumed)",
                "choice_dist": "two counts of votes, the larger one is for path1; without: one vote",
            },
            "there are none",
            "MIT (HPDv3++: Apache-2.0)",
            "1.17 million pairs",
            "no: the real files are not beside the tests",
        ),
    ),
    Profile(
        "imagereward-ranks",
        "ImageRewardDB's metadata-SPLIT.parquet, SPLIT_N.json or test.json: all pairs of every ranking",
        _imagereward,
        files=("metadata-*.parquet",),
        sides=_FILE_ORDER,
        together="prompt_id",
        published=Published(
            {
                "prompt_id (id)": "the prompt; its rows stand together",
                "image_path (generations)": "the images, all of DiffusionDB",
                "rank (ranking)": "1 is the best, equal in a tie, with gaps",
            },
            "equal ranks",
            "Apache-2.0",
            "7,230 pairs in test.json, 831 of them ties (466 prompts)",
            "once, on the real file; it is not beside the tests",
        ),
    ),
    Profile(
        "rapidata",
        "Rapidata's text-to-image sets and results of orders: every vote",
        _rapidata,
        files=("*.parquet", "*.json", "*.jsonl"),
        unfold=lambda document: iter(document.get("results", ())),
        marks=frozenset({"model1", "model2", "image1", "image2"}),
        published=Published(
            {
                "prompt (context)": "its text",
                "model1, model2": "the models (in orders: the images' names)",
                "image1, image2": "the images, with their names",
                "detailed_results_CRITERION": "the votes, JSON in a text: votedFor (an image), country, "
                "language and score of the voter; older sets have detailed_results alone",
            },
            "votes for Both (a tie) and Neither (both bad), in orders that offer them",
            "CDLA-permissive-2.0, Apache-2.0 or CC-BY-4.0, by the set",
            "4,496 pairs x 26 votes = 116,896 of the set called 117k (flux1.1)",
            "no: the real files are not beside the tests",
        ),
    ),
)
