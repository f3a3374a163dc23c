"""`nami-bench weights`, with a hub on this machine."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nami_bench.evaluation.weights import INCEPTION
from tests.support.hub import Hub, hub_server
from tests.support.program import nami_bench

HPS = {"HPS_v2.1_compressed.pt": bytes(5000)}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, no_proxy: None, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "nami"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with hub_server(monkeypatch, tmp_path / "hub") as hub:
        hub.repositories["xswu/HPSv2"] = dict(HPS)
        yield hub


def weights(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return nami_bench("weights", *arguments)


def test_the_list_has_every_metric_detector_and_judge(hub: Hub) -> None:
    rows = json.loads(weights("list", "--json").stdout)
    by_name = {(row["kind"], row["name"]): row for row in rows}
    assert by_name["metric", "hpsv2"]["here"] is False
    assert by_name["judge", "mplug"]["source"].startswith("damo/mplug")
    assert by_name["metric", "geneval"]["note"] == "its detector's"
    mask2former = next(row for row in rows if row["name"] == "mask2former")
    assert mask2former["sha256"] == "743b7d99" and mask2former["sha256_verified"] is False
    assert mask2former["sha256_seen"] is None
    table = weights("list").stdout
    assert "743b7d99... not verified" in table and "download.openmmlab.com/.../mask2former_swin" in table
    assert hub.asked == []


def test_what_is_fetched_is_listed_with_place_size_and_hash(hub: Hub, tmp_path: Path) -> None:
    done = weights("fetch", "hpsv2")
    assert (done.returncode, done.stdout) == (0, "") and f"is in {tmp_path / 'hub'}" in done.stderr
    (row,) = json.loads(weights("list", "hpsv2", "--json").stdout)
    assert row["here"] and row["bytes"] == 5000 and len(row["sha256"]) == 64
    assert [Path(file).read_bytes() for file in row["files"]] == list(HPS.values())
    assert "HPS_v2.1_compressed.pt" in weights("list", "hpsv2").stdout


def test_options_choose_what_is_fetched(hub: Hub) -> None:
    hub.repositories["xswu/HPSv2"]["HPS_v2_compressed.pt"] = b"older"
    assert weights("fetch", "hpsv2", "-O", "version=2.0").returncode == 0
    (row,) = json.loads(weights("list", "hpsv2", "-O", "hpsv2.version=2.0", "--json").stdout)
    assert row["bytes"] == 5


def test_damage_is_one_line_and_exit_code_1_until_it_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    weights("fetch", "hpsv2")
    done = weights("verify")
    assert done.returncode == 0 and "1 of" in done.stderr
    assert done.stderr.startswith("xswu/HPSv2: no damage found (")
    (file,) = (tmp_path / "hub").rglob("HPS_v2.1_compressed.pt")
    file.resolve().write_bytes(b"damaged")
    done = weights("verify", "hpsv2", "--json")
    assert done.returncode == 1 and len(json.loads(done.stdout)["damaged"]) == 1
    assert done.stderr.startswith(f"{file}: its hash is")
    assert "error: 1 damaged or missing" in done.stderr
    weights("fetch", "hpsv2")
    assert weights("verify", "hpsv2").returncode == 0


def test_a_named_plugins_missing_weights_are_damage(hub: Hub) -> None:
    assert weights("verify").returncode == 0
    done = weights("verify", "fid")
    assert done.returncode == 1 and f"{INCEPTION.address}: not on this machine" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("fetch", "mplug"), 2, "is not fetched by this program: download the folder with ModelScope's"),
        (("fetch", "vqa-score"), 2, "vqa-score: there is nothing to fetch (name it with -O model=NAME)"),
        (("fetch", "dpg", "shapes"), 2, "several are called 'shapes'"),
        (("fetch", "clip-scor"), 2, "did you mean 'clip-score'"),
        (("fetch",), 2, "Missing argument 'NAME...'"),
        (("list", "-O", "a=b"), 2, "--option belongs to a NAME"),
        (("fetch", "hpsv2", "-O", "fid.weights=x"), 2, "the name 'fid' was not asked for"),
        (("bundle", "hpsv2", "--output", "w.tar"), 2, "xswu/HPSv2 is not on this machine: fetch it first"),
        (("bundle", "hpsv2"), 2, "Missing option '-o' / '--output'"),
        (("unbundle", "none.tar"), 2, "there is no file none.tar"),
        (("verify", "hpsv2", "-O", "weights=none.pt"), 1, "none.pt: not on this machine"),
        (("fetch", "hpsv2", "-O", "weights=none.pt"), 2, "there is nothing at none.pt"),
    ],
    ids=str,
)
def test_wrong_use_is_one_sentence(hub: Hub, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = weights(*arguments)
    assert done.returncode == code and said in done.stderr


def test_a_bundle_brings_them_to_a_machine_without_a_network(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights("fetch", "hpsv2")
    done = weights("bundle", "hpsv2", "--output", tmp_path / "w.tar")
    assert done.returncode == 0 and "nami-bench weights unbundle w.tar" in done.stderr
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert weights("verify", "hpsv2").returncode == 1
    assert weights("unbundle", tmp_path / "w.tar").returncode == 0
    assert weights("verify", "hpsv2").returncode == 0
