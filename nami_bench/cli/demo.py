"""`nami-bench demo`: the run file `demo`, which comes with the package, and then the annotation app."""

from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import announce, say, workspace_root
from nami_bench.cli.run import Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nami_bench.config import Workspace
    from nami_bench.domain import Study
    from nami_bench.run_file import RunFile
    from nami_bench.store import Store

BATCH_SIZE = 8
"""As many at once as pay on a CPU."""
# With the NAMI models, whose images are of another size, the studies are others.
WITH_MODELS, SIMULATED = "-nami", "-simulated"
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
    `nami-bench run --init --example demo` writes the run file that this does.
    """
    from nami_bench.cli.leaderboard import print_leaderboard
    from nami_bench.config import open_workspace
    from nami_bench.errors import WorkError
    from nami_bench.run_file import load_run, run
    from nami_bench.run_file.examples import example_paths
    from nami_bench.serialize import plain

    path = example_paths()["demo"]
    what = load_run(path).run
    if with_models:
        what = _with_models(what)
    say("three renderers, test instruments with errors planted at known rates, stand for models")
    source = plain(what) if with_models else path
    done = run(source, workspace=workspace_root(), tell=Terminal())
    for result in done.leaderboards.values():
        print_leaderboard(result.board)
    if done.failures:
        raise WorkError("; ".join(done.failures))
    if serve:
        _serve(open_workspace(workspace_root()), what, port)


def _with_models(run: "RunFile") -> "RunFile":
    """The run with the shipped models beside the renderers; InputError where these cannot run."""
    from dataclasses import replace
    from importlib.util import find_spec

    from nami_bench.errors import InputError
    from nami_bench.run_file.parts import ModelPart

    if find_spec("torch") is None or find_spec("diffusers") is None:
        raise InputError("the NAMI models need torch and diffusers: pip install 'nami-bench[models]'")
    from nami_bench.generators.nami.folder import shipped_names

    models = tuple(
        ModelPart(name, "nami", {"path": name, "batch_size": BATCH_SIZE}, seed=len(run.model) + at)
        for at, name in enumerate(shipped_names())
    )
    [study] = run.study
    name = study.name.removesuffix(SIMULATED) + WITH_MODELS + SIMULATED
    return replace(
        run,
        model=(*run.model, *models),
        study=(replace(study, name=name, canvas=NAMI_PIXELS),),
        leaderboard=tuple(replace(board, study=name) for board in run.leaderboard),
        report=tuple(replace(report, study=name) for report in run.report),
    )


def _serve(workspace: "Workspace", run: "RunFile", port: int) -> None:
    from nami_bench.annotator_app.server import PATIENCE_S, serve
    from nami_bench.domain import Annotator
    from nami_bench.store import Store

    with Store.open(workspace.database_url, patience_s=PATIENCE_S) as store:
        own = _own_study(store, run)
        token = (
            store.logins.reset_token(GUEST)
            if GUEST in {annotator.name for annotator in store.accounts.all()}
            else store.accounts.add(Annotator(GUEST))
        )

        def tell(address: str, studies: "Sequence[Study]") -> None:
            announce(f"score the same images yourself: open {address}")
            announce(f"   name {GUEST}, token {token}; Ctrl-C stops")
            say(f"   your own leaderboard afterwards: nami-bench leaderboard --study {studies[0].name}")

        serve(workspace, store, own, port=port, on_ready=tell)


def _own_study(store: "Store", run: "RunFile") -> str:
    """The name of the same study without simulated annotators, for people; made if it is not there."""
    from dataclasses import replace

    from nami_bench.pipeline.study_setup import add_study

    [part] = run.study
    name = part.name.removesuffix(SIMULATED)
    if name not in store.studies.names():
        add_study(store, replace(store.studies.get(part.name), name=name))
    return name
