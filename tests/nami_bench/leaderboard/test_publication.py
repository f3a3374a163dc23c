"""What leaves: the dataset folder's card and Croissant file, and what `publish check` finds in it."""

import json
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from nami_bench.domain import Came
from nami_bench.errors import InputError
from nami_bench.export.dataset_columns import columns_of
from nami_bench.export.revealed import Concern, Finding, KnownPeople, Publication, revealed
from nami_bench.pipeline.dataset_folder import study_content, write_dataset_folder
from nami_bench.pipeline.publication import check_files, check_study, read_publication
from nami_bench.store import Store
from tests.support.crowd import CODES, CONSENT, STUDY_ID, pid, with_entry
from tests.support.program import nami_bench

PEOPLE = ["annotator-01", "annotator-02", "annotator-03", "annotator-04", "annotator-05"]


def folder_of(store: Store, path: Path, **changes: Any) -> Path:
    content = study_content(store, store.studies.get("study")).pseudonymous()
    write_dataset_folder(path, replace(content, **changes))
    return path


def found(table: dict[str, list[Any]], known: KnownPeople | None = None, **documents: Any) -> list[Finding]:
    return list(revealed(Publication({"t.csv": pd.DataFrame(table)}, documents), known or KnownPeople()))


def kinds(findings: list[Finding], concern: Concern = Concern.IDENTIFIES) -> set[str]:
    return {one.kind for one in findings if one.concern is concern}


def test_mlcroissant_reads_every_file_by_the_description(rated: Store, tmp_path: Path) -> None:
    folder = folder_of(rated, tmp_path / "out", licence="CC-BY-4.0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about rdflib and pandas
        import mlcroissant

        dataset = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
        assert not dataset.metadata.ctx.issues.errors
        rows = {str(one.name): list(dataset.records(one.name)) for one in dataset.metadata.record_sets}
    tables = {"ratings": "ratings", "prompts": "prompts", "images": "images-00000-of-00001"}
    for name, file in tables.items():
        table = pd.read_parquet(folder / "data" / f"{file}.parquet")
        assert len(rows[name]) == len(table)
        assert [key.partition("/")[2] for key in rows[name][0]] == list(table.columns)
    first, table = rows["ratings"][0], pd.read_parquet(folder / "data" / "ratings.parquet")
    assert first["ratings/value"] == table["value"][0]
    document = json.loads((folder / "croissant.json").read_text())
    assert document["license"] == "CC-BY-4.0"
    assert "under pseudonyms" in document["rai:personalSensitiveInformation"]
    (folder / "data" / "prompts.parquet").write_bytes(b"other")
    with warnings.catch_warnings(), pytest.raises(Exception, match=r"prompts\.parquet"):
        warnings.simplefilter("ignore")
        list(mlcroissant.Dataset(jsonld=str(folder / "croissant.json")).records("prompts"))


def test_the_card_has_licence_consent_columns_checks_and_pseudonyms(rated: Store, tmp_path: Path) -> None:
    with_entry(rated, rated.studies.get("study"))
    folder = folder_of(rated, tmp_path / "out", licence="Our own terms")
    _, front, text = (folder / "README.md").read_text().split("---\n", maxsplit=2)
    about = yaml.safe_load(front)
    assert (about["license"], about["license_name"]) == ("other", "Our own terms")
    assert f"version {CONSENT.version}" in text and CONSENT.sha256("zh") in text
    assert "People's names are pseudonyms" in text and "Times are to the second" in text
    assert "annotators were paused or excluded" in text
    for file in (folder / "data").iterdir():
        for column in columns_of(file):
            assert f"| {column.name.replace('_', chr(92) + '_')} | {column.kind} | {column.holds} |" in text
    bare = folder_of(rated, tmp_path / "bare")
    assert "None was named" in (bare / "README.md").read_text() and "license" not in about.keys() - {
        "license"
    }


def test_a_pseudonymous_folder_opens_no_door(rated: Store, tmp_path: Path) -> None:
    with_entry(rated, rated.studies.get("study"), platform_studies=(STUDY_ID,))
    folder = folder_of(rated, tmp_path / "out")
    content = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert not any(code.encode() in content for code in CODES.values()) and STUDY_ID.encode() not in content
    entry = read_publication(folder).documents["data/ratings.parquet, metadata"]["study"]["entry"]
    assert entry["provider"] == Came.LINKS and entry["consent"]["texts"] == dict(CONSENT.texts)
    named = study_content(rated, rated.studies.get("study"))
    write_dataset_folder(tmp_path / "named", named)
    assert {"names", "settings"} <= kinds(list(check_files(tmp_path / "named", KnownPeople())))


def test_times_may_be_cut_to_days(rated: Store, tmp_path: Path) -> None:
    content = study_content(rated, rated.studies.get("study")).pseudonymous()
    later = content.ratings.assign(
        created_at=content.ratings["created_at"] + pd.Timedelta(hours=3, seconds=7)
    )
    exact = replace(content, ratings=later)
    write_dataset_folder(tmp_path / "exact", exact)
    write_dataset_folder(tmp_path / "days", exact.in_days())
    known = KnownPeople()
    assert "time stamps" in kinds(list(check_files(tmp_path / "exact", known)), Concern.MAY_IDENTIFY)
    assert "time stamps" in kinds(list(check_files(tmp_path / "days", known)), Concern.SHOWN)
    days = pd.read_parquet(tmp_path / "days" / "data" / "ratings.parquet")["created_at"]
    assert (days == days.dt.floor("D")).all() and days.nunique() == later["created_at"].dt.date.nunique()


def test_a_studys_folder_is_looked_through_without_keeping_it(rated: Store) -> None:
    findings = list(check_study(rated, rated.studies.get("study")))
    assert kinds(findings) == set()
    assert "small cells" in kinds(findings, Concern.MAY_IDENTIFY)  # two people


def test_what_identifies_is_found_wherever_it_stands() -> None:
    known = KnownPeople(frozenset({"lena", "Rose"}), frozenset({pid(7)}), frozenset({"seminar"}))
    clean = {"annotator": PEOPLE, "value": [1.0] * 5, "prompt": ["a Rose", "b", "c", "d", "e"]}
    assert kinds(found(clean, known)) == set()
    assert kinds(found(clean | {"annotator": [*PEOPLE[:4], "lena"]}, known)) == {"names"}
    assert kinds(found(clean | {"reason": ["", "", "ask lena", "", ""]}, known)) == {"names"}
    assert kinds(found(clean | {"reason": ["", "", "selena sang", "", ""]}, known)) == set()
    assert kinds(found(clean | {"trial_note": [f"id {pid(7)}", *"bcde"]}, known)) == {"platform ids"}
    assert kinds(found(clean | {"worker": ["A1B2C3D4E5F6G7", *PEOPLE[:4]]})) == {"names", "platform ids"}
    assert kinds(found(clean | {"comment": ["write me: x.y@mail.example.org", *"bcde"]})) == {"contact"}
    assert kinds(found(clean, README="from 192.168.3.17")) == {"contact"}
    assert (
        kinds(
            found(clean, README="for the seminar"),
        )
        == set()
    )
    assert kinds(found(clean, known, README="for the seminar")) == {"names"}
    leak = {"study": {"contact": "a", "entry": {"codes": {"completed": "C1"}, "consent": {"codes": "no"}}}}
    assert sum(one.kind == "settings" for one in found(clean, meta=leak)) == 3


def test_comments_and_answers_about_the_person_may_identify() -> None:
    twelve = [f"annotator-{n:02d}" for n in range(1, 13)]
    table: dict[str, list[Any]] = {
        "annotator": twelve,
        "age": [30] * 6 + [40] * 6,
        "country": ["NL"] * 11 + ["FR"],
        "comment": ["nice", *[""] * 11],
    }
    findings = found(table)
    by_kind = {
        one.kind: one for one in findings if one.concern is Concern.MAY_IDENTIFY and "age" not in one.where
    }
    assert by_kind["comments"].count == 1
    assert {one.kind for one in findings} >= {"questionnaire", "small cells", "rare combinations"}
    small = [one for one in findings if one.kind == "small cells"]
    assert [(one.where, one.count) for one in small] == [("t.csv: country", 1)]
    rare = [one for one in findings if one.kind == "rare combinations"]
    assert [(one.where, one.count) for one in rare] == [("t.csv: age, country", 1)]
    drawing = {"annotator": twelve, "draws": ["yes"] * 12}
    asked = KnownPeople(questions=frozenset({"draws"}))
    assert "questionnaire" not in kinds(found(drawing), Concern.MAY_IDENTIFY)
    assert "questionnaire" in kinds(found(drawing, asked), Concern.MAY_IDENTIFY)


def test_what_cannot_be_read_is_never_taken_for_harmless(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"no Parquet")
    with pytest.raises(InputError, match="cannot be read, so nobody knows"):
        check_files(tmp_path, KnownPeople())
    (tmp_path / "a.parquet").unlink()
    with pytest.raises(InputError, match="holds no table and no text"):
        check_files(tmp_path, KnownPeople())
    with pytest.raises(InputError, match="is not there"):
        check_files(tmp_path / "gone", KnownPeople())


def test_simulated_annotators_are_nobody() -> None:
    when = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
    assert found({"annotator": ["simulated-1"], "created_at": [when]}) == []


def test_the_command_ends_with_1_where_somebody_is_named(rated: Store, tmp_path: Path) -> None:
    """Without a workspace by patterns, with one by its people too; beside it stands what can be done."""
    content = study_content(rated, rated.studies.get("study"))
    write_dataset_folder(tmp_path / "open", content)
    write_dataset_folder(tmp_path / "closed", content.pseudonymous())
    bad = nami_bench("publish", "check", "open", cwd=tmp_path)
    assert bad.returncode == 1 and "export with --pseudonyms" in bad.stdout
    assert "no workspace here: names and ids are looked for by patterns alone" in bad.stderr
    good = nami_bench("publish", "check", "closed", "--json", cwd=tmp_path)
    assert good.returncode == 0
    document = json.loads(good.stdout)
    assert document["identifies"] == 0 and {"kind", "concern", "where", "what", "advice", "count"} == set(
        document["findings"][0]
    )
    both = nami_bench("publish", "check", "open", "--study", "study", cwd=tmp_path)
    assert both.returncode == 2 and "not both" in both.stderr
