"""Images made elsewhere, in the layouts in which public benchmarks have them, each by one command."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from nami_bench.cli.app import cli
from nami_bench.domain import Prompt, PromptSet, prompt_id
from nami_bench.errors import InputError, WorkError
from nami_bench.generators.layouts import KNOWN, Layout
from nami_bench.generators.placement import PlacedPrompts, place

DATA = Path(__file__).parents[1] / "data"
SETS, FOLDERS = DATA / "prompt_sets", DATA / "image_folders"
EVERY = [(at, 0) for at in range(3)]
TWICE = [(at, sample) for at in range(3) for sample in range(2)]
IMPORTS = {
    # folder: (the set's files, options beside --model, images by prompt and sample)
    "t2i_compbench": (["t2i_compbench_color_val.txt"], [], TWICE),
    "hpsv2": (["hpsv2_anime.json", "hpsv2_photo.json"], [], [*EVERY, (10, 0), (11, 0), (12, 0)]),
    "genai_bench": (["hpsv2_anime.json"], ["--source-model", "DALLE_3"], EVERY),
    "wise": (["wise_cultural_common_sense.json"], [], EVERY),
    "longtext": (["longtext_text_prompts.jsonl"], [], TWICE),
    "imagereward": (["imagereward_benchmark-prompts.json"], [], TWICE),
    "oneig": (["OneIG-Bench.csv"], [], [*EVERY, (10, 0), (11, 0), (12, 0)]),
    "dpg_bench": (["dpg_bench/prompts"], [], [(0, 0), (4, 0), (5, 0)]),
    "mjhq": (["mjhq30k_meta_data.json"], [], EVERY),
    "hf_imagefolder": (["text.jsonl"], ["--source-model", "alpha-xl"], [(0, 0), (3, 0)]),
    "evalscope": (
        ["text.jsonl"],
        ["--table", FOLDERS / "evalscope" / "eval_muse_format.jsonl"],
        [*EVERY, (3, 0)],
    ),
    "webdataset": (["text.jsonl"], ["--source-model", "alpha-xl"], [(0, 0), (3, 0)]),
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in a folder with a workspace; errors are raised, as `main` gets them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAMI_DATABASE_URL", raising=False)

    def invoke(*args):
        return CliRunner().invoke(
            cli, [str(arg) for arg in args], standalone_mode=False, catch_exceptions=False
        )

    invoke("init")
    return invoke


@pytest.fixture
def sets(tmp_path):
    """The prompt files, and a second style of HPSv2."""
    folder = tmp_path / "sets"
    shutil.copytree(SETS, folder)
    shutil.copy(folder / "hpsv2_anime.json", folder / "hpsv2_photo.json")
    return folder


def pictures(folder, *names):
    """Images under these names, each of its own color."""
    for number, name in enumerate(names, start=1):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    return folder


def color(path):
    with Image.open(path) as image:
        return image.convert("RGB").getpixel((0, 0))


def imported(model, prompts):
    """(prompt, sample) of every image in the workspace."""
    root = Path("nami-workspace") / "images" / model / prompts
    return [(int(path.parts[-3]), int(path.stem)) for path in sorted(root.glob("*/samples/*.png"))]


@pytest.mark.slow
@pytest.mark.parametrize("folder", IMPORTS)
def test_every_public_layout_comes_in_by_one_command(run, sets, folder):
    files, options, expected = IMPORTS[folder]
    run("prompts", "import", *(sets / file for file in files), "--name", "the-set")
    said = run("images", "import", FOLDERS / folder, "--model", "m", "--prompts", "the-set", *options)
    assert f"{len(expected)} images, {len({at for at, _ in expected})} prompts" in said.stderr
    assert "unknown file" not in said.stderr
    assert imported("m", "the-set") == expected
    assert "images are as recorded" in run("images", "verify").stderr


@pytest.mark.parametrize(
    ("pattern", "name", "said"),
    [
        ("{stratum}/{index:05d}.jpg", "anime/00012.jpg", {"stratum": "anime", "index": "00012"}),
        ("{stratum}/{index:05d}.jpg", "anime/0012.jpg", None),
        ("{stratum}/{index:05d}.jpg", "anime/00012.png", None),
        (
            "{prompt}_{sample:06d}.png",
            "a cat_on_it_000003.png",
            {"prompt": "a cat_on_it", "sample": "000003"},
        ),
        ("{id}.webp", "whoops7.webp", {"id": "whoops7"}),
        ("{id}", "a.b.JPEG", {"id": "a.b"}),
        ("{id}", "x/a.png", None),
        ("{model}/{model}_{number}", "sd/sd_3.png", {"model": "sd", "number": "3"}),
        ("{model}/{model}_{number}", "sd/xl_3.png", None),
        ("{number}", "003.png", None),
        ("./{any}/{id}_v{nth}.png", "deep/7_v2.png", {"id": "7", "nth": "2"}),
    ],
)
def test_a_pattern_fits_whole_names(pattern, name, said):
    assert Layout.parse(pattern).match(name) == said


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{idx}.png", r"there is no \{idx\}; there are \{id\}"),
        ("{index.png", "a brace stands alone"),
        ("{sample}.png", "must have exactly one of"),
        ("{id}_{index}.png", "must have exactly one of"),
        ("{id:05d}.png", r"\{id\} is no number"),
    ],
)
def test_a_bad_pattern_is_refused_in_words(pattern, message):
    with pytest.raises(InputError, match=message):
        Layout.parse(pattern)


def numbered(*prompts):
    return PlacedPrompts([Prompt(prompt_id(n), **fields) for n, fields in enumerate(prompts)])


def placed(pattern, prompts, *names):
    return place(Layout.parse(pattern).of_all(names), prompts, names, "m").files


def test_names_find_prompts_by_id_text_and_place_within_a_stratum():
    prompts = numbered(
        {"text": "a/b: what?", "stratum": "x", "extra": {"id": 7}},
        {"text": "a long text, " + "word " * 30, "stratum": "General_Object", "extra": {"id": "k.png"}},
        {"text": "a cat", "stratum": "General_Object"},
    )
    assert placed("{id}", prompts, "007.png", "k.png", "8.png") == {
        ("00000", 0): ["007.png"], ("00001", 0): ["k.png"],
    }  # fmt: skip
    assert placed("{stratum}/{index}", prompts, "object/1.png", "X/0.png", "y/0.png") == {
        ("00000", 0): ["X/0.png"], ("00002", 0): ["object/1.png"],
    }  # fmt: skip
    cut = "a long text, " + "word " * 12 + "wo"
    assert placed("{prompt}_{any}", prompts, "a_b_ what__01.png", f"{cut}_02.png") == {
        ("00000", 0): ["a_b_ what__01.png"], ("00001", 0): [f"{cut}_02.png"],
    }  # fmt: skip


def test_files_of_one_prompt_count_up_in_the_order_in_which_people_count():
    prompts = numbered({"text": "a cat"})
    names = [f"a cat_{n}.png" for n in (10, 9, 2)]
    found = placed("{prompt}_{any}", prompts, *names)
    assert found == {
        ("00000", 0): ["a cat_2.png"],
        ("00000", 1): ["a cat_9.png"],
        ("00000", 2): ["a cat_10.png"],
    }
    assert placed("{index}_{nth}", prompts, "0_1.png", "0_2.png").keys() == {("00000", 0), ("00000", 1)}


def test_every_known_layout_is_a_pattern_that_tells_a_prompt():
    assert len({layout.pattern for layout in KNOWN}) == len(KNOWN)


def test_a_dry_run_tells_and_records_nothing(run, tmp_path):
    folder = pictures(tmp_path / "images", "00000.png", "00001.png", "cover.png", "00009.png")
    Image.new("RGB", (8, 8)).save(folder / "moving.gif")
    (tmp_path / "p.txt").write_text("a\nb\nc\n")
    said = run("images", "import", folder, "--model", "m", "--prompts", "p.txt", "--dry-run", "--json")
    assert json.loads(said.stdout)["understood"] == [
        "2 images, 2 prompts, 1 sample, by the layout '{index:05d}' (flat)",
        "2 unknown files: cover.png (its name does not fit), 00009.png (there is no prompt 9 (of 3, from 0))",
        "1 file of kinds that are not read: moving.gif",
        "no image for 1 of 3 prompts of p: 00002",
    ]
    assert json.loads(run("prompts", "list", "--json").stdout) == []


def test_what_is_not_there_is_passed_over_unless_everything_was_to_be_there(run, tmp_path):
    folder = pictures(tmp_path / "images", "00000_0.png", "00000_1.png", "00002_0.png")
    (tmp_path / "p.txt").write_text("a\nb\nc\n")
    assert run("images", "import", folder, "--model", "m", "--prompts", "p.txt").exit_code == 0
    assert imported("m", "p") == [(0, 0), (0, 1), (2, 0)]
    with pytest.raises(WorkError, match="3"):
        run("images", "import", folder, "--model", "m", "--prompts", "p", "--complete")
    pictures(folder, "00001_0.png")
    run("images", "import", folder, "--model", "m", "--prompts", "p")
    assert imported("m", "p") == [(0, 0), (0, 1), (1, 0), (2, 0)]


@pytest.mark.parametrize(
    ("folder", "name", "file", "options"),
    [
        ("wise", "wise_cultural_common_sense.json", "1.png", []),
        ("oneig", "OneIG-Bench.csv", "anime/my_model/000.webp", ["--grid", "2x2"]),
        ("evalscope", "text.jsonl", "images/img0.jpg", ["--table", "eval.jsonl"]),
        ("hf_imagefolder", "text.jsonl", "train/0000.png", ["--source-model", "alpha-xl"]),
        ("webdataset", "text.jsonl", "000000.tar", ["--source-model", "gamma_v2"]),
    ],
)
def test_generate_goes_on_with_what_was_imported_as_it_was_understood(run, folder, name, file, options):
    """An image that was lost is copied again; what never was there is a failure with its reason."""
    source = FOLDERS / folder if folder != "webdataset" else FOLDERS / folder / file
    options = [source / word if word == "eval.jsonl" else word for word in options]
    run("prompts", "import", SETS / name, "--name", "set")
    run("images", "import", source, "--model", "m", "--prompts", "set", *options)
    made = sorted(Path("nami-workspace/images/m/set").rglob("*.png"))
    before = made[0].read_bytes()
    made[0].unlink()
    samples = 4 if folder == "oneig" else 1
    with pytest.raises(WorkError, match="no image for it"):
        run("generate", "--model", "m", "--prompts", "set", "--samples", samples, "--json")
    assert made[0].read_bytes() == before
    assert sorted(Path("nami-workspace/images/m/set").rglob("*.png")) == made


def test_a_model_with_a_layout_is_recorded_before_it_has_images(run, tmp_path):
    """`models add`, then `generate`: usual names are found without being told."""
    (tmp_path / "p.jsonl").write_text('{"id": "x7", "prompt": "a cat"}\n{"id": "x8", "prompt": "a dog"}\n')
    pictures(tmp_path / "one", "cat/of-x7.png", "dog/of-x8.png")
    pictures(tmp_path / "two", "x7.png", "x8.png")
    run("prompts", "import", "p.jsonl", "--name", "set")
    run("models", "add", "told", "--adapter", "folder", "-O", "path=one", "-O", "layout={any}/of-{id}.png")
    run("models", "add", "found", "--adapter", "folder", "-O", "path=two")
    run("generate", "--model", "told", "--model", "found", "--prompts", "set", "--samples", 1)
    assert imported("told", "set") == imported("found", "set") == [(0, 0), (1, 0)]
    assert color("nami-workspace/images/told/set/00001/samples/0000.png") == (2, 0, 0)
    both = ["-O", "layout={id}", "-O", "table=p.jsonl"]
    with pytest.raises(InputError, match="layout and table contradict each other"):
        run("models", "add", "x", "--adapter", "folder", "-O", "path=one", *both)


def test_two_layouts_that_mean_different_prompts_are_refused_with_both(run, tmp_path):
    folder = pictures(tmp_path / "images", "00000.png", "00001.png")
    (tmp_path / "p.jsonl").write_text(
        "".join(json.dumps({"id": 1 - n, "prompt": f"p{n}"}) + "\n" for n in (0, 1))
    )
    asked = ["images", "import", folder, "--model", "m", "--prompts", "p.jsonl"]
    with pytest.raises(
        InputError, match=r"two layouts fit .*--layout '\{index:05d\}' .*or --layout '\{id\}'"
    ):
        run(*asked)
    run(*asked, "--layout", "{id}")
    assert color("nami-workspace/images/m/p/00000/samples/0000.png") == (2, 0, 0)  # of 00001.png


def test_images_of_several_models_are_never_one_models_samples(run, tmp_path):
    folder = pictures(tmp_path / "images", "sd/7.png", "xl/7.png")
    (tmp_path / "p.jsonl").write_text('{"id": 7, "prompt": "a cat"}\n')
    asked = ["images", "import", folder, "--prompts", "p.jsonl"]
    with pytest.raises(
        InputError, match=r"images of sd, xl, and none of m: name the one to take with --source"
    ):
        run(*asked, "--model", "m")
    run(*asked, "--model", "xl")
    assert imported("xl", "p") == [(0, 0)]
    assert color("nami-workspace/images/xl/p/00000/samples/0000.png") == (2, 0, 0)


def test_two_files_for_one_image_are_refused(run, tmp_path):
    folder = pictures(tmp_path / "images", "00000.png", "00000.jpg")
    (tmp_path / "p.txt").write_text("a\n")
    with pytest.raises(InputError, match=r"more than one file for prompt 00000, sample 0, keep one: 00000"):
        run("images", "import", folder, "--model", "m", "--prompts", "p.txt")


def test_a_tables_prompts_become_a_set_under_a_name_of_ones_own(run, tmp_path):
    folder = pictures(tmp_path / "images", "a/1.png", "a/2.png", "b/1.png")
    rows = [
        "bild;satz",
        "a/1.png;ein Hund",
        "/mnt/elsewhere/a/2.png;ein Hund",
        "b\\1.png;ein Boot",
        "gone.png;weg",
    ]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    asked = ["--table", "t.csv", "--column", "image=bild", "--column", "prompt=satz", "--name", "german"]
    said = run("images", "import", folder, "--model", "m", *asked)
    assert "3 images, 2 prompts, 2 samples, by t.csv" in said.stderr
    assert "1 file in the table but not there: gone.png" in said.stderr
    shown = json.loads(run("prompts", "show", "german", "--json").stdout)["prompts"]
    assert [p["prompt"] for p in shown] == ["ein Hund", "ein Boot"]
    assert imported("m", "german") == [(0, 0), (0, 1), (1, 0)]


def test_a_folder_called_images_twice_is_no_dead_end(run, tmp_path):
    for name in ("one", "two"):
        pictures(tmp_path / name / "images", "x.png")
        line = json.dumps({"file_name": "x.png", "text": f"a cat {name}"})
        (tmp_path / name / "images" / "metadata.jsonl").write_text(line)
    run("images", "import", "one/images", "--model", "m")
    with pytest.raises(InputError, match="give these another name with --name"):
        run("images", "import", "two/images", "--model", "m")
    run("images", "import", "two/images", "--model", "m", "--name", "second")  # one model, two folders
    assert imported("m", "second") == imported("m", "images") == [(0, 0)]
    shutil.copytree("one/images", "three")
    run("images", "import", "three", "--model", "n")
    assert imported("n", "images") == [(0, 0)]  # the set is known by its hash
    run("images", "import", "three", "--model", "n", "--name", "third")  # or gets the name that was asked for
    assert imported("n", "third") == [(0, 0)]


def test_a_set_of_one_model_comes_from_one_folder(run, tmp_path):
    (tmp_path / "p.txt").write_text("a\nb\n")
    for at, name in enumerate(("one", "two")):
        pictures(tmp_path / name, f"0000{at}.png")
    run("images", "import", "one", "--model", "m", "--prompts", "p.txt")
    with pytest.raises(InputError, match="its images of p do not come from"):
        run("images", "import", "two", "--model", "m", "--prompts", "p")


def tar_of(path, members):
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def png(red):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (red, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def test_tar_files_are_read_without_unpacking_and_what_failed_is_left_out(run, tmp_path):
    (tmp_path / "shards").mkdir()
    tar_of(tmp_path / "shards" / "0.tar", {
        "0.png": png(1), "0.txt": b"a cat\n", "1.png": png(2), "1.json": b'{"caption": "a dog"}',
        "../../2.png": png(3), "../../2.json": b'{"caption": "a cow", "status": "failed_to_download"}',
    })  # fmt: skip
    tar_of(tmp_path / "shards" / "1.tar", {"0.png": png(4), "0.txt": b"a pig"})
    said = run("images", "import", "shards", "--model", "m")
    assert "3 images, 3 prompts, 1 sample, by the texts beside them" in said.stderr
    assert imported("m", "shards") == EVERY
    assert [color(f"nami-workspace/images/m/shards/0000{n}/samples/0000.png")[0] for n in range(3)] == [
        1,
        2,
        4,
    ]
    (tmp_path / "broken.tar").write_bytes(b"no tar")
    with pytest.raises(InputError, match=r"broken\.tar cannot be read as a tar file"):
        run("images", "import", "broken.tar", "--model", "m")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("file,words\nx.png,a\n", "no column is known for the prompt or id .found: file, words"),
        ("picture,prompt\nx.png,a\n", "no column is known for the file .found: picture, prompt"),
        ("file,prompt\nx.png,a\nx.png,b\n", "line 3 names x.png once more"),
        ("file,prompt\n,a\n", "line 2 names no file in 'file'"),
        ("file,prompt\nx.png,\n", "line 2 names no prompt of x.png"),
        ("file,id\nx.png,7\n", "prompts are named by id only: name their set with --prompts"),
    ],
)
def test_bad_tables_are_refused_with_their_line(run, tmp_path, rows, message):
    pictures(tmp_path / "images", "x.png")
    (tmp_path / "t.csv").write_text(rows)
    with pytest.raises(InputError, match=message):
        run("images", "import", "images", "--model", "m", "--table", "t.csv")


def test_images_outside_of_the_folder_are_not_followed(run, tmp_path):
    pictures(tmp_path, "secret.png")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "00000.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "images" / "metadata.csv").write_text("file_name,prompt\n../secret.png,a cat\n")
    (tmp_path / "p.txt").write_text("a cat\n")
    with pytest.raises(InputError, match="no file has a place"):
        run("images", "import", "images", "--model", "m")
    with pytest.raises(WorkError, match="links out of the folder"):
        run("images", "import", "images", "--model", "m", "--prompts", "p.txt", "--layout", "{index:05d}")


def test_a_folder_that_nothing_fits_says_what_is_there(run, tmp_path):
    pictures(tmp_path / "images", "final (1).png")
    (tmp_path / "p.txt").write_text("a\n")
    asked = ["images", "import", "images", "--model", "m", "--prompts", "p.txt"]
    with pytest.raises(InputError, match=r"no known layout fits: 1 image, as final \(1\)\.png, .*--layout"):
        run(*asked)
    with pytest.raises(InputError, match=r"no file has a place: final \(1\)\.png"):
        run(*asked, "--layout", "{index}_{sample}")
    with pytest.raises(InputError, match="contradict each other"):
        run(*asked, "--layout", "{id}", "--table", "t.csv")


def test_texts_twice_in_a_set_are_not_guessed():
    twice = PlacedPrompts(PromptSet("s", tuple(Prompt(prompt_id(n), "a cat") for n in range(2))).prompts)
    found = place(Layout.parse("{prompt}").of_all(["a cat.png"]), twice, ["a cat.png"], "m")
    assert found.unplaced == {"a cat.png": "there are 2 prompts with the text 'a cat'"}
