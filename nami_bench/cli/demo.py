"""`nami-bench demo`: the whole job on embedded defaults, offline."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import progress, say, tally, workspace_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nami_bench.config import Workspace
    from nami_bench.domain import ImageRecord, ModelCard, Prompt, PromptSet, Study
    from nami_bench.store import Store

# Three renderers of known, different quality: the ranking that everything after them must find.
ERROR_RATES = {"shapes-good": 0.05, "shapes-fair": 0.25, "shapes-poor": 0.5}
SAMPLES = 2
# As many at once as pay on a CPU.
BATCH_SIZE = 8
# Of the renderers alone; with the NAMI models, whose images are of another size, they are other studies.
OWN_STUDY, WITH_MODELS, SIMULATED = "demo", "-nami", "-simulated"
GUEST = "guest"
NAMI_PIXELS = 64
"""The side of the NAMI models' images: on a canvas of that size the renderers' look no larger."""


@click.command(epilog="Example: nami-bench demo --no-serve. With models that draw: nami-bench demo --models")
@click.option(
    "--models",
    "with_models",
    is_flag=True,
    help="Beside the renderers, the small NAMI models that come with the package; needs nami-bench[models].",
)
@click.option("--serve/--no-serve", default=True, help="Serve the annotation app at the end.")
@click.option("--port", default=7860, show_default=True, help="Where the app listens.")
def demo(with_models: bool, serve: bool, port: int) -> None:
    """The whole job once: prompts, images, GenEval, questions, ratings, leaderboard, report; then the app.

    Works offline in the workspace (./nami-workspace by default). The models are a procedural renderer at
    three rates of planted errors, a test instrument; with --models also four small NAMIs, which really draw.
    The first ratings come from simulated annotators, and are named so. Run it again to go on where it was.
    """
    from nami_bench.config import init_workspace, open_workspace
    from nami_bench.store import Store

    cards, own = _models(with_models), OWN_STUDY + (WITH_MODELS if with_models else "")
    root = workspace_root()
    workspace = open_workspace(root) if (root / "nami.toml").exists() else init_workspace(root)
    say(f"workspace: {root}")
    with Store.open(workspace.database_url) as store:
        prompt_set = _prompts(workspace, store)
        models = tuple(card.name for card in cards)
        _images(workspace, store, prompt_set, cards)
        _geneval(workspace, store, prompt_set, models)
        _questions(workspace, store, prompt_set, models)
        simulated = _study(store, prompt_set, own + SIMULATED, models)
        _simulated_ratings(workspace, store, prompt_set, simulated)
        _leaderboard(workspace, store, simulated)
        _report(workspace, store, simulated)
    if serve:
        _serve(workspace, prompt_set, own, models, port)


def _prompts(workspace: "Workspace", store: "Store") -> "PromptSet":
    from nami_bench import pipeline
    from nami_bench.prompts.assembly import build_prompt_set

    prompt_set = build_prompt_set("shapes-demo")
    path = pipeline.save_prompt_set(workspace, store, prompt_set)
    say(f"1. prompts: {len(prompt_set)} in {path}")
    return prompt_set


def _models(with_models: bool) -> "list[ModelCard]":
    """The renderers, and where they are wanted the shipped models; InputError where these cannot run."""
    from importlib.util import find_spec

    from nami_bench.domain import ModelCard
    from nami_bench.errors import InputError

    cards = [ModelCard(name, "shapes", {"error_rate": rate}) for name, rate in ERROR_RATES.items()]
    if not with_models:
        return cards
    if find_spec("torch") is None or find_spec("diffusers") is None:
        raise InputError("the NAMI models need torch and diffusers: pip install 'nami-bench[models]'")
    from nami_bench.generators.nami.folder import shipped_names

    return cards + [
        ModelCard(name, "nami", {"path": name, "batch_size": BATCH_SIZE}) for name in shipped_names()
    ]


def _images(
    workspace: "Workspace", store: "Store", prompt_set: "PromptSet", cards: "Sequence[ModelCard]"
) -> None:
    from nami_bench import pipeline

    nami = ", and small NAMI models" if len(cards) > len(ERROR_RATES) else ""
    say(f"2. images: a procedural renderer (a test instrument) at three error rates{nami}")
    # A seed for each model: with one seed the renderers would share every picture that is drawn right.
    for seed, card in enumerate(cards):
        store.catalog.add_model(card)
        with progress(f"   {card.name}", SAMPLES * len(prompt_set)) as advance:
            report = pipeline.generate(
                store,
                workspace.images_dir,
                card.name,
                prompt_set,
                samples=SAMPLES,
                seed=seed,
                advance=advance,
            )
        planted = f" (errors planted in {ERROR_RATES[card.name]:.0%})" if card.name in ERROR_RATES else ""
        say(f"   {card.name}{planted}: {tally(report.counts)}")


def _geneval(
    workspace: "Workspace", store: "Store", prompt_set: "PromptSet", models: tuple[str, ...]
) -> None:
    from nami_bench import pipeline

    say("3. GenEval, with an analytic detector that finds the shapes in the pixels")
    for name in models:
        with progress(f"   {name}", SAMPLES * len(prompt_set)) as advance:
            options = {"detector": "shapes"}
            counts = pipeline.evaluate(
                store, workspace.images_dir, "geneval", options, [name], prompt_set.name, advance
            )
        say(f"   {name}: {tally(counts)}")


def _questions(
    workspace: "Workspace", store: "Store", prompt_set: "PromptSet", models: tuple[str, ...]
) -> None:
    from nami_bench import pipeline
    from nami_bench.evaluation.questions.from_clauses import items_of
    from nami_bench.evaluation.questions.question_file import to_jsonl
    from nami_bench.images import write_bytes
    from nami_bench.pipeline.question_page import write_question_page

    say("4. questions about each image, from its prompt's clauses, and an analytic judge that answers them")
    file = workspace.prompts_dir / f"{prompt_set.name}.questions.jsonl"
    items, _ = items_of(prompt_set.prompts)
    write_bytes(file, to_jsonl(items))
    options = {"questions": file, "judge": "shapes"}
    for name in models:
        with progress(f"   {name}", SAMPLES * len(prompt_set)) as advance:
            counts = pipeline.evaluate(
                store, workspace.images_dir, "dsg", options, [name], prompt_set.name, advance
            )
        say(f"   {name}: {tally(counts)}")
    page = workspace.reports_dir / "questions"
    write_question_page(store, workspace.images_dir, "dsg", models, prompt_set.name, page)
    say(f"   {page / 'index.html'}")


def _study(store: "Store", prompt_set: "PromptSet", name: str, models: tuple[str, ...]) -> "Study":
    """The study `name` over the demo's models by NAMI-1K's protocol, made if it is not there."""
    from dataclasses import replace

    from nami_bench.blinding import check_sizes
    from nami_bench.study_file import load_study, nami_1k_study_file

    if name not in {study.name for study in store.studies.all()}:
        study = load_study(nami_1k_study_file(), name=name, prompt_set=prompt_set.name, models=models)
        study = replace(study, canvas=NAMI_PIXELS if set(models) - set(ERROR_RATES) else 0)
        with store.together():
            store.studies.add(study)
            check_sizes(study, store.items.shown_sizes(name))
    return store.studies.get(name)


def _simulated_ratings(
    workspace: "Workspace", store: "Store", prompt_set: "PromptSet", study: "Study"
) -> None:
    from nami_bench.annotator_app.simulate import simulate_ratings

    say("5. ratings: five SIMULATED annotators score every image (nobody's opinion: they show the way)")
    wanted = store.items.count(study.name) * study.overlap
    left = wanted - sum(store.annotation.completed(study.name).values())
    with progress("   simulated", left) as advance:
        simulate_ratings(
            store,
            workspace.images_dir,
            study,
            study.overlap,
            _truth(store, prompt_set),
            advance=advance,
        )
    say(f"   {wanted} items rated")


def _truth(store: "Store", prompt_set: "PromptSet") -> "Callable[[ImageRecord, Prompt], Mapping[str, float]]":
    """What the simulated annotators perceive, 0-100: relevance from GenEval's verdict, the rest from the
    model's share of right images and a fixed quirk of each image."""
    scores = store.scores.find(metric="geneval", prompt_set=prompt_set.name)
    correct = {(s.model, s.prompt_id, s.sample): s.value for s in scores}
    verdicts: dict[str, list[bool]] = {}
    for score in scores:
        verdicts.setdefault(score.model, []).append(bool(score.value))
    right = {model: sum(values) / len(values) for model, values in verdicts.items()}

    def truth(image: "ImageRecord", prompt: "Prompt") -> Mapping[str, float]:
        quality = 30 + 50 * right[image.model]
        quirk = int(hashlib.sha256(str(image.sha256).encode()).hexdigest()[:4], 16) / 0xFFFF * 20 - 10
        matches = correct.get((image.model, prompt.id, image.sample))
        return {
            "relevance": 85.0 if matches else 35.0,
            "coherence": quality + quirk,
            "aesthetics": quality - 15 + quirk,
            "authenticity": quality - 25 - quirk,
        }

    return truth


def _leaderboard(workspace: "Workspace", store: "Store", study: "Study") -> None:
    from nami_bench.cli.leaderboard import print_leaderboard
    from nami_bench.export.files import leaderboard_csv
    from nami_bench.export.html import leaderboard_html
    from nami_bench.images import write_bytes
    from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store

    say("6. leaderboard")
    board = leaderboard_from_store(store, study=study.name)
    print_leaderboard(board)
    for name, data in (("csv", leaderboard_csv(board)), ("html", leaderboard_html(board))):
        path = workspace.reports_dir / f"leaderboard.{name}"
        write_bytes(path, data)
        say(f"   {path}")


def _report(workspace: "Workspace", store: "Store", study: "Study") -> None:
    from nami_bench.evaluation.leaderboard.rows import DEFAULT_PRECISION
    from nami_bench.report.contents import collect
    from nami_bench.report.write import write_report

    say("7. report: intervals, plots, agreement, image grids")
    contents = collect(store, DEFAULT_PRECISION, study=study.name)
    cards = [store.catalog.model(name) for name in study.models]
    folder = workspace.reports_dir / study.name
    with progress("   thumbnails", len(contents.gallery.records)) as advance:
        write_report(folder, contents, cards, workspace.images_dir, advance)
    say(f"   {folder / 'index.html'}")


def _serve(
    workspace: "Workspace", prompt_set: "PromptSet", own: str, models: tuple[str, ...], port: int
) -> None:
    from nami_bench.annotator_app.server import PATIENCE_S, serve
    from nami_bench.domain import Annotator
    from nami_bench.store import Store

    with Store.open(workspace.database_url, patience_s=PATIENCE_S) as store:
        _study(store, prompt_set, own, models)
        token = (
            store.logins.reset_token(GUEST)
            if GUEST in {annotator.name for annotator in store.accounts.all()}
            else store.accounts.add(Annotator(GUEST))
        )

        def announce(address: str, studies: "Sequence[Study]") -> None:
            say(f"8. score the same images yourself: open {address}")
            say(f"   name {GUEST}, token {token}; Ctrl-C stops")
            say(f"   your own leaderboard afterwards: nami-bench leaderboard --study {studies[0].name}")

        serve(workspace, store, own, port=port, on_ready=announce)
