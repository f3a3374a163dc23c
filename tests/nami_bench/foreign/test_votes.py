"""Every published set of votes and ratings goes into one file of ours, row by row as it must."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from nami_bench.cli.app import cli
from nami_bench.domain import Outcome
from nami_bench.errors import InputError, NamiBenchError
from nami_bench.evaluation.leaderboard.scales import NO_SCALES
from nami_bench.export.foreign import ForeignFile, Reading, reading_of
from nami_bench.export.foreign.pictures import Pictures
from nami_bench.export.foreign.profiles import PROFILES
from nami_bench.export.foreign.votes import Imported, import_votes
from nami_bench.export.ratings_source import load_comparisons, load_rankings, load_ratings
from nami_bench.export.votes_file import VOTES, carried_votes

SAMPLES = Path(__file__).parents[2] / "data" / "judgements"
PICK = SAMPLES / "pickapic_v2" / "validation_unique-00000-of-00001.parquet"
RAPIDATA = SAMPLES / "rapidata_t2i" / "train-00000-of-00001.parquet"

VOTED = {
    "arena_votes/battles.csv": {"profile": "arena"},
    "arena_votes/battles.jsonl": {"profile": "arena"},
    "arena_votes/clean_battle_t2i_generation_20260301.json": {"profile": "arena"},
    "genai_bench_votes/test_v1-00000-of-00001.parquet": {"profile": "genai-arena"},
    "pickapic_v2/validation_unique-00000-of-00001.parquet": {"profile": "pickapic"},
    "hpdv2/test.json": {"profile": "hpdv2"},
    "rapidata_t2i/train-00000-of-00001.parquet": {"profile": "rapidata"},
}
RATED = {
    "imagenhub": ("imagenhub", ["SC", "PQ"]),
    "dsg_tifa160/tifa160-likert-anns.csv": ("dsg-tifa160", ["consistency"]),
    "genai_bench/genai_image.json": ("genai-bench", ["alignment"]),
    "evalmuse/train_list.json": ("evalmuse", ["alignment"]),
    "imagerewarddb/metadata-test.parquet": ("imagerewarddb", ["overall", "image_text_alignment", "fidelity"]),
}


def imported(path: Path, out: Path, kind: Any = None, pictures: Any = None, **options: Any) -> Imported:
    file = ForeignFile(path, reading_of(**options) or Reading())
    return import_votes(file, out, NO_SCALES, kind=kind, pictures=pictures)


def expected(sample: str, name: str) -> pd.DataFrame:
    file = SAMPLES / Path(sample).parts[0] / f"expected_{name}.csv"
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def texts(table: pd.DataFrame, names: list[str]) -> list[tuple[str, ...]]:
    plain = table[names].astype(object)
    return list(plain.where(plain.notna(), "").astype(str).itertuples(index=False, name=None))


@pytest.mark.parametrize("sample", VOTED)
def test_votes_of_a_sample_come_out_row_by_row(sample: str, tmp_path: Path) -> None:
    done = imported(SAMPLES / sample, tmp_path / "v.parquet", **VOTED[sample])
    found = pq.read_table(tmp_path / "v.parquet", schema=VOTES).to_pandas()
    wanted = expected(sample, "comparisons")
    # The reference names voters whom nobody knows, and leaves out what one sample for both cannot say.
    unknown = wanted["annotator"].str.match(r"crowd$|pair\d+-vote\d+$")
    wanted["annotator"] = wanted["annotator"].mask(unknown, "")
    two = found[found["left"] != found["right"]]
    names = ["annotator", "left", "right", "outcome"]
    assert texts(two, names) == texts(wanted, names)
    assert pd.factorize(two["prompt_id"])[0].tolist() == pd.factorize(wanted["prompt_id"])[0].tolist()
    times = wanted["created_at"] != ""
    assert (pd.to_datetime(wanted["created_at"][times]) == two.reset_index()["created_at"][times]).all()
    assert (done.rows, done.same_model) == (len(found), len(found) - len(two))
    assert len(load_comparisons(tmp_path / "v.parquet")) == done.votes == len(found)
    assert carried_votes(tmp_path / "v.parquet")["licence"]


@pytest.mark.parametrize("sample", RATED)
def test_ratings_of_a_sample_come_out_row_by_row(sample: str, tmp_path: Path) -> None:
    profile, criteria = RATED[sample]
    imported(SAMPLES / sample, tmp_path / "r.parquet", "ratings", profile=profile)
    table, found = load_ratings(tmp_path / "r.parquet")
    wanted = expected(sample, "ratings")
    assert [one.name for one in found] == criteria
    names = ["annotator", "model", "criterion"]
    assert texts(table, names) == texts(wanted, names)
    assert table["value"].tolist() == wanted["value"].astype(float).tolist()
    for column in ("prompt_id", "sample"):  # some are named by their source here, and numbered there
        assert pd.factorize(table[column])[0].tolist() == pd.factorize(wanted[column])[0].tolist()


def test_two_images_of_one_model_are_a_pair(tmp_path: Path) -> None:
    source = pq.read_table(PICK).to_pandas()
    source.loc[source.index % 3 == 0, "model_1"] = source["model_0"]
    source.to_parquet(tmp_path / "p.parquet")
    done = imported(tmp_path / "p.parquet", tmp_path / "v.parquet", profile="pickapic")
    found = pq.read_table(tmp_path / "v.parquet").to_pandas()
    source = source[source["has_label"]].reset_index(drop=True)
    same = found["left"] == found["right"]
    assert 0 < same.sum() == done.same_model
    assert (found["left_sample"] != found["right_sample"])[same].all()
    assert found["left_image"].tolist() == source["image_0_uid"].tolist()
    # An image has one number wherever it stands, and no other image of its model and prompt has it.
    sides = [found[["prompt_id", side, f"{side}_sample", f"{side}_image"]] for side in ("left", "right")]
    images = pd.DataFrame(np.concatenate([side.to_numpy() for side in sides])).drop_duplicates()
    assert not images[[0, 1, 2]].duplicated().any()
    assert not images[3].duplicated().any()


def test_voters_are_known_by_country_language_and_score(tmp_path: Path) -> None:
    imported(RAPIDATA, tmp_path / "v.parquet", profile="rapidata")
    found = pq.read_table(tmp_path / "v.parquet").to_pandas()
    source = pq.read_table(RAPIDATA).to_pylist()
    assert found["annotator"].isna().all()
    for number, pair in enumerate(source):
        for criterion in ("preference", "coherence", "alignment"):
            votes = json.loads(pair[f"detailed_results_{criterion}"])
            rows = found[(found["criterion"] == criterion) & (found["left_image"] == pair["image1"]["path"])]
            rows = rows[rows["right_image"] == pair["image2"]["path"]]
            assert rows["country"].tolist() == [vote["userDetails"]["country"] for vote in votes], number
            share = rows["expertise"][rows["outcome"] == "left"].sum() / rows["expertise"].sum()
            assert share == pytest.approx(pair[f"weighted_results_image1_{criterion}"], abs=1e-6)


def test_older_forms_of_rapidata(tmp_path: Path) -> None:
    oldest = SAMPLES / "rapidata_700k_form" / "train_0001-00000-of-00001.parquet"
    imported(oldest, tmp_path / "v.parquet", profile="rapidata")
    found = pq.read_table(tmp_path / "v.parquet").to_pandas()
    pairs = pq.read_table(oldest).to_pandas()
    for pair in pairs.itertuples():
        votes = found[(found["left_image"] == pair.image1_path) & (found["right_image"] == pair.image2_path)]
        counts = votes["outcome"].value_counts()
        assert (counts.get("left", 0), counts.get("right", 0)) == (pair.votes_image1, pair.votes_image2)
    done = imported(SAMPLES / "rapidata_order" / "results.json", tmp_path / "o.parquet", profile="rapidata")
    assert (done.rows, done.entries) == (72, 12)


@pytest.mark.slow
def test_images_are_written_once_and_measured(tmp_path: Path) -> None:
    done = imported(PICK, tmp_path / "v.parquet", None, Pictures(tmp_path / "images"), profile="pickapic")
    found = pq.read_table(tmp_path / "v.parquet").to_pandas()
    source = pq.read_table(PICK).to_pandas()
    assert done.pictures == len({*found["left_image"], *found["right_image"]})
    row = found.iloc[0]
    folder = tmp_path / "images" / row["right"].replace("/", "_")
    file = folder / f"{row['prompt_id']}_{row['right_sample']}.jpg"
    assert file.read_bytes() == source.iloc[0]["jpg_1"]
    assert (found["left_width"] > 0).all()
    assert found["right_brightness"].between(0, 1).all()
    board = CliRunner().invoke(cli, ["strengths", "--comparisons", str(tmp_path / "v.parquet"),
                                     "--covariate", "brightness", "--json"])  # fmt: skip
    assert board.exit_code == 0, board.output
    assert [one["name"] for one in json.loads(board.stdout)["effects"]] == ["brightness"]


HPDV3 = [
    {"prompt": "a kite", "path1": "a/1.jpg", "path2": "b/1.jpg", "choice_dist": [4, 12], "confidence": 0.75,
     "model1": "flux", "model2": "real_images"},
    {"prompt": "a kite", "path1": "b/1.jpg", "path2": "a/1.jpg", "choice_dist": [9, 0],
     "model1": "real_images", "model2": "flux"},
    {"prompt": "a cup", "path1": "c/1.jpg", "path2": "c/2.jpg"},
]  # fmt: skip


def test_hpdv3_counts_votes_and_has_no_sides(tmp_path: Path) -> None:
    (tmp_path / "all.json").write_text(json.dumps(HPDV3))
    done = imported(tmp_path / "all.json", tmp_path / "v.parquet", profile="hpdv3")
    found = load_comparisons(tmp_path / "v.parquet")
    assert [(c.left, c.right, c.outcome, c.count) for c in found] == [
        ("flux", "real_images", Outcome.LEFT, 12), ("flux", "real_images", Outcome.RIGHT, 4),
        ("real_images", "flux", Outcome.LEFT, 9), ("not-named", "not-named", Outcome.LEFT, 1),
    ]  # fmt: skip
    assert (done.votes, done.same_model, done.unknown) == (26, 1, 26)
    for source, more in ((tmp_path / "v.parquet", []), (tmp_path / "all.json", ["--profile", "hpdv3"])):
        refused = CliRunner().invoke(cli, ["strengths", "--comparisons", str(source), "--side", *more])
        assert "--side cannot be estimated" in str(refused.exception)
        assert "path1 is always the image that most people preferred" in str(refused.exception)


def test_imagereward_is_rankings_of_images_without_models(tmp_path: Path) -> None:
    for name in ("test.json", "metadata-test.parquet"):
        done = imported(SAMPLES / "imagerewarddb" / name, tmp_path / "v.parquet", profile="imagereward-ranks")
        ranked = json.loads((SAMPLES / "imagerewarddb" / "test.json").read_text())
        ranks = [one["ranking"] for one in ranked]
        pairs = [(a, b) for one in ranks for i, a in enumerate(one) for b in one[i + 1 :]]
        assert done.rows == done.same_model == len(pairs)
        assert done.outcomes["tie"] == sum(a == b for a, b in pairs)
        refused = CliRunner().invoke(cli, ["strengths", "--comparisons", str(tmp_path / "v.parquet")])
        assert "of two images of one model (diffusiondb): they rank no models" in str(refused.exception)


def test_rankings_stay_whole_where_they_are_asked_for(tmp_path: Path) -> None:
    imported(SAMPLES / "hpdv2" / "test.json", tmp_path / "k.parquet", "rankings", profile="hpdv2")
    found = load_rankings(tmp_path / "k.parquet")
    wanted = [
        tuple(one["rank"])
        for item in json.loads((SAMPLES / "hpdv2" / "test.json").read_text())
        for one in item["raw_annotations"]
    ]
    assert found is not None
    assert [one.ranks for one in found] == wanted
    with pytest.raises(InputError, match=r"a model is there twice: take its pairs \(--as votes\)"):
        imported(SAMPLES / "imagerewarddb" / "test.json", tmp_path / "x.parquet", "rankings",
                 profile="imagereward-ranks")  # fmt: skip
    assert not (tmp_path / "x.parquet").exists()


def test_richhf_and_tti_human_eval_are_ratings(tmp_path: Path) -> None:
    imported(SAMPLES / "richhf18k", tmp_path / "r.parquet", profile="richhf")
    table, criteria = load_ratings(tmp_path / "r.parquet")
    assert [one.name for one in criteria] == ["aesthetics", "artifact", "misalignment", "overall"]
    assert table["value"].tolist()[:4] == [0.75, 0.25, 0.25, 1.0]
    (tmp_path / "results.csv").write_text(
        "worker,hit,submit_time,ans_faithfull,ans_quality\n"
        "w1,h1,Sun Mar 01 01:00:00 PDT 2026,4,2\nw2,h2,,5,5\n"
    )
    (tmp_path / "items.csv").write_text("item,model,prompt_id\nh1,alpha,00001\nh2,beta,00001\n")
    imported(tmp_path / "results.csv", tmp_path / "t.parquet", profile="tti-human-eval",
             items=tmp_path / "items.csv")  # fmt: skip
    table, _ = load_ratings(tmp_path / "t.parquet")
    assert texts(table, ["annotator", "model", "criterion"]) == [
        ("w1", "alpha", "faithfull"), ("w1", "alpha", "quality"),
        ("w2", "beta", "faithfull"), ("w2", "beta", "quality"),
    ]  # fmt: skip
    assert table["value"].tolist() == [4.0, 2.0, 5.0, 5.0]


def test_imgsys_must_be_explained(tmp_path: Path) -> None:
    file = SAMPLES / "arena_votes" / "imgsys.parquet"
    with pytest.raises(InputError, match="row 1: outcome '0' is not known: say what it means with --values"):
        imported(file, tmp_path / "v.parquet", profile="imgsys")
    done = imported(file, tmp_path / "v.parquet", profile="imgsys", values=["1=left,0=right,0.5=tie"])
    assert done.outcomes == {"left": 17, "right": 13, "tie": 10}


def _torn(path: Path) -> None:
    lines = (SAMPLES / "arena_votes" / "battles.jsonl").read_text().splitlines()
    path.write_text("\n".join([*lines[:20], lines[20][:30], *lines[21:]]))


def _cut(path: Path) -> None:
    path.write_bytes((SAMPLES / "richhf18k" / "test.tfrecord").read_bytes()[:2000])


@pytest.mark.parametrize(
    ("name", "write", "profile", "words"),
    [
        ("b.jsonl", _torn, "arena", r"b\.jsonl, line 21"),
        ("r.tfrecord", _cut, "richhf", r"r\.tfrecord, record \d+: .*cut off"),
        ("e.json", lambda path: path.write_text("[]"), "hpdv3", "holds no judgements in 0 entries"),
        ("h.json", lambda path: path.write_text(json.dumps([{"prompt": "x", "path1": "a"}])), "hpdv3",
         "h.json, entry 1 is not in the form of profile hpdv3"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_named_and_nothing_is_written(
    name: str, write: Callable[[Path], object], profile: str, words: str, tmp_path: Path
) -> None:
    write(tmp_path / name)
    out = tmp_path / "v.parquet"
    out.write_bytes(b"what was there before")
    with pytest.raises(NamiBenchError, match=words):
        imported(tmp_path / name, out, profile=profile)
    assert out.read_bytes() == b"what was there before"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "v.parquet"])


def test_an_error_far_behind_the_preview_leaves_nothing(tmp_path: Path) -> None:
    good = [{"prompt": f"p{n}", "path1": "a", "path2": "b", "model1": "m", "model2": "n"} for n in range(900)]
    (tmp_path / "all.json").write_text(json.dumps([*good, {"prompt": "x"}]))
    with pytest.raises(InputError, match="entry 901"):
        imported(tmp_path / "all.json", tmp_path / "v.parquet", profile="hpdv3")
    assert [path.name for path in tmp_path.iterdir()] == ["all.json"]


def test_a_person_may_judge_a_pair_again_and_a_line_may_not(tmp_path: Path) -> None:
    row = {"model_a": "x", "model_b": "y", "winner": "model_a", "judge": "j", "prompt": "p", "tstamp": 1}
    rows = [row, {**row}, {**row, "tstamp": 2}, {**row, "tstamp": 3, "winner": "model_b"}]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, rows)))
    done = imported(tmp_path / "b.jsonl", tmp_path / "v.parquet", profile="arena")
    found = load_comparisons(tmp_path / "v.parquet")
    assert (done.twice, done.repeated) == (1, 2)
    assert [one.repeat for one in found] == [0, 1, 2]
    for one in rows:
        del one["judge"]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, rows)))
    done = imported(tmp_path / "b.jsonl", tmp_path / "v.parquet", profile="arena")
    assert (done.rows, done.twice) == (4, 0)  # of nobody known, equal votes are votes


def test_every_set_says_what_it_is() -> None:
    known = [one for one in PROFILES.values() if one.published is not None]
    assert len(known) == 15
    listed = CliRunner().invoke(cli, ["votes", "profiles"]).output
    for one in known:
        assert one.name in listed
        shown = CliRunner().invoke(cli, ["votes", "profiles", one.name]).output
        assert one.published is not None
        for text in ("ties: ", "licence: ", "published: ", "checked: "):
            assert text in shown
    assert "did you mean 'pickapic'" in str(
        CliRunner().invoke(cli, ["votes", "profiles", "pickpic"]).exception
    )
