import hashlib
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from nami_bench.cli.app import cli
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.prompts.files import load_prompt_set
from nami_bench.prompts.geneval import OFFICIAL_SHA256
from tests.support.program import nami_bench


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty folder; errors are raised, as `main` gets them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NAMI_DATABASE_URL", raising=False)

    def invoke(*args):
        return CliRunner().invoke(cli, args, standalone_mode=False, catch_exceptions=False)

    return invoke


@pytest.fixture
def workspace(run, tmp_path):
    run("init")
    return tmp_path / "nami-workspace"


def test_geneval_on_stdout_is_the_official_file(run):
    result = run("prompts", "geneval")
    assert hashlib.sha256(result.stdout_bytes).hexdigest() == OFFICIAL_SHA256
    assert result.stderr == ""


def test_geneval_over_shapes_goes_to_a_file(run, tmp_path):
    result = run("prompts", "geneval", "--classes", "shapes", "--per-task", "2", "-o", "out/shapes.jsonl")
    assert result.stdout == ""
    loaded = load_prompt_set(tmp_path / "out" / "shapes.jsonl")
    assert len(loaded) == 8 + 5 * 2
    assert {p.stratum for p in loaded.prompts} == {"short"}


def test_build_without_a_workspace_writes_only_the_files(run, tmp_path):
    result = run("prompts", "build", "shapes-demo", "-o", "demo.jsonl")
    assert "48 prompts (24 short, 12 community, 12 long)" in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["demo.jsonl", "demo.manifest.json"]
    loaded = load_prompt_set(tmp_path / "demo.jsonl")
    assert loaded.manifest["sha256"] == loaded.sha256
    assert loaded.manifest["name"] == "shapes-demo"


def test_build_needs_somewhere_to_put_the_set(run):
    with pytest.raises(InputError, match=r"run `nami-bench init`, or .* -o FILE.jsonl"):
        run("prompts", "build", "shapes-demo")
    with pytest.raises(InputError, match=r"ends in .jsonl"):
        run("prompts", "build", "shapes-demo", "-o", "demo.txt")


def test_build_records_in_the_workspace_once(run, workspace):
    run("prompts", "build", "shapes-demo")
    run("prompts", "build", "shapes-demo")
    listed = json.loads(run("prompts", "list", "--json").stdout)
    assert [(row["name"], row["prompts"]) for row in listed] == [("shapes-demo", 48)]
    assert load_prompt_set(workspace / "prompts" / "shapes-demo.jsonl").sha256 == listed[0]["sha256"]
    assert (workspace / "prompts" / "shapes-demo.manifest.json").is_file()


def test_other_prompts_under_a_taken_name_are_refused_and_named_anew(run, workspace):
    run("prompts", "build", "shapes-demo")
    before = (workspace / "prompts" / "shapes-demo.jsonl").read_bytes()
    with pytest.raises(InputError, match="another name"):
        run("prompts", "build", "shapes-demo", "--seed", "9")
    assert (workspace / "prompts" / "shapes-demo.jsonl").read_bytes() == before
    run("prompts", "build", "shapes-demo", "--seed", "9", "--name", "second")
    assert [row["name"] for row in json.loads(run("prompts", "list", "--json").stdout)] == [
        "shapes-demo",
        "second",
    ]


def test_own_recipe_with_own_files(run, tmp_path):
    (tmp_path / "mine.txt").write_text(
        "\n".join(f"my animal number {n} runs" for n in range(5)), encoding="utf-8"
    )
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\nseed = 1\nnear_duplicates = 1\n[[stratum]]\nname = "short"\ncount = 5\n'
        'sources = [{ name = "geneval", count = 2, only = { task = ["position"] } }, { name = "slot" }]\n',
        encoding="utf-8",
    )
    run("prompts", "build", "mine.toml", "--source", "slot=mine.txt", "-o", "set.jsonl")
    made = load_prompt_set(tmp_path / "set.jsonl")
    assert [p.task for p in made.prompts] == ["position", "position", None, None, None]
    assert made.manifest["sources"]["slot"]["file"] == "mine.txt"


def test_the_public_recipe_says_which_files_to_pass(run):
    with pytest.raises(InputError, match=r"lumiere \(your own prompts\).*pass --source lumiere=FILE"):
        run("prompts", "build", "nami-1k-public", "-o", "nami-1k.jsonl")


def test_a_file_for_another_recipe_names_that_recipe(run):
    with pytest.raises(UnknownNameError, match="the recipe nami-1k-public takes it"):
        run("prompts", "build", "--source", "pickapic=test.txt", "-o", "nami-1k.jsonl")


@pytest.mark.parametrize(
    ("source", "message"),
    [("lumiere", "not of the form KEY=VALUE"), ("lumiere=gone.txt", "cannot read gone.txt")],
)
def test_bad_source_options_are_refused(run, tmp_path, source, message):
    (tmp_path / "r.toml").write_text(
        'name = "r"\nseed = 1\n[[stratum]]\nname = "short"\ncount = 1\nsources = [{ name = "lumiere" }]\n',
        encoding="utf-8",
    )
    with pytest.raises(InputError, match=message):
        run("prompts", "build", "r.toml", "--source", source, "-o", "r.jsonl")


def test_show_takes_a_name_or_a_file(run, workspace):
    run("prompts", "build", "shapes-demo", "-o", "copy.jsonl")
    by_name = json.loads(
        run("prompts", "show", "shapes-demo", "--stratum", "long", "--limit", "3", "--json").stdout
    )
    by_file = json.loads(
        run("prompts", "show", "copy.jsonl", "--stratum", "long", "--limit", "3", "--json").stdout
    )
    assert by_name["prompts"] == by_file["prompts"]
    assert len(by_name["prompts"]) == 3
    assert {p["stratum"] for p in by_name["prompts"]} == {"long"}
    assert "a photo of" in run("prompts", "show", "shapes-demo").stdout


def test_reading_a_file_records_nothing(run, workspace):
    run("prompts", "geneval", "-o", "geneval.jsonl")
    run("prompts", "stats", "geneval.jsonl")
    assert json.loads(run("prompts", "list", "--json").stdout) == []


def test_unknown_sets_and_strata_are_named(run, workspace):
    run("prompts", "build", "shapes-demo")
    with pytest.raises(UnknownNameError, match="did you mean 'shapes-demo'"):
        run("prompts", "show", "shape-demo")
    with pytest.raises(UnknownNameError, match="did you mean 'short'"):
        run("prompts", "show", "shapes-demo", "--stratum", "shrt")


def test_without_a_workspace_a_set_is_a_file(run):
    with pytest.raises(InputError, match=r"gone.jsonl is not a file, and no workspace"):
        run("prompts", "stats", "gone.jsonl")
    with pytest.raises(InputError, match="no workspace"):
        run("--workspace", "elsewhere", "prompts", "build", "shapes-demo", "-o", "x.jsonl")


def test_stats_count_by_stratum_source_and_tag(run):
    run("prompts", "build", "shapes-demo", "-o", "demo.jsonl")
    summary = json.loads(run("prompts", "stats", "demo.jsonl", "--json").stdout)
    assert summary["count"] == 48
    assert summary["strata"]["long"]["sources"] == {"shapes-long": 12}
    assert summary["strata"]["short"]["tags"]["task"]["position"] == 4
    assert sum(summary["strata"]["long"]["words"]["histogram"].values()) == 12
    assert set(summary["beside"]) == {"geneval", "dpg-bench"}
    assert summary["beside"]["dpg-bench"]["words"]["max"] == 130


def test_stats_are_drawn_as_bars_beside_well_known_sets(run):
    run("prompts", "build", "shapes-demo", "-o", "demo.jsonl")
    lines = run("prompts", "stats", "demo.jsonl").stdout.splitlines()
    [row] = [line for line in lines if "shapes-community" in line]
    assert row.split() == ["community", "source", "shapes-community", "12", "100.0%", "█" * 16]
    [header] = [line for line in lines if line.strip().startswith("words")]
    assert header.split() == ["words", "short", "community", "long", "geneval", "dpg-bench"]
    [bottom] = [line for line in lines if line.strip().startswith("1-10 ")]
    assert bottom.rstrip().endswith("91% " + "█" * 6)
    assert any(line.split()[:2] == ["dpg-bench", "origin"] for line in lines)


def test_export_formats_agree_line_by_line(run, tmp_path):
    run("prompts", "build", "shapes-demo", "-o", "demo.jsonl")
    texts = run("prompts", "export", "demo.jsonl", "--format", "txt").stdout.splitlines()
    result = run("prompts", "export", "demo.jsonl", "--format", "geneval")
    assert [json.loads(line)["prompt"] for line in result.stdout.splitlines()] == texts
    assert result.stderr == ""
    run("prompts", "export", "demo.jsonl", "-o", "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "demo.jsonl").read_bytes()


def test_export_to_genevals_form_says_how_many_prompts_lack_clauses(run, tmp_path):
    (tmp_path / "mine.txt").write_text("a cat\na dog\n", encoding="utf-8")
    result = run("prompts", "export", "mine.txt", "--format", "geneval")
    assert result.stdout == '{"prompt": "a cat"}\n{"prompt": "a dog"}\n'
    assert "2 of 2 prompts have no GenEval clauses" in result.stderr


def test_sources_tell_licence_hash_address_and_availability(run):
    rows = {row["name"]: row for row in json.loads(run("prompts", "sources", "--json").stdout)}
    assert len(rows["geneval"].pop("texts_sha256")) == 64
    assert rows["geneval"] == {
        "name": "geneval",
        "origin": "GenEval's grammar (Ghosh et al. 2023, arXiv 2310.11513), run here",
        "licence": "MIT",
        "prompts": 553,
        "available": "here",
        "sha256": OFFICIAL_SHA256,
        "address": None,
    }
    assert rows["pickapic"]["available"] == "download"
    assert rows["pickapic"]["prompts"] is None
    assert len(rows["dpg-bench"]["texts_sha256"]) == 64
    assert rows["lumiere"]["available"] == "needs a file"
    assert all(row["licence"] for row in rows.values())
    assert "raw.githubusercontent.com" in run("prompts", "sources").stdout


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["prompts", "geneval", "--per-task", "0"], 2),
        (["prompts", "build", "nothing", "-o", "x.jsonl"], 2),
        (["prompts", "geneval", "--classes", "shapes", "-o", "x.jsonl"], 0),
    ],
)
def test_exit_codes(tmp_path, args, code):
    done = nami_bench(*args, cwd=tmp_path)
    assert done.returncode == code
    assert done.stderr.count("error: ") == (code != 0)


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom nami_bench.cli.app import cli\n"
        "for path in ([], ['build'], ['sources']):\n"
        "    assert CliRunner().invoke(cli, ['prompts', *path, '--help']).exit_code == 0\n"
        "heavy = {'numpy', 'pydantic', 'pandas', 'httpx', 'gradio', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_a_files_own_hash_is_shown_beside_the_canonical_one(run, workspace, tmp_path):
    run("prompts", "geneval", "-o", "official.jsonl")
    file = {"name": "official.jsonl", "sha256": OFFICIAL_SHA256}
    canonical = load_prompt_set(tmp_path / "official.jsonl").sha256
    assert canonical != OFFICIAL_SHA256
    run("prompts", "build", "shapes-demo")
    for command in ("show", "stats"):
        said = run("prompts", command, "official.jsonl").stdout
        assert f"canonical sha256 {canonical}; its file official.jsonl: sha256 {OFFICIAL_SHA256}." in said
        document = json.loads(run("prompts", command, "official.jsonl", "--json").stdout)
        assert (document["sha256"], document["file"]) == (canonical, file)
    [built] = json.loads(run("prompts", "list", "--json").stdout)
    written = hashlib.sha256((workspace / "prompts" / "shapes-demo.jsonl").read_bytes()).hexdigest()
    assert built["file"] == {"name": "shapes-demo.jsonl", "sha256": written}
    assert written in run("prompts", "list").stdout


def test_rewrites_are_listed_with_their_originals(run, tmp_path):
    rows = [{"prompt": "A dog in the rain", "original_prompt": "a dog"}, {"prompt": "a cat"}]
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, rows)))
    shown = run("prompts", "show", "mine.jsonl").stdout
    assert "1 of its 2 prompts are rewritten" in shown
    assert "rewritten from" in shown
    assert "a dog" in shown
    assert json.loads(run("prompts", "stats", "mine.jsonl", "--json").stdout)["rewritten"] == 1


def test_exports_keep_further_keys_and_originals(run, workspace, tmp_path):
    row = {
        "tag": "colors",
        "include": [{"class": "dog", "count": 1, "color": "red"}],
        "prompt": "A dog all in red",
        "rewritten_from": "a photo of a red dog",
        "index": 7,
    }
    (tmp_path / "mine.jsonl").write_text(json.dumps(row))
    mine = load_prompt_set(tmp_path / "mine.jsonl")
    for form in ("jsonl", "geneval"):
        run("prompts", "export", "mine.jsonl", "--format", form, "-o", f"out-{form}.jsonl")
        assert load_prompt_set(tmp_path / f"out-{form}.jsonl").prompts == mine.prompts
    assert json.loads((tmp_path / "out-geneval.jsonl").read_text()) == row
