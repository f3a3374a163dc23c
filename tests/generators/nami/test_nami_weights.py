"""Files of weights: read without running them, and what is wrong with them is named."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from nami_bench.errors import InputError
from nami_bench.generators.nami.weights import checked, read_file, read_folder


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "first.weight": torch.randn(60, 60),
        "second.bias": torch.randn(3).half(),
        "third.weight": torch.randn(80, 60),
        "last.weight": torch.randn(50, 60),
    }


def save(path: Path, state: dict[str, Any]) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("name", ["w.bin", "w.safetensors"])
def test_what_was_saved_is_read(name: str, tmp_path: Path) -> None:
    found = read_file(save(tmp_path / name, tensors()))
    torch.testing.assert_close(found, tensors(), rtol=0, atol=0)


def test_a_file_of_the_old_format_is_read(tmp_path: Path) -> None:
    torch.save(tensors(), tmp_path / "w.bin", _use_new_zipfile_serialization=False)
    torch.testing.assert_close(read_file(tmp_path / "w.bin"), tensors(), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["w.bin", "w.safetensors"])
@pytest.mark.parametrize("lost", ["first.weight", "third.weight", "last.weight"])
def test_a_cut_file_names_the_tensor_it_ends_in(name: str, lost: str, tmp_path: Path) -> None:
    path = save(tmp_path / name, tensors())
    whole = path.read_bytes()
    at = whole.index(tensors()[lost].numpy().tobytes())
    for position in (at + 100, at + 60 * 50 * 4 - 1):
        path.write_bytes(whole[:position])
        with pytest.raises(InputError, match=f"w\\.{path.suffix[1:]} is cut off at tensor '{lost}', after"):
            read_file(path)


def test_a_tensor_stored_twice_does_not_confuse_the_names(tmp_path: Path) -> None:
    state = tensors()
    shared = {"zero": state["first.weight"], **state}
    path = save(tmp_path / "w.bin", shared)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(state["third.weight"].numpy().tobytes()) + 7])
    with pytest.raises(InputError, match=r"cut off at tensor 'third\.weight'"):
        read_file(path)


@pytest.mark.parametrize("name", ["w.bin", "w.safetensors"])
@pytest.mark.parametrize("length", [0, 3, 60, 300])
def test_a_file_cut_before_its_first_tensor_is_refused(name: str, length: int, tmp_path: Path) -> None:
    path = save(tmp_path / name, tensors())
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match=name):
        read_file(path)


def test_a_pickle_that_would_run_code_is_not_loaded(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(tmp_path / "owned"),)

    torch.save({"first.weight": Attack()}, tmp_path / "w.bin")
    with pytest.raises(InputError, match="holds more than tensors, or is damaged: it is not loaded"):
        read_file(tmp_path / "w.bin")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("content", [b"hello" * 50, b"PK\x03\x04" + b"\0" * 500, b"\x80\x02" + b"x" * 99])
def test_what_is_no_file_of_weights_is_refused(content: bytes, tmp_path: Path) -> None:
    for name in ("w.bin", "w.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name} "):
            read_file(tmp_path / name)


def test_something_else_than_named_tensors_is_refused(tmp_path: Path) -> None:
    for value in ([torch.zeros(2)], {"step": 3, "w": torch.zeros(2)}):
        torch.save(value, tmp_path / "w.bin")
        with pytest.raises(InputError, match="does not hold a plain set of named tensors"):
            read_file(tmp_path / "w.bin")
    with pytest.raises(InputError, match=r"none\.bin is missing"):
        read_file(tmp_path / "none.bin")


def test_shards_are_read_as_one(tmp_path: Path) -> None:
    from huggingface_hub import save_torch_state_dict

    save_torch_state_dict(
        tensors(), tmp_path, filename_pattern="model{suffix}.safetensors", max_shard_size=16_000
    )
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    assert read_folder(tmp_path).keys() == tensors().keys()
    index = tmp_path / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "../secret.safetensors"}}')
    with pytest.raises(InputError, match="which is not a file beside it"):
        read_folder(tmp_path)
    index.write_text("[]")
    with pytest.raises(InputError, match="is not an index of weight files"):
        read_folder(tmp_path)
    index.unlink()
    with pytest.raises(InputError, match=r"holds no weights: expected model\.safetensors or"):
        read_folder(tmp_path)


def test_checked_names_the_first_problem_and_counts_the_rest() -> None:
    shapes = {name: tensor.shape for name, tensor in tensors().items()}
    given = tensors()
    assert (
        checked({**given, "extra.x": torch.zeros(1)}, shapes, Path("f"), ignore=["extra."]).keys()
        == shapes.keys()
    )
    given["alien"] = torch.zeros(1)
    given["third.weight"] = torch.zeros(2, 3)
    del given["first.weight"]
    with pytest.raises(InputError, match=r"^f: tensor 'first\.weight' is missing \(and 2 more problems\)"):
        checked(given, shapes, Path("f"))
    given["first.weight"] = torch.zeros(60, 60)
    with pytest.raises(InputError, match=r"'third\.weight' has the shape \[2, 3\], expected \[80, 60\]"):
        checked(given, shapes, Path("f"))
    given["third.weight"] = torch.zeros(80, 60)
    with pytest.raises(InputError, match="'alien' does not belong there: is this the right file"):
        checked(given, shapes, Path("f"))
