"""Where a report's numbers come from: versions, hashes and configuration of everything."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from nami_bench.domain import ImageRecord, ImageState, ModelCard
from nami_bench.evaluation.leaderboard.origins import model_origin
from nami_bench.evaluation.leaderboard.paths import without_folders
from nami_bench.export.spreadsheet import csv_table
from nami_bench.pipeline.prompt_origins import identity
from nami_bench.report.contents import ReportContents
from nami_bench.software import software


def provenance(contents: ReportContents, cards: Sequence[ModelCard]) -> dict[str, Any]:
    """Plain values: software, study, prompt sets, models with their images, instruments, precision."""
    board = contents.board
    return {
        "software": software(),
        "study": None if contents.study is None else asdict(contents.study),
        "intervals": None if board.precision is None else asdict(board.precision),
        "prompt_sets": [
            {
                **identity(prompt_set),
                "strata": dict(Counter(prompt.stratum for prompt in prompt_set.prompts)),
            }
            for prompt_set in contents.prompt_sets
        ],
        "models": [_model(card, contents.images) for card in cards],
        "instruments": [origin.to_json() for origin in board.instruments],
        "latest_rating": board.latest_rating.isoformat() if board.latest_rating else None,
    }


def images_csv(records: Iterable[ImageRecord]) -> bytes:
    """Every requested image with the SHA-256 of its file: RFC 4180, UTF-8, one header."""
    columns = ("model", "prompt_set", "prompt_id", "sample", "state", "sha256", "width", "height", "seed",
               "reason")  # fmt: skip
    rows = ([without_folders(getattr(record, name)) for name in columns] for record in records)
    return csv_table(columns, rows)


def images_sha256(records: Iterable[ImageRecord]) -> str:
    """One hash for a set of images: of a sorted line for each that was made."""
    done = (r for r in records if r.state is ImageState.DONE)
    lines = sorted(f"{r.prompt_set}/{r.prompt_id}/{r.sample} {r.sha256}\n" for r in done)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _model(card: ModelCard, images: Iterable[ImageRecord]) -> dict[str, Any]:
    own = [record for record in images if record.model == card.name]
    states = Counter(record.state.value for record in own)
    origin = model_origin(card, own)
    return {
        "name": card.name,
        "adapter": card.adapter,
        "options": origin.options,
        "parameters": card.parameters,
        "licence": card.licence,
        "first_name": card.first_name,
        "weights": origin.weights,
        "settings": origin.settings,
        "made_with": origin.made_with.to_json(),
        "images": {state.value: states.get(state.value, 0) for state in ImageState},
        "images_sha256": images_sha256(own),
    }
