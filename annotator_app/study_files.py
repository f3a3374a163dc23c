"""The files in which a study is taken along: what there is, what is in each, and how it is written."""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nami_bench.annotator_app.check_answers import check_answers_csv
from nami_bench.annotator_app.study_tables import agreement_of
from nami_bench.domain import Mode, Study
from nami_bench.errors import InputError, StorageError, UnknownNameError
from nami_bench.evaluation.leaderboard.rows import Leaderboard
from nami_bench.store import Store

Write = Callable[[Store, Study, Path], None]
"""Writes a file of a study to a path."""


@dataclass(frozen=True, slots=True)
class StudyFile:
    """A kind of file; `personal`: names of annotators are in it, or what they wrote; `fits`: whether a study
    can have it."""

    name: str
    media_type: str
    about: str
    personal: bool
    write: Write
    fits: Callable[[Study], bool] = lambda study: True


def write_study_file(store: Store, study: str, name: str) -> Path:
    """A new temporary file; whoever asked deletes it.

    Raises UnknownNameError for a file that there is not, InputError where the study has nothing for it,
    StorageError where the disk refuses.
    """
    kind = study_file(name)
    handle, path = tempfile.mkstemp(prefix="nami-", suffix=Path(name).suffix)
    try:
        with open(handle, "wb"):  # noqa: PTH123 - it is a descriptor
            pass
        kind.write(store, store.studies.get(study), Path(path))
    except OSError as error:
        Path(path).unlink(missing_ok=True)
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise
    return Path(path)


def study_file(name: str) -> StudyFile:
    """The kind of file of this name; raises UnknownNameError."""
    found = next((one for one in FILES if one.name == name), None)
    if found is None:
        raise UnknownNameError("file", name, [one.name for one in FILES])
    return found


def _judgements_csv(store: Store, study: Study, path: Path) -> None:
    from nami_bench.pipeline.dataset_folder import csv_parts, study_content

    _write(path, csv_parts(study_content(store, study)))


def _judgements_parquet(store: Store, study: Study, path: Path) -> None:
    from nami_bench.pipeline.dataset_folder import parquet_of, study_content

    path.write_bytes(parquet_of(study_content(store, study)))


def _dataset(store: Store, study: Study, path: Path) -> None:
    from nami_bench.pipeline.dataset_folder import study_content, write_dataset_folder

    with tempfile.TemporaryDirectory(prefix="nami-dataset-") as root:
        folder = Path(root) / study.name
        write_dataset_folder(folder, study_content(store, study).pseudonymous())
        shutil.move(shutil.make_archive(f"{root}/dataset", "zip", root, study.name), path)


def _checks(store: Store, study: Study, path: Path) -> None:
    path.write_bytes(check_answers_csv(store.oversight.check_answers(study.name)))


def _agreement(store: Store, study: Study, path: Path) -> None:
    from nami_bench.export.agreement_text import agreement_csv

    path.write_bytes(agreement_csv(agreement_of(store, study)))


def _participants(what: str) -> Write:
    def write(store: Store, study: Study, path: Path) -> None:
        from nami_bench.annotator_app.crowd import payments

        if study.entry is None:
            raise InputError(f"study {study.name!r} has no [entry]: nobody came into it by themselves")
        dues = payments.due(study.entry, store.crowd_reports.participants(study.name))
        files: dict[str, Callable[[Any, list[payments.Due]], bytes]] = {
            "participants": payments.participants_csv,
            "approvals": payments.approvals,
            "bonuses": payments.bonuses,
        }
        path.write_bytes(files[what](study.entry, dues))

    return write


def _takes_in(study: Study) -> bool:
    return study.entry is not None


def _leaderboard(form: str) -> Write:
    def write(store: Store, study: Study, path: Path) -> None:
        from nami_bench.export.leaderboard_formats import leaderboard_as

        path.write_bytes(leaderboard_as(_board(store, study), form))

    return write


def _board(store: Store, study: Study) -> Leaderboard:
    from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store

    return leaderboard_from_store(store, study=study.name)


def _write(path: Path, parts: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(parts)


_CSV, _PARQUET = "text/csv; charset=utf-8", "application/vnd.apache.parquet"

FILES = (
    StudyFile(
        "ratings.csv",
        _CSV,
        "What was judged: ratings, comparisons or answers, those in force, one line each",
        True,
        _judgements_csv,
    ),
    StudyFile(
        "ratings.parquet",
        _PARQUET,
        "The same with the study's settings inside, for programs",
        True,
        _judgements_parquet,
    ),
    StudyFile(
        "dataset.zip",
        "application/zip",
        "A folder for the Hugging Face hub: card, judgements under pseudonyms, prompts, images' hashes",
        False,
        _dataset,
    ),
    StudyFile(
        "checks.csv", _CSV, "Answers to planted items: training, qualification, gold, repeats", True, _checks
    ),
    StudyFile(
        "agreement.csv",
        _CSV,
        "Every number about agreement, one a line",
        True,
        _agreement,
        lambda study: study.mode == Mode.RATING,
    ),
    StudyFile(
        "participants.csv",
        _CSV,
        "Who came in from a platform or by a link: ids, way out, time, items, what is suggested, pay",
        True,
        _participants("participants"),
        _takes_in,
    ),
    StudyFile(
        "approvals.csv",
        _CSV,
        "Whom to approve, in the form that the study's platform takes",
        True,
        _participants("approvals"),
        _takes_in,
    ),
    StudyFile(
        "bonuses.csv",
        _CSV,
        "Who gets a bonus, in the form that the study's platform takes",
        True,
        _participants("bonuses"),
        _takes_in,
    ),
    StudyFile(
        "leaderboard.csv", _CSV, "The leaderboard, one line for each model", False, _leaderboard("csv")
    ),
    StudyFile(
        "leaderboard.long.csv",
        _CSV,
        "The same and all its parts, one line for each number",
        False,
        _leaderboard("csv-long"),
    ),
    StudyFile(
        "leaderboard.json",
        "application/json",
        "The leaderboard with everything that it rests on",
        False,
        _leaderboard("json"),
    ),
    StudyFile(
        "leaderboard.html",
        "text/html; charset=utf-8",
        "The leaderboard as a page of its own",
        False,
        _leaderboard("html"),
    ),
    StudyFile(
        "leaderboard.md",
        "text/markdown; charset=utf-8",
        "The leaderboard in Markdown",
        False,
        _leaderboard("markdown"),
    ),
    StudyFile(
        "leaderboard.tex",
        "application/x-tex",
        "The leaderboard as a table for LaTeX",
        False,
        _leaderboard("latex"),
    ),
)
"""All of them, in the order in which they are offered."""
