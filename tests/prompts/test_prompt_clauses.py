"""Clauses in prompt files: what is read can be judged, what cannot be judged is refused with its place."""

import csv
import json
from pathlib import Path

import pytest

from nami_bench.domain.clauses import demand_key, line_key, parse_clauses
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.rules import judge
from nami_bench.pipeline import folder_prompt_set
from nami_bench.prompts.assembly import build_prompt_set
from nami_bench.prompts.files import load_prompt_set
from nami_bench.prompts.geneval import geneval_metadata

DOG = {"class": "dog", "count": 1}
GOOD = {"tag": "single_object", "include": [DOG], "prompt": "a photo of a dog"}


def line(**changes):
    return {**GOOD, **changes}


BAD = [
    (line(tag=7), "'tag' must name the task"),
    (line(tag=" "), "'tag' must name the task"),
    (line(include={"class": "dog"}), "'include' must be a list"),
    (line(include=[]), "there is no include or exclude clause"),
    (line(include=["dog"]), r"include\[0\] is not an object"),
    (line(include=[{"count": 1}]), r"include\[0\]: 'class' must name an object"),
    (line(include=[{"class": "dog ", "count": 1}]), r"include\[0\]: 'class' must name .* 'dog '"),
    (line(include=[{"class": "dog"}]), r"include\[0\]: 'count' must be a whole number from 1, got None"),
    (line(include=[DOG | {"count": True}]), r"include\[0\]: 'count' must .* got True"),
    (line(include=[DOG | {"count": -2}]), r"include\[0\]: 'count' must .* got -2"),
    (line(include=[DOG | {"count": 2.0}]), r"include\[0\]: 'count' must .* got 2.0"),
    (line(include=[DOG | {"count": float("nan")}]), r"'include\[0\].count' is nan"),
    (line(include=[DOG | {"color": "teal"}]), r"include\[0\]: color 'teal' is none of red"),
    (line(include=[DOG | {"size": "big"}]), r"include\[0\]: GenEval has no rule for 'size'"),
    (line(include=[DOG | {"position": ["above", 0]}]), r"include\[0\]: 'position' must refer .* no 0"),
    (line(include=[DOG, DOG | {"position": ["beside", 0]}]), r"include\[1\]: 'position' must be .*'beside'"),
    (line(include=[DOG, DOG | {"position": ["above", 1]}]), r"include\[1\]: 'position' .* no 1"),
    (line(include=[DOG, DOG | {"position": ["above", 5]}]), r"include\[1\]: 'position' .* no 5"),
    (line(include=[DOG, DOG | {"position": ["above", -1]}]), r"include\[1\]: 'position' .* no -1"),
    (line(include=[DOG, DOG | {"position": ["above", True]}]), r"include\[1\]: 'position' .* no True"),
    (line(include=[DOG, DOG | {"position": "above"}]), r"include\[1\]: 'position' must be \[relation"),
    (line(exclude=[DOG | {"color": "red"}]), r"exclude\[0\]: GenEval has no rule for 'color'"),
    (line(exclude=[{"class": "dog", "count": 0}]), r"exclude\[0\]: 'count' must .* got 0"),
]


@pytest.mark.parametrize(("bad", "complaint"), BAD)
def test_what_could_not_be_judged_is_refused_when_it_is_read(tmp_path: Path, bad, complaint) -> None:
    text = json.dumps(GOOD) + "\n" + json.dumps(bad) + "\n"
    (tmp_path / "bad.jsonl").write_text(text)
    with pytest.raises(InputError, match=r"bad\.jsonl line 2: " + complaint):
        load_prompt_set(tmp_path / "bad.jsonl")
    (tmp_path / "own.jsonl").write_text(
        json.dumps({"id": "00000", "prompt": "p", "stratum": "s", "source": "", "tags": {}, "geneval": bad})
    )
    with pytest.raises(InputError, match=r"own\.jsonl line 1: "):
        load_prompt_set(tmp_path / "own.jsonl")
    recipe = 'name = "r"\nseed = 1\n[[stratum]]\nname = "short"\ncount = 1\nsources = [{ name = "mine" }]\n'
    (tmp_path / "r.toml").write_text(recipe)
    with pytest.raises(InputError, match="line 2: " + complaint):
        build_prompt_set(str(tmp_path / "r.toml"), {"mine": tmp_path / "bad.jsonl"})


def test_a_folders_own_metadata_are_held_to_the_same(tmp_path: Path) -> None:
    for index, row in enumerate((GOOD, line(include=[DOG | {"color": "teal"}]))):
        (tmp_path / f"{index:05d}").mkdir()
        (tmp_path / f"{index:05d}" / "metadata.jsonl").write_text(json.dumps(row))
    with pytest.raises(InputError, match=r"00001.metadata\.jsonl line 1: include\[0\]: color 'teal'"):
        folder_prompt_set(tmp_path, "set")


@pytest.mark.parametrize(
    "row",
    [
        GOOD,
        line(include=[{"class": "dog", "count": 3, "color": None, "position": None}], exclude=None),
        {"tag": "mine", "exclude": [DOG], "prompt": "an empty street"},
        line(include=[DOG, {"class": "unicorn", "count": 1, "position": ["left of", 0]}], detailed=[1]),
    ],
)
def test_what_is_read_can_be_judged(tmp_path: Path, row) -> None:
    (tmp_path / "set.jsonl").write_text(json.dumps(row))
    [prompt] = load_prompt_set(tmp_path / "set.jsonl").prompts
    assert parse_clauses(prompt.metadata()) == parse_clauses(row)
    judge(prompt.metadata(), [], None, None)  # type: ignore[arg-type]  # nothing is found: nothing is looked at


def test_a_tag_without_clauses_is_a_key_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "00000").mkdir()
    (tmp_path / "00000" / "metadata.jsonl").write_text('{"tag": "animals", "prompt": "a dog"}')
    (tmp_path / "set.jsonl").write_text('{"tag": "animals", "prompt": "a dog"}')
    for found in (folder_prompt_set(tmp_path, "set"), load_prompt_set(tmp_path / "set.jsonl")):
        [prompt] = found.prompts
        assert prompt.geneval is None
        assert prompt.metadata() == {"tag": "animals", "prompt": "a dog"}


def test_further_keys_are_kept_through_every_file_and_identify_nothing(tmp_path: Path) -> None:
    official = geneval_metadata()[:5]
    (tmp_path / "plain.jsonl").write_text("".join(json.dumps(row) + "\n" for row in official))
    more = [{"index": i, "id": f"x{i}", **row, "detailed_caption": f"text {i}", "none": None}
            for i, row in enumerate(official)]  # fmt: skip
    (tmp_path / "more.jsonl").write_text("".join(json.dumps(row) + "\n" for row in more))
    plain, kept = (load_prompt_set(tmp_path / f"{name}.jsonl") for name in ("plain", "more"))
    assert kept.sha256 == plain.sha256
    assert (kept.rewritten, kept.file.sha256 != plain.file.sha256) == (0, True)
    (tmp_path / "own.jsonl").write_bytes(kept.to_jsonl())
    assert load_prompt_set(tmp_path / "own.jsonl").prompts == kept.prompts
    assert [prompt.metadata() for prompt in kept.prompts] == more


def test_further_columns_of_a_table_are_kept(tmp_path: Path) -> None:
    table = "Prompt,Category,original_prompt\na big dog,animals,a dog\na cat,animals,a cat\n"
    (tmp_path / "t.csv").write_text(table)
    first, second = load_prompt_set(tmp_path / "t.csv").prompts
    assert (first.rewritten_from, second.rewritten_from) == ("a dog", None)
    assert first.extra == {"Category": "animals", "original_prompt": "a dog"}


def test_order_of_keys_nulls_and_further_keys_make_no_other_demand() -> None:
    dog = {"count": 1, "color": None, "class": "dog"}
    other = {"prompt": "x", "index": 3, "exclude": None, "include": [dog], "tag": "single_object"}
    assert demand_key(other) == demand_key(GOOD)
    assert line_key(other) != line_key(GOOD)
    assert demand_key(line(include=[DOG | {"count": 2}])) != demand_key(GOOD)


class TestRewrites:
    def rewrites(self, tmp_path: Path, **keys):
        rows = [
            {**row, "prompt": f"An award-winning picture: {row['prompt']}", **keys}
            for row in geneval_metadata()
        ]
        (tmp_path / "rewrites.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return load_prompt_set(tmp_path / "rewrites.jsonl")

    def test_rewrites_of_genevals_prompts_are_known_by_their_clauses(self, tmp_path: Path) -> None:
        found = self.rewrites(tmp_path)
        assert found.rewritten == len(found) == 553
        assert [p.rewritten_from for p in found.prompts] == [row["prompt"] for row in geneval_metadata()]
        (tmp_path / "own.jsonl").write_bytes(found.to_jsonl())
        assert load_prompt_set(tmp_path / "own.jsonl").prompts == found.prompts

    @pytest.mark.parametrize("key", ["rewritten_from", "original_prompt", "original", "raw_prompt"])
    def test_a_key_may_name_the_original_of_any_prompt(self, tmp_path: Path, key: str) -> None:
        rows = [{"prompt": "a big brown dog", key: "a dog"}, {"prompt": "a cat", key: "a cat"}]
        (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, rows)))
        first, second = load_prompt_set(tmp_path / "r.jsonl").prompts
        assert (first.rewritten_from, second.rewritten_from) == ("a dog", None)

    def test_official_prompts_and_other_clauses_are_no_rewrites(self, tmp_path: Path) -> None:
        rows = [*geneval_metadata()[:3], line(include=[DOG | {"count": 7}])]
        (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, rows)))
        assert load_prompt_set(tmp_path / "r.jsonl").rewritten == 0

    def test_a_folder_and_a_recipe_keep_what_is_rewritten(self, tmp_path: Path) -> None:
        (tmp_path / "00000").mkdir()
        row = {
            **GOOD,
            "prompt": "A dog, lit from the left, looks at us.",
            "original_prompt": "a photo of a dog",
        }
        (tmp_path / "00000" / "metadata.jsonl").write_text(json.dumps(row))
        assert folder_prompt_set(tmp_path, "set").prompts[0].rewritten_from == "a photo of a dog"
        (tmp_path / "mine.jsonl").write_text(json.dumps(row))
        recipe = (
            'name = "r"\nseed = 1\n[[stratum]]\nname = "short"\ncount = 1\nsources = [{ name = "mine" }]\n'
        )
        (tmp_path / "r.toml").write_text(recipe)
        built = build_prompt_set(str(tmp_path / "r.toml"), {"mine": tmp_path / "mine.jsonl"})
        assert built.prompts[0].rewritten_from == "a photo of a dog"


def table(tmp_path: Path, **cells: str) -> Path:
    path = tmp_path / "prompts.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, ["prompt", *cells])
        writer.writeheader()
        writer.writerow({"prompt": GOOD["prompt"], **cells})
    return path


def test_clauses_in_a_table_are_clauses(tmp_path):
    path = table(tmp_path, tag="single_object", include=json.dumps([DOG]), note="kept")
    (prompt,) = load_prompt_set(path).prompts
    assert demand_key(prompt.metadata()) == demand_key(GOOD)
    assert (prompt.tags["task"], dict(prompt.extra)) == ("single_object", {"note": "kept"})


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (
            {"tag": "colors", "include": json.dumps([DOG | {"color": "teal"}])},
            "line 2: .*color 'teal' is none of",
        ),
        ({"tag": "colors", "include": "[{'class': 'dog'}]"}, "line 2: 'include' is not JSON"),
    ],
)
def test_clauses_in_a_table_that_could_not_be_judged_are_refused(tmp_path, cells, problem):
    with pytest.raises(InputError, match=problem):
        load_prompt_set(table(tmp_path, **cells))


def test_a_column_that_is_only_called_like_clauses_is_kept_as_text(tmp_path):
    (prompt,) = load_prompt_set(table(tmp_path, tag="animals", include="yes")).prompts
    assert (prompt.geneval, dict(prompt.extra)) == (None, {"tag": "animals", "include": "yes"})
