"""What a model is told to write, about an image or a text."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from nami_bench.errors import InputError
from nami_bench.prompts.files import read_bytes


@dataclass(frozen=True, slots=True)
class Instruction:
    """`version` names the text; any change of it is a new version."""

    version: str
    text: str

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the text as UTF-8."""
        return hashlib.sha256(self.text.encode()).hexdigest()


LONG_PROMPT = Instruction(
    "long-prompt-1",
    "Write a prompt from which a painter who has never seen this picture could make one like it. Put it into "
    "one paragraph of full sentences, 80 to 110 words and never more than 120. Name the subjects and how "
    "many there are, their colors, materials and postures, where they stand in relation to each other, what "
    "is in the background, the light, the viewpoint, and the medium or style. Quote lettering exactly as it "
    "is written. Describe only what can be seen: no guesses about names, feelings, or what happened "
    "before. Begin with the subject itself; do not speak of an image, a picture or a prompt, do not greet, "
    "and add no title, list or comment.",
)
"""The instruction for long prompts that is given unless another one is named."""


def load_instruction(path: Path | None, default: Instruction = LONG_PROMPT) -> Instruction:
    """The text of a file, named as the file is; without one, `default`. Raises InputError."""
    if path is None:
        return default
    try:
        text = read_bytes(path).decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise InputError(f"the instruction {path} is not UTF-8 text") from error
    if not text:
        raise InputError(f"the instruction {path} is empty")
    return Instruction(path.name, text)
