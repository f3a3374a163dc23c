"""What docs/prompts.md says of the embedded prompts: numbers, lengths, tags, balance, and no two alike."""

import json
import os
import re
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from nami_bench import pipeline
from nami_bench.prompts.assembly import build_prompt_set
from nami_bench.prompts.duplicates import DuplicateIndex
from nami_bench.prompts.filters import FILTERS
from nami_bench.prompts.sources import NamiCommunitySource, NamiLongSource, NamiShortSource
from tests.support.foreign import FOREIGN, needs

NAMI_1K = "bed4bb4c5db698ae4b79635ec053a1922382845647c08b3ccab2b030e29340b9"
ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "prompts.md").read_text(encoding="utf-8")
PUBLIC = FOREIGN / "prompts"

SHORT = NamiShortSource().load().candidates
COMMUNITY = NamiCommunitySource().load().candidates
LONG = NamiLongSource().load().candidates
ALL = SHORT + COMMUNITY + LONG
each_source = pytest.mark.parametrize(
    "candidates", [SHORT, COMMUNITY, LONG], ids=["short", "community", "long"]
)


def words(text):
    return re.findall(r"\w+", text.casefold())


def runs(text, length):
    found = words(text)
    return {tuple(found[at : at + length]) for at in range(len(found) - length + 1)}


def challenges(candidate):
    return candidate.tags["challenge"].split(", ")


def documented_challenges():
    table = DOCS.split("| challenge |")[1].split("\n\n")[0]
    return set(re.findall(r"^\| (\w+) \|", table, re.MULTILINE))


def documented_categories():
    [line] = re.findall(r"^> (.*)$", DOCS, re.MULTILINE)
    return set(line.split(", "))


@pytest.fixture(scope="module")
def nami_1k():
    return build_prompt_set("nami-1k")


def test_the_set_is_the_one_that_the_documentation_names(nami_1k):
    assert nami_1k.sha256 == NAMI_1K
    assert f"`{NAMI_1K}`" in DOCS
    assert Counter(p.stratum for p in nami_1k.prompts) == {"short": 360, "community": 320, "long": 320}


@pytest.mark.slow
def test_a_fresh_process_without_network_or_files_writes_the_same_bytes(nami_1k, tmp_path):
    written = pipeline.write_prompt_set(tmp_path / "here" / "set.jsonl", nami_1k)
    again = tmp_path / "there" / "set.jsonl"
    # Whoever opens a socket fails.
    code = (
        "import socket, sys\n"
        "def refuse(*args, **kwargs): raise AssertionError('the network was used')\n"
        "socket.socket.connect = socket.create_connection = refuse\n"
        "from nami_bench.cli import main\n"
        "sys.exit(main())\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4321", "NAMI_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", code, "prompts", "build", "-o", str(again)]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True)
    for path in (written, written.with_suffix(".manifest.json")):
        assert path.read_bytes() == (again.parent / path.name).read_bytes()
    assert not (tmp_path / "cache").exists()


def test_the_manifest_is_honest_about_where_the_texts_come_from(nami_1k):
    origins = {name: source["origin"] for name, source in nami_1k.manifest["sources"].items()}
    assert set(origins) == {"geneval", "nami-short", "nami-community", "nami-long"}
    assert all(origins[name].startswith("written for this project") for name in origins if name != "geneval")
    assert "CogVLM2" not in json.dumps(nami_1k.manifest)


def test_no_prompt_is_lost_to_a_rule_of_the_recipe(nami_1k):
    assert [(pool["source"], pool["usable"], pool["dropped"]) for pool in nami_1k.manifest["pools"]] == [
        ("geneval", 553, {}), ("nami-short", 120, {}), ("nami-community", 400, {}), ("nami-long", 400, {}),
    ]  # fmt: skip


def test_the_drawn_set_keeps_the_balance(nami_1k):
    for stratum, share in {"short": {10}, "community": {26, 27}, "long": {26, 27}}.items():
        counts = nami_1k.manifest["strata"][stratum]["tags"]["category"]
        assert set(counts) == documented_categories()
        assert set(counts.values()) == share


def test_numbers_and_lengths():
    assert (len(SHORT), len(COMMUNITY), len(LONG)) == (120, 400, 400)
    assert all(4 <= len(c.text.split()) <= 16 for c in SHORT)
    assert all(len(c.text.split()) <= 60 for c in COMMUNITY)
    assert all(60 <= len(c.text.split()) <= 120 for c in LONG)


def test_lengths_vary():
    for candidates, bins in ((COMMUNITY, 4), (LONG, 6)):
        histogram = Counter((len(c.text.split()) - 1) // 10 for c in candidates)
        assert len(histogram) >= bins
        assert max(histogram.values()) < 0.6 * len(candidates)


@each_source
def test_categories_are_equally_frequent(candidates):
    counts = Counter(c.tags["category"] for c in candidates)
    assert set(counts) == documented_categories()
    assert max(counts.values()) - min(counts.values()) <= 1


@each_source
def test_challenges_are_of_the_documented_vocabulary(candidates):
    for candidate in candidates:
        named = challenges(candidate)
        assert set(named) <= documented_challenges()
        assert len(named) == len(set(named))
        assert named == ["none"] or "none" not in named


@each_source
def test_every_challenge_occurs_and_none_takes_over(candidates):
    counts = Counter(name for c in candidates for name in challenges(c))
    least = 1 if candidates is SHORT else 0.03 * len(candidates)
    assert all(counts[name] >= least for name in documented_challenges() - {"none"})
    assert max(counts.values()) <= 0.3 * len(candidates)


def test_prompts_about_lettering_say_what_is_to_be_written():
    for candidate in SHORT + LONG:
        if candidate.tags["category"] == "text in image":
            assert "text" in challenges(candidate)
            assert re.search(r"[\"A-Z0-9]", candidate.text[1:])


def test_languages_and_typing_errors_are_few_and_tagged():
    foreign = [c for c in COMMUNITY if "language" in c.tags]
    assert 0.1 <= len(foreign) / len(COMMUNITY) <= 0.15
    assert len({c.tags["language"] for c in foreign}) == 24
    assert all(re.fullmatch("[a-z]{2}", c.tags["language"]) for c in foreign)
    typos = [c.tags["typo"] for c in COMMUNITY if "typo" in c.tags]
    assert typos == ["yes"] * 5
    assert not any({"language", "typo"} & c.tags.keys() for c in SHORT + LONG)


def test_only_tagged_prompts_are_in_other_scripts():
    scripts = defaultdict(set)
    for candidate in ALL:
        for char in filter(str.isalpha, candidate.text):
            scripts[candidate.tags.get("language")].add(unicodedata.name(char).split()[0])
    assert scripts[None] <= {"LATIN", "GREEK", "MICRO"}  # 2πr, µm
    kana = {"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}
    assert kana <= scripts["ja"]
    assert len(set().union(*scripts.values()) - kana - {"MICRO"}) + 1 == 11


@pytest.mark.parametrize("name", ["safety", "switches", "personal"])
def test_no_filter_drops_an_embedded_prompt(name):
    assert [c.text for c in ALL if FILTERS[name].rejects(c.text)] == []


def test_the_language_filter_tells_english_prompts():
    assert [c.text for c in ALL if "language" not in c.tags and FILTERS["english"].rejects(c.text)] == []
    caught = [c for c in COMMUNITY if "language" in c.tags and FILTERS["english"].rejects(c.text)]
    assert len(caught) >= 35


def test_no_two_prompts_are_alike():
    seen = DuplicateIndex(0.2)
    alike = []
    for candidate in ALL:
        if seen.reason(candidate) is not None:
            alike.append(candidate.text)
        seen.add(candidate)
    assert alike == []


def test_no_seven_words_in_a_row_are_used_twice():
    counts = Counter(run for candidate in ALL for run in runs(candidate.text, 7))
    assert [" ".join(run) for run, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("candidates", [COMMUNITY, LONG], ids=["community", "long"])
def test_no_two_prompts_open_with_the_same_four_words(candidates):
    openings = Counter(tuple(words(c.text)[:4]) for c in candidates)
    assert [" ".join(opening) for opening, count in openings.items() if count > 1] == []


def test_long_prompts_do_not_share_their_frame():
    openings = Counter(tuple(words(c.text)[:3]) for c in LONG)
    assert [" ".join(opening) for opening, count in openings.items() if count > 2] == []
    assert max(Counter(words(c.text)[0] for c in LONG).values()) <= 0.15 * len(LONG)
    sentences = (sentence for c in LONG for sentence in re.split(r"(?<=[.!?])\s+", c.text))
    starts = Counter(tuple(words(sentence)[:3]) for sentence in sentences)
    # "To the left" and the like begin a sentence now and then.
    assert [" ".join(start) for start, count in starts.items() if count > 8] == []


def test_long_prompts_end_as_texts_do():
    assert [c.text[-40:] for c in LONG if not re.search(r'[.!?]["”)]?$', c.text)] == []
    assert [c.text for c in ALL if "  " in c.text or c.text != c.text.strip()] == []


@needs(PUBLIC, "the prompt files that `nami-bench prompts sources` names")
def test_nothing_is_taken_from_public_sets():
    files = [path for path in PUBLIC.rglob("*") if path.suffix in {".txt", ".tsv", ".jsonl"}]
    assert len(files) >= 6
    lines = (line for path in files for line in path.read_text(encoding="utf-8").splitlines())
    public = {run for line in lines for run in runs(line, 8)}
    assert [c.text for c in ALL if runs(c.text, 8) & public] == []
