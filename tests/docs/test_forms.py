"""docs/formats.md's tables of other people's forms: each command gives what stands beside it."""

import json
import re
import shlex
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from command_blocks import ROOT
from PIL import Image

from tests.support.program import nami_bench
from tests.support.tiny_clip import naive_cosine, write_tiny_clip

DATA = ROOT / "tests" / "data"
SETS = DATA / "prompt_sets"
PAGE = ROOT / "docs" / "formats.md"
ROW = re.compile(r"^\| (`(?:strengths|leaderboard|images|prompts) .*) \| ([^|]+) \|$", re.MULTILINE)
TEXTS = (
    "a red kite over a stubble field",
    "two blue cups beside a loaf of bread",
    "an old tram turning into a rainy street, evening light",
    "a paper fox reading a map",
)


@dataclass(frozen=True)
class Form:
    """A row: the commands in their order, and what the page says of the last one."""

    commands: tuple[str, ...]
    outcome: str


FORMS = [
    Form(tuple(re.findall(r"`((?:strengths|leaderboard|images|prompts) [^`]+)`", row[1])), row[2])
    for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))
]
JUDGEMENTS = [form for form in FORMS if form.commands[0].startswith(("strengths", "leaderboard"))]
LAYOUTS = [form for form in FORMS if form not in JUDGEMENTS]


@pytest.mark.slow
@pytest.mark.parametrize("form", JUDGEMENTS, ids=lambda form: form.commands[0].split()[2])
def test_judgements_come_out_as_the_page_says(form: Form) -> None:
    [command] = form.commands
    intervals = ["--intervals", "none"] if command.startswith("leaderboard") else []
    done = nami_bench(*shlex.split(command), *intervals, "--json", cwd=DATA / "judgements")
    if form.outcome.startswith("refused"):
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert _told(json.loads(done.stdout)) == form.outcome


def _told(document: Any) -> str:
    rows = document["rows"]
    if "comparisons" not in document:
        totals = ", ".join(f"{row['model']} {row['total']:.2f}" for row in rows)
        return f"{sum(row['ratings'] for row in rows)} ratings; {totals}"
    by_criterion: dict[str, list[str]] = {}
    for row in rows:
        elo = "–" if row["elo"] is None else f"{row['elo']:.0f}"
        by_criterion.setdefault(row["criterion"], []).append(f"{row['model']} {elo}")
    several = len(by_criterion) > 1
    parts = [(f"{name}: " if several else "") + ", ".join(told) for name, told in by_criterion.items()]
    return f"{document['comparisons']} comparisons; {'; '.join(parts)}"


def test_every_sample_has_its_row() -> None:
    told = " ".join(command for form in FORMS for command in form.commands)
    samples = [path.name for path in (DATA / "judgements").iterdir() if path.is_dir()]
    samples += [f"layouts/{path.name}" for path in (DATA / "image_folders").iterdir()]
    assert [name for name in samples if f"{name}/" not in told and f" {name} " not in told] == []


@pytest.mark.slow
def test_images_of_every_layout_come_out_of_the_leaderboard(tmp_path: Path) -> None:
    """Each model's mean on each set is that of the very files and texts, computed without the product."""
    shutil.copytree(DATA / "image_folders", tmp_path / "layouts")
    shutil.copytree(DATA / "prompt_sets", tmp_path / "sets")
    clip = write_tiny_clip(tmp_path / "clip")

    def run(*arguments: object) -> Any:
        done = nami_bench(*arguments, cwd=tmp_path, env={"NAMI_DATABASE_URL": None})
        assert done.returncode == 0, done.stderr
        return done

    run("init")
    for form in LAYOUTS:
        said = [run(*shlex.split(command)).stderr for command in form.commands]
        assert f"{form.outcome}, " in said[-1]
    run("evaluate", "clip-score", "-O", f"model={clip}", "-O", "device=cpu")
    found = {}
    for name in _EXPECTED:
        [row] = json.loads(run("leaderboard", "--prompts", name, "--json").stdout)["rows"]
        [score] = row["automatic"].values()
        found[name] = score["value"]
    with _source(tmp_path / "layouts") as sources:
        expected = {
            name: fmean(100 * max(naive_cosine(clip, image, text), 0) for image, text in sources(name))
            for name in _EXPECTED
        }
    assert found == pytest.approx(expected, abs=1e-3)
    assert len(_EXPECTED) == len(LAYOUTS)
    assert len({round(value, 3) for value in expected.values()}) > len(expected) / 2


_EXPECTED: dict[str, list[tuple[str, str]]] = {
    "compbench": [
        (f"t2i_compbench/samples/{text}_{2 * at + nth:06d}.png", text)
        for at, text in enumerate(TEXTS[:3])
        for nth in range(2)
    ],
    "hpsv2": [
        (f"hpsv2/{style}/0000{at}.jpg", before + text)
        for style, before in (("anime", ""), ("photo", "photo: "))
        for at, text in enumerate(TEXTS[:3])
    ],
    "genai-bench": [(f"genai_bench/DALLE_3/0000{at}.jpeg", text) for at, text in enumerate(TEXTS[:3])],
    "wise": [(f"wise/{at}.png", text) for at, text in enumerate(TEXTS[:3], 1)],
    "longtext": [(f"longtext/{at}_{nth}.png", text) for at, text in enumerate(TEXTS[:3]) for nth in range(2)],
    "imagereward": [
        (f"imagereward/my_model/00570{at}-000{at}_{nth}.png", text)
        for at, text in enumerate(TEXTS[:3])
        for nth in range(2)
    ],
    "oneig": [
        (f"oneig/{group}/my_model/00{at}.webp", text)
        for group in ("anime", "object")
        for at, text in enumerate(TEXTS[:3])
    ],
    "dpg": [
        (f"dpg_bench/{item}.png", (SETS / f"dpg_bench/prompts/{item}.txt").read_text().strip())
        for item in ("0", "COCOval2014000000000042", "whoops7")
    ],
    "mjhq": [
        (f"mjhq/food/{key}.jpg", entry["prompt"])
        for key, entry in json.loads((SETS / "mjhq30k_meta_data.json").read_text()).items()
        if (DATA / f"image_folders/mjhq/food/{key}.jpg").exists()
    ],
    "imagefolder": [(f"hf_imagefolder/train/000{at}.png", TEXTS[at]) for at in (0, 3)],
    "evalscope": [(f"evalscope/images/img{at}.jpg", text) for at, text in enumerate(TEXTS)],
    "evalscope-muse": [(f"evalscope/images/img{at}.jpg", text) for at, text in enumerate(TEXTS)],
    "webdataset": [("webdataset/000000.tar/000000002.jpg", TEXTS[2])],
}  # fmt: skip
"""By prompt set, the layouts' files and the texts of their prompts."""
_GRIDS = ("oneig", "dpg")


@contextmanager
def _source(layouts: Path) -> Iterator[Any]:
    """The images and texts of a set, from the files themselves; of grids each quarter."""
    with tarfile.open(layouts / "webdataset/000000.tar") as tar:

        def images(name: str) -> Iterator[tuple[Image.Image, str]]:
            for file, text in _EXPECTED[name]:
                member = file.partition(".tar/")[2]
                with Image.open(tar.extractfile(member) if member else layouts / file) as image:  # type: ignore[arg-type]
                    whole = image.convert("RGB")
                half = whole.width // 2
                corners = ((0, 0), (half, 0), (0, half), (half, half)) if name in _GRIDS else ()
                yield from ((whole.crop((x, y, x + half, y + half)), text) for x, y in corners)
                if not corners:
                    yield whole, text

        yield images
