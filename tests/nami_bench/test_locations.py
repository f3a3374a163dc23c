"""Images in an object store: fsspec's own, in memory, stands for S3; the code path is the same."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nami_bench import images
from nami_bench.annotator_app.pictures import Pictures
from nami_bench.cli.app import cli
from nami_bench.config import init_workspace, open_workspace
from nami_bench.errors import ImageError, InputError, WorkError
from nami_bench.geneval_folder import GenEvalFolder, SampleFile
from nami_bench.locations import is_remote, location
from nami_bench.pipeline.drawing import Drawing

pytest.importorskip("upath")

CLAUSES = '{"tag": "single_object", "include": [{"class": "star", "count": 1}], "prompt": "a star"}\n'


@pytest.fixture
def bucket() -> Iterator[Path]:
    place = location("memory://bucket/nami")
    yield place
    place.fs.store.clear()  # type: ignore[attr-defined]


def command(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: Path) -> Path:
    """A workspace whose images lie in the bucket, with images of three prompts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "cache"))
    init_workspace(tmp_path)
    settings = tmp_path / "nami.toml"
    settings.write_text(settings.read_text().replace('# url = "images"', f'url = "{bucket}"'))
    (tmp_path / "stars.jsonl").write_text(3 * CLAUSES)
    command("models", "add", "m", "--adapter", "shapes", "-O", "size=64")
    assert command("generate", "--model", "m", "--prompts", "stars.jsonl", "--samples", "2").exit_code == 0
    return tmp_path


def local_hashes(folder: Path) -> dict[str, str]:
    return {path.parts[-3] + path.name: images.hash_file(path) for path in folder.rglob("*.png")}


def test_images_in_a_bucket_are_those_of_a_folder(workspace: Path, bucket: Path) -> None:
    found = {f"{f.index:05d}{f.path.name}": images.hash_file(f.path) for f in samples(bucket)}
    settings = workspace / "nami.toml"
    settings.write_text(settings.read_text().replace(f'url = "{bucket}"', ""))
    (workspace / "nami.db").unlink()
    command("models", "add", "m", "--adapter", "shapes", "-O", "size=64")
    assert command("generate", "--model", "m", "--prompts", "stars.jsonl", "--samples", "2").exit_code == 0
    assert found == local_hashes(workspace / "images")
    assert len(found) == 6


def test_images_in_a_bucket_are_removed_and_their_model_renamed(workspace: Path, bucket: Path) -> None:
    before = {(f.index, f.path.name) for f in samples(bucket)}
    assert command("models", "rename", "m", "n").exit_code == 0
    assert {(f.index, f.path.name) for f in samples(bucket, "n")} == before
    assert not [path for path in bucket.fs.find("/bucket/nami/m") if path.endswith(".png")]  # type: ignore[attr-defined]
    assert command("images", "verify").exit_code == 0
    assert command("images", "remove", "--model", "n", "--sample", "1", "--yes").exit_code == 0
    assert {(f.index, f.path.name) for f in samples(bucket, "n")} == {s for s in before if s[1] == "0000.png"}
    assert command("models", "remove", "n", "--yes").exit_code == 0
    assert not [path for path in bucket.fs.find("/bucket") if path.endswith(".png")]  # type: ignore[attr-defined]


def samples(bucket: Path, model: str = "m") -> list[SampleFile]:
    return list(GenEvalFolder(bucket / model / "stars").samples())


def test_a_second_run_keeps_them_and_changed_ones_are_found(workspace: Path, bucket: Path) -> None:
    again = command("generate", "--model", "m", "--prompts", "stars", "--samples", "2", "--json")
    assert '"kept": 6' in again.output
    assert command("images", "verify").exit_code == 0
    images.write_bytes(samples(bucket)[2].path, b"gone bad")
    with pytest.raises(WorkError, match="1 of 6 images are not as recorded"):
        command("images", "verify")


def test_metrics_and_geneval_read_from_a_bucket(workspace: Path, bucket: Path) -> None:
    scored = command("evaluate", "geneval", "--detector", "shapes", "--json")
    assert '"scored": 6' in scored.output
    place = str(bucket / "m" / "stars")
    with pytest.raises(InputError, match="with -o"):
        command("geneval", place, "--detector", "shapes")
    arguments = ["--detector", "shapes", "--prompts", "stars.jsonl", "--samples", "2", "-o", "results.jsonl"]
    assert command("geneval", place, *arguments, "--workers", "0", "--allow-incomplete").exit_code == 0
    assert (workspace / "results.jsonl").read_text().count(place) == 6


def test_annotators_are_shown_images_from_a_bucket(workspace: Path, bucket: Path) -> None:
    first = samples(bucket)[0].path
    shown = Pictures().png("photos", first, images.hash_file(first))
    assert images.decode_image(shown, "shown").tobytes() == images.read_image(first).tobytes()


def test_what_is_not_there_is_said_in_words(bucket: Path) -> None:
    with pytest.raises(ImageError, match=r"memory://bucket/nami/none\.png does not exist"):
        images.read_image(bucket / "none.png")
    assert images.read_provenance(bucket / "none.png") is None
    with pytest.raises(InputError, match="nothing at memory://bucket/nami"):
        list(GenEvalFolder(bucket).samples())


def test_places_are_named_by_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert location("some/folder") == Path("some/folder")
    assert location(f"file://{tmp_path}/a%20b") == tmp_path / "a b"
    assert not is_remote(location(f"file://{tmp_path}"))
    with pytest.raises(InputError, match="nothing here knows nosuch://"):
        location("nosuch://bucket")
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(InputError, match=r"pip install 'nami-bench\[gs\]'"):
        location("gs://bucket/nami")


def test_a_folder_of_images_may_be_elsewhere(tmp_path: Path) -> None:
    init_workspace(tmp_path)
    assert open_workspace(tmp_path).images_dir == tmp_path / "images"
    settings = tmp_path / "nami.toml"
    settings.write_text(settings.read_text().replace('# url = "images"', 'url = "/mnt/images"'))
    assert open_workspace(tmp_path).images_dir == Path("/mnt/images")


def test_a_process_that_does_not_see_the_folder_hands_over_the_bytes(tmp_path: Path) -> None:
    from nami_bench.domain import Prompt
    from nami_bench.generators.protocol import GenerationRequest
    from nami_bench.generators.shapes import ShapesGenerator

    clauses = {"tag": "single_object", "include": [{"class": "star", "count": 1}]}
    request = GenerationRequest(Prompt("00000", "a star", geneval=clauses), 0, 1)
    folder = GenEvalFolder(tmp_path / "images")
    drawing = Drawing(folder, "m", "shapes", "p", "s", token="this run")
    (drawn,) = drawing(ShapesGenerator(), [request])
    assert drawn.data is not None and not drawing.path(request).exists()
    folder.write_marker("this run")
    (written,) = drawing(ShapesGenerator(), [request])
    assert written.data is None and drawing.path(request).read_bytes() == drawn.data
    assert written.stored == drawn.stored
    folder.remove_partial_files()
    assert folder.read_marker() is None
