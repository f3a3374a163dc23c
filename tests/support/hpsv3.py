"""HPSv3's toy: a tiny network of the authors' class, and the words around a prompt."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TOY = Path(__file__).resolve().parents[1] / "data" / "hpsv3"
EXPECTED: dict[str, Any] = json.loads((TOY / "expected.json").read_text())


@cache
def instruction_source() -> str:
    """A Python file as the authors' is, with the words as the first case's tokens spell them."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(TOY / "model" / "tokenizer.json"))
    ids: list[int] = EXPECTED["input_ids_of_case_0"]
    reward = ids.index(EXPECTED["reward_token"])
    before, after = (
        tokenizer.decode(part, skip_special_tokens=False) for part in (ids[:reward], ids[reward + 1 :])
    )
    text = before.rpartition("<|vision_end|>")[2] + "<|Reward|>" + after.partition("<|im_end|>")[0]
    question, found, rating = text.partition(EXPECTED["cases"][0]["prompt"])
    # Where the one ends and the other begins cannot be seen in the tokens: they are put together anyway.
    assert found and rating.startswith("\n\n\n\n")
    named = {
        "INSTRUCTION": question + "{text_prompt}\n\n\n",
        "prompt_with_special_token": rating.removeprefix("\n\n\n"),
    }
    return "import torch\n" + "".join(f"{name} = {value!r}\n" for name, value in named.items())


@pytest.fixture(scope="session")
def hpsv3_instruction(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hpsv3") / "data_collator_qwen.py"
    path.write_text(instruction_source(), encoding="utf-8")
    return path
