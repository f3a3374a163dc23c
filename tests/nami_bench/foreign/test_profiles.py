"""Forms of tools and data sets of which there is more than one, and files that hold no judgements."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nami_bench.errors import InputError
from nami_bench.export.foreign import ForeignFile, Judged, Reading, read_foreign, reading_of
from nami_bench.export.foreign.profiles import PROFILES, recognised

SAMPLES = Path(__file__).parents[2] / "data" / "judgements"


def read(path: Path, **options: Any) -> Judged:
    return read_foreign(ForeignFile(path, reading_of(**options) or Reading()))


def ratings(judged: Judged) -> list[tuple[Any, ...]]:
    names = ["annotator", "model", "prompt_id", "criterion", "value"]
    return list(judged.table[names].astype(object).itertuples(index=False, name=None))


def outcomes(judged: Judged) -> list[tuple[str, str, str, str | None]]:
    return [
        (c.annotator, c.left, c.right, None if c.outcome is None else c.outcome.value)
        for c in judged.comparisons()
    ]


def test_argilla_counts_what_was_submitted(tmp_path: Path) -> None:
    about = {"fields": {"image": "a/1.png"}, "metadata": {"model": "alpha", "prompt_id": "00001"}}
    given = [{"value": 4, "user_id": "u1"}, {"value": 2, "user_id": "u2", "status": "draft"}]
    (tmp_path / "a.json").write_text(
        json.dumps([{**about, "responses": {"fit": given}}, {**about, "responses": {}}])
    )
    judged = read(tmp_path / "a.json", profile="argilla")
    assert ratings(judged) == [("u1", "alpha", "00001", "fit", 4.0)]
    assert judged.left_out == {"draft, not submitted": 1}
    columns = {
        "image": ["a/1.png", "a/2.png"],
        "fit.responses": [["4", "1"], None],
        "fit.responses.users": [["u1", "u2"], None],
        "fit.responses.status": [["submitted", "discarded"], None],
        "metadata.model": ["alpha", "beta"],
        "metadata.prompt_id": ["00001", "00002"],
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    judged = read(tmp_path / "a.parquet", profile="argilla")
    assert ratings(judged) == [("u1", "alpha", "00001", "fit", 4.0)]
    assert judged.left_out == {"discarded, not submitted": 1}


def test_potato_has_a_folder_for_each_person_and_names_instances(tmp_path: Path) -> None:
    states = {
        "ann": {"i1": {"fit": {"4": "4"}}, "i2": {"fit": {"5": True}}},
        "ben": {"i1": [[{"schema": "fit", "name": "2"}, "true"]]},
    }
    for name, labels in states.items():
        (tmp_path / "out" / name).mkdir(parents=True)
        document = {"user_id": name, "instance_id_to_label_to_value": labels}
        (tmp_path / "out" / name / "user_state.json").write_text(json.dumps(document))
    (tmp_path / "items.csv").write_text("item,model,prompt_id\ni1,alpha,00001\ni2,beta,00001\n")
    judged = read(tmp_path / "out", profile="potato", items=tmp_path / "items.csv")
    assert ratings(judged) == [
        ("ann", "alpha", "00001", "fit", 4.0),
        ("ann", "beta", "00001", "fit", 5.0),
        ("ben", "alpha", "00001", "fit", 2.0),
    ]
    lines = [
        {"user_id": "ann", "instance_id": "i1", "labels": {"better": {"selection": "A"}}},
        {"user_id": "ben", "instance_id": "i1", "labels": {"better": {"scale_value": "2"}}},
        {"user_id": "cho", "instance_id": "i1", "labels": {"better": {"selection": "tie"}}},
        {"user_id": "dia", "instance_id": "i1", "labels": {}},
    ]
    (tmp_path / "annotations.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "pairs.csv").write_text("item,left,right,prompt_id\ni1,alpha,beta,00001\n")
    judged = read(tmp_path / "annotations.jsonl", profile="potato", items=tmp_path / "pairs.csv")
    assert outcomes(judged) == [
        ("ann", "alpha", "beta", "left"),
        ("ben", "alpha", "beta", "right"),
        ("cho", "alpha", "beta", "tie"),
    ]


def test_mturks_radio_buttons_and_both_images_of_a_task() -> None:
    file = SAMPLES / "mturk" / "Batch_900001_batch_results.csv"
    judged = read(
        file,
        profile="mturk",
        map=["model=Input.model_a,value=Answer.quality_a"],
        criteria=["quality"],
        repeats="first",
    )
    assert ratings(judged)[0] == ("A0OWNWORKER", "gamma_v2", "00000", "quality", 1.0)
    same = {"map": ["model=Input.model_a,value=Answer.same"], "values": ["yes=1,no=0"], "criteria": ["same"]}
    judged = read(file, profile="mturk", repeats="first", **same)
    assert {row[-1] for row in ratings(judged)} == {0.0}
    with pytest.raises(
        InputError, match=r"which column is the answer.* it has Answer.choice, Answer.quality_a"
    ):
        read(file, profile="mturk")


def test_google_forms_columns_are_explained_by_a_table() -> None:
    folder = SAMPLES / "google_forms"
    judged = read(folder / "responses.csv", profile="google-forms", items=folder / "items.csv")
    assert len(judged.table) == 16
    assert ratings(judged)[:2] == [
        ("ann@example.org", "alpha-xl", "00000", "match", 2.0),
        ("ann@example.org", "beta/turbo-1.0", "00001", "match", 2.0),
    ]
    assert str(judged.table["created_at"].iloc[0]) == "2026-03-01 08:10:00+00:00"
    options: dict[str, Any] = {"profile": "google-forms", "items": folder / "pairs.csv"}
    judged = read(folder / "responses.csv", **options)
    assert outcomes(judged)[:2] == [
        ("ann@example.org", "alpha-xl", "beta/turbo-1.0", "tie"),
        ("ann@example.org", "alpha-xl", "beta/turbo-1.0", "both_bad"),
    ]
    with pytest.raises(InputError, match=r"a column for each question, .* --items"):
        read(folder / "responses.csv", profile="google-forms")


def test_an_arenas_raw_log_and_conversations(tmp_path: Path) -> None:
    states = [{"conv_id": "1", "model_name": "alpha"}, {"conv_id": "2", "model_name": "beta"}]
    lines = [
        {"tstamp": 1.5, "type": "leftvote", "models": ["", ""], "states": states, "ip": "x"},
        {"tstamp": 2.5, "type": "bothbad_vote", "models": ["alpha", "beta"], "states": states, "ip": "x"},
        {"tstamp": 3.5, "type": "share", "models": ["", ""], "states": states, "ip": "x"},
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    judged = read(tmp_path / "log.jsonl", profile="arena")
    assert outcomes(judged) == [("x", "alpha", "beta", "left")]
    assert judged.left_out == {"the voter saw the models' names": 1, "no vote": 1}
    judged = read(SAMPLES / "lmarena" / "battles.jsonl", profile="arena")
    assert len(judged.table) == 20
    assert judged.table["prompt_id"].nunique() < 20
    judged = read(
        SAMPLES / "arena_votes" / "imgsys.parquet",
        map=["left=model_a,right=model_b,outcome=preference"],
        values=["1=left,0=right,0.5=tie"],
    )
    assert len(judged.table) == 40


def test_rapidatas_older_forms_hold_the_same_votes() -> None:
    names = ["gamma_v2_*=gamma_v2", "alpha-xl_*=alpha-xl", "beta-turbo-1.0_*=beta/turbo-1.0"]
    folder = SAMPLES / "rapidata_700k_form"
    parquet = read(folder / "train_0001-00000-of-00001.parquet", profile="rapidata")
    order = read(SAMPLES / "rapidata_order" / "results.json", profile="rapidata", models=names)
    assert [row[1:] for row in outcomes(parquet)] == [row[1:] for row in outcomes(order)]
    assert len(parquet.table) == 72


@pytest.mark.parametrize(
    ("sample", "options", "words"),
    [
        ("doccano/all.jsonl", {"profile": "doccano"}, "all.jsonl, line 1 does not say who gave 3, 5: export"),
        ("prolific", {}, "participants of Prolific, with personal data and no judgements"),
        ("gecko", {}, "Gecko's prompts: its ratings were never published"),
        ("tifa160/tifa160.json", {}, "say which images there are, and nothing of what people judged"),
        ("richhf18k/test.tfrecord", {}, "does not say which column is the answer"),
        ("evalmuse/test.json", {"profile": "evalmuse"}, "holds no judgements in 6 entries: 6 an image"),
        ("mturk/Batch_900001_batch_results.csv", {"profile": "mturk", "map": ["outcome=Answer.choice"]},
         r"line 6, A0OWNWORKER on preference: tie, and in line 2 alpha-xl; .*--repeats what .*each"),
        ("imagenhub/expected_ratings.csv", {"profile": "imagenhub"}, "must be called TASK_raterN.tsv"),
        ("nowhere.csv", {}, "there is no such file"),
        ("arena_votes/battles.csv", {"profile": "arenas"}, "unknown profile 'arenas': did you mean 'arena'"),
    ],
)  # fmt: skip
def test_what_holds_no_judgements_is_refused_in_words(
    sample: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as refused:
        read(SAMPLES / sample, **options)
    assert "\n" not in str(refused.value)


def test_files_are_recognised_by_their_columns() -> None:
    for sample, name in (
        ("mturk/Batch_900001_batch_results.csv", "mturk"),
        ("arena_votes/battles.csv", "arena"),
        ("label_studio/project-7-csv.csv", "label-studio"),
        ("dsg_tifa160/tifa160-likert-anns.csv", "dsg-tifa160"),
    ):
        header = (SAMPLES / sample).read_text().partition("\n")[0].replace('"', "").split(",")
        found = recognised(header)
        assert found is PROFILES[name]
