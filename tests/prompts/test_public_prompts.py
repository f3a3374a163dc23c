"""NAMI-1K from the public files, where they lie beside this checkout."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from nami_bench import pipeline
from nami_bench.domain import Prompt, PromptSet, prompt_id
from nami_bench.prompts.assembly import build_prompt_set
from nami_bench.prompts.sources import all_sources, resolve_sources
from nami_bench.prompts.summary import summarize, yardsticks
from tests.support.foreign import FOREIGN, needs

DATA = FOREIGN / "prompts"
FILES = {
    "lumiere": DATA / "drawbench" / "drawbench.txt",
    "partiprompts": DATA / "partiprompts" / "PartiPrompts.tsv",
    "pickapic": DATA / "pickapic_flowgrpo" / "test.txt",
    "dsg-diffusiondb": DATA / "dsg1k" / "diffusiondb.txt",
    "dsg-midjourney": DATA / "dsg1k" / "midjourney.txt",
    "dpg-bench": DATA / "dpg_bench" / "dpg_bench.jsonl",
}

pytestmark = needs(DATA, "the prompt files that `nami-bench prompts sources` names")


@pytest.fixture(scope="module")
def nami_1k():
    return build_prompt_set("nami-1k-public", FILES)


def test_nami_1k_has_its_thousand_prompts(nami_1k):
    assert Counter(p.stratum for p in nami_1k.prompts) == {"short": 360, "community": 320, "long": 320}
    assert all(40 <= p.words <= 120 for p in nami_1k.prompts if p.stratum == "long")
    assert all(p.words <= 20 for p in nami_1k.prompts if p.stratum == "short")
    assert len({p.text.casefold() for p in nami_1k.prompts}) == 1000


def test_it_is_the_same_set_as_ever(nami_1k):
    assert nami_1k.sha256 == "5df09354105c2ae8ad5a0eb94f9d8619c4bb48acc78eb519d3b1df902c257861"


def test_it_is_spread_over_tasks_categories_and_origins(nami_1k):
    strata = nami_1k.manifest["strata"]
    assert set(strata["short"]["tags"]["task"].values()) == {40}
    assert len(strata["community"]["tags"]["category"]) == 12
    assert len(strata["long"]["tags"]["origin"]) == 12
    assert min(strata["long"]["tags"]["origin"].values()) >= 22


def test_published_files_are_recognised_and_filters_counted(nami_1k):
    sources = nami_1k.manifest["sources"]
    assert {name for name, source in sources.items() if source["as_published"]} == {
        "geneval", "partiprompts", "pickapic", "dsg-diffusiondb", "dsg-midjourney", "dpg-bench",
    }  # fmt: skip
    assert sources["lumiere"]["as_published"] is None
    pools = {(pool["stratum"], pool["source"]): pool for pool in nami_1k.manifest["pools"]}
    pickapic = pools["community", "pickapic"]
    assert pickapic["dropped"]["filter safety"] > 50
    assert pickapic["dropped"]["filter english"] > 10
    assert pickapic["read"] == pickapic["usable"] + sum(pickapic["dropped"].values())


@pytest.mark.slow
def test_a_fresh_process_with_another_hash_seed_writes_the_same_bytes(nami_1k, tmp_path):
    written = pipeline.write_prompt_set(tmp_path / "here" / "nami-1k.jsonl", nami_1k)
    again = tmp_path / "there" / "nami-1k.jsonl"
    sources = [arg for name, path in FILES.items() for arg in ("--source", f"{name}={path}")]
    command = [
        sys.executable,
        "-m",
        "nami_bench",
        "prompts",
        "build",
        "nami-1k-public",
        *sources,
        "-o",
        str(again),
    ]
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True)
    for path in (written, written.with_suffix(".manifest.json")):
        assert path.read_bytes() == (again.parent / path.name).read_bytes()


def test_nothing_of_this_machine_is_in_the_outputs(nami_1k):
    manifest = json.dumps(nami_1k.manifest)
    assert str(DATA) not in manifest
    assert str(Path.home()) + "/" not in manifest
    assert {source["file"] for source in nami_1k.manifest["sources"].values()} == {
        None, *(path.name for path in FILES.values()),
    }  # fmt: skip


def test_pinned_hashes_are_those_of_the_public_files():
    paths = {
        "drawbench": FILES["lumiere"],
        "partiprompts": FILES["partiprompts"],
        "pickapic": FILES["pickapic"],
    }
    pins = {source.name: source.sha256 for source in all_sources()}
    for name, source in resolve_sources(paths, paths).items():
        assert source.load().sha256 == pins[name]


@pytest.mark.parametrize(
    ("name", "count", "tags"),
    [
        ("partiprompts", 1632, {"category", "challenge"}),
        ("pickapic", 2048, set()),
        ("dpg-bench", 1065, {"origin"}),
        ("dsg-diffusiondb", 100, set()),
        ("dsg-midjourney", 100, set()),
    ],
)
def test_public_files_are_read_whole(name, count, tags):
    candidates = resolve_sources([name], {name: FILES[name]})[name].load().candidates
    assert len(candidates) == count
    assert all(set(c.tags) == tags and c.text.strip() for c in candidates)


def test_the_kept_counts_of_dpg_bench_are_those_of_its_file():
    content = resolve_sources(["dpg-bench"], {"dpg-bench": FILES["dpg-bench"]})["dpg-bench"].load()
    prompts = (
        Prompt(prompt_id(index), c.text, "long", "dpg-bench", c.tags)
        for index, c in enumerate(content.candidates)
    )
    counted = summarize(PromptSet("dpg-bench", tuple(prompts)))["strata"]["long"]
    del counted["sources"]
    assert yardsticks()["dpg-bench"] == {"texts_sha256": content.texts_sha256, **counted}
