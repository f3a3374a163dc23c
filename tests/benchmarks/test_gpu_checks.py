"""The GPU checks run, each part by itself, and are taken up where they failed; their figures are no test."""

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.gpu import __main__ as checks
from benchmarks.gpu import part as parts
from benchmarks.gpu.part import OutOfTimeError, Part

ROOT = Path(__file__).resolve().parents[2]
NO_PROCESSES = sys.platform != "linux"


@pytest.fixture
def measured(monkeypatch):
    """Parts that are measured without a process: `measured.ends` says in words how each ends, None well."""
    double = SimpleNamespace(names=[], ends={}, found={"seconds": {"way": [1.0]}})

    def measure(name, settings, folder):
        double.names.append(name)
        (folder / "findings.json").write_text(json.dumps(double.found))
        return double.ends.get(name)

    monkeypatch.setattr(checks, "_measure", measure)
    return double


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["benchmarks.gpu", *map(str, arguments)])
    return checks.main()


def read(folder, name):
    return json.loads((folder / f"{name}.json").read_text())


def test_the_parts_together_take_less_than_nine_minutes():
    assert max(checks.LIMITS.values()) <= 90
    assert sum(checks.LIMITS.values()) < 9 * 60


def test_what_was_measured_here_with_this_code_is_passed_over(measured, monkeypatch, tmp_path):
    small = ("--small", "-o", tmp_path)
    assert run(monkeypatch, *small) == 0
    assert measured.names == list(checks.LIMITS)
    result = read(tmp_path, "service")
    assert (result["status"], result["reason"]) == ("measured", None)
    assert result["took_seconds"] >= 0 and result["asked"]["small"] is True
    assert result["seconds"] == measured.found["seconds"]
    assert result["command"] == "python -m benchmarks.gpu --part service --small -o FOLDER"

    measured.names.clear()
    assert run(monkeypatch, *small) == 0
    assert measured.names == []
    assert run(monkeypatch, *small, "--part", "nami", "--again") == 0
    assert measured.names == ["nami"]


@pytest.mark.parametrize("change", ["code_digest", "gpus"])
def test_another_code_or_machine_is_measured_anew(change, measured, monkeypatch, tmp_path):
    small = ("--small", "-o", tmp_path, "--part", "training")
    run(monkeypatch, *small)
    monkeypatch.setattr(checks, change, lambda: [{"name": "another"}])
    run(monkeypatch, *small)
    assert measured.names == ["training", "training"]


def test_a_part_that_fails_says_why_and_the_others_go_on(measured, monkeypatch, tmp_path, capsys):
    measured.ends["nami"] = "its process was ended by signal 9, perhaps for want of memory"
    small = ("--small", "-o", tmp_path)
    assert run(monkeypatch, *small) == 1
    failed = read(tmp_path, "nami")
    assert (failed["status"], failed["reason"]) == ("failed", measured.ends["nami"])
    assert read(tmp_path, "questions")["status"] == "measured"
    assert "nami: FAILED after" in capsys.readouterr().out

    measured.names.clear()
    measured.ends.clear()
    assert run(monkeypatch, *small) == 0
    assert measured.names == ["nami"]


def test_what_the_part_itself_says_of_its_failure_comes_first(measured, monkeypatch, tmp_path):
    measured.found["failure"] = "WorkError: the latents hold NaN"
    measured.ends["nami"] = "its process ended with exit code 1"
    assert run(monkeypatch, "--small", "-o", tmp_path, "--part", "nami") == 1
    result = read(tmp_path, "nami")
    assert result["reason"] == "WorkError: the latents hold NaN"
    assert "failure" not in result


def test_a_result_that_cannot_be_read_is_none(measured, monkeypatch, tmp_path):
    (tmp_path / "nami.json").write_text('{"status": "mea')
    assert run(monkeypatch, "--small", "-o", tmp_path, "--part", "nami") == 0
    assert read(tmp_path, "nami")["status"] == "measured"


def test_without_a_gpu_nothing_is_run_nor_written(measured, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(checks, "gpus", list)
    assert run(monkeypatch, "-o", tmp_path / "results") == 2
    assert "nvidia-smi finds no GPU here" in capsys.readouterr().err
    assert measured.names == [] and not (tmp_path / "results").exists()


def test_small_figures_never_come_among_the_results(monkeypatch, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, "--small")
    assert "--small needs -o FOLDER" in capsys.readouterr().err


def is_running(stat):
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(NO_PROCESSES, reason="process groups are looked at in /proc")
def test_a_part_that_does_not_end_is_ended_with_all_that_it_started(monkeypatch, tmp_path):
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\nsleep 600 & echo $! > "$5"; wait\n')
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    settings = checks.Settings(small=True, device="cpu", output=tmp_path, limit=1)
    ended = checks._measure("nami", settings, tmp_path)
    assert ended == "it had not ended after 1 seconds: what it had found until then is here"
    sleeping = Path("/proc") / (tmp_path / "findings.json").read_text().strip() / "stat"
    while is_running(sleeping):  # the signal is sent; for a busy machine it is not there yet
        time.sleep(0.01)


def test_a_part_that_is_killed_or_breaks_is_told_apart(monkeypatch, tmp_path):
    settings = checks.Settings(small=True, device="cpu", output=tmp_path)
    for line, words in (("kill -9 $$", "ended by signal 9"), ("exit 3", "ended with exit code 3")):
        fake = tmp_path / "python"
        fake.write_text(f"#!/bin/sh\n{line}\n")
        fake.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(fake))
        folder = tmp_path / words.replace(" ", "-")
        folder.mkdir()
        assert words in checks._measure("nami", settings, folder)


@pytest.fixture
def clock(monkeypatch):
    """A clock that only work moves on: `clock.work(seconds)` is a way that takes so long."""
    double = SimpleNamespace(now=0.0, monotonic=lambda: double.now, perf_counter=lambda: double.now)

    def work(seconds, answer=None):
        def way():
            double.now += seconds
            return answer

        return way

    double.work = work
    monkeypatch.setattr(parts, "time", double)
    return double


def a_part(tmp_path, seconds):
    return Part(small=True, device="cpu", work=tmp_path, output=tmp_path / "findings.json", seconds=seconds)


def test_ways_are_measured_in_turns_after_a_run_that_does_not_count(clock, tmp_path):
    part = a_part(tmp_path, 100)
    seconds, given = part.in_turns({"one": clock.work(1, "a"), "two": clock.work(2, "b")}, rounds=2)
    assert seconds == {"one": [1, 1], "two": [2, 2]}
    assert given == {"one": "a", "two": "b"}
    assert clock.now == 9
    assert "not_measured" not in part.found


def test_a_measurement_that_would_not_end_in_time_does_not_begin(clock, tmp_path):
    part = a_part(tmp_path, 10)
    seconds, _ = part.in_turns({"quick": clock.work(1), "slow": clock.work(4)}, rounds=3)
    assert seconds == {"quick": [1], "slow": [4]}
    assert clock.now == 10


def test_a_way_without_any_time_is_said_to_be_left_out(clock, tmp_path):
    part = a_part(tmp_path, 9.5)
    seconds, given = part.in_turns(
        {"quick": clock.work(2), "slow": clock.work(6), "last": clock.work(1)}, rounds=1
    )
    assert seconds == {"quick": [2]}
    assert list(given) == ["quick"]
    kept = json.loads(part.output.read_text())
    assert kept["not_measured"] == {"slow": "no time was left", "last": "no time was left"}
    assert kept["seconds_of_the_first_run"]["slow"] == 6
    with pytest.raises(OutOfTimeError, match="before the first measurement"):
        part.in_turns({"another": clock.work(1)}, rounds=1)


def test_numbers_that_json_has_not_are_kept_as_words(clock, tmp_path):
    part = a_part(tmp_path, 1)
    part.keep(loss=math.nan, seconds={"way": [1.0, math.inf]})
    text = part.output.read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {"loss": "nan", "seconds": {"way": [1.0, "inf"]}}


def test_the_code_is_another_when_a_file_of_it_changes(monkeypatch, tmp_path):
    (tmp_path / "benchmarks").mkdir()
    file = tmp_path / "benchmarks" / "one.py"
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    digests = []
    for text in ("a = 1\n", "a = 2\n"):
        file.write_text(text)
        digests.append(checks.code_digest())
    assert digests[0] != digests[1]


@pytest.mark.slow
def test_all_parts_run_small_and_find_what_they_are_for(tmp_path):
    for package in ("torch", "transformers", "diffusers", "open_clip"):
        pytest.importorskip(package)
    command = [sys.executable, "-m", "benchmarks.gpu", "--small", "-o", str(tmp_path)]
    command += [word for name in checks.LIMITS if name != "nami-compiled" for word in ("--part", name)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    geneval = read(tmp_path, "geneval")
    assert len(geneval["images_per_second"]) == 4
    assert geneval["verdicts_or_reasons_that_differ"]["one at a time, float32"] == 0
    assert geneval["detections"]["float32"] > 0
    networks = geneval["network"]
    assert networks["one by one against a batch, float32"]["class_logits_largest_difference"] < 1e-3
    assert 0 < networks["bfloat16 autocast against float32"]["class_logits_mean_difference"] < 1
    nami = read(tmp_path, "nami")
    assert 0 < nami["flops_saved"]["segmentation"] < nami["flops_saved"]["nami"] < 1
    assert set(nami["seconds_per_image"]) == {"uniform", "segmentation", "nami", "plain loop"}
    assert nami["largest_difference_from_the_plain_loop"] <= 1e-4 * nami["largest_latent"]
    service = read(tmp_path, "service")
    assert service["correct"] > 0
    for row in service["by_clients"]:
        assert row["requests"] >= row["clients"]
        assert row["verdicts_that_differ"] == row["rewards_that_differ"] == row["images_without_a_value"] == 0
        assert row["p95_seconds"] >= row["p50_seconds"] > 0
    for training in read(tmp_path, "training")["runs"].values():
        assert training["steps"] == len(training["seconds_of_steps"]) == 5
        assert math.isfinite(training["loss"]) and training["gradient_norm"] > 0
    for judge in read(tmp_path, "questions")["judges"].values():
        assert judge["answers_agree"] and judge["ratio"] > 0 and judge["different_answers"] > 1
    again = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert again.stdout.count("measured before") == 5


@pytest.mark.slow
def test_compiled_blocks_run_small(tmp_path):
    pytest.importorskip("diffusers")
    command = [
        sys.executable,
        "-m",
        "benchmarks.gpu",
        "--small",
        "-o",
        str(tmp_path),
        "--part",
        "nami-compiled",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result = read(tmp_path, "nami-compiled")
    assert result["compiled"] is True
    assert min(result["seconds_of_the_first_run"]["nami"], result["seconds_per_image"]["nami"]) > 0
    assert result["largest_difference_from_the_plain_loop"] <= 1e-4 * max(1.0, result["largest_latent"])


@pytest.mark.slow
def test_detections_are_the_same_where_class_and_place_are():
    pytest.importorskip("torchvision")
    from benchmarks.gpu.geneval import compare_detections
    from nami_bench.evaluation.geneval.protocol import Detection

    plain = [
        Detection("cat", (0, 0, 10, 10), 0.9),
        Detection("dog", (0, 0, 10, 10), 0.8),
        Detection("cat", (50, 50, 60, 60), 0.7),
        Detection("cat", (0, 0, 10, 10), 0.2),  # below GenEval's threshold
    ]
    low = [
        Detection("cat", (0, 0, 10, 10), 0.8),
        Detection("bird", (0, 0, 10, 10), 0.8),
        Detection("cat", (55, 50, 65, 60), 0.7),
    ]
    found = compare_detections([plain, []], [low, plain[:1]])
    assert (found["float32"], found["bfloat16"], found["in_both"]) == (3, 4, 1)
    assert found["largest_difference_of_scores"] == pytest.approx(0.1)


@pytest.mark.slow
def test_percentiles_are_times_that_were_measured():
    pytest.importorskip("torch")
    from benchmarks.gpu.service import percentile

    assert percentile([3.0, 1.0, 2.0], 95) == 3.0
    assert percentile([float(n) for n in range(1, 101)], 95) == 95.0
