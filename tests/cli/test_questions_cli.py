"""`nami-bench questions` as it is typed."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nami_bench.cli.app import cli
from nami_bench.domain import PromptSet
from nami_bench.errors import InputError, WorkError
from nami_bench.evaluation.questions.question_file import read_questions, text_sha256
from nami_bench.pipeline.question_writing import QUESTION_GRAPH
from tests.support.http_server import Asked, Reply, http_server
from tests.support.program import nami_bench

PROMPTS = ("a red cat", "an oak in fog", "three kites", "a red cat")
KEY = "sk-test-0123456789abcdefghij"


def graph(thing: str) -> str:
    first = {"id": 1, "question": f"Is there {thing}?", "parents": [], "category": "entity - whole"}
    second = {"id": 2, "question": "Is it sharp?", "parents": [1], "category": "global"}
    return json.dumps({"questions": [first, second]})


class Server:
    """Makes a graph of the prompt that stands last in what it is told, or says its `words`."""

    def __init__(self) -> None:
        self.words: dict[str, list[str | Reply]] = {}
        self.told: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.broken_after: int | None = None
        self.lock = threading.Lock()
        self.address = ""

    def reply(self, asked: Asked) -> Reply:
        (content,) = asked.body["messages"][0]["content"]
        prompt = content["text"].rpartition("\n")[2]
        with self.lock:
            if self.broken_after is not None and len(self.told) >= self.broken_after:
                return Reply(402, {"error": {"message": "pay first"}})
            self.told.append(prompt)
            self.bodies.append(asked.body)
            said = self.words.get(prompt, [])
            text = said.pop(0) if said else graph(prompt)
        if isinstance(text, Reply):
            return text
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
    """A folder with a prompt file, in which commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.txt").write_text("\n".join(PROMPTS))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["questions", *arguments], standalone_mode=False, catch_exceptions=False)


def write(server: Server, *more: str, output: str = "q.jsonl") -> Result:
    options = ("model=scribe", f"base_url={server.address}", "concurrency=1", "max_retries=0")
    pairs = [word for option in options for word in ("--writer-option", option)]
    return run("write", "--prompts", "p.txt", "--writer", "openai", *pairs, "-o", output, *more)


def test_a_writer_takes_prompts_apart_and_each_line_says_how(server: Server, here: Path) -> None:
    server.words["an oak in fog"] = ["I cannot.", "<think>hm</think>```json\n" + graph("an oak") + "\n```"]
    report = json.loads(write(server, "--json").stdout)
    assert (report["written"], report["questions"], report["asked"]) == (4, 8, 4)
    assert report["rejected_answers"] == {"not JSON": 1}
    assert server.told == ["a red cat", "an oak in fog", "three kites", "an oak in fog"]
    body = server.bodies[0]
    assert (body["max_tokens"], body["temperature"]) == (4096, 0.0) and server.bodies[3]["temperature"] == 0.7
    assert body["messages"][0]["content"][0]["text"].startswith(QUESTION_GRAPH.text)
    found = read_questions(here / "q.jsonl")
    assert [item.prompt for item in found.items] == list(PROMPTS)
    assert found.items[1].questions[0].text == "Is there an oak?"
    row = json.loads((here / "q.jsonl").read_text().splitlines()[1])
    assert (row["item"], row["prompt_sha256"]) == ("00001", text_sha256("an oak in fog"))
    assert (row["writer"]["adapter"], row["writer"]["model"]) == ("openai", "scribe")
    assert row["instruction"] == {"version": "question-graph-1", "sha256": QUESTION_GRAPH.sha256}
    assert (row["attempts"], row["details"]) == (2, {"served_model": "scribe-2"})
    written = b"".join(path.read_bytes() for path in here.iterdir())
    assert KEY.encode() not in written


def test_an_interrupted_run_goes_on_and_ends_in_the_same_bytes(server: Server, here: Path) -> None:
    write(server, output="whole.jsonl")
    server.told.clear()
    server.broken_after = 2
    with pytest.raises(WorkError, match="pay first"):
        write(server)
    assert [item.id for item in read_questions(here / "q.jsonl").items] == ["00000", "00001", "00003"]
    server.broken_after = None
    write(server)
    assert server.told == ["a red cat", "an oak in fog", "three kites"]
    assert (here / "q.jsonl").read_bytes() == (here / "whole.jsonl").read_bytes()
    server.broken_after = 0
    assert "answers in this run: 0" in write(server).stderr
    with pytest.raises(InputError, match=r"another question \(different: instruction\)"):
        (here / "own.txt").write_text("Split it.")
        write(server, "--instruction", "own.txt")


def test_drops_are_counted_and_failures_are_tried_again(server: Server, here: Path) -> None:
    filtered = Reply(400, {"error": {"message": "no", "code": "content_policy_violation"}})
    server.words = {"a red cat": ["?"], "an oak in fog": [filtered], "three kites": [Reply(500)]}
    with pytest.raises(WorkError, match=r"1 of 4 prompts failed.*run again"):
        write(server, "--tries", "1")
    result = write(server, "--tries", "1")
    assert "1 written, 3 dropped" in result.stderr
    assert "no questions about 00001: a content filter gave no text: no" in result.stderr
    assert [item.id for item in read_questions(here / "q.jsonl").items] == ["00002"]


def test_where_nothing_passes_it_says_where_to_look(server: Server, here: Path) -> None:
    server.words = {prompt: ["No."] for prompt in PROMPTS}
    with pytest.raises(WorkError, match=r"no answer passed: q\.answers\.jsonl holds them"):
        write(server, "--tries", "1")


def test_wrong_use_is_refused_before_anyone_is_asked(server: Server, here: Path) -> None:
    (here / "mine.jsonl").write_text("{}\n")
    for more, words in (
        (("--from", "clauses", "--writer", "openai"), "say who writes"),
        ((), "say who writes"),
        (("--from", "clauses", "--tries", "3"), "--tries belongs to --writer"),
        (("--from", "clauses", "--writer-option", "a=b"), "--writer-option belongs to --writer"),
        (("--from", "clauses"), "prompt 00000 has no GenEval clauses"),
    ):
        with pytest.raises(InputError, match=words):
            run("write", "--prompts", "p.txt", "-o", "q.jsonl", *more)
    for output, words in (("q.csv", r"ends in \.jsonl"), ("mine.jsonl", "no earlier run's")):
        with pytest.raises(InputError, match=words):
            write(server, output=output)
    assert server.told == [] and not (here / "q.jsonl").exists()


def test_clauses_become_questions_that_check_finds_sound(here: Path, shapes_set: PromptSet) -> None:
    (here / "shapes.jsonl").write_bytes(shapes_set.to_jsonl())
    result = run("write", "--prompts", "shapes.jsonl", "--from", "clauses", "-o", "q.jsonl", "--json")
    report = json.loads(result.stdout)
    assert report["written"] == len(shapes_set) and report["without_questions"] == []
    first = (here / "q.jsonl").read_bytes()
    run("write", "--prompts", "shapes.jsonl", "--from", "clauses", "-o", "q.jsonl")
    assert (here / "q.jsonl").read_bytes() == first
    checked = run("check", "q.jsonl", "--prompts", "shapes.jsonl")
    assert "in the form of NAMI-Bench" in checked.stdout and "entity - whole" in checked.stdout
    assert "prompts without questions: 0\n" in checked.stdout
    few = run("write", "--prompts", "shapes.jsonl", "--from", "clauses", "-o", "few.jsonl", "--first", "2")
    assert "about 2 of 2 prompts" in few.stderr
    rows = json.loads(run("check", "few.jsonl", "--prompts", "shapes.jsonl", "--json").stdout)
    assert (rows["prompts"], len(rows["unasked"])) == (2, len(shapes_set) - 2)
    assert rows["unasked"][0]["asked_about"] is None


@pytest.fixture(scope="module")
def shapes_set() -> PromptSet:
    from nami_bench.prompts.geneval import geneval_prompt_set
    from nami_bench.prompts.sources import SHAPES_GRAMMAR

    return geneval_prompt_set("shapes", SHAPES_GRAMMAR, per_task=2)


def test_check_names_every_defect_and_ends_with_2(here: Path) -> None:
    header = "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple"
    rows = "".join(f"i{n},p{n},,1,{n},,,entity - whole (x),q?\n" for n in range(1, 9))
    (here / "q.csv").write_text(f"{header},question_natural_language\n{rows}")
    done = nami_bench("questions", "check", "q.csv", cwd=here)
    assert done.returncode == 2 and "error: q.csv is not sound: 8 defects" in done.stderr
    assert [line.split(":")[1] for line in done.stdout.splitlines() if line.startswith("defect")] == [
        f" line {n}" for n in range(2, 10)
    ]
    done = nami_bench("questions", "check", "q.csv", "--json", cwd=here)
    assert done.returncode == 2 and len(json.loads(done.stdout)["defects"]) == 8
    done = nami_bench("questions", "check", "gone.csv", cwd=here)
    assert (done.returncode, done.stderr) == (2, "error: gone.csv does not exist\n")


def test_check_says_whose_text_has_changed(here: Path) -> None:
    row = {"id": 1, "question": "Is there a cat?", "expected": "yes", "parents": [], "category": ""}
    item = {"item": "00001", "prompt": "a cat", "prompt_sha256": text_sha256("a cat"), "questions": [row]}
    (here / "q.jsonl").write_text(json.dumps(item) + "\n")
    said = run("check", "q.jsonl", "--prompts", "p.txt").stdout
    assert "prompts whose text has changed: 1: 00001\n" in said
    assert "prompts without questions: 3: 00000, 00002, 00003\n" in said
    assert "note: questions without a category: 1\n" in said
