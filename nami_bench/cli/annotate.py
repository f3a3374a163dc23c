"""`nami-bench annotate`."""

from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import announce, open_bench, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nami_bench.domain import Study
    from nami_bench.store import Store


@click.command(epilog="Example: nami-bench annotate --study nami-1k --port 8000")
@click.option("--study", metavar="NAME", help="Study to annotate. Default: all.")
@click.option("--host", help="Address to listen on; 0.0.0.0 for other machines too. Default: from nami.toml.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one. Default: from nami.toml.")
@click.option("--workers", type=click.IntRange(1, 64), help="Server processes. Default: from nami.toml.")
@click.option(
    "--host-name",
    "host_names",
    metavar="NAME",
    multiple=True,
    help="A name by which browsers reach it, such as a proxy's; may be repeated.",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    metavar="ADDRESS",
    multiple=True,
    help="A proxy's address or network, whose word on scheme and client counts; may be repeated.",
)
@click.option(
    "--root-path", metavar="PATH", help="What a proxy leaves before the app's own paths, such as /nami."
)
def annotate(
    study: str | None,
    host: str | None,
    port: int | None,
    workers: int | None,
    host_names: tuple[str, ...],
    trusted_proxies: tuple[str, ...],
    root_path: str | None,
) -> None:
    """Serve the annotation app until Ctrl-C: one study, or all of the workspace behind one log-in.

    Annotators open the printed address in a browser and log in with their name and the token that
    `nami-bench annotators add NAME` printed, or a password (`nami-bench annotators password NAME`). The app
    speaks plain HTTP: where they sit at other machines than this one, put a proxy with HTTPS in front of it,
    and name it with --host-name (docs/security.md).
    """
    from nami_bench.annotator_app.server import PATIENCE_S, serve

    with open_bench(PATIENCE_S) as bench:
        serve(
            bench.workspace,
            bench.store,
            study,
            host=host,
            port=port,
            workers=workers,
            host_names=host_names,
            trusted_proxies=trusted_proxies,
            root_path=root_path,
            on_ready=lambda address, studies: _announce(bench.store, address, studies),
        )
    say("stopped; every score that was acknowledged is saved")


def _announce(store: "Store", address: str, studies: "Sequence[Study]") -> None:
    from nami_bench.blinding import in_words, sizes_tell

    if not studies:
        announce(f"no study yet: an administrator makes one at {address}")
    elif len(studies) == 1:
        announce(f"annotating study {studies[0].name!r} at {address}")
    else:
        announce(f"annotating {len(studies)} studies at {address}")
    for study in studies:
        accepts = study.canvas or study.sizes_may_differ
        if not accepts and sizes_tell(shown := store.items.shown_sizes(study.name)):
            say(
                f"the sizes of {study.name}'s images tell its models apart ({in_words(shown)}): `canvas` in "
                "a new study hides it"
            )
    say("log in with a name and its token (new ones: `nami-bench annotators add NAME`); Ctrl-C stops")
