from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from nami_bench import images, pipeline
from nami_bench.domain import ImageState, ModelCard, Prompt, PromptSet
from nami_bench.errors import DatabaseLostError, InputError, UnknownNameError, WorkError
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.geneval_folder import GenEvalFolder, read_metadata
from nami_bench.store import Store
from tests.support.plugins import use_plugin

PROMPTS = PromptSet("set", tuple(Prompt(f"{i:05d}", f"prompt {i}") for i in range(5)))


class Noise:
    """Draws noise from the seed; counts its work and does as it is told."""

    batch_size = 3

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.fails: set[str] = set()
        self.state = ImageState.FAILED
        self.offset = 0

    def describe(self) -> dict[str, Any]:
        return {"adapter": "noise"}

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        for request in requests:
            self.asked.append((request.prompt.id, request.sample))
            if request.prompt.id in self.fails:
                yield GenerationResult(request, self.state, reason="told to")
                continue
            pixels = np.random.default_rng(request.seed + self.offset).integers(0, 256, (8, 8, 3), np.uint8)
            yield GenerationResult(request, ImageState.DONE, seconds=0.5, image=Image.fromarray(pixels))


@pytest.fixture
def noise(monkeypatch: pytest.MonkeyPatch) -> Noise:
    generator = Noise()
    use_plugin(monkeypatch, "noise", generator)
    return generator


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as opened:
        opened.catalog.add_prompt_set(PROMPTS)
        opened.catalog.add_model(ModelCard("m", "noise"))
        yield opened


def run(store: Store, tmp_path: Path, **changes: Any) -> pipeline.GenerationReport:
    return pipeline.generate(store, tmp_path / "images", "m", PROMPTS, **({"samples": 2} | changes))


def test_images_lie_in_genevals_layout_with_their_record(store: Store, noise: Noise, tmp_path: Path) -> None:
    assert run(store, tmp_path).counts == {"made": 10}
    records = store.images.find(models=["m"], prompt_set="set")
    assert [(r.prompt_id, r.sample) for r in records] == [(p.id, s) for p in PROMPTS.prompts for s in (0, 1)]
    record = records[3]
    path = tmp_path / "images" / "m" / "set" / "00001" / "samples" / "0001.png"
    assert record.path == "m/set/00001/samples/0001.png"
    assert record.sha256 == images.hash_file(path)
    assert (record.width, record.height, record.seconds) == (8, 8, 0.5)
    assert record.seed == pipeline.image_seed(0, "00001", 1)
    assert record.provenance["settings"] == {"adapter": "noise"}
    assert read_metadata(path.parents[1]) == {"prompt": "prompt 1"}


def test_nothing_is_made_twice(store: Store, noise: Noise, tmp_path: Path) -> None:
    run(store, tmp_path, limit=2)
    assert run(store, tmp_path).counts == {"kept": 4, "made": 6}
    assert run(store, tmp_path, samples=3).counts == {"kept": 10, "made": 5}
    assert len(noise.asked) == len(set(noise.asked)) == 15


def test_a_limited_run_is_balanced_said_and_taken_up_by_a_larger_one(
    store: Store, noise: Noise, tmp_path: Path
) -> None:
    strata = PromptSet(
        "two", tuple(Prompt(f"{i:05d}", f"p {i}", "short" if i < 30 else "long") for i in range(40))
    )
    store.catalog.add_prompt_set(strata)

    def made(**limits: int) -> dict[str, int]:
        return dict(pipeline.generate(store, tmp_path, "m", strata, samples=1, seed=3, **limits).counts)

    assert made(limit=8) == {"made": 8}
    records = store.images.find(prompt_set="two")
    assert sum(strata.by_id[r.prompt_id].stratum == "long" for r in records) == 4
    assert {r.provenance["selection"] for r in records} == {"balanced over strata"}
    for record in records:
        assert record.seed == pipeline.image_seed(3, record.prompt_id, 0)
        folder = (tmp_path / str(record.path)).parents[1]
        assert folder.name == record.prompt_id
        assert read_metadata(folder)["prompt"] == strata.by_id[record.prompt_id].text
    assert made(limit=20) == {"kept": 8, "made": 12}
    assert made(first=4).keys() <= {"kept", "made"}
    assert sum(made().values()) == 40
    with pytest.raises(InputError, match="not both"):
        made(limit=2, first=2)


def test_failures_are_recorded_tried_again_and_never_data(store: Store, noise: Noise, tmp_path: Path) -> None:
    noise.fails = {"00002"}
    report = run(store, tmp_path)
    assert (report.counts, report.failed) == ({"made": 8, "failed": 2}, 2)
    assert report.problems[0] == "00002/0000: told to"
    failed = [r for r in store.images.find() if r.state is ImageState.FAILED]
    assert [(r.prompt_id, r.reason, r.path, r.sha256) for r in failed] == [
        ("00002", "told to", None, None)
    ] * 2
    noise.fails = set()
    assert run(store, tmp_path).counts == {"kept": 8, "made": 2}
    assert all(r.state is ImageState.DONE for r in store.images.find())


def test_refusals_are_results_and_not_asked_again(store: Store, noise: Noise, tmp_path: Path) -> None:
    noise.fails, noise.state = {"00002"}, ImageState.REFUSED
    report = run(store, tmp_path)
    assert (report.counts, report.failed) == ({"made": 8, "refused": 2}, 0)
    noise.fails = set()
    assert run(store, tmp_path).counts == {"kept": 8, "refused": 2}


def test_an_image_written_but_not_recorded_is_adopted(store: Store, noise: Noise, tmp_path: Path) -> None:
    run(store, tmp_path)
    with Store.open(f"sqlite:///{tmp_path / 'fresh.db'}") as fresh:
        fresh.catalog.add_prompt_set(PROMPTS)
        fresh.catalog.add_model(ModelCard("m", "noise"))
        assert run(fresh, tmp_path).counts == {"adopted": 10}
        assert [r.sha256 for r in fresh.images.find()] == [r.sha256 for r in store.images.find()]
    with Store.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        other.catalog.add_prompt_set(PROMPTS)
        other.catalog.add_model(ModelCard("m", "noise"))
        assert run(other, tmp_path, seed=1).counts == {"made": 10}  # files of another seed are not ours


def test_a_run_ends_where_its_database_is_deleted(store: Store, noise: Noise, tmp_path: Path) -> None:
    draw = noise.generate

    def delete_and_draw(requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        (tmp_path / "nami.db").unlink(missing_ok=True)
        return draw(requests)

    noise.generate = delete_and_draw  # type: ignore[method-assign]
    with pytest.raises(DatabaseLostError, match=r"nami\.db was deleted"):
        run(store, tmp_path)
    assert len(noise.asked) <= Noise.batch_size, "it went on for nothing"


def test_another_seed_is_refused(store: Store, noise: Noise, tmp_path: Path) -> None:
    run(store, tmp_path)
    with pytest.raises(InputError, match="another --seed"):
        run(store, tmp_path, seed=1)


def test_a_second_run_on_the_same_folder_is_refused(
    store: Store, noise: Noise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Noise.generate

    def start_another(self: Noise, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        with pytest.raises(InputError, match="another run is writing"):
            run(store, tmp_path)
        return original(self, requests)

    monkeypatch.setattr(Noise, "generate", start_another)
    assert run(store, tmp_path).counts == {"made": 10}


def test_a_lost_file_is_made_again_only_if_it_comes_out_the_same(
    store: Store, noise: Noise, tmp_path: Path
) -> None:
    run(store, tmp_path)
    lost = tmp_path / "images" / str(store.images.find()[4].path)
    lost.unlink()
    noise.offset = 1
    with pytest.raises(WorkError, match="came out different"):
        run(store, tmp_path)
    assert not lost.exists()
    noise.offset = 0
    assert run(store, tmp_path).counts == {"kept": 9, "made": 1}
    assert list(pipeline.verify_images(store, tmp_path / "images")) == []


def test_verify_names_missing_and_changed_files(store: Store, noise: Noise, tmp_path: Path) -> None:
    run(store, tmp_path)
    paths = [tmp_path / "images" / str(r.path) for r in store.images.find()]
    paths[0].unlink()
    paths[1].write_bytes(paths[2].read_bytes())
    problems = [p.problem for p in pipeline.verify_images(store, tmp_path / "images")]
    assert len(problems) == 2
    assert "does not exist" in problems[0]
    assert problems[1] == "m/set/00000/samples/0001.png has changed since it was recorded"


def test_a_prompt_file_is_recorded_under_its_stem(store: Store, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("a dog\na cat\n")
    found = pipeline.resolve_prompt_set(store, str(tmp_path / "mine.txt"))
    assert [p.text for p in found.prompts] == ["a dog", "a cat"]
    assert store.catalog.prompt_set("mine") == found == pipeline.resolve_prompt_set(store, "mine")
    with pytest.raises(UnknownNameError, match="unknown prompt set 'sett': did you mean 'set'"):
        pipeline.resolve_prompt_set(store, "sett")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Real photographs as somebody's script leaves them: GenEval's layout, PNG and JPEG."""
    folder = GenEvalFolder(tmp_path / "photos")
    shots = {"an astronaut": data.astronaut(), "a cat": data.chelsea(), "a cup of coffee": data.coffee()}
    for index, (text, pixels) in enumerate(shots.items()):
        folder.write_metadata(index, {"prompt": text})
        for sample in range(2):
            path = folder.sample_path(index, sample)
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels[sample:]).save(path.with_suffix(".jpg") if sample else path)
    return folder.root


def test_photographs_come_in_by_their_own_metadata(store: Store, photographs: Path, tmp_path: Path) -> None:
    understood = pipeline.understand_images(store, photographs, "camera", None, pipeline.ImportHow())
    report = pipeline.import_images(store, tmp_path / "images", understood, "camera")
    assert report.counts == {"made": 6}
    png, jpeg = store.images.find(models=["camera"])[:2]
    assert png.sha256 == images.hash_file(photographs / "00000" / "samples" / "0000.png")
    assert jpeg.provenance["source_sha256"] == images.hash_file(photographs / "00000/samples/0001.jpg")
    assert png.seconds is None
    assert list(pipeline.verify_images(store, tmp_path / "images")) == []


@pytest.mark.slow
def test_a_damaged_or_missing_photograph_is_a_recorded_failure(
    store: Store, photographs: Path, tmp_path: Path
) -> None:
    damaged, missing = photographs / "00001/samples/0000.png", photographs / "00002/samples/0000.png"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    missing.unlink()
    understood = pipeline.understand_images(store, photographs, "camera", None, pipeline.ImportHow())
    report = pipeline.import_images(store, tmp_path / "images", understood, "camera", complete=True)
    assert report.counts == {"made": 4, "failed": 2}
    reasons = [r.reason for r in store.images.find(models=["camera"]) if r.state is ImageState.FAILED]
    assert "damaged" in str(reasons[0]) and reasons[1] == "no image for it"


def test_a_model_name_keeps_one_origin(store: Store, photographs: Path, tmp_path: Path) -> None:
    understood = pipeline.understand_images(store, photographs, "m", None, pipeline.ImportHow())
    with pytest.raises(InputError, match="another --model name"):
        pipeline.import_images(store, tmp_path / "images", understood, "m")


def test_a_folder_with_gaps_has_no_prompt_set_of_its_own(photographs: Path) -> None:
    (photographs / "00001").rename(photographs / "00007")
    with pytest.raises(InputError, match="no folder 00001"):
        pipeline.folder_prompt_set(photographs, "photos")


def test_scores_are_kept_failures_tried_again_and_changed_files_never_scored(
    store: Store, tmp_path: Path
) -> None:
    clauses = {"tag": "single_object", "include": [{"class": "star", "count": 1}]}
    stars = [Prompt(f"{i:05d}", "a star", geneval=clauses) for i in range(4)]
    shapes = PromptSet("shapes", (*stars, Prompt("00004", "no clauses")))
    store.catalog.add_prompt_set(shapes)
    store.catalog.add_model(ModelCard("s", "shapes", {"size": "64"}))
    folder = tmp_path / "images"
    assert pipeline.generate(store, folder, "s", shapes, samples=1).counts == {"made": 4, "failed": 1}
    spoiled = folder / str(store.images.find(models=["s"])[2].path)
    good = spoiled.read_bytes()
    spoiled.write_bytes(b"gone bad")

    def evaluate() -> dict[str, int]:
        return dict(+pipeline.evaluate(store, folder, "geneval", {"detector": "shapes"}, ["s"], "shapes"))

    assert evaluate() == {"scored": 3, "failed": 1}
    assert [s.value for s in store.scores.find(metric="geneval")] == [1.0, 1.0, None, 1.0]
    assert "has changed since it was recorded" in str(store.scores.find()[2].reason)
    spoiled.write_bytes(good)
    assert evaluate() == {"kept": 3, "scored": 1}
