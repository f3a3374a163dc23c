"""What a dataset folder brings along: all of it comes to lie in the workspace, or nothing does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from nami_bench.domain import (
    Criterion,
    ImageRecord,
    ImageState,
    ModelCard,
    Prompt,
    PromptFile,
    PromptSet,
    Rating,
    Study,
)
from nami_bench.errors import ImageError, InputError, NamiBenchError
from nami_bench.export.carried_study import carried_criteria, side_file, side_file_json
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import write_png
from nami_bench.pipeline.dataset_folder import study_content, write_dataset_folder
from nami_bench.pipeline.import_judgements import import_judgements
from nami_bench.store import Store

PROMPTS = PromptSet(
    "p",
    (
        Prompt("00000", "a red star on a black field", rewritten_from="a red star"),
        Prompt("00001", "a cube", extra={"index": 4, "notes": ["x", None]}),
    ),
    file=PromptFile("mine.jsonl", "ab" * 32),
)
STUDY = Study("s", "p", ("m",), (Criterion("fit", 1, 1, 5),))


def an_image(images: Path, prompt: str, color: str) -> ImageRecord:
    path = GenEvalFolder(Path("m") / "p").sample_path(int(prompt), 0)
    made = write_png(images / path, Image.new("RGB", (8, 8), color))
    place = path.as_posix()
    return ImageRecord(
        "m", "p", prompt, 0, ImageState.DONE, path=place, sha256=made.sha256, width=8, height=8
    )


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A dataset folder with its images' bytes."""
    images, folder = tmp_path / "theirs", tmp_path / "out"
    with Store.open(f"sqlite:///{tmp_path / 'theirs.db'}") as store:
        store.catalog.add_prompt_set(PROMPTS)
        store.catalog.add_model(ModelCard("m", "shapes", licence="MIT"))
        for prompt, color in (("00000", "red"), ("00001", "blue")):
            store.images.put(an_image(images, prompt, color))
        store.studies.add(STUDY)
        store.ratings.add([Rating("s", "ann", "m", "00000", 0, "fit", 2.0)])
        write_dataset_folder(folder, study_content(store, STUDY), images)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'ours.db'}") as opened:
        yield opened


def held(store: Store, images: Path) -> tuple[Any, ...]:
    """All that an import could have left behind."""
    files = sorted(path.relative_to(images).as_posix() for path in images.rglob("*"))
    annotators = [annotator.name for annotator in store.accounts.all()]
    return (
        store.catalog.prompt_sets(),
        store.catalog.models(),
        store.images.find(),
        store.studies.all(),
        annotators,
        files,
    )


def change(path: Path, column: str, values: list[Any]) -> None:
    table = pq.read_table(path)
    index = table.column_names.index(column)
    changed = table.set_column(index, column, pa.array(values, table.schema.field(column).type))
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)


def test_prompts_are_restored_with_all_that_is_kept_of_them(
    store: Store, exported: Path, tmp_path: Path
) -> None:
    import_judgements(store, exported, tmp_path / "ours")
    restored = store.catalog.prompt_set("p")
    assert restored == PROMPTS
    assert restored.file == PROMPTS.file
    assert restored.to_jsonl() == PROMPTS.to_jsonl()


def test_a_folder_without_the_newer_columns_of_prompts_is_read(
    store: Store, exported: Path, tmp_path: Path
) -> None:
    path = exported / "data" / "prompts.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["rewritten_from", "extra"]), path)
    import_judgements(store, exported, tmp_path / "ours")
    assert [prompt.rewritten_from for prompt in store.catalog.prompt_set("p").prompts] == [None, None]


def another_annotators_name(data: Path) -> None:
    change(data / "ratings.parquet", "annotator", ["no\u202ename"])


def an_image_that_is_missing(data: Path) -> None:
    change(data / "ratings.parquet", "sample", [7])


def a_state_that_there_is_not(data: Path) -> None:
    change(next(data.glob("images-*")), "state", ["done", "drawn"])


def a_prompt_that_there_is_not(data: Path) -> None:
    change(next(data.glob("images-*")), "prompt_id", ["00000", "00002"])


def a_models_name_that_leads_away(data: Path) -> None:
    change(next(data.glob("images-*")), "model", ["m", "../m"])


def other_bytes(data: Path) -> None:
    change(next(data.glob("images-*")), "sha256", [*_hashes(data)[:1], "0" * 64])


def _hashes(data: Path) -> list[str]:
    found: list[str] = pq.read_table(next(data.glob("images-*")))["sha256"].to_pylist()
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "harm",
    [
        another_annotators_name,
        an_image_that_is_missing,
        a_state_that_there_is_not,
        a_prompt_that_there_is_not,
        a_models_name_that_leads_away,
        other_bytes,
    ],
)
def test_an_import_that_fails_leaves_nothing_behind(
    harm: Callable[[Path], None], store: Store, exported: Path, tmp_path: Path
) -> None:
    images = tmp_path / "ours"
    images.mkdir()
    before = held(store, images)
    harm(exported / "data")
    with pytest.raises(NamiBenchError) as error:
        import_judgements(store, exported, images)
    assert isinstance(error.value, InputError | ImageError) and "\n" not in str(error.value)
    assert held(store, images) == before


def test_a_killed_import_leaves_nothing_in_the_store(
    store: Store, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    images = tmp_path / "ours"
    images.mkdir()
    before = held(store, images)
    monkeypatch.setattr(store.ratings, "add", stopped)
    with pytest.raises(KeyboardInterrupt):
        import_judgements(store, exported, images)
    assert held(store, images) == before


@pytest.mark.parametrize("recorded", [True, False])
def test_an_image_that_is_there_is_not_written_over(
    recorded: bool, store: Store, exported: Path, tmp_path: Path
) -> None:
    images = tmp_path / "ours"
    ours = an_image(images, "00001", "green")
    if recorded:
        store.catalog.add_prompt_set(PROMPTS)
        store.catalog.add_model(ModelCard("m", "shapes", licence="MIT"))
        store.images.put(ours)
    before, data = held(store, images), (images / str(ours.path)).read_bytes()
    with pytest.raises(InputError, match=r"is not the one that is recorded|is there, with other bytes"):
        import_judgements(store, exported, images)
    assert held(store, images) == before
    assert (images / str(ours.path)).read_bytes() == data


def test_an_image_that_could_not_be_made_here_is_filled_in(
    store: Store, exported: Path, tmp_path: Path
) -> None:
    images = tmp_path / "ours"
    store.catalog.add_prompt_set(PROMPTS)
    store.catalog.add_model(ModelCard("m", "shapes", licence="MIT"))
    store.images.put(ImageRecord("m", "p", "00000", 0, ImageState.FAILED, reason="no memory"))
    import_judgements(store, exported, images)
    assert [record.state for record in store.images.find()] == [ImageState.DONE] * 2
    assert all((images / str(record.path)).is_file() for record in store.images.find())


def test_a_value_that_was_corrected_since_is_not_taken_for_the_same(
    store: Store, exported: Path, tmp_path: Path
) -> None:
    import_judgements(store, exported, tmp_path / "ours")
    change(exported / "data" / "ratings.parquet", "value", [4.0])
    with pytest.raises(InputError, match="with another value or reason"):
        import_judgements(store, exported, tmp_path / "ours")
    assert [rating.value for rating in store.ratings.all("s")] == [2.0]


def test_a_file_beside_a_table_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    side_file(path).write_bytes(b"\xef\xbb\xbf" + side_file_json(STUDY.criteria, {}))
    assert carried_criteria(path) == STUDY.criteria
