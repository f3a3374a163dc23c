import pytest

from nami_bench import registry
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.prompts.geneval import OFFICIAL_SHA256
from nami_bench.prompts.protocol import Availability
from nami_bench.prompts.public import DPGBench, DSGDiffusionDB, DSGMidjourney
from nami_bench.prompts.sources import all_sources, resolve_sources


@pytest.fixture(autouse=True)
def _empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "cache"))


def test_every_registered_source_answers_to_its_own_name():
    names = [source.name for source in all_sources()]
    assert names == list(registry.plugins("prompt_sources"))
    assert {"geneval", "drawbench", "lumiere", "shapes-long"} <= set(names)


def test_availability_is_known_without_reading_anything():
    found = {source.name: source.availability for source in all_sources()}
    assert found["geneval"] == Availability.HERE
    assert found["shapes-long"] == Availability.HERE
    assert found["partiprompts"] == Availability.DOWNLOAD
    assert found["dpg-bench"] == found["lumiere"] == Availability.FILE


def test_what_downloads_is_pinned_to_a_commit_and_a_hash():
    for source in all_sources():
        if source.availability is Availability.DOWNLOAD:
            assert source.address.startswith("https://raw.githubusercontent.com/")
            assert len(source.address.split("/")[5]) == 40
            assert len(source.sha256) == 64


def test_the_grammar_source_proves_its_own_hash():
    content = resolve_sources(["geneval"], {})["geneval"].load()
    assert content.sha256 == OFFICIAL_SHA256
    assert len(content.candidates) == 553
    assert all(c.geneval["tag"] == c.tags["task"] for c in content.candidates)


def test_a_file_only_source_says_where_to_get_it():
    source = resolve_sources(["dpg-bench"], {})["dpg-bench"]
    with pytest.raises(InputError, match=r"cannot be downloaded by itself.*ELLA.*--source dpg-bench=FILE"):
        source.load()


def test_the_open_slot_says_what_to_pass():
    with pytest.raises(InputError, match=r"pass --source lumiere=FILE"):
        resolve_sources(["lumiere"], {})["lumiere"].load()


def test_an_unregistered_name_with_a_file_is_the_users_own_source(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("a cat\n", encoding="utf-8")
    content = resolve_sources(["mine"], {"mine": path})["mine"].load()
    assert [c.text for c in content.candidates] == ["a cat"]
    assert content.file == "mine.txt"


def test_an_unregistered_name_without_a_file_is_unknown():
    with pytest.raises(UnknownNameError, match=r"did you mean 'partiprompts'.*--source partiprompt=FILE"):
        resolve_sources(["partiprompt"], {})


def test_a_file_for_a_source_the_recipe_lacks_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown source of this recipe 'drawbench'"):
        resolve_sources(["geneval"], {"drawbench": tmp_path / "x.txt"})


def test_a_generated_source_takes_no_file(tmp_path):
    with pytest.raises(InputError, match="takes no options"):
        resolve_sources(["geneval"], {"geneval": tmp_path / "x.txt"})


def test_dpg_bench_reads_its_published_folder_and_a_table_alike(tmp_path):
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "COCOval12.txt").write_text("A long text.\n", encoding="utf-8")
    (folder / "7.txt").write_text("Another\ntext.", encoding="utf-8")
    (folder / "readme.md").write_text("no prompt", encoding="utf-8")
    table = tmp_path / "dpg.jsonl"
    table.write_text(
        '{"item": "7", "prompt": "Another text."}\n{"item": "COCOval12", "prompt": "A long text."}\n',
        encoding="utf-8",
    )
    from_folder = DPGBench(DPGBench.Options(folder)).load()
    from_table = DPGBench(DPGBench.Options(table)).load()
    assert from_folder.candidates == from_table.candidates
    assert [c.tags for c in from_folder.candidates] == [{"origin": "dpg"}, {"origin": "COCOval"}]
    (folder / "7.txt").write_text("changed", encoding="utf-8")
    assert DPGBench(DPGBench.Options(folder)).load().sha256 != from_folder.sha256


def test_a_folder_without_prompts_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no .txt files"):
        DPGBench(DPGBench.Options(tmp_path)).load()


DSG_TABLE = """\
item_id,text,proposition_id,question_natural_language
midjourney_1,"a castle, at night",1,Is there a castle?
midjourney_1,"a castle, at night",2,Is it night?
diffusiondb_7,two cats,1,Are there cats?
whoops_5,a square wheel,1,Is there a wheel?
"""


def test_dsgs_published_table_is_read_by_slice_each_prompt_once(tmp_path):
    table = tmp_path / "dsg-1k-anns.csv"
    table.write_text(DSG_TABLE, encoding="utf-8")
    for source, text in ((DSGMidjourney, "a castle, at night"), (DSGDiffusionDB, "two cats")):
        content = source(source.Options(table)).load()
        assert [c.text for c in content.candidates] == [text]
        assert content.file == "dsg-1k-anns.csv"


def test_a_table_of_other_slices_and_a_table_of_prompts(tmp_path):
    table = tmp_path / "dsg.csv"
    table.write_text(DSG_TABLE.replace("midjourney", "mj"), encoding="utf-8")
    with pytest.raises(InputError, match=r"dsg.csv has no item_id that begins with midjourney_"):
        DSGMidjourney(DSGMidjourney.Options(table)).load()
    table.write_text("prompt\na castle\n", encoding="utf-8")
    assert len(DSGMidjourney(DSGMidjourney.Options(table)).load().candidates) == 1


def test_the_hash_of_the_texts_is_the_same_in_every_form_and_order(tmp_path):
    plain, table = tmp_path / "a.txt", tmp_path / "a.csv"
    plain.write_text("two  cats\na castle, at night\n", encoding="utf-8")
    table.write_text('prompt\n"a castle, at night"\ntwo cats\n', encoding="utf-8")
    one, other = (resolve_sources(["mine"], {"mine": path})["mine"].load() for path in (plain, table))
    assert one.sha256 != other.sha256
    assert one.texts_sha256 == other.texts_sha256
    plain.write_text("two cats\na castle at night\n", encoding="utf-8")
    assert resolve_sources(["mine"], {"mine": plain})["mine"].load().texts_sha256 != one.texts_sha256
