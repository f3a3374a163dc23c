"""One model name, one thing: whatever made a model's images must make the next ones."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from nami_bench import pipeline
from nami_bench.cli.app import cli
from nami_bench.domain import ImageState, ModelCard, Prompt, PromptSet
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.store import ImageChoice, Store
from tests.support.plugins import use_plugin

PROMPTS = PromptSet("set", tuple(Prompt(f"{i:05d}", f"prompt {i}") for i in range(4)))
OTHERS = PromptSet("others", tuple(Prompt(f"{i:05d}", f"another prompt {i}") for i in range(2)))


class Painter:
    """Draws flat squares, and says of itself what it is told to say."""

    batch_size = 2

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {"adapter": "painter", "weights_sha256": "a" * 64, "steps": (4, 2)}
        self.provenance: dict[str, Any] = {}
        self.state = ImageState.DONE
        self.asked = 0

    def describe(self) -> dict[str, Any]:
        return self.settings

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        for request in requests:
            self.asked += 1
            reason = None if self.state is ImageState.DONE else "told to"
            image = Image.fromarray(np.zeros((8, 8, 3), np.uint8)) if reason is None else None
            yield GenerationResult(
                request, self.state, image=image, reason=reason, provenance=self.provenance
            )


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> Painter:
    generator = Painter()
    use_plugin(monkeypatch, "painter", generator)
    return generator


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as opened:
        opened.catalog.add_prompt_set(PROMPTS)
        opened.catalog.add_prompt_set(OTHERS)
        opened.catalog.add_model(ModelCard("m", "painter"))
        yield opened


def run(store: Store, tmp_path: Path, prompts: PromptSet = PROMPTS, **changes: Any) -> dict[str, int]:
    report = pipeline.generate(store, tmp_path / "images", "m", prompts, **({"samples": 1} | changes))
    return dict(report.counts)


@pytest.mark.parametrize("prompts", [PROMPTS, OTHERS])
def test_other_weights_under_one_name_are_refused_before_anything_is_made(
    store: Store, painter: Painter, tmp_path: Path, prompts: PromptSet
) -> None:
    assert run(store, tmp_path, limit=2) == {"made": 2}
    before = sorted((tmp_path / "images").rglob("*.*"))
    painter.settings = {**painter.settings, "weights_sha256": "b" * 64}
    with pytest.raises(InputError) as caught:
        run(store, tmp_path, prompts)
    words = str(caught.value)
    assert "model 'm' has 2 images of other settings" in words
    assert "aaaaaaaaaaaa" in words and "bbbbbbbbbbbb" in words
    assert "models add" in words and "images remove --model m" in words
    assert painter.asked == 2 and len(store.images.find()) == 2
    after = [path for path in (tmp_path / "images").rglob("*.*") if path.name != ".lock"]
    assert sorted(after) == [path for path in before if path.name != ".lock"]


def test_once_the_old_images_are_removed_the_new_weights_make_them_all(
    store: Store, painter: Painter, tmp_path: Path
) -> None:
    run(store, tmp_path, limit=2)
    painter.settings = {**painter.settings, "weights_sha256": "b" * 64}
    pipeline.remove_images(store, tmp_path / "images", ImageChoice(models=["m"]))
    assert run(store, tmp_path) == {"made": 4}
    assert len(store.images.find()) == 4 and not list(pipeline.verify_images(store, tmp_path / "images"))


def test_what_one_side_does_not_say_is_not_compared(store: Store, painter: Painter, tmp_path: Path) -> None:
    """As of images that an earlier version made, whose generators said less of themselves."""
    run(store, tmp_path, limit=1)
    painter.settings = {**painter.settings, "scheduler": "new"}
    assert run(store, tmp_path, limit=2) == {"kept": 1, "made": 1}
    painter.settings = {**painter.settings, "scheduler": "newer"}
    with pytest.raises(InputError, match='scheduler "new", then "newer"'):
        run(store, tmp_path)


def test_a_refusal_belongs_to_the_weights_too_and_a_failure_to_none(
    store: Store, painter: Painter, tmp_path: Path
) -> None:
    painter.state = ImageState.FAILED
    run(store, tmp_path, limit=1)
    painter.settings = {**painter.settings, "weights_sha256": "b" * 64}
    painter.state = ImageState.REFUSED
    assert run(store, tmp_path, limit=1) == {"refused": 1}
    painter.settings = {**painter.settings, "weights_sha256": "c" * 64}
    with pytest.raises(InputError, match="1 images of other settings"):
        run(store, tmp_path)


def test_the_device_may_change_but_not_what_is_computed_in(
    store: Store, painter: Painter, tmp_path: Path
) -> None:
    painter.provenance = {"dtype": "bfloat16", "device": "a GPU"}
    run(store, tmp_path, limit=1)
    painter.dtype = "bfloat16"  # type: ignore[attr-defined]
    painter.provenance = {"dtype": "bfloat16", "device": "another"}
    assert run(store, tmp_path, limit=2) == {"kept": 1, "made": 1}
    painter.dtype = "float32"  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="images computed in bfloat16, and on this machine it is float32"):
        run(store, tmp_path)


def test_a_server_that_answers_with_another_model_ends_the_run(
    store: Store, painter: Painter, tmp_path: Path
) -> None:
    painter.provenance = {"served_model": "painter-0805"}
    run(store, tmp_path, limit=1)
    painter.provenance = {}  # says nothing, as servers do at times
    assert run(store, tmp_path, limit=2) == {"kept": 1, "made": 1}
    painter.provenance = {"served_model": "painter-1130"}
    with pytest.raises(InputError, match="'painter-0805', and the server answers with 'painter-1130' now"):
        run(store, tmp_path)
    assert len(store.images.find()) == 2
    assert len(list((tmp_path / "images").rglob("*.png"))) == 2  # what came from the other is not left behind


def _shapes(tmp_path: Path, name: str, color: int) -> Path:
    folder = GenEvalFolder(tmp_path / name)
    for index in range(2):
        folder.write_metadata(index, {"prompt": f"prompt {index}"})
        path = folder.sample_path(index, 0)
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (color, index, 0)).save(path)
    return folder.root


def test_a_folder_whose_images_were_replaced_is_not_the_model_that_was_imported(tmp_path: Path) -> None:
    folder = _shapes(tmp_path, "made", 1)

    def imported() -> Any:
        words = ["--workspace", str(tmp_path / "bench"), "images", "import", str(folder), "--model", "m"]
        return CliRunner().invoke(cli, words)

    CliRunner().invoke(cli, ["--workspace", str(tmp_path / "bench"), "init"])
    assert imported().exit_code == imported().exit_code == 0
    (folder / "00001" / "samples" / "0000.png").unlink()
    assert imported().exit_code == 0  # the copy is there still
    shutil.copytree(_shapes(tmp_path, "other", 2), folder, dirs_exist_ok=True)
    result = imported()
    assert isinstance(result.exception, InputError)
    assert "another image of prompt 00000, sample 0, than its folder holds now" in str(result.exception)


def test_all_models_are_compared_before_the_first_makes_an_image(
    store: Store, painter: Painter, tmp_path: Path
) -> None:
    run(store, tmp_path, limit=1)
    pipeline.check_settings(store, "m")
    painter.settings = {**painter.settings, "steps": 9}
    with pytest.raises(InputError, match=r"steps \[4, 2\], then 9"):
        pipeline.check_settings(store, "m")
    store.catalog.add_model(replace(store.catalog.model("m"), name="n"))
    pipeline.check_settings(store, "n")


class Server:
    """A metric that a server computes, which says of itself what it is told to say."""

    name, instrument = "seen", "seer@here"

    def __init__(self) -> None:
        self.served = "seer-0805"

    def applies_to(self, prompt: Prompt) -> bool:
        return True

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        for item in items:
            yield ScoringResult(item, 1.0, details={"served_model": self.served})


def test_one_column_never_holds_the_answers_of_two_served_models(
    store: Store, painter: Painter, tmp_path: Path
) -> None:
    server = Server()

    def evaluate() -> dict[str, int]:
        return dict(+pipeline.run_metric(store, tmp_path / "images", server, ["m"], "set"))

    run(store, tmp_path, limit=2)
    assert evaluate() == {"scored": 2}
    run(store, tmp_path, limit=3)
    server.served = "seer-1130"
    with pytest.raises(InputError, match="'seer-0805', and the server answers with 'seer-1130' now"):
        evaluate()
    assert len(store.scores.find()) == 2
    server.served = "seer-0805"
    assert evaluate() == {"kept": 2, "scored": 1}
