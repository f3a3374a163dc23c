"""Images on a real server that speaks S3: the same as in a folder, and what it refuses in words."""

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from nami_bench import images
from nami_bench.annotator_app.pictures import Pictures
from nami_bench.config import init_workspace
from nami_bench.errors import ImageError, StorageError
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.locations import location
from tests.support.object_store import ObjectStore
from tests.support.program import nami_bench

CLAUSES = '{"tag": "single_object", "include": [{"class": "star", "count": 1}], "prompt": "a star"}\n'


def workspace(root: Path, url: str | None, prompts: int = 2) -> Path:
    root.mkdir(exist_ok=True)
    init_workspace(root)
    if url:
        settings = root / "nami.toml"
        settings.write_text(settings.read_text().replace('# url = "images"', f'url = "{url}"'))
    (root / "stars.jsonl").write_text(prompts * CLAUSES)
    done(root, "models", "add", "m", "--adapter", "shapes", "-O", "size=64", "-O", "error_rate=0.5")
    return root


def ran(root: Path, *arguments: object) -> "CompletedProcess[str]":
    return nami_bench(*arguments, cwd=root, env={"NAMI_CACHE": str(root / "cache")})


def done(root: Path, *arguments: object) -> str:
    finished = ran(root, *arguments)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def generate(root: Path) -> dict[str, int]:
    said = done(root, "generate", "--model", "m", "--prompts", "stars.jsonl", "--samples", 2, "--json")
    return dict(json.loads(said)["m"])


def refused(root: Path, *arguments: object) -> str:
    """The one sentence of a command that fails."""
    finished = ran(root, *(arguments or ("generate", "--model", "m", "--prompts", "stars.jsonl")))
    assert finished.returncode == 1
    (sentence,) = [line for line in finished.stderr.splitlines() if line.startswith("error: ")]
    return sentence


def hashes(folder: Path) -> dict[str, str]:
    found = GenEvalFolder(folder).samples()
    return {f"{one.index}/{one.path.name}": images.hash_file(one.path) for one in found}


@pytest.mark.slow
def test_images_are_made_kept_and_verified_in_a_bucket(tmp_path: Path, object_store: ObjectStore) -> None:
    root = workspace(tmp_path, object_store.url)
    assert generate(root) == {"made": 4}
    assert generate(root) == {"kept": 4}
    done(root, "images", "verify")
    names = [f"nami/m/stars/0000{i}/{name}" for i in (0, 1) for name in
             ("metadata.jsonl", "samples/0000.png", "samples/0001.png")]  # fmt: skip
    assert object_store.names() == names  # no marker, no lock


@pytest.mark.slow
def test_every_command_gives_what_it_gives_on_a_folder(tmp_path: Path, object_store: ObjectStore) -> None:
    found = {}
    for name, url in (("bucket", object_store.url), ("folder", None)):
        root = workspace(tmp_path / name, url, prompts=6)
        generate(root)
        place = f"{object_store.url}/m/stars" if url else "images/m/stars"
        done(root, "evaluate", "geneval", "--detector", "shapes")
        arguments = ("--detector", "shapes", "--prompts", "stars.jsonl", "--samples", 2, "--workers", 0)
        done(root, "geneval", place, *arguments, "-o", "results.jsonl")
        done(root, "images", "verify")
        done(root, "report", "-o", "report")
        results = (root / "results.jsonl").read_text()
        assert results.count(place) == 12
        found[name] = (
            hashes(location(object_store.url) / "m" / "stars" if url else root / place),
            results.replace(place, "PLACE").replace(str(root), ""),
            done(root, "leaderboard", "--format", "csv"),
            sorted(path.name for path in (root / "report").rglob("*") if path.suffix in (".png", ".jpg")),
        )
        done(root, "models", "rename", "m", "n")
        done(root, "images", "verify")
        done(root, "images", "remove", "--model", "n", "--sample", 1, "--yes")
        if url:
            assert len([key for key in object_store.names() if key.endswith(".png")]) == 6
            assert not object_store.names("nami/m/")
        done(root, "models", "remove", "n", "--yes")
    assert found["bucket"] == found["folder"]
    assert object_store.names() == []


def test_a_bucket_that_does_not_exist_is_named(tmp_path: Path, object_store: ObjectStore) -> None:
    root = workspace(tmp_path, "s3://nowhere-at-all/nami")
    assert "s3://nowhere-at-all/nami/m/stars: the bucket does not exist" in refused(root)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("InvalidAccessKeyId", "does not know this access key"),
        ("SignatureDoesNotMatch", "the secret key is not that of the access key"),
        ("ExpiredToken", "the credentials have expired"),
        ("AccessDenied", "refuses access"),
    ],
)
def test_wrong_credentials_are_said_in_one_sentence(
    tmp_path: Path, object_store: ObjectStore, code: str, words: str
) -> None:
    root = workspace(tmp_path, object_store.url)
    object_store.faults.extend([(403, code)] * 20)
    assert words in refused(root)


def test_missing_credentials_are_said_in_one_sentence(
    tmp_path: Path, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "no credentials were found" in refused(workspace(tmp_path, object_store.url))


@pytest.mark.slow
def test_a_server_that_is_not_there_is_said_in_one_sentence(
    tmp_path: Path, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = workspace(tmp_path, object_store.url)
    assert generate(root) == {"made": 4}
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    location(object_store.url).fs.clear_instance_cache()  # type: ignore[attr-defined]
    for command in (("generate", "--model", "m", "--prompts", "stars"), ("images", "verify")):
        assert "the store cannot be reached" in refused(root, *command)


@pytest.mark.slow
def test_a_store_that_refuses_makes_no_image_missing(tmp_path: Path, object_store: ObjectStore) -> None:
    root = workspace(tmp_path, object_store.url)
    generate(root)
    first = location(object_store.url) / "m" / "stars" / "00000" / "samples" / "0000.png"
    sha256 = images.hash_file(first)
    for look in (
        lambda: images.has_file(first),
        lambda: images.read_provenance(first),
        lambda: Pictures().png("photos", first, sha256),
    ):
        object_store.faults.append((403, "AccessDenied"))
        with pytest.raises(StorageError, match="refuses access"):
            look()
    object_store.faults.append((403, "AccessDenied"))
    assert "refuses access" in refused(root, "images", "verify")
    done(root, "images", "verify")


def test_an_overloaded_server_is_asked_again(tmp_path: Path, object_store: ObjectStore) -> None:
    place = location(object_store.url) / "a.png"
    object_store.faults.append((503, "SlowDown"))
    images.write_bytes(place, b"some")
    assert images.read_file(place) == b"some"
    assert object_store.asked.count(f"PUT /{object_store.bucket}/nami/a.png") == 2


def test_what_others_write_and_delete_is_seen_at_once(object_store: ObjectStore) -> None:
    folder = location(object_store.url) / "m" / "stars" / "00000" / "samples"
    images.write_bytes(folder / "0000.png", b"some")
    assert len(list(GenEvalFolder(folder.parents[1]).samples())) == 1
    other = {"Bucket": object_store.bucket, "Key": "nami/m/stars/00000/samples/0001.png"}
    object_store.client.put_object(**other, Body=b"other")
    assert images.has_file(folder / "0001.png")
    assert len(list(GenEvalFolder(folder.parents[1]).samples())) == 2
    object_store.client.delete_object(**other)
    assert not images.has_file(folder / "0001.png")
    with pytest.raises(ImageError, match="does not exist"):
        images.read_file(folder / "0001.png")
    images.delete_file(folder / "0001.png")  # there is none: nothing to do
