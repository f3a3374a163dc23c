"""A study that asks people questions: two prompts, two models, and what depends on what."""

from dataclasses import replace
from pathlib import Path

from PIL import Image

from nami_bench.domain import ModelCard, Prompt, PromptSet, Study
from nami_bench.domain.question import Question
from nami_bench.evaluation.questions.graph import Item
from nami_bench.evaluation.questions.question_file import to_jsonl
from nami_bench.pipeline.question_study import with_questions
from nami_bench.store import Store
from tests.support.studies import put_image

MODELS = ("zebrafish-xl", "quokka-9b")
PROMPTS = ("a brown dog on a sofa", "two cats", "a prompt that nobody asks about")
DOG = (
    Question(1, "Is there a dog?", category="entity - whole"),
    Question(2, "Is the dog brown?", parents=(1,), category="attribute - color"),
    Question(3, "Is the dog on a sofa?", parents=(1,), category="relation - spatial"),
    Question(4, "Does the brown dog lie?", parents=(2,), category="attribute - state"),
)
CATS = (
    Question(1, "How many cats are there?", expected="two", category="other - count"),
    Question(2, "Is there a dog?", expected="no", category="entity - whole"),
    Question(3, "Are the cats alone?", parents=(2,), category="entity - whole"),
)


def question_file(folder: Path) -> Path:
    """The questions about the first two prompts, in our own form."""
    path = folder / "questions.jsonl"
    path.write_bytes(to_jsonl([Item("dog", PROMPTS[0], DOG), Item("cats", PROMPTS[1], CATS)]))
    return path


def add_pictures(store: Store, images_dir: Path) -> None:
    """One image of each model for each prompt, and the prompts themselves as the set "pets"."""
    prompts = tuple(Prompt(f"{i:05d}", text, "pets") for i, text in enumerate(PROMPTS))
    store.catalog.add_prompt_set(PromptSet("pets", prompts))
    for number, model in enumerate(MODELS):
        store.catalog.add_model(ModelCard(model, "folder"))
        for at, prompt in enumerate(prompts):
            pixels = Image.new("RGB", (48, 32), (40 * at + 20, 90 * number + 30, 120))
            put_image(store, images_dir, model, "pets", prompt.id, pixels)


def add_question_study(store: Store, folder: Path, **settings: object) -> Study:
    """The study "asked" on the set "pets", with `settings` of its own."""
    declared = Study(
        "asked", "pets", MODELS, (), mode="questions", overlap=2, question_file=question_file(folder).name
    )
    study = with_questions(store, replace(declared, **settings), folder)  # type: ignore[arg-type]
    store.studies.add(study)
    return study
