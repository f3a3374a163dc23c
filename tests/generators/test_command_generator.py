"""The adapter `command` with real programs: small Python scripts that draw with Pillow."""

import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from nami_bench import images, pipeline, registry
from nami_bench.domain import ImageState, ModelCard, Prompt, PromptSet
from nami_bench.errors import GenerationError, InputError
from nami_bench.generators import process_group
from nami_bench.generators.command import CommandGenerator
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.store import Store
from tests.support.program import nami_bench

PROMPTS = tuple(Prompt(f"{i:05d}", f"prompt {i}") for i in range(8))

# Draws the lines of a JSONL file by the names it gives, up to the line where it is told to go wrong.
BY_NAME = """
import json, os, pathlib, signal, sys
from PIL import Image

prompts, output, *told = sys.argv[1:]
print("loading the model")
for number, line in enumerate(open(prompts, encoding="utf-8")):
    asked = json.loads(line)
    if told and number == int(told[1]):
        (pathlib.Path(output) / asked["file"]).write_bytes(b"half an image")
        if told[0] == "exit":
            print("\\x1b[31mout of paint\\x1b[0m", file=sys.stderr, flush=True)
            sys.exit(3)
        if told[0] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if told[0] == "skip":
            break
        if told[0] == "interrupt":
            os.kill(os.getppid(), signal.SIGINT)
        signal.pause()
    color = asked["seed"] % 256, len(asked["prompt"]), asked["sample"]
    Image.new("RGB", (8, 6), color).save(pathlib.Path(output) / asked["file"])
"""

# The habit of GenEval's scripts: lines by number, so many samples of each, GenEval's layout.
BY_NUMBER = """
import json, pathlib, sys
from PIL import Image

prompts, output, samples = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
for number, line in enumerate(open(prompts)):
    folder = output / f"{number:05d}" / "samples"
    folder.mkdir(parents=True)
    (folder.parent / "metadata.jsonl").write_text(line)
    for sample in range(samples):
        text = json.loads(line)["prompt"]
        Image.new("RGB", (8, 6), (number, sample, int(text[-1]))).save(folder / f"{sample:05d}.png")
"""

# One prompt a line, one JPEG for each line, named by number.
BY_LINE = """
import pathlib, sys
from PIL import Image

for number, text in enumerate(open(sys.argv[1]).read().splitlines()):
    pathlib.Path("asked.txt").open("a").write(text + "\\n")
    Image.new("RGB", (8, len(text)), (9, 9, 9)).save(pathlib.Path(sys.argv[2]) / f"{number:05d}.jpg")
"""

# Knows only one seed, for everything.
ONE_SEED = """
import pathlib, sys
from PIL import Image

seed = int(sys.argv[3].removeprefix("--seed="))
for number, text in enumerate(open(sys.argv[1])):
    Image.new("RGB", (8, 6), (0, 0, seed % 256)).save(pathlib.Path(sys.argv[2]) / f"{number:05d}.png")
"""


@pytest.fixture
def command(tmp_path: Path) -> Any:
    """A command line for one of the scripts above."""

    def write(script: str, *arguments: str) -> str:
        path = tmp_path / "draw me.py"  # the space has to survive
        path.write_text(script)
        return " ".join(
            [shlex.quote(sys.executable), shlex.quote(str(path)), "{prompts} {output}", *arguments]
        )

    return write


def generator(command: str, **options: Any) -> CommandGenerator:
    return CommandGenerator(CommandGenerator.Options(command=command, **options))


def requests(count: int, samples: int = 1) -> list[GenerationRequest]:
    return [
        GenerationRequest(prompt, sample, 2**40 + int(prompt.id) * 10 + sample)
        for prompt in PROMPTS[:count]
        for sample in range(samples)
    ]


def color(result: GenerationResult) -> Any:
    assert result.file is not None, result.reason
    return images.read_image(result.file).getpixel((0, 0))


def states(results: list[GenerationResult]) -> list[str]:
    return [result.state.value for result in results]


def test_each_image_gets_its_own_prompt_seed_and_sample(command: Any) -> None:
    asked = requests(3, samples=2)[::-1]
    for request, result in zip(asked, generator(command(BY_NAME)).generate(asked), strict=True):
        assert result.request == request
        assert result.state is ImageState.DONE
        assert color(result) == (request.seed % 2**31 % 256, len("prompt 0"), request.sample)
        assert result.provenance == {
            "file": f"{request.prompt.id}_{request.sample}.png",
            "workdir": str(Path.cwd()),
            "images_of_this_run": 6,
        }


def test_the_programs_time_is_shared_by_its_images(command: Any) -> None:
    started = time.perf_counter()
    results = list(generator(command(BY_NAME)).generate(requests(4)))
    wall = time.perf_counter() - started
    shares = {result.seconds for result in results}
    assert len(shares) == 1
    assert 0.2 * wall < 4 * (shares.pop() or 0) < wall


def test_files_live_until_the_next_result_and_nothing_stays_behind(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    for result in generator(command(BY_NAME)).generate(requests(3)):
        assert result.file is not None and result.file.is_file()
        assert len(list(scratch.iterdir())) == 1
    assert list(scratch.iterdir()) == []
    unfinished = generator(command(BY_NAME)).generate(requests(3))
    next(unfinished)
    del unfinished
    assert list(scratch.iterdir()) == []


def test_genevals_own_scripts_serve_with_samples(command: Any) -> None:
    asked = requests(4, samples=3)[4:]  # as after an interruption in the middle of a prompt
    results = generator(command(BY_NUMBER, "{samples}"), format="geneval").generate(asked)
    # (line number, sample, number in the prompt's text)
    expected = [(int(r.prompt.id) - 1, r.sample, int(r.prompt.id)) for r in asked]
    assert [color(result) for result in results] == expected


def test_lines_of_text_are_known_by_their_number(command: Any, tmp_path: Path) -> None:
    folded = GenerationRequest(Prompt("00031", "two\nlines"), 1, 5)
    asked = [*requests(2, samples=2), folded]
    runs = generator(command(BY_LINE), format="txt", workdir=tmp_path).generate(asked)
    heights = [images.read_image(r.file).height for r in runs if r.file]
    assert heights == [8, 8, 8, 8, 9]
    texts = (tmp_path / "asked.txt").read_text().splitlines()
    assert texts == ["prompt 0", "prompt 0", "prompt 1", "prompt 1", "two lines"]


def test_the_metadata_a_program_writes_is_checked(command: Any) -> None:
    wrong = BY_NUMBER.replace("write_text(line)", 'write_text(\'{"prompt": "another"}\')')
    (result,) = generator(command(wrong, "1"), format="geneval").generate(requests(1))
    assert "the folder's prompt is 'another', not 'prompt 0'" in str(result.reason)


def test_a_seed_in_the_command_is_that_of_the_first_image(command: Any) -> None:
    asked = requests(2)[::-1]
    results = generator(command(ONE_SEED, "--seed={seed}"), format="txt").generate(asked)
    assert [color(result)[2] for result in results] == [asked[0].seed % 2**31 % 256] * 2


def test_a_program_that_fails_half_way_keeps_what_it_finished(command: Any) -> None:
    results = list(generator(command(BY_NAME, "exit", "2")).generate(requests(4)))
    assert states(results) == ["done", "done", "failed", "failed"]
    half, missing = (result.reason for result in results[2:])
    said = "the command ended with exit code 3 (loading the model | [31mout of paint [0m); "
    assert half == said + "{output}/00002_0.png is not an image (PNG, JPEG or WebP), it is a text file"
    assert missing == said + "no image for it: expected {output}/00003/samples/0000.png or 00003_0.png"


def test_a_killed_program_is_named_as_such(command: Any) -> None:
    results = list(generator(command(BY_NAME, "die", "1")).generate(requests(2)))
    assert states(results) == ["done", "failed"]
    assert str(results[1].reason).startswith("the command was killed by signal 9 (Killed)")


def test_a_program_that_ends_well_without_an_image_is_a_failure(command: Any) -> None:
    results = list(generator(command(BY_NAME, "skip", "1")).generate(requests(3)))
    assert states(results) == ["done", "failed", "failed"]
    assert str(results[2].reason).startswith(
        "the command ended with exit code 0 (loading the model); no image"
    )


def test_a_program_that_removes_its_folder_fails_its_images(command: Any) -> None:
    (result,) = generator(command("import os, sys\nos.rmdir(sys.argv[2])")).generate(requests(1))
    assert str(result.reason).startswith("the command ended with exit code 0; no image for it")


def test_only_the_end_of_a_long_output_is_kept(command: Any) -> None:
    script = "import sys\nfor i in range(100000): print(f'line {i}')\nsys.exit('x' * 5000 + ' the end')"
    (result,) = generator(command(script)).generate(requests(1))
    reason = str(result.reason)
    assert "xxx the end); no image for it" in reason
    assert len(reason) < 600


def test_a_program_that_is_too_slow_is_ended_with_its_children(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_group, "_GRACE_SECONDS", 0.2)
    late = tmp_path / "late"
    # A child that does not mind being asked to end.
    child = f"trap '' TERM; sleep 3.5; touch {late}"
    script = f"import subprocess\nsubprocess.Popen(['sh', '-c', {child!r}])\n" + BY_NAME
    started = time.monotonic()
    results = list(generator(command(script, "wait", "1"), timeout=2).generate(requests(2)))
    assert states(results) == ["done", "failed"]
    assert str(results[1].reason).startswith("the command did not end within 2 seconds")
    time.sleep(max(0.0, 4.2 - (time.monotonic() - started)))
    assert not late.exists()


def test_children_that_outlive_the_program_are_ended(command: Any, tmp_path: Path) -> None:
    late = tmp_path / "late"
    child = f"sleep 0.7; touch {late}"
    script = BY_NAME + f"import subprocess\nsubprocess.Popen(['sh', '-c', {child!r}])\n"
    assert states(list(generator(command(script)).generate(requests(1)))) == ["done"]
    time.sleep(1.2)
    assert not late.exists()


def test_an_interrupt_ends_the_program_and_keeps_what_it_finished(command: Any) -> None:
    running = generator(command(BY_NAME, "interrupt", "2")).generate(requests(4))
    kept: list[str] = []
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        kept.extend(result.request.prompt.id for result in running)
    assert kept == ["00000", "00001"]
    assert time.monotonic() - started < 4


def test_the_program_cannot_wait_for_a_keyboard(command: Any) -> None:
    script = "import sys\nsys.exit(f'read {sys.stdin.read()!r}')"
    (result,) = generator(command(script), timeout=20).generate(requests(1))
    assert "(read '')" in str(result.reason)


def test_no_shell_reads_the_command(command: Any, tmp_path: Path) -> None:
    line = command(BY_NAME) + f" ; touch {tmp_path / 'touched'} $HOME"
    (result,) = generator(line).generate(requests(1))
    assert result.state is ImageState.FAILED  # the script takes ';' for what it is told
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "command: is missing"),
        ({"command": "true {prompts}"}, "the command must say where {output} goes"),
        ({"command": ""}, "the command must say where {output} and {prompts} goes"),
        ({"command": "true '{prompts} {output}"}, "cannot be split into words: No closing quotation"),
        ({"command": "no-such-program {prompts} {output}"}, "there is no program no-such-program"),
        ({"command": "./draw.sh {prompts} {output}", "workdir": "/"}, "there is no program /draw.sh"),
        ({"command": "/etc/passwd {prompts} {output}"}, "there is no program /etc/passwd that can be run"),
        ({"command": "true {prompts} {output} {samples}"}, "each line is one image; take {samples} out"),
        ({"command": "true {prompts} {output}", "format": "csv"}, "format: input should be 'jsonl'"),
        ({"command": "true {prompts} {output}", "workdir": "/nowhere"}, "workdir /nowhere is not a folder"),
        ({"command": "true {prompts} {output}", "batch_size": "0"}, "batch_size 0 is not positive"),
        ({"command": "true {prompts} {output}", "timeout": "nan"}, "timeout nan is not a number of seconds"),
    ],
)
def test_bad_options_are_refused(options: dict[str, str], words: str) -> None:
    with pytest.raises(InputError) as raised:
        registry.create("generators", "command", options)
    assert words in str(raised.value)


def test_a_program_that_cannot_start_ends_the_run(tmp_path: Path) -> None:
    program = tmp_path / "draw"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    made = generator("./draw {prompts} {output}", workdir=tmp_path)
    with pytest.raises(GenerationError, match=r"cannot start \./draw: No such file"):
        list(made.generate(requests(1)))


def test_the_plugin_takes_options_as_text_and_describes_itself_as_json(tmp_path: Path) -> None:
    line = "true {prompts} {output}"
    options = {"command": line, "workdir": str(tmp_path), "batch_size": "8", "timeout": "60"}
    made = registry.create("generators", "command", options)
    assert (made.batch_size, made.options.timeout) == (8, 60.0)
    assert json.loads(json.dumps(made.describe())) == {
        "adapter": "command",
        "command": line,
        "format": "jsonl",
        "files": {},
    }


@pytest.mark.slow
def test_the_pipeline_takes_up_where_a_dead_program_left_off(command: Any, tmp_path: Path) -> None:
    prompts = PromptSet("set", PROMPTS)
    flag = tmp_path / "mended"
    script = f"import os, sys\nif os.path.exists({str(flag)!r}): del sys.argv[3:]\n" + BY_NAME
    options = {"command": command(script, "exit", "3"), "batch_size": "6"}
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        store.catalog.add_prompt_set(prompts)
        store.catalog.add_model(ModelCard("m", "command", options))

        def run() -> dict[str, int]:
            return dict(pipeline.generate(store, tmp_path / "images", "m", prompts, samples=2).counts)

        # 16 images in batches of 6, 6 and 4; each run of the program dies after three.
        assert run() == {"made": 9, "failed": 7}
        before = {r.key: r.sha256 for r in store.images.find(state=ImageState.DONE)}
        flag.touch()
        assert run() == {"kept": 9, "made": 7}
        records = store.images.find()
        assert {r.key: r.sha256 for r in records if r.key in before} == before
        assert all(r.seconds and r.provenance["source_file"].endswith(".png") for r in records)
        # Made again from its seed, a lost file is the same file.
        (tmp_path / "images" / str(records[0].path)).unlink()
        assert run() == {"kept": 15, "made": 1}
        assert list(pipeline.verify_images(store, tmp_path / "images")) == []


def in_workspace(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return nami_bench("--workspace", "w", *arguments, cwd=folder)


def test_a_run_from_the_command_line(command: Any, tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("a red fox\na blue bird\n")
    in_workspace(tmp_path, "init").check_returncode()
    for name, draw in (("fine", command(BY_NAME)), ("broken", command(BY_NAME, "exit", "1"))):
        option = f"command={draw}"
        added = in_workspace(tmp_path, "models", "add", name, "--adapter", "command", "-O", option)
        assert added.returncode == 0, added.stderr
    generate = ("generate", "--prompts", "two.txt", "--samples", "2", "--json", "--model")
    done = in_workspace(tmp_path, *generate, "fine")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"fine": {"made": 4}})
    done = in_workspace(tmp_path, *generate, "broken")
    assert (done.returncode, json.loads(done.stdout)) == (1, {"broken": {"made": 1, "failed": 3}})
    assert "the command ended with exit code 3" in done.stderr.splitlines()[-1]
    assert done.stderr.count("loading the model") == 1  # only as part of the reason


@pytest.mark.slow
def test_ctrl_c_in_a_run_from_the_command_line_keeps_what_was_finished(command: Any, tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("a red fox\na blue bird\n")
    draw = command(BY_NAME, "interrupt", "3")  # of nami-bench, by the program that it runs
    for arguments in (["init"], ["models", "add", "m", "--adapter", "command", "-O", f"command={draw}"]):
        in_workspace(tmp_path, *arguments).check_returncode()
    generate = ["--workspace", "w", "generate", "--model", "m", "--prompts", "two.txt", "--samples", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "nami_bench", *generate],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1] == "error: interrupted; what was finished is kept"
    shown = json.loads(in_workspace(tmp_path, "models", "show", "m", "--json").stdout)
    assert shown["images"] == [{"prompts": "two", "state": "done", "images": 3}]


def described_files(tmp_path: Path, command: str) -> dict[str, str]:
    files = generator(command, workdir=tmp_path / "work").describe()["files"]
    return {name: found["sha256"] for name, found in files.items()}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A checkout with a script, a checkpoint beside it, and what programs leave behind."""
    checkpoint, folder = tmp_path / "checkpoint", tmp_path / "work"
    (checkpoint / "unet").mkdir(parents=True)
    (folder / "logs").mkdir(parents=True)
    (folder / "draw.py").write_text("draw()")
    (folder / "run.log").write_text("")
    (checkpoint / "index.json").write_text("{}")
    (checkpoint / "unet" / "model.safetensors").write_bytes(b"weights")
    return folder


def test_the_files_that_a_command_names_are_part_of_its_settings(work: Path, tmp_path: Path) -> None:
    (work / "draw").write_text("#!/bin/sh\n")
    (work / "draw").chmod(0o755)
    weights = tmp_path / "checkpoint"
    line = f"./draw draw.py --ckpt={weights} --log run.log --here . logs {{prompts}} --o={{output}}"
    before = described_files(tmp_path, line)
    assert list(before) == ["./draw", "draw.py", str(weights)]
    assert before["draw.py"] == images.hash_file(work / "draw.py")
    (work / "run.log").write_text("it ran")
    (work / "logs" / "state.json").write_text("{}")
    (weights / "samples.png").write_bytes(b"a picture")
    assert described_files(tmp_path, line) == before
    for path in (work / "draw", work / "draw.py", weights / "unet" / "model.safetensors"):
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert described_files(tmp_path, line) != before
        path.write_bytes(data)
    assert described_files(tmp_path, line) == before


def test_interpreters_and_programs_of_the_system_are_no_part_of_a_model(work: Path, tmp_path: Path) -> None:
    for program in (sys.executable, "python3", "true"):
        assert list(described_files(tmp_path, f"{program} draw.py {{prompts}} {{output}}")) == ["draw.py"]
