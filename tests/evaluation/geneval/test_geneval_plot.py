"""Pictures of scores."""

import json
import re
import sys

import pytest

from nami_bench.cli.app import main
from nami_bench.domain import GENEVAL_TASKS
from nami_bench.errors import InputError
from nami_bench.evaluation.bars import FORMATS
from nami_bench.evaluation.geneval.plot import plot_scores
from nami_bench.evaluation.geneval.results import ImageResult
from nami_bench.evaluation.geneval.summary import summarize

MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


def rows(rate, detector="d-1", tasks=GENEVAL_TASKS):
    return [
        ImageResult(
            f"{task}/{prompt}/{sample}.png",
            task,
            f"{task} {prompt}",
            (prompt + sample) % rate == 0,
            "",
            json.dumps({"tag": task, "include": [], "prompt": f"{task} {prompt}"}),
            "{}",
            detector,
        )
        for task in tasks
        for prompt in range(6)
        for sample in range(2)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("file_format", FORMATS)
def test_the_same_scores_give_the_same_picture(file_format):
    summaries = {"a": summarize(rows(2)), "b": summarize(rows(3))}
    picture = plot_scores(summaries, file_format)
    assert picture.startswith(MAGIC[file_format])
    assert picture == plot_scores(summaries, file_format)
    assert picture != plot_scores({"a": summaries["a"]}, file_format)


def test_every_task_and_model_and_the_detector_are_named():
    picture = plot_scores({"first": summarize(rows(2)), "second": summarize(rows(3))}, "svg").decode()
    said = " ".join(re.findall(r"<(?:text|tspan)[^>]*>([^<]*)<", picture))
    for word in ("overall", "single", "counting", "position", "first", "second", "d-1", "50", "33"):
        assert word in said


def test_models_may_lack_tasks_and_intervals():
    one_prompt = [row for row in rows(2, tasks=("counting",)) if row.prompt == "counting 0"]
    assert plot_scores({"a": summarize(rows(2)), "b": summarize(one_prompt)}, "png")


def test_different_judges_are_not_compared():
    with pytest.raises(InputError, match="different detectors, d-1 and d-2: they cannot be compared"):
        plot_scores({"a": summarize(rows(2)), "b": summarize(rows(2, "d-2"))}, "png")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, rate in (("a", 2), ("b", 3)):
        (tmp_path / name).mkdir()
        lines = "".join(json.dumps(vars_of(row)) + "\n" for row in rows(rate))
        (tmp_path / name / "results.jsonl").write_text(lines)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["nami-bench", "geneval", "plot", *args])
        with pytest.raises(SystemExit) as stopped:
            main()
        return (stopped.value.code or 0, *capsys.readouterr())

    return run


def vars_of(row):
    return {name: getattr(row, name) for name in row.__slots__}


def test_from_the_command_line(run, tmp_path):
    code, _, err = run("a/results.jsonl", "b/results.jsonl", "-o", "out/both.svg")
    assert code == 0, err
    picture = (tmp_path / "out" / "both.svg").read_text()
    assert ">a<" in picture and ">b<" in picture, "named after their folders"
    run("a/results.jsonl", "--label", "my model", "-o", "one.png")
    assert (tmp_path / "one.png").read_bytes().startswith(MAGIC["png"])


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("a/results.jsonl",), "Missing option '-o'"),
        (("a/results.jsonl", "-o", "x.gif"), "must end in .png, .svg, .pdf"),
        (("a/results.jsonl", "a/results.jsonl", "-o", "x.png"), "two results files are called 'a'"),
        (("a/results.jsonl", "b/results.jsonl", "--label", "x", "-o", "x.png"), "need 2 --label, got 1"),
        (("none.jsonl", "-o", "x.png"), "none.jsonl does not exist"),
    ],
)
def test_wrong_use_is_one_sentence(run, args, complaint):
    code, _, err = run(*args)
    assert code == 2
    assert complaint in err
