"""The interface's texts: every language has every one, and no page asks for one that there is not."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

STATIC = Path(str(files("nami_bench.annotator_app"))) / "static"
FILES = sorted((STATIC / "texts").glob("*.json"))
ENGLISH = json.loads((STATIC / "texts" / "en.json").read_text(encoding="utf-8"))
# Keys that are put together from a beginning and something that the server or the code names.
FAMILIES = (
    "error.", "reason.", "side.", "key.", "phase.", "role.", "mode.", "event.", "admin.", "image.",
    "category.", "challenge.", "near.", "submission.", "pause.", "studies.", "join.", "order.", "marks.",
)  # fmt: skip


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_english_and_chinese_are_there() -> None:
    assert {"en", "zh"} <= {file.stem for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_language_has_every_text_and_no_other(file: Path) -> None:
    pairs = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), "a key occurs twice"
    texts = dict(pairs)
    assert texts.keys() == ENGLISH.keys()
    for key, text in texts.items():
        assert text.strip(), f"{key} is empty"
        assert placeholders(text) == placeholders(ENGLISH[key]), key
    assert texts["direction"] in ("ltr", "rtl")


def test_every_text_that_a_page_names_exists_and_none_is_left_over() -> None:
    sources = [file.read_text(encoding="utf-8") for kind in ("*.js", "*.html") for file in STATIC.glob(kind)]
    named = {key for source in sources for key in re.findall(r'\bt\("([^"]+)"', source)}
    named |= {key for source in sources for key in re.findall(r'data-(?:text|label|hint)="([^"]+)"', source)}
    assert named - ENGLISH.keys() == set()
    anywhere = "\n".join(sources)
    left_over = {
        key
        for key in ENGLISH.keys() - named
        if not key.startswith(FAMILIES) and f'"{key}"' not in anywhere and not ends_in_family(key, anywhere)
    }
    assert left_over == {"direction", "language.name"}


def ends_in_family(key: str, sources: str) -> bool:
    """Whether `key` is written as `${something}.rest`, as in t(`${phase}.title`)."""
    return "${phase}." + key.rpartition(".")[2] in sources or key.startswith("feedback.")
