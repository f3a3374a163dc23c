"""Published votes and ratings, where somebody has put them: their published numbers come out."""

import json
from pathlib import Path

import pytest

from tests.support.foreign import FOREIGN, needs
from tests.support.program import nami_bench

VOTES = FOREIGN / "formats" / "real" / "genai_arena_clean_battle_20240220.json.gz"
LIKERT = FOREIGN / "formats" / "real" / "dsg_tifa160-likert-anns.csv.gz"
ARENA = {  # the table of the arena of 20 February 2024
    "PlayGroundV2": 1151.18, "PixArtAlpha": 1078.36, "SDXL": 1027.26, "SDXLTurbo": 972.09,
    "OpenJourney": 921.34, "LCM": 849.77,
}  # fmt: skip
MEANS = {
    "sd2dot1": 4.1456,
    "sd1dot5": 3.9897,
    "mini-dalle": 3.8388,
    "sd1dot1": 3.7313,
    "vq-diffusion": 3.6081,
}


@needs(VOTES, "GenAI-Arena's votes (MIT)")
def test_genai_arenas_votes_give_its_published_strengths() -> None:
    options = ("--profile", "arena", "--rename", "*_edition=", "--ties", "half", "--json")
    found = json.loads(nami_bench("strengths", "--comparisons", VOTES, *options).stdout)
    assert found["comparisons"] == 1451
    assert {row["model"]: row["elo"] for row in found["rows"]} == pytest.approx(ARENA, abs=0.2)


@needs(LIKERT, "TIFA160's Likert ratings in DSG (Apache-2.0)")
def test_tifa160s_ratings_give_the_models_means() -> None:
    options = ("--profile", "dsg-tifa160", "--intervals", "none", "--json")
    found = json.loads(nami_bench("leaderboard", "--ratings", LIKERT, *options).stdout)
    means = {row["model"]: 1 + row["total"] / 25 for row in found["rows"]}
    assert means == pytest.approx(MEANS, abs=0.00005)
    assert sum(row["ratings"] for row in found["rows"]) == 3995


@needs(VOTES, "GenAI-Arena's votes (MIT)")
def test_they_do_so_by_way_of_the_votes_file(tmp_path: Path) -> None:
    out = tmp_path / "arena.parquet"
    done = nami_bench("votes", "import", "arena", VOTES, "--rename", "*_edition=", "-o", out)
    assert "1451 votes of 2061 entries" in done.stdout
    found = json.loads(nami_bench("strengths", "--comparisons", out, "--ties", "half", "--json").stdout)
    assert {row["model"]: row["elo"] for row in found["rows"]} == pytest.approx(ARENA, abs=0.2)


@needs(LIKERT, "TIFA160's Likert ratings in DSG (Apache-2.0)")
def test_ratings_do_so_by_way_of_their_file(tmp_path: Path) -> None:
    out = tmp_path / "tifa.parquet"
    nami_bench("votes", "import", "dsg-tifa160", LIKERT, "-o", out)
    found = json.loads(nami_bench("leaderboard", "--ratings", out, "--intervals", "none", "--json").stdout)
    assert {row["model"]: 1 + row["total"] / 25 for row in found["rows"]} == pytest.approx(MEANS, abs=0.00005)
