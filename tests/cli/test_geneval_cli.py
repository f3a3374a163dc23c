"""`nami-bench geneval`: exit codes, refusals, and what stands on stdout."""

import json
import subprocess
import sys
import time

import pytest

from nami_bench.cli.app import main
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import write_png
from nami_bench.prompts.geneval import Grammar, geneval_metadata, geneval_prompt_set, metadata_lines
from nami_bench.shapes import SHAPES

GRAMMAR = Grammar(SHAPES, None)
SAMPLES = 2


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Drawings without errors: [[image of each sample] of each prompt]."""
    generator = ShapesGenerator(ShapesGenerator.Options(size=64))
    return [
        [
            next(iter(generator.generate([GenerationRequest(prompt, sample, 10 * index + sample)]))).image
            for sample in range(SAMPLES)
        ]
        for index, prompt in enumerate(geneval_prompt_set("shapes", GRAMMAR, per_task=3).prompts)
    ]


@pytest.fixture
def model(tmp_path, monkeypatch, drawn):
    """A complete folder ./model and its prompt file ./prompts.jsonl, the working folder being theirs."""
    monkeypatch.chdir(tmp_path)
    metadata = geneval_metadata(GRAMMAR, per_task=3)
    (tmp_path / "prompts.jsonl").write_bytes(metadata_lines(metadata))
    folder = GenEvalFolder(tmp_path / "model")
    for index, (line, images) in enumerate(zip(metadata, drawn, strict=True)):
        folder.write_metadata(index, line)
        for sample, image in enumerate(images):
            write_png(folder.sample_path(index, sample), image)
    return folder


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the program; returns (exit code, stdout, stderr)."""

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["nami-bench", "geneval", *args])
        with pytest.raises(SystemExit) as stopped:
            main()
        return (stopped.value.code or 0, *capsys.readouterr())

    return run


SHAPES_RUN = ("model", "--detector", "shapes", "--prompts", "prompts.jsonl", "--samples", str(SAMPLES))


def test_a_folder_is_scored_in_one_command(run, model):
    code, out, err = run(*SHAPES_RUN)
    assert code == 0
    lines = out.splitlines()
    assert lines[:2] == ["Summary", "======="]
    assert "Overall score (avg. over tasks): 1.00000" in lines
    assert "Detector: shapes-analytic-1+palette-1" in lines
    assert not any(line.startswith("Note") for line in lines)
    rows = (model.root / "results.jsonl").read_text().splitlines()
    assert len(rows) == SAMPLES * len(model.prompt_folders())
    assert json.loads(rows[0])["filename"] == "model/00000/samples/0000.png"
    assert "results in model/results.jsonl" in err


def test_options_may_stand_before_the_folder_and_results_elsewhere(run, model, tmp_path):
    code, out, _ = run("-o", "out/mine.jsonl", *SHAPES_RUN[1:], "--json", "model")
    assert code == 0
    document = json.loads(out)
    assert document["results"] == "out/mine.jsonl"
    assert (tmp_path / "out" / "mine.jsonl").is_file()
    assert not (model.root / "results.jsonl").exists()
    assert document["summary"]["overall"] == 1.0
    assert document["completeness"]["problems"] == []
    assert document["run"] == {
        "scored": document["summary"]["images"],
        "reused": 0,
        "passed_over": 0,
        "failures": [],
    }


def test_a_second_run_reuses_the_results(run, model):
    _, first, _ = run(*SHAPES_RUN)
    assert run(*SHAPES_RUN)[1] == first
    document = json.loads(run(*SHAPES_RUN, "--json")[1])
    assert document["run"]["scored"] == 0
    assert document["run"]["reused"] == document["summary"]["images"]


def test_an_incomplete_folder_is_refused_and_the_gaps_are_listed(run, model):
    model.sample_path(3, 1).unlink()
    truncated = model.sample_path(0, 0)
    truncated.write_bytes(truncated.read_bytes()[:-30])
    code, out, err = run(*SHAPES_RUN)
    assert (code, out) == (1, "")
    assert "missing sample: 00003/samples/0001.png" in err
    assert "unreadable image: 00000/samples/0000.png" in err
    assert "error: model is not complete (missing sample: 1, unreadable image: 1)" in err
    assert "--allow-incomplete" in err
    assert not (model.root / "results.jsonl").exists()


def test_an_incomplete_folder_is_listed_in_full_as_json(run, model):
    for index in range(7):
        model.sample_path(index, 0).unlink()
    code, out, err = run(*SHAPES_RUN, "--json")
    assert code == 1
    assert len(json.loads(out)["completeness"]["problems"]) == 7
    assert err.count("missing sample: 0") == 5
    assert "and 2 more" in err


def test_an_incomplete_folder_is_scored_when_told_so_and_the_summary_says_what_is_missing(run, model):
    model.sample_path(3, 1).unlink()
    truncated = model.sample_path(0, 0)
    truncated.write_bytes(truncated.read_bytes()[:-30])
    code, out, err = run(*SHAPES_RUN, "--allow-incomplete")
    assert code == 0
    assert f"Total images: {SAMPLES * len(model.prompt_folders()) - 2}" in out
    assert "Overall score (avg. over tasks): 1.00000" in out
    assert "Note: incomplete: missing sample: 1, unreadable image: 1" in out
    assert "Note: 1 images have no verdict" in out
    assert "Note: 2 of 22 prompts have fewer than 2 images" in out
    assert "0000.png is damaged" in err


def test_the_expected_prompts_are_the_official_ones_unless_named(run, model):
    code, _, err = run("model", "--detector", "shapes")
    assert code == 1
    assert "missing prompt: 531, wrong metadata: 22" in err
    assert "--prompts" in err


def test_a_folder_of_the_official_prompts_is_no_matter_for_the_shapes_detector(
    run, tmp_path, monkeypatch, drawn
):
    monkeypatch.chdir(tmp_path)
    folder = GenEvalFolder(tmp_path / "official")
    for index, line in enumerate(geneval_metadata()[:3]):
        folder.write_metadata(index, line)
        write_png(folder.sample_path(index, 0), drawn[index][0])
    code, _, err = run("official", "--detector", "shapes", "--samples", "1", "--allow-incomplete")
    assert code == 2
    assert "does not know 3 of the prompts' classes (bench, bicycle, cow)" in err


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("model",), "needs a detector: name one with --detector"),
        (("model", "--detector", "shape"), "did you mean 'shapes'?"),
        (("model", "--detector", "shapes", "--detector-option", "size"), "not of the form KEY=VALUE"),
        (("model", "--detector", "shapes", "--detector-option", "size=3"), "takes no options, got size"),
        (("nowhere", "--detector", "shapes"), "nowhere is not a folder"),
        (("model", "--detector", "shapes", "--samples", "0"), "must be at least 1"),
        (("model", "--detector", "shapes", "--batch-size", "0"), "must be at least 1"),
        (("model", "--detector", "shapes", "--workers", "-1"), "must not be negative"),
        (("model", "--detector", "shapes", "--prompts", "none.jsonl"), "none.jsonl"),
        ((), "Missing argument 'DIR'"),
        (("summary",), "Missing argument 'RESULTS'"),
        (("summary", "none.jsonl"), "none.jsonl does not exist"),
        (("summary", "prompts.jsonl"), "prompts.jsonl, line 1 is not a GenEval result"),
    ],
)
def test_wrong_use_is_exit_code_2_with_one_sentence(run, model, args, complaint):
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert complaint in err
    assert "Traceback" not in err


def test_results_of_another_detector_are_not_mixed_in(run, model):
    run(*SHAPES_RUN)
    path = model.root / "results.jsonl"
    path.write_text(path.read_text().replace("shapes-analytic-1", "shapes-analytic-0"))
    code, _, err = run(*SHAPES_RUN)
    assert code == 2
    assert "holds results of shapes-analytic-0+palette-1, not of shapes-analytic-1+palette-1" in err


def test_summary_prints_the_figures_of_a_results_file(run, model):
    printed = run(*SHAPES_RUN)[1]
    code, out, _ = run("summary", "model/results.jsonl")
    assert code == 0
    body, note = out.rstrip("\n").rsplit("\n", 1)
    assert body == printed.rstrip("\n")
    assert note.startswith("Note: the prompts are not of the expected set of 553")
    document = json.loads(run("summary", "model/results.jsonl", "--json")[1])
    assert document["overall"] == 1.0


def test_summary_notes_missing_official_prompts(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "filename": f"images/{index:05d}/samples/0000.png",
            "tag": line["tag"],
            "prompt": line["prompt"],
            "correct": index % 2 == 0,
            "reason": "",
            "metadata": json.dumps(line),
            "details": "{}",
        }
        for index, line in enumerate(geneval_metadata()[:550])
    ]
    (tmp_path / "theirs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, _ = run("summary", "theirs.jsonl")
    assert code == 0
    assert "Total prompts: 550" in out
    assert out.endswith("Detector: not recorded\nNote: 3 of the 553 expected prompts have no results\n")


def test_a_folder_named_summary_is_reached_with_a_dot(run, model):
    model.root.rename("summary")
    code, out, _ = run("./summary", *SHAPES_RUN[1:])
    assert code == 0
    assert out.startswith("Summary")


def test_help_shows_the_options_an_example_and_the_way_to_summaries(run):
    code, out, _ = run("--help")
    assert code == 0
    for words in ("--detector", "--allow-incomplete", "Example", "geneval summary", "DIR/results.jsonl"):
        assert words in out
    assert "Example" in run("summary", "--help")[1]


def test_help_loads_neither_numpy_nor_pydantic():
    script = (
        "import sys; from nami_bench.cli.app import cli\n"
        "try: cli(['geneval', '--help'])\n"
        "except SystemExit: print([m for m in ('numpy', 'pydantic', 'PIL', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_a_killed_run_is_taken_up_again(model):
    """A real process, killed as soon as the first results stand in the file."""
    command = [sys.executable, "-c", "from nami_bench.cli import main; main()", "geneval", *SHAPES_RUN]
    path = model.root / "results.jsonl"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (path.exists() and path.stat().st_size):
        time.sleep(0.002)
    process.kill()
    process.wait()
    left = path.read_bytes()
    assert left
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    assert document["run"]["reused"] == left.count(b"\n")
    assert document["summary"]["overall"] == 1.0
    assert path.read_bytes().startswith(left[: left.rfind(b"\n") + 1])
