"""`nami-bench prompts write-long` as it is typed."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from nami_bench.cli.app import cli
from nami_bench.errors import InputError, UnknownNameError, WorkError
from nami_bench.prompts.files import load_prompt_set
from tests.support.http_server import Asked, Reply, http_server

ANIMALS = ("heron", "mole", "otter", "lynx", "newt")
SENTENCES = (
    "A {0} of dark {0} bronze stands on a plinth of {0} granite. ",
    "Left of the {0} leans a ladder with nine {0} rungs. ",
    "Behind that {0} rises some wall, painted with {0} signs. ",
    "Late light falls across each {0} from the right.",
)
KEY = "sk-test-0123456789abcdefghij"


class Server:
    """Tells of a new animal at each request, in GOOD sentences or as `words` say."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.broken = False
        self.lock = threading.Lock()
        self.address = ""

    def reply(self, asked: Asked) -> Reply:
        with self.lock:
            if self.broken:
                return Reply(402, {"error": {"message": "pay first"}})
            self.asked.append(asked.body)
            animal = ANIMALS[(len(self.asked) - 1) % len(ANIMALS)]
            text = self.words.pop(0) if self.words else "".join(SENTENCES).format(animal)
        choice = {"message": {"content": text}, "finish_reason": "stop"}
        return Reply(body={"model": "scribe-2", "choices": [choice]})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    running = Server()
    with http_server(running.reply) as address:
        running.address = f"{address}/v1"
        yield running


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of four images, in which commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "photos").mkdir()
    for number in range(4):
        Image.new("RGB", (20, 20), (60 * number, 0, 0)).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, standalone_mode=False, catch_exceptions=False)


def write(server: Server, *more: str, output: str = "long.jsonl") -> Result:
    options = ("model=scribe", f"base_url={server.address}", "concurrency=1", "max_retries=0")
    pairs = [word for option in options for word in ("--writer-option", option)]
    asked = ("--images", "photos", "--writer", "openai", *pairs, "-o", output, "--min-words", "10")
    return run("prompts", "write-long", *asked, *more)


def test_images_become_prompts_that_a_recipe_takes(server: Server, here: Path) -> None:
    (here / "photos" / "notes.txt").write_text("x")
    result = write(server, "--json")
    report = json.loads(result.stdout)
    assert (report["written"], report["asked"], report["passed_over"]) == (4, 4, 1)
    found = load_prompt_set(here / "long.jsonl")
    assert (found.sha256, len(found)) == (report["sha256"], 4)
    assert found.manifest["prompts"][0]["details"] == {"served_model": "scribe-2"}
    (here / "mine.toml").write_text(
        'name = "mine"\nseed = 1\n[[stratum]]\nname = "long"\ncount = 3\nmin_words = 10\n'
        'max_words = 120\nfilters = ["safety"]\nsources = [{ name = "photographs" }]\n'
    )
    run("prompts", "build", "mine.toml", "--source", "photographs=long.jsonl", "-o", "set.jsonl")
    built = load_prompt_set(here / "set.jsonl")
    assert {prompt.text for prompt in built.prompts} < {prompt.text for prompt in found.prompts}
    assert built.manifest["sources"]["photographs"]["sha256"] == found.sha256
    assert "long" in run("prompts", "stats", "long.jsonl").stdout
    written = b"".join(path.read_bytes() for path in here.rglob("*") if path.is_file())
    assert KEY.encode() not in written


def test_a_second_run_asks_nobody_and_changes_nothing(server: Server, here: Path) -> None:
    write(server, "--limit", "2")
    write(server)
    files = {path.name: path.read_bytes() for path in here.glob("long.*")}
    assert sorted(files) == ["long.answers.jsonl", "long.jsonl", "long.manifest.json"]
    server.broken = True
    result = write(server)
    assert "4 written" in result.stderr and "answers in this run: 0" in result.stderr
    assert {path.name: path.read_bytes() for path in here.glob("long.*")} == files
    assert len(server.asked) == 4


def test_drops_are_counted_and_no_error(server: Server, here: Path) -> None:
    server.words = ["I'm sorry, I can't see it."] * 2
    result = write(server, "--tries", "1")
    assert "2 written, 2 dropped (refusal)" in result.stderr


def test_damaged_images_are_named_and_the_rest_is_kept(server: Server, here: Path) -> None:
    (here / "photos" / "1.png").write_bytes(b"no image")
    with pytest.raises(WorkError, match=r"1 of 4 images failed.*1\.png.*written is in long\.jsonl"):
        write(server)
    assert len(load_prompt_set(here / "long.jsonl")) == 3


def test_a_server_that_stops_leaves_what_it_gave(server: Server, here: Path) -> None:
    write(server, "--limit", "2")
    server.broken = True
    with pytest.raises(WorkError, match="no more answers for this account: pay first"):
        write(server)
    found = load_prompt_set(here / "long.jsonl")
    assert len(found) == 2 and found.manifest["counts"]["remaining"] == 2


def test_before_the_first_answer_the_question_may_still_change(server: Server, here: Path) -> None:
    server.broken = True
    with pytest.raises(WorkError, match="pay first"):
        write(server)
    server.broken = False
    assert "4 written" in write(server, "--seed", "5").stderr


def test_where_nothing_passes_it_says_where_to_look(server: Server, here: Path) -> None:
    with pytest.raises(WorkError, match=r"no answer passed: long\.manifest\.json says why"):
        write(server, "--min-words", "110", "--tries", "1")
    assert json.loads((here / "long.manifest.json").read_text())["counts"]["dropped"] == {"too short": 4}


def test_wrong_use_is_refused_before_anyone_is_asked(
    server: Server, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "mine.jsonl").write_text('{"prompt": "a cat"}\n')
    (here / "empty").mkdir()
    for more, output, words in (
        ((), "long.txt", r"ends in \.jsonl"),
        ((), "mine.jsonl", r"mine\.answers\.jsonl does not: it is no earlier run's"),
        (("--images", "gone"), "long.jsonl", "gone is not a folder"),
        (("--images", "empty"), "long.jsonl", "empty holds no images"),
        (("--min-words", "200"), "long.jsonl", "--max-words"),
        (("--temperature", "3"), "long.jsonl", "temperature"),
        (("--instruction", "gone.txt"), "long.jsonl", "cannot read gone.txt"),
        (("--writer-option", "speed=1"), "long.jsonl", "speed: unknown key"),
    ):
        with pytest.raises(InputError, match=words):
            write(server, *more, output=output)
    with pytest.raises(UnknownNameError, match="unknown prompt writer 'cogvlm': did you mean 'cogvlm2'"):
        write(server, "--writer", "cogvlm")
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(InputError, match="OPENAI_API_KEY holds no key"):
        write(server)
    assert server.asked == []
    left = sorted(path.name for path in here.iterdir() if not path.name.endswith(".lock"))
    assert left == ["empty", "mine.jsonl", "photos"]


def test_another_seed_or_instruction_needs_another_file(server: Server, here: Path) -> None:
    write(server)
    (here / "own.txt").write_text("Say it in verse.")
    for more in (("--seed", "1"), ("--instruction", "own.txt"), ("--temperature", "0.5")):
        with pytest.raises(InputError, match="another question"):
            write(server, *more)
    write(server, "--instruction", "own.txt", output="verse.jsonl")
    assert server.asked[-1]["messages"][0]["content"][1]["text"] == "Say it in verse."
    assert load_prompt_set(here / "verse.jsonl").manifest["instruction"]["version"] == "own.txt"
