"""`--scale` of every command that reads values from a file."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nami_bench.cli.app import cli
from nami_bench.config import init_workspace
from nami_bench.domain import Criterion, ImageRecord, ImageState, ModelCard, Prompt, PromptSet, Study
from nami_bench.errors import InputError
from nami_bench.store import Store

CRITERIA = ("relevance", "coherence", "aesthetics", "authenticity")
READERS = (
    ("leaderboard", "--intervals", "none"),
    ("agreement", "--replicates", "50"),
    ("study", "plan", "--prompts", "50"),
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)])


@pytest.fixture
def one_to_five(tmp_path: Path) -> Path:
    """Ratings of two models by two annotators, from 1 to 5, on NAMI-1K's criteria."""
    path = tmp_path / "r.csv"
    lines = ["study,annotator,model,prompt_id,sample,criterion,value"]
    for number in range(16):
        annotator, model, prompt = "ab"[number % 2], "mn"[number // 2 % 2], number // 4
        for place, criterion in enumerate(CRITERIA):
            value = 1 + (number * 7 + place * 3) % 5
            lines.append(f"s,{annotator},{model},{prompt:05d},0,{criterion},{value}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("command", READERS)
def test_every_reader_asks_for_the_scale_and_takes_it(one_to_five: Path, command: tuple[str, ...]) -> None:
    refused = run(*command, "--ratings", one_to_five)
    assert isinstance(refused.exception, InputError)
    assert "are 1 to 5, at most a tenth of the scale 0 to 100" in str(refused.exception)
    for scale in ("1-5", "0..100"):
        taken = run(*command, "--ratings", one_to_five, "--scale", scale, "--json")
        assert taken.exit_code == 0, taken.output


def test_the_leaderboard_is_that_of_the_scale(one_to_five: Path) -> None:
    totals = []
    for scale in ("1-5", "0-100"):
        found = run("leaderboard", "--ratings", one_to_five, "--scale", scale, "--json")
        totals.append({row["model"]: row["total"] for row in json.loads(found.stdout)["rows"]})
    for model, total in totals[1].items():
        assert totals[0][model] == pytest.approx(25 * (total - 1))


@pytest.mark.parametrize("command", READERS)
def test_a_study_of_the_workspace_has_its_own_scales(command: tuple[str, ...], tmp_path: Path) -> None:
    root = init_workspace(tmp_path / "w").root
    found = run("--workspace", root, *command, "--scale", "1-5")
    assert isinstance(found.exception, InputError)
    assert "--scale belongs to --ratings" in str(found.exception)


def test_an_import_asks_too_and_takes_no_other_scale_than_the_studys(
    one_to_five: Path, tmp_path: Path
) -> None:
    workspace = init_workspace(tmp_path / "w")
    with Store.open(workspace.database_url) as store:
        store.catalog.add_prompt_set(
            PromptSet("set", tuple(Prompt(f"{i:05d}", f"a star {i}") for i in range(4)))
        )
        for model in "mn":
            store.catalog.add_model(ModelCard(model, "shapes"))
            for i in range(4):
                name = f"{model}{i}"
                done = ImageState.DONE
                store.images.put(ImageRecord(model, "set", f"{i:05d}", 0, done, path=name, sha256=name))
        store.studies.add(Study("s", "set", ("m", "n"), tuple(Criterion(name, 1) for name in CRITERIA)))
    words = {
        (): "of the scale 0 to 100 of the study: .* --scale 0-100, else import them into a study whose",
        ("--scale", "1-5"): "values of relevance from 1 to 5 do not fit study 's', .* 0 to 100",
        ("--scale", "charm=0-100"): "unknown criterion 'charm'",
    }
    for options, said in words.items():
        refused = run("--workspace", workspace.root, "ratings", "import", one_to_five, *options)
        with pytest.raises(InputError, match=said):
            raise refused.exception or AssertionError(refused.output)
    done = run("--workspace", workspace.root, "ratings", "import", one_to_five, "--scale", "0-100")
    assert "recorded 64 ratings" in done.stderr
