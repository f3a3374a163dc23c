"""Studies that ask people the questions of a file."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.domain import Mode, Study
from nami_bench.domain.question import asked_of_people
from nami_bench.errors import InputError
from nami_bench.evaluation.questions.question_file import read_questions

if TYPE_CHECKING:
    from nami_bench.store import Store


def with_questions(store: "Store", study: Study, folder: Path) -> Study:
    """The study with the questions about its prompts; any other than one of questions as it is.

    `folder` is where the name of its question file leads from. A prompt's questions are found as
    `QuestionSet.about` says, and asked as `asked_of_people` says. Images of prompts that the file does not
    ask about are not shown. Raises InputError for an unsound file, and for one about none of the prompts;
    UnknownNameError for an unknown prompt set.
    """
    if study.mode != Mode.QUESTIONS:
        return study
    path = folder / study.question_file
    found = read_questions(path)
    items = {prompt.id: found.about(prompt) for prompt in store.catalog.prompt_set(study.prompt_set).prompts}
    questions = {
        prompt_id: tuple(map(asked_of_people, item.questions)) for prompt_id, item in items.items() if item
    }
    if not questions:
        raise InputError(f"{path} asks nothing about the prompts of {study.prompt_set!r}")
    return replace(study, questions_sha256=found.sha256, questions=questions)
