"""Every sample of other people's judgements goes in by one command, and comes out as it must."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import nami_bench

SAMPLES = Path(__file__).parents[2] / "data" / "judgements"
LABEL_STUDIO = (
    "--profile label-studio --criterion quality --criterion matches --values yes=2,partly=1,no=0 "
    "--scale quality=1-5 --scale matches=0-2"
)
LIKERT = "--map annotator=worker_id,model=t2i_model,value=answer,prompt_id=item_id --criterion consistency"
MTURK = "mturk/Batch_900001_batch_results.csv --profile mturk"

RATINGS = {
    "imagenhub --profile imagenhub": "SC=0-1 PQ=0-1",
    "doccano/export.zip --profile doccano --criterion quality --scale 1-5": "quality=1-5",
    f"label_studio/project-7-export.json {LABEL_STUDIO}": "quality=1-5 matches=0-2",
    f"label_studio/project-7-json_min.json {LABEL_STUDIO}": "quality=1-5 matches=0-2",
    f"label_studio/project-7-csv.csv {LABEL_STUDIO}": "quality=1-5 matches=0-2",
    "dsg_tifa160/tifa160-likert-anns.csv --profile dsg-tifa160": "consistency=1-5",
    f"dsg_tifa160/tifa160-likert-anns.csv {LIKERT} --scale 1..5": "consistency=1-5",
    "genai_bench/genai_image.json --profile genai-bench": "alignment=1-5",
    "evalmuse/train_list.json --profile evalmuse": "alignment=1-5",
}
COMPARISONS = {
    "arena_votes/battles.csv --profile arena": 34,
    "arena_votes/battles.jsonl --profile arena": 34,
    "arena_votes/clean_battle_t2i_generation_20260301.json --profile arena": 34,
    "genai_bench_votes/test_v1-00000-of-00001.parquet --profile genai-arena": 40,
    "label_studio/project-8-pairwise-export.json --profile label-studio --values =tie": 8,
    f"{MTURK} --map outcome=Answer.choice --repeats each": 15,
    "pickapic_v2/validation_unique-00000-of-00001.parquet --profile pickapic": 37,
    "hpdv2/test.json --profile hpdv2": 600,
    "rapidata_t2i/train-00000-of-00001.parquet --profile rapidata": 216,
}


def document(command: str, *arguments: object) -> Any:
    done = nami_bench(*command.split(), *arguments, "--json", cwd=SAMPLES)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def scores(board: Any) -> dict[str, Any]:
    told = ("criteria", "images", "ratings")
    return {row["model"]: {name: row[name] for name in told} for row in board["rows"]}


@pytest.mark.parametrize("command", RATINGS)
def test_ratings_of_a_sample_give_the_scores_that_it_must(command: str, tmp_path: Path) -> None:
    sample, *options = shlex.split(command)
    expected = SAMPLES / Path(sample).parts[0] / "expected_ratings.csv"
    criteria = "[study]\nname = 'x'\n" + "".join(
        f"[[criterion]]\nname = '{name}'\nweight = 1\nminimum = {low}\nmaximum = {high}\n"
        for name, low, high in (text.replace("=", "-").split("-") for text in RATINGS[command].split())
    )
    (tmp_path / "criteria.toml").write_text(criteria)
    found = document("leaderboard --intervals none --ratings", sample, *options)
    wanted = document(
        "leaderboard --intervals none --ratings", expected, "--criteria", tmp_path / "criteria.toml"
    )
    assert scores(found) == scores(wanted)


@pytest.mark.parametrize("command", COMPARISONS)
def test_comparisons_of_a_sample_give_the_strengths_that_they_must(command: str) -> None:
    sample, *options = shlex.split(command)
    expected = SAMPLES / Path(sample).parts[0] / "expected_comparisons.csv"
    found = document("strengths --comparisons", sample, *options)
    wanted = document("strengths --comparisons", expected)
    assert found["comparisons"] == wanted["comparisons"] == COMPARISONS[command]
    for one, other in zip(found["rows"], wanted["rows"], strict=True):
        assert {**one, "criterion": ""} == pytest.approx({**other, "criterion": ""}, nan_ok=True)
