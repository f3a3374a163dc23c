"""What somebody else wrote steers no terminal, and is what it was in files and pipes."""

import ast
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from nami_bench.cli.terminal import steers, visible, visible_json

ROOT = Path(__file__).resolve().parents[2]
EVIL = "a \x1b[31mred\x1b]0;title\x07 \x9b2J \u202egnp \u2066x\u2028y\nz\r[bold]"


@pytest.fixture
def evil_file(tmp_path: Path) -> Path:
    path = tmp_path / "evil.jsonl"
    path.write_text(json.dumps({"prompt": EVIL}) + "\n")
    return path


def run(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "nami_bench", *words], capture_output=True, check=False)


def steering(output: bytes) -> set[str]:
    return {c for c in output.decode() if steers(c)} - {"\n"}


def test_a_table_shows_what_would_steer(evil_file: Path) -> None:
    done = run("prompts", "show", str(evil_file))
    assert done.returncode == 0 and steering(done.stdout + done.stderr) == set()
    assert rb"a \x1b[31mred\x1b]0;title\x07 \x9b2J \u202egnp \u2066x\u2028y\nz\r[bold]" in done.stdout


@pytest.mark.slow
def test_json_says_the_same_and_steers_nothing(evil_file: Path) -> None:
    done = run("prompts", "show", str(evil_file), "--json")
    assert steering(done.stdout) == set()
    assert json.loads(done.stdout)["prompts"][0]["prompt"] == EVIL


def test_files_and_pipes_get_the_very_characters(evil_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    run("prompts", "export", str(evil_file), "-o", str(out))
    piped = run("prompts", "export", str(evil_file)).stdout
    assert piped == out.read_bytes() and json.loads(piped)["prompt"] == EVIL
    assert "\x9b2J".encode() in piped


def test_a_person_at_a_terminal_gets_the_visible_ones(evil_file: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "nami_bench", "prompts", "export", str(evil_file), "--format", "txt"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs) as running:
        os.close(theirs)
        said = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            said += piece
        running.wait()
    os.close(ours)
    assert rb"\x1b[31mred" in said and b"\x1b[31m" not in said


@pytest.mark.parametrize(
    "words", [["prompts", "show", "no\x1b[2Jsuch"], ["no\x1b[2Jsuch"], ["init", "--no\x1b[2J"]]
)
def test_errors_steer_nothing(words: list[str], tmp_path: Path) -> None:
    done = run("--workspace", str(tmp_path / "none"), *words)
    assert done.returncode == 2 and steering(done.stderr) == set() and b"no" in done.stderr


def test_letters_of_all_scripts_and_emoji_stay_as_they_are() -> None:
    text = "Größe 李雷 می\u200cخواهم नमस्ते 👩\u200d🚀 e\u0301 \u00a0x"
    assert visible(text) == text
    assert visible("a\tb\nc", lines=True) == "a\tb\nc"
    assert visible("a\nb\ud800\U000e0041") == "a\\nb\\ud800\\U000e0041"
    assert json.loads(visible_json(json.dumps(["\U000e0041\u202e\x9b"], ensure_ascii=False))) == [
        "\U000e0041\u202e\x9b"
    ]


def test_commands_print_through_one_place() -> None:
    found = []
    for path in sorted((ROOT / "nami_bench" / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in ("click.echo", "click.secho", "print", "Console", "sys.stdout.write"):
                found.append(path.name)
    assert set(found) == {"common.py", "app.py"}
