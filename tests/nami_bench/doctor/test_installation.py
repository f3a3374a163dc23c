"""Names that hide one another, several installations, and editable ones that have gone stale."""

import json
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from nami_bench.doctor import installation
from nami_bench.doctor.installation import one_installation, shadowed


def package(folder: Path) -> Path:
    (folder / "nami_bench").mkdir(parents=True)
    (folder / "nami_bench" / "__init__.py").touch()
    return folder / "nami_bench"


def distribution(site: Path, version: str = "0.1.0", editable: Path | None = None) -> PathDistribution:
    folder = site / f"nami_bench-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: nami-bench\nVersion: {version}\n")
    (folder / "entry_points.txt").write_text("[nami_bench.metrics]\nfid = nami_bench.fid:Fid\n")
    if editable is not None:
        written = {"url": editable.as_uri(), "dir_info": {"editable": True}}
        (folder / "direct_url.json").write_text(json.dumps(written))
    return PathDistribution(folder)


def test_one_ordinary_installation(tmp_path: Path) -> None:
    ours = package(tmp_path)
    found = one_installation("0.1.0", ours, [str(tmp_path)], [distribution(tmp_path)])
    assert (found.status, found.found) == ("ok", f"0.1.0 at {ours}")


def test_two_installations(tmp_path: Path) -> None:
    ours = package(tmp_path / "a")
    both = [distribution(tmp_path / "a"), distribution(tmp_path / "b")]
    found = one_installation("0.1.0", ours, [str(tmp_path / "a")], both)
    assert found.status == "warn" and "installed 2 times" in found.found


def test_none(tmp_path: Path) -> None:
    found = one_installation("0.1.0", package(tmp_path), [str(tmp_path)], [])
    assert found.status == "warn" and "not installed" in found.found


@pytest.mark.parametrize("foreign", ["nami_bench/__init__.py", "nami_bench.py"])
def test_a_foreign_one_of_our_name(tmp_path: Path, foreign: str) -> None:
    ours, there = package(tmp_path / "ours"), tmp_path / "their folder" / foreign
    there.parent.mkdir(parents=True)
    there.touch()
    path = [str(tmp_path / "their folder"), str(tmp_path / "ours"), str(tmp_path / "nothing")]
    found = one_installation("0.1.0", ours, path, [distribution(tmp_path / "ours")])
    assert found.status == "warn" and "their folder" in found.found


def test_a_link_to_ours_is_ours(tmp_path: Path) -> None:
    ours = package(tmp_path / "ours")
    (tmp_path / "linked").symlink_to(tmp_path / "ours")
    assert installation.foreign_copies(ours, [str(tmp_path / "linked"), str(tmp_path / "ours")]) == []


def test_an_editable_one(tmp_path: Path) -> None:
    ours = package(tmp_path / "my code")
    installed = distribution(tmp_path / "site", editable=tmp_path / "my code")
    found = one_installation("0.1.0", ours, [str(tmp_path / "my code")], [installed])
    assert (found.status, found.found) == ("ok", f"0.1.0 at {ours} (editable)")


def test_editable_ones_that_have_gone_stale(tmp_path: Path) -> None:
    ours, path = package(tmp_path / "code"), [str(tmp_path / "code")]
    gone = distribution(tmp_path / "a", editable=tmp_path / "gone")
    assert "which is gone" in one_installation("0.1.0", ours, path, [gone]).found
    other = distribution(tmp_path / "b", editable=package(tmp_path / "other").parent)
    assert "the two may differ" in one_installation("0.1.0", ours, path, [other]).found
    older = distribution(tmp_path / "c", version="0.0.9", editable=tmp_path / "code")
    assert "installed as 0.0.9" in one_installation("0.1.0", ours, path, [older]).found


def test_plugins_that_were_added_since_are_named(tmp_path: Path) -> None:
    ours = package(tmp_path / "code")
    (tmp_path / "code" / "pyproject.toml").write_text(
        '[project.entry-points."nami_bench.metrics"]\n'
        'fid = "nami_bench.fid:Fid"\nnew = "nami_bench.new:New"\n'
    )
    installed = distribution(tmp_path / "site", editable=tmp_path / "code")
    found = one_installation("0.1.0", ours, [str(tmp_path / "code")], [installed])
    assert found.status == "warn" and "new (nami_bench.metrics)" in found.found
    assert "fid" not in found.found


def test_no_library_is_hidden_here_and_a_folder_called_like_one_is_found(tmp_path: Path) -> None:
    assert (
        shadowed(["numpy", "Pillow", "open_clip_torch", "protobuf", "pyyaml", "scipy"], sys.path).status
        == "ok"
    )
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").touch()
    found = shadowed(["numpy", "pillow"], [str(tmp_path), *sys.path])
    assert found.status == "fail" and f"numpy is taken from {tmp_path}/numpy" in found.found
    assert "PIL" not in found.found


def test_a_file_called_like_a_library_hides_it_too(tmp_path: Path) -> None:
    (tmp_path / "PIL.py").touch()
    assert "PIL is taken" in shadowed(["pillow"], [str(tmp_path), *sys.path]).found


def test_what_packages_bring() -> None:
    homes = installation._homes(["pillow", "pyyaml", "opencv-python-headless", "numpy", "uvicorn", "fastapi"])
    assert {"PIL", "yaml", "cv2", "numpy", "uvicorn", "fastapi"} <= homes.keys()
    assert "tests" not in homes


def test_pythons() -> None:
    tested = installation.tested_pythons(
        ["Programming Language :: Python :: 3", "Programming Language :: Python :: 3.12", "Topic :: X"]
    )
    assert tested == {"3.12"}
    assert installation.python((3, 12, 1), tested, "/bin/python", True).found == "3.12.1 at /bin/python"
    assert installation.python((3, 15, 0), tested, "python", True).status == "warn"
    assert installation.python((3, 12, 1), tested, "python", False).status == "fail"
