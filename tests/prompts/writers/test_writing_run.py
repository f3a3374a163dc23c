"""The run over a folder: who is asked again, what is dropped, and that a killed run goes on where it was."""

import hashlib
import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nami_bench.domain import PromptSet
from nami_bench.errors import InputError, WorkError
from nami_bench.prompts.writers.asking import RETRY_TEMPERATURE, Question
from nami_bench.prompts.writers.folder import read_folder
from nami_bench.prompts.writers.instruction import LONG_PROMPT, load_instruction
from nami_bench.prompts.writers.journal import Journal
from nami_bench.prompts.writers.protocol import Answer, AnswerState, WritingRequest
from nami_bench.prompts.writers.review import Limits
from nami_bench.prompts.writers.run import LongPromptRun

COLORS = ("red", "green", "blue", "yellow", "black", "white")
GOOD = "{0} bricks form a wall of {0} stone. Beside the {0} tower stands one {0} cart with {0} wheels."


class Scripted:
    """Answers by the image's color; what is not scripted is a good prompt of that color."""

    def __init__(self, script: Mapping[str, list[str | Answer]] | None = None) -> None:
        self.script = {color: list(answers) for color, answers in (script or {}).items()}
        self.requests: list[tuple[str, WritingRequest]] = []
        self.breaks_after: int | None = None

    def describe(self) -> Mapping[str, Any]:
        return {"adapter": "scripted", "version": 1}

    def write(self, requests: Iterable[WritingRequest]) -> Iterator[Answer]:
        for request in requests:
            if self.breaks_after is not None and len(self.requests) >= self.breaks_after:
                raise WorkError("the plug was pulled")
            color = color_of(request.image)
            self.requests.append((color, request))
            told = self.script.get(color)
            answer = told.pop(0) if told else GOOD.format(color.title())
            if isinstance(answer, str):
                yield Answer(request, text=answer)
            else:
                yield Answer(request, answer.state, answer.text, answer.finished, answer.reason)


RGB = dict(
    zip(
        COLORS,
        [(220, 30, 30), (20, 200, 60), (10, 20, 230), (240, 240, 20), (5, 5, 5), (250, 250, 250)],
        strict=True,
    )
)


def color_of(image: Image.Image) -> str:
    return next(color for color, rgb in RGB.items() if rgb == image.getpixel((0, 0)))


Go = Callable[..., PromptSet]


@pytest.fixture
def go(photos: Path, tmp_path: Path) -> Go:
    """One run; `ticks` gets what the progress bar gets."""

    def run(
        writer: Scripted,
        ticks: list[int] | None = None,
        seed: int = 0,
        temperature: float = 0.0,
        low: int = 1,
        tries: int = 3,
        first: int | None = None,
    ) -> PromptSet:
        question = Question(LONG_PROMPT, seed, temperature)
        with Journal(tmp_path / "out.answers.jsonl", question.to_json(writer)) as journal:
            images = read_folder(photos, first=first).images
            it = LongPromptRun("out", images, writer, question, journal, Limits(low, 120), tries)
            with suppress(WorkError):
                it.ask(ticks.append if ticks is not None else lambda count: None)
            return it.prompt_set()

    return run


def failed(reason: str) -> Any:
    return Answer(None, AnswerState.FAILED, reason=reason)  # type: ignore[arg-type]


def refused(reason: str) -> Any:
    return Answer(None, AnswerState.REFUSED, reason=reason)  # type: ignore[arg-type]


def test_prompts_come_in_the_order_of_names_with_their_provenance(go: Go, photos: Path) -> None:
    ticks: list[int] = []
    found = go(Scripted(), ticks)
    assert [prompt.text.split()[0] for prompt in found.prompts] == [color.title() for color in COLORS]
    assert sum(ticks) == 6
    first = found.prompts[0]
    assert (first.stratum, first.source) == ("long", "write-long")
    manifest = found.manifest
    assert manifest["sha256"] == found.sha256
    assert manifest["writer"] == {"adapter": "scripted", "version": 1}
    assert manifest["instruction"] == {**asdict(LONG_PROMPT), "sha256": LONG_PROMPT.sha256}
    row = manifest["prompts"][4]
    assert (row["image"], row["attempts"], row["rejected"]) == ("more/4.png", 1, [])
    assert (row["id"], found.prompts[4].id) == ("00004", "00004")
    assert row["image_sha256"] == hashlib.sha256((photos / "more" / "4.png").read_bytes()).hexdigest()
    assert manifest["counts"]["written"] == 6 and manifest["counts"]["dropped"] == {}


def test_bad_answers_are_asked_for_again_with_another_seed_then_dropped(go: Go) -> None:
    loop = "A cat sits. A cat sits."
    writer = Scripted(
        {
            "red": ["I'm sorry, I can't help.", "We see how it is. It rains.", GOOD.format("Red")],
            "blue": [loop, loop, loop, loop],
            "black": [refused("the filter said no"), "No end"],
        }
    )
    ticks: list[int] = []
    found = go(writer, ticks)
    assert sum(ticks) == 6 and len(found) == 5
    counts = found.manifest["counts"]
    assert counts["dropped"] == {"loop": 1}
    assert counts["rejected_answers"] == {"loop": 3, "no whole sentence": 1, "opening": 1, "refusal": 2}
    (dropped,) = found.manifest["dropped"]
    assert (dropped["image"], dropped["answers"]) == ("2.png", ["loop"] * 3)
    assert found.manifest["prompts"][0]["attempts"] == 3
    of_red = [request.sampling for color, request in writer.requests if color == "red"]
    assert [sampling.temperature for sampling in of_red] == [0.0, RETRY_TEMPERATURE, RETRY_TEMPERATURE]
    assert len({sampling.seed for sampling in of_red}) == 3
    assert found.manifest["prompts"][0]["seed"] == of_red[2].seed


def test_the_first_answers_are_drawn_where_that_is_asked_for(go: Go) -> None:
    writer = Scripted({"red": ["bad"]})
    go(writer, temperature=1.1, first=1)
    assert [request.sampling.temperature for _, request in writer.requests] == [1.1, 1.1]


def test_near_duplicates_and_the_same_image_are_dropped(go: Go, photos: Path) -> None:
    (photos / "again.png").write_bytes((photos / "0.png").read_bytes())
    long = "One two three four five six seven eight nine ten eleven twelve {}."
    writer = Scripted({"green": [long.format("here")], "white": [long.format("there")]})
    found = go(writer)
    assert found.manifest["counts"]["dropped"] == {"near duplicate": 1, "same image": 1}
    by_reason = {row["reason"]: row for row in found.manifest["dropped"]}
    assert by_reason["near duplicate"]["image"] == "more/5.png"
    assert (by_reason["same image"]["image"], by_reason["same image"]["as"]) == ("again.png", "0.png")
    assert Counter(color for color, _ in writer.requests) == dict.fromkeys(COLORS, 1)


def test_failures_are_no_data_and_are_tried_again(go: Go, photos: Path) -> None:
    (photos / "0.png").write_bytes(b"\x89PNG\r\n")
    (photos / "lost.jpg").symlink_to(photos / "nowhere.jpg")
    writer = Scripted({"green": [failed("the server was asleep")]})
    ticks: list[int] = []
    found = go(writer, ticks)
    assert sum(ticks) == 7 and found.manifest["counts"]["failed"] == 3 and len(found) == 4
    reasons = {row["image"]: row["reason"] for row in found.manifest["failed"]}
    assert reasons["1.png"] == "the server was asleep"
    assert "damaged" in reasons["0.png"] or "not an image" in reasons["0.png"]
    assert "does not exist" in reasons["lost.jpg"]
    assert len(go(Scripted())) == 5


def test_an_interrupted_run_goes_on_and_ends_in_the_same_bytes(go: Go, tmp_path: Path) -> None:
    script = {"red": ["bad"], "black": ["bad", "bad", "bad"]}
    undisturbed = go(Scripted(script))
    (tmp_path / "out.answers.jsonl").unlink()
    writer, sets = Scripted(script), []
    for stop in (3, 5, 7, None):
        writer.breaks_after = stop
        sets.append(go(writer))
    assert [len(found) for found in sets] == [2, 4, 5, 5]
    assert sets[0].manifest["counts"]["remaining"] == 4
    assert sets[-1].to_jsonl() == undisturbed.to_jsonl() and sets[-1].manifest == undisturbed.manifest
    assert len(writer.requests) == 6 + 1 + 2
    go(writer)
    assert len(writer.requests) == 9


def test_options_that_leave_the_question_alone_may_change(go: Go) -> None:
    writer = Scripted()
    assert len(go(writer, first=2)) == 2
    assert len(go(writer)) == 6 and len(writer.requests) == 6
    assert len(go(writer, low=100)) == 0 and len(writer.requests) == 6 + 12
    assert len(go(writer, low=100, tries=4)) == 0 and len(writer.requests) == 6 + 18
    assert len(go(writer)) == 6 and len(writer.requests) == 6 + 18


def test_answers_to_another_question_are_refused(go: Go, tmp_path: Path) -> None:
    go(Scripted())
    with pytest.raises(InputError, match=r"another question \(different: seed\).*-o"):
        go(Scripted(), seed=1)
    path = tmp_path / "out.answers.jsonl"
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(InputError, match=r"line 8 is not a writer's answer"):
        go(Scripted())


def test_a_line_that_a_kill_cut_off_is_dropped(go: Go, tmp_path: Path) -> None:
    path = tmp_path / "out.answers.jsonl"
    whole = go(Scripted()).to_jsonl()
    data = path.read_bytes()
    for cut in (1, 30, len(data.splitlines()[-1]), len(data) - 10):
        path.write_bytes(data[:-cut])
        writer = Scripted()
        assert go(writer).to_jsonl() == whole
        assert [json.loads(line) for line in path.read_bytes().splitlines()] == [
            json.loads(line) for line in data.splitlines()
        ]


def test_a_journal_of_before_texts_were_asked_about_goes_on(go: Go, tmp_path: Path) -> None:
    path = tmp_path / "out.answers.jsonl"
    whole = go(Scripted()).to_jsonl()
    path.write_bytes(path.read_bytes().replace(b'{"subject":', b'{"image":'))
    writer = Scripted()
    assert go(writer).to_jsonl() == whole and writer.requests == []


def test_a_second_run_on_the_same_file_is_refused(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "a.jsonl", {}),
        pytest.raises(InputError, match="another run is writing"),
        Journal(tmp_path / "a.jsonl", {}),
    ):
        pass


def test_instructions(tmp_path: Path) -> None:
    assert load_instruction(None) is LONG_PROMPT and "120" in LONG_PROMPT.text
    (tmp_path / "own.txt").write_text("\ufeffSay it in verse.\n", encoding="utf-8")
    own = load_instruction(tmp_path / "own.txt")
    assert (own.version, own.text) == ("own.txt", "Say it in verse.")
    (tmp_path / "own.txt").write_bytes(b"\xff")
    with pytest.raises(InputError, match="not UTF-8"):
        load_instruction(tmp_path / "own.txt")
    (tmp_path / "own.txt").write_text(" \n")
    with pytest.raises(InputError, match="is empty"):
        load_instruction(tmp_path / "own.txt")


KILLED = """
import os, signal, sys, threading, time
from pathlib import Path
from nami_bench.prompts.writers.folder import read_folder
from nami_bench.prompts.writers.instruction import LONG_PROMPT
from nami_bench.prompts.writers.journal import Journal
from nami_bench.prompts.writers.protocol import Answer
from nami_bench.prompts.writers.review import Limits
from nami_bench.prompts.writers.asking import Question
from nami_bench.prompts.writers.run import LongPromptRun

class Slow:
    def describe(self):
        return {"adapter": "slow"}

    def write(self, requests):
        for request in requests:
            time.sleep(0.004)
            number = request.image.getpixel((0, 0))[0]
            good = number % 5 or request.sampling.temperature
            words = " ".join(f"{n}of{number}" for n in range(8))
            yield Answer(request, text=f"Things {words}." if good else "No end")

root, lifetime = Path(sys.argv[1]), float(sys.argv[2])
question = Question(LONG_PROMPT)
killer = threading.Timer(lifetime, os.kill, (os.getpid(), signal.SIGKILL))
killer.daemon = True
killer.start()
with Journal(root / "out.answers.jsonl", question.to_json(Slow())) as journal:
    run = LongPromptRun("out", read_folder(root / "photos").images, Slow(), question, journal, Limits(1), 3)
    run.ask()
    (root / "out.jsonl").write_bytes(run.prompt_set().to_jsonl())
print("finished", flush=True)
"""


@pytest.mark.slow
def test_a_kill_at_random_moments_loses_and_doubles_nothing(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(50):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / "photos" / f"{number:02d}.png")
    draw = random.Random(7)
    for kills in range(9):
        lifetime = draw.uniform(0, 0.12) if kills < 8 else 600
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(lifetime)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    lines = (tmp_path / "out.answers.jsonl").read_bytes().splitlines()[1:]
    asked = Counter((row["subject"], row["number"]) for row in map(json.loads, lines))
    assert kills >= 2 and len(asked) == 60 and set(asked.values()) == {1}
    assert len((tmp_path / "out.jsonl").read_bytes().splitlines()) == 50


def test_a_limit_takes_equally_many_images_of_each_folder(tmp_path):
    for folder, count in (("a", 6), ("b", 2), ("c", 6)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            (tmp_path / folder / f"{number}.png").write_bytes(f"{folder}{number}".encode())
    (tmp_path / "a" / "notes.txt").write_text("x")

    def names(**how):
        found = read_folder(tmp_path, **how)
        assert found.passed_over == 1
        return [image.name for image in found.images]

    assert Counter(name[0] for name in names(limit=8)) == {"a": 3, "b": 2, "c": 3}
    assert set(names(limit=4)) < set(names(limit=9)) < set(names())
    assert names(limit=9) == sorted(names(limit=9))
    assert names(limit=6) != names(limit=6, seed=1)
    assert names(first=3) == ["a/0.png", "a/1.png", "a/2.png"]
    with pytest.raises(InputError, match="not both"):
        names(limit=1, first=1)
