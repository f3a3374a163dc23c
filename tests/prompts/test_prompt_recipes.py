import pytest

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.prompts.recipe import builtin_recipes, load_recipe

GOOD = """\
name = "mine"
seed = 3

[[stratum]]
name = "short"
count = 10
sources = [{ name = "geneval", count = 4 }, { name = "a" }, { name = "b" }, { name = "c" }, { name = "d" }]
"""


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_sources_without_a_count_share_the_rest_equally(tmp_path):
    recipe = load_recipe(written(tmp_path, GOOD))
    counts = {share.name: count for share, count in recipe.stratum[0].shares()}
    assert counts == {"geneval": 4, "a": 2, "b": 2, "c": 1, "d": 1}
    assert recipe.source_names == ("geneval", "a", "b", "c", "d")


@pytest.mark.parametrize(("name", "slot"), [("nami-1k", "nami-short"), ("nami-1k-public", "lumiere")])
def test_nami_1k_has_the_protocols_strata(name, slot):
    recipe = load_recipe(name)
    assert [(s.name, s.count) for s in recipe.stratum] == [("short", 360), ("community", 320), ("long", 320)]
    assert recipe.stratum[2].max_words == 120
    assert all({"safety", "personal"} <= set(stratum.filters) for stratum in recipe.stratum)
    assert {share.name: count for share, count in recipe.stratum[0].shares()} == {"geneval": 240, slot: 120}


def test_every_built_in_recipe_is_named_as_its_file():
    assert {"nami-1k", "nami-1k-public", "shapes-demo"} <= set(builtin_recipes())
    assert all(load_recipe(name).name == name for name in builtin_recipes())


def test_identity_is_of_the_values_not_of_the_layout(tmp_path):
    plain = load_recipe(written(tmp_path, GOOD))
    commented = load_recipe(written(tmp_path, "# why\n" + GOOD.replace("seed = 3", "seed   =   3")))
    other = load_recipe(written(tmp_path, GOOD.replace("count = 4", "count = 6")))
    assert plain.sha256 == commented.sha256
    assert plain.sha256 != other.sha256


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("count = 10", "count = 0", r"stratum 'short' has the count 0; it must be 1 or more"),
        ("count = 10", "count = -4", "has the count -4"),
        ("count = 10", 'count = "many"', "count: input should be a valid integer"),
        ("count = 10", "count = 3", r"counts \(geneval 4, a the rest.*do not add up to its count of 3"),
        ("count = 10", "count = 7", "do not add up to its count of 7"),
        ("count = 4", "count = 0", "a source's count must be 1 or more"),
        (
            "count = 10",
            "count = 10\nmin_words = 9\nmax_words = 3",
            "must be 1 or more and not exceed max_words",
        ),
        ("count = 10", "count = 10\nmin_words = 0", "min_words must be 1 or more"),
        ("count = 10", 'count = 10\nfilters = ["safty"]', "unknown filter .* did you mean 'safety'"),
        ("count = 10", "count = 10\nmax_length = 3", "max_length: unknown key"),
        ('{ name = "a" }', '{ name = "b" }', "two sources are called 'b'"),
        ('{ name = "a" }', '{ nam = "a" }', "nam: unknown key"),
        ("seed = 3", "seed = -1", "seed must be 0 or more"),
        ("seed = 3", "seed = 3\nnear_duplicates = 0", "near_duplicates must be above 0"),
        ("seed = 3", "", "seed: is missing"),
        ('name = "short"', 'name = "../short"', "stratum name '../short' is not usable"),
        ('name = "mine"', 'name = "a b"', "recipe name 'a b' is not usable"),
        ("[[stratum]]", "[[stratum]", "is not valid TOML"),
    ],
)
def test_impossible_recipes_are_refused_with_the_file_and_the_place(tmp_path, old, new, message):
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        load_recipe(path)
    assert path in str(caught.value) or "name" in message


def test_missing_parts_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no \[\[stratum\]\]"):
        load_recipe(written(tmp_path, 'name = "mine"\nseed = 1\nstratum = []\n'))
    with pytest.raises(InputError, match="names no sources"):
        load_recipe(written(tmp_path, GOOD.split("sources")[0] + "sources = []\n"))
    with pytest.raises(InputError, match="two strata are called 'short'"):
        load_recipe(written(tmp_path, GOOD + GOOD[GOOD.index("[[stratum]]") :]))
    with pytest.raises(InputError, match="cannot read"):
        load_recipe(str(tmp_path / "gone.toml"))
    with pytest.raises(UnknownNameError, match="did you mean 'nami-1k'"):
        load_recipe("nami-2k")
