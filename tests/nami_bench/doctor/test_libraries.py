"""Versions, extras, imports and devices in words."""

import pytest
from packaging.requirements import Requirement

from nami_bench.doctor import libraries
from nami_bench.doctor.finding import Finding, Status
from nami_bench.doctor.imports import Imported

NUMPY, TORCH, VISION = Requirement("numpy>=2.0"), Requirement("torch>=2.8"), Requirement("torchvision>=0.21")
TRANSFORMERS = Requirement("transformers>=5.2,<6")
DECLARED = libraries.Declared(
    (NUMPY,), {"fid": (TORCH,), "models": (TORCH, VISION, TRANSFORMERS), "ray": (Requirement("ray>=2.40"),)}
)


def test_a_core_that_is_whole() -> None:
    assert libraries.core_packages((NUMPY,), {"numpy": "2.4.6"}).status == "ok"


def test_missing_and_unfit_packages_of_the_core_fail_with_the_command_that_mends_it() -> None:
    found = libraries.core_packages((NUMPY, Requirement("gradio>=6,<7")), {"gradio": "5.1"})
    assert found == Finding(
        Status.FAIL, "missing: numpy; gradio 5.1 is outside <7,>=6", "pip install 'numpy>=2.0' 'gradio<7,>=6'"
    )


def test_extras_are_complete_in_part_or_not_installed() -> None:
    found = libraries.extras(DECLARED, {"numpy": "2.4", "torch": "2.15.0+cu130"})
    assert found.status == "ok"
    assert found.found == (
        "complete: fid; in part: models (without torchvision, transformers); not installed: ray"
    )


def test_a_transformers_of_the_wrong_range_fails() -> None:
    versions = {"torch": "2.15.0", "torchvision": "0.29", "transformers": "4.57.1"}
    found = libraries.extras(DECLARED, versions)
    assert (found.status, found.remedy) == ("fail", "pip install 'transformers<6,>=5.2'")
    assert found.found.startswith("transformers 4.57.1 is outside <6,>=5.2; complete: fid, models")


@pytest.mark.parametrize(
    ("here", "status"),
    [
        ("2.15.0", "ok"),
        ("2.15.0+cu130", "ok"),
        ("2.16.1", "ok"),
        ("3.0.0", "warn"),
        ("1.9", "warn"),
    ],
)
def test_a_major_step_from_the_tested_versions_is_a_warning(here: str, status: str) -> None:
    found = libraries.tested_versions({"torch": "2.15.0"}, {"torch": here}, "constraints.txt")
    assert found.status == status


def test_before_1_0_a_minor_step_is_a_major_one_and_names_are_spelled_alike() -> None:
    tested = {"open_clip_torch": "3.3.0", "diffusers": "0.42.1"}
    near = libraries.tested_versions(tested, {"open-clip-torch": "3.4", "diffusers": "0.42.2"}, "c.txt")
    assert near.found == "of 2 packages 0 are the tested ones, 2 near them"
    far = libraries.tested_versions(tested, {"diffusers": "0.43.0"}, "c.txt")
    assert far.status == "warn" and "diffusers 0.43.0 (tested: 0.42.1)" in far.found
    assert "-c c.txt" in far.remedy


def test_without_the_list_nothing_is_compared() -> None:
    assert libraries.tested_versions({}, {"torch": "2"}, "c.txt").status == "ok"


def test_what_is_declared_is_what_the_project_declares() -> None:
    known = libraries.declared()
    assert "numpy" in {one.name for one in known.core}
    assert "transformers" in {one.name for one in known.extras["models"]}
    assert not {"dev", "docs"} & known.extras.keys()
    assert "psycopg" in {one.name for one in known.extras["postgres"]}


def test_a_library_that_does_not_load_fails_and_torchvision_with_its_torch() -> None:
    broken = Imported(error="RuntimeError: operator torchvision::nms does not exist")
    found = libraries.library("torchvision", "0.29", broken)
    assert found.status == "fail" and "nms does not exist" in found.found
    assert "torch torchvision" in found.remedy
    assert libraries.library("torchvision", "0.29", Imported()).found == "0.29, loads"
    assert libraries.library("torch", None, None).status == "ok"
    assert libraries.library("torch", "2.15", None).status == "warn"


def test_core_libraries_that_do_not_load_are_named_as_pip_knows_them() -> None:
    found = libraries.core_imports({"numpy": Imported(), "cv2": Imported(error="ImportError: libGL.so.1")})
    assert found.status == "fail" and found.remedy.endswith("opencv-python-headless")
    assert libraries.core_imports({"numpy": Imported()}).found == "numpy load"


GPU = {"name": "H200", "free": 100 * 2**30, "total": 139 * 2**30}


@pytest.mark.parametrize(
    ("devices", "driver", "status", "words"),
    [
        ([GPU], True, "ok", "H200, 100.0 of 139.0 GiB free"),
        ([GPU | {"free": 2**30}], True, "warn", "1.0 of 139.0 GiB free"),
        ([GPU | {"error": "no kernel image is available"}], True, "fail", "no kernel image"),
        ([], False, "ok", "no GPU"),
        ([], True, "warn", "built without CUDA"),
        ([{"name": "Apple GPU (mps)"}], False, "ok", "Apple GPU"),
    ],
)
def test_devices(devices: list[dict[str, object]], driver: bool, status: str, words: str) -> None:
    found = libraries.devices(Imported(about={"cuda": None, "devices": devices}), driver)
    assert found.status == status and words in found.found


def test_devices_are_unknown_without_a_torch_that_loads() -> None:
    for torch in (None, Imported(error="killed")):
        assert libraries.devices(torch, True) == Finding(Status.OK, "unknown without torch")
