"""Judges whose answers are known."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from nami_bench.evaluation.questions.judge import Answer, Reading, Sheet


class LookedUp:
    """Answers by the hex SHA-256 of an image's RGB bytes, then by the question's text.

    `stop_after`: the power fails behind so many images.
    """

    identity = "looked-up"
    reading = Reading.EXACT
    runs_on: Mapping[str, str] = {}
    libraries = ()

    def __init__(self, path: Path, stop_after: int | None = None) -> None:
        self.answers = json.loads(path.read_text())
        self.stop_after = stop_after
        self.asked = 0

    def answer(self, sheets: Iterable[Sheet]) -> Iterator[list[Answer]]:
        for number, sheet in enumerate(sheets):
            if number == self.stop_after:
                raise KeyboardInterrupt
            known = self.answers.get(hashlib.sha256(sheet.image.tobytes()).hexdigest(), {})
            self.asked += len(sheet.questions)
            yield [
                Answer(known[q.text]) if q.text in known else Answer(problem="nobody knows")
                for q in sheet.questions
            ]
